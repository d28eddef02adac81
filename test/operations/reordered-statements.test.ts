/**
 * The statements of a batch in another order, and batches that are carried out twice: the rows must be the same. Only what a batch
 * is about comes first, the row of the payment, refund, dispute or key that it writes: the other statements are facts of that row.
 */
import { describe, expect, it } from 'vitest';
import { failure } from '../../src/core/domain/failure.ts';
import type { Outcome, Refund } from '../../src/core/domain/transaction.ts';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import type { D1Database, D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import { KEY_LIFETIME_MS, type KeyClaim } from '../../src/core/ledger/idempotency-keys/claim-key.ts';
import { claimBooking } from '../../src/core/ledger/payments/claim-booking.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { recordPaymentOutcome } from '../../src/core/ledger/payments/record-payment-outcome.ts';
import { writeExternalRefund } from '../../src/core/ledger/refunds/book-external-refund.ts';
import { recordRefundOutcome } from '../../src/core/ledger/refunds/record-refund-outcome.ts';
import { reserveRefund } from '../../src/core/ledger/refunds/reserve-refund.ts';
import { reverseRefund } from '../../src/core/ledger/refunds/reverse-refund.ts';
import type { VelocityCount } from '../../src/core/ledger/velocity/count-attempt.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';

const PAID: Outcome = { status: 'completed', gatewayReference: 'reference' };
const DECLINED: Outcome = { status: 'failed', failure: failure('CARD_DECLINED') };
const REFUND_FAILED: Outcome = { status: 'failed', failure: failure('REFUND_NOT_ALLOWED') };
const COUNTS: VelocityCount[] = [
  { tenant: 'default', subject: 'card', windowStartMs: 0, windowEndMs: 9999, maxAttempts: 100, declines: null },
];

/** What a batch is about: each of these needs none of the others but the ones before it. */
const WRITES_ROW =
  /^\s*(INSERT INTO (transactions|refunds|disputes|api_keys)\b|UPDATE (transactions|refunds) SET status\b|UPDATE api_keys\b)/;
const READS = /^\s*SELECT\b/;

type Order = (facts: readonly number[]) => readonly number[];
type Statement = D1PreparedStatement & { sql: string; real: D1PreparedStatement };

/** A D1 that carries out the facts of each batch in another order, `times` times, and answers as if nothing had happened. */
function reordered(d1: D1Database, order: Order, times: number): D1Database {
  const statement = (sql: string, real: D1PreparedStatement) =>
    ({ sql, real, bind: (...values: unknown[]) => statement(sql, real.bind(...values)) }) as unknown as Statement;
  return {
    prepare: (sql: string) => statement(sql, d1.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) => {
      const all = statements as Statement[];
      const which = (wanted: (sql: string) => boolean) =>
        [...all.keys()].filter((index) => wanted(all[index]?.sql ?? ''));
      const rows = which((sql) => WRITES_ROW.test(sql));
      const facts = which((sql) => !WRITES_ROW.test(sql) && !READS.test(sql));
      const sequence = [...rows, ...order(facts), ...which((sql) => READS.test(sql))];
      let results: unknown[] = [];
      for (let time = 0; time < times; time += 1) {
        results = await d1.batch(sequence.map((index) => (all[index] as Statement).real));
      }
      return all.map((_, index) => results[sequence.indexOf(index)]);
    },
  } as unknown as D1Database;
}

const key = (path: KeyClaim['path']): KeyClaim => ({ tenant: 'default', path, key: 'key', fingerprint: 'fingerprint' });

const claimOf = (transactionId: string, createdAtMs: number, amountMinor = 100) => ({
  ...{ transactionId, createdAtMs, amountMinor, bookingId: 'BOOK-1', tenant: 'default', userId: 'user' },
  ...{ userEmail: null, currency: 'USD', paymentMethod: 'credit_card' as const, cardBrand: 'visa', cardLast4: '1111' },
  ...{ gateway: 'sandbox', gatewayIntent: null, nextLookupAtMs: createdAtMs + 1 },
});

const reservationOf = (refundId: string, createdAtMs: number) => ({
  ...{ refundId, createdAtMs, tenant: 'default', transactionId: 'TXN-2', bookingId: 'BOOK-1', userId: 'user' },
  ...{ currency: 'USD', amountMinor: 40, reason: '', nextLookupAtMs: createdAtMs + 1 },
});

/** One of each write of the ledger that has guards. Answers with what they answered. */
async function everyWrite(db: Database): Promise<unknown[]> {
  const answers: unknown[] = [];
  const ended = (transactionId: string, eventId: string, result: Outcome, processedAtMs: number) =>
    recordPaymentOutcome(db, { transactionId, eventId, result, processedAtMs, nextLookupAtMs: null, declineOf: [] });
  const refundEnded = (refund: Refund, eventId: string, result: Outcome, processedAtMs: number) =>
    recordRefundOutcome(db, { refund, eventId, result, processedAtMs, nextLookupAtMs: null });
  const reserve = async (refundId: string, atMs: number, withKey: KeyClaim | null): Promise<Refund> => {
    const made = await reserveRefund(db, reservationOf(refundId, atMs), withKey);
    if (made.kind !== 'reserved') throw new Error(`the reservation of a test is ${made.kind}`);
    return made.refund;
  };

  answers.push(await claimBooking(db, claimOf('TXN-1', 1), key('/payment/process'), COUNTS));
  answers.push(await claimBooking(db, claimOf('TXN-other', 2), null, COUNTS));
  answers.push(await claimBooking(db, claimOf('TXN-same', 3), key('/payment/process'), COUNTS));
  answers.push(
    await recordPaymentOutcome(db, {
      ...{ transactionId: 'TXN-1', eventId: 'evt_1', result: DECLINED, processedAtMs: 4 },
      ...{ nextLookupAtMs: null, declineOf: COUNTS },
    }),
  );
  answers.push(await ended('TXN-1', 'evt_late', PAID, 5));
  const later = KEY_LIFETIME_MS + 10;
  answers.push(await claimBooking(db, claimOf('TXN-2', later), key('/payment/process'), COUNTS));
  answers.push(await ended('TXN-2', 'evt_2', PAID, later + 1));
  answers.push(await ended('TXN-2', 'evt_second', DECLINED, later + 2));
  const first = await reserve('REF-first', later + 3, key('/payment/refund'));
  answers.push(await reserveRefund(db, reservationOf('REF-same', later + 4), key('/payment/refund')));
  answers.push(await refundEnded(first, 'evt_3', PAID, later + 5));
  const second = await reserve('REF-second', later + 6, null);
  answers.push(await reserveRefund(db, reservationOf('REF-too-much', later + 7)));
  answers.push(await refundEnded(second, 'evt_4', REFUND_FAILED, later + 8));
  answers.push(await refundEnded(second, 'evt_5', PAID, later + 9));
  answers.push(await reverseRefund(db, first, failure('REFUND_NOT_ALLOWED'), later + 10, 'att_1'));
  for (const [gatewayReference, amountMinor] of [
    ['re_1', 60],
    ['re_2', 60],
    ['re_3', 40],
  ] as const) {
    answers.push(
      await writeExternalRefund(db, {
        ...{ refundId: `REF-${gatewayReference}`, eventId: `evt_${gatewayReference}`, transactionId: 'TXN-2' },
        ...{ gatewayReference, amountMinor, chargeReference: 'reference', currency: 'USD', reason: '' },
        ...{ movedAtMs: later + 11, nowMs: later + 12, nextLookupAtMs: null },
      }),
    );
  }
  for (const [status, reportedAtMs] of [
    ['needs_response', 1],
    ['needs_response', 2],
    ['won', 3],
  ] as const) {
    const dispute = { provider: 'stripe', disputeId: 'dp_1', transactionId: 'TXN-2', status, reason: 'fraudulent' };
    const told = { ...dispute, currency: 'USD', amountMinor: 100, openedAtMs: 1, reportedAtMs };
    answers.push(await recordDispute(db, told, later + 13, `evt_dp_${reportedAtMs}`, true));
  }
  const apiKey = { keyId: 'key_1', tenant: 'default', name: 'key', scopes: [], createdAtMs: 1, expiresAtMs: null };
  await insertApiKey(db, { ...apiKey, keyHash: 'hash' });
  answers.push(await revokeApiKey(db, 'key_1', 2));
  return answers;
}

const TABLES = [
  ...['transactions', 'refunds', 'events', 'idempotency_keys', 'velocity_counters', 'disputes', 'unbooked_refunds'],
  ...['dispute_reports'],
  ...['api_keys', 'audit_entries'],
];

async function afterEveryWrite(order: Order, times: number) {
  const { d1, sqlite } = openSqliteD1();
  applyMigrations(sqlite);
  const db = { d1: reordered(d1, order, times), log: () => {}, cipher: PLAIN_CIPHER, author: NOBODY };
  const answers = await everyWrite(db);
  const rowsOf = (table: string) =>
    sqlite
      .prepare(`SELECT * FROM ${table}`)
      .all()
      // Of two entries of a batch, either may come first.
      .map(({ sequence, ...row }) => JSON.stringify(table === 'audit_entries' ? row : { sequence, ...row }))
      .toSorted();
  return { answers, rows: Object.fromEntries(TABLES.map((table) => [table, rowsOf(table)])) };
}

const AS_WRITTEN: Order = (facts) => facts;
const REVERSED: Order = (facts) => facts.toReversed();
const ROTATED: Order = (facts) => [...facts.slice(1), ...facts.slice(0, 1)];

describe('the rows of every guarded write are the same', () => {
  it.each([
    ['with the statements reversed', REVERSED, 1],
    ['with the first of them moved to the end', ROTATED, 1],
    ['with each batch carried out twice', AS_WRITTEN, 2],
    ['with each batch carried out three times, its statements reversed', REVERSED, 3],
  ])('%s', async (_, order, times) => {
    const expected = await afterEveryWrite(AS_WRITTEN, 1);
    for (const rows of Object.values(expected.rows)) expect(rows).not.toEqual([]);
    expect(await afterEveryWrite(order, times)).toEqual(expected);
  });

  it('as what each write is for', async () => {
    const { rows } = await afterEveryWrite(REVERSED, 2);
    const parsed = (table: string) => (rows[table] ?? []).map((row) => JSON.parse(row));
    expect(parsed('transactions')).toMatchObject([
      { transaction_id: 'TXN-1', status: 'failed', ended_by: 'evt_1', counted: 'decline' },
      { transaction_id: 'TXN-2', status: 'refunded', ended_by: 'evt_2', reserved_minor: 0, refunded_minor: 100 },
    ]);
    expect(parsed('events').map(({ event_id }) => event_id)).toEqual([
      'evt_1',
      'evt_2',
      'evt_3',
      'evt_re_1',
      'evt_re_3',
      'evt_dp_1',
      'evt_dp_3',
    ]);
    expect(parsed('dispute_reports')).toMatchObject([
      { event_id: 'evt_dp_1', status: 'needs_response' },
      { event_id: 'evt_dp_3', status: 'won' },
    ]);
    expect(parsed('velocity_counters')).toMatchObject([{ attempts: 2, declines: 1 }]);
    expect(parsed('idempotency_keys').map(({ claimed_id }) => claimed_id)).toEqual(['TXN-2', 'REF-first']);
    expect(parsed('unbooked_refunds')).toMatchObject([{ gateway_reference: 're_2', found_by: 'evt_re_2' }]);
  });
});
