/** What is stored of a person: exported, erased, and sealed under another key. */

import { describe, expect, it } from 'vitest';
import { failureBecause } from '../../src/core/domain/failure.ts';
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import { leavingTransactions } from '../../src/core/ledger/archive/archive-transactions.ts';
import { withoutPersonalData } from '../../src/core/ledger/archive/without-personal-data.ts';
import type { D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { erasePersonalData } from '../../src/core/ledger/personal-data/erase-personal-data.ts';
import { type PersonalRecord, personalRecords } from '../../src/core/ledger/personal-data/find-personal-data.ts';
import { resealEmails } from '../../src/core/ledger/personal-data/reseal-emails.ts';
import { BEFORE_ALL, type Step } from '../../src/core/ledger/personal-data/steps.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { type Cipher, createCipher } from '../../src/core/security/cipher.ts';
import { redactedDetails, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { HOUR_MS, openWorld, type World } from './world.ts';

const [KEY, FORMER_KEY] = ['an-encryption-key-of-operations!', 'a-former-encryption-key-of-tests'].map(btoa) as [
  string,
  string,
];
const cipherOf = (key: string, ...previousKeys: string[]) => createCipher({ key, previousKeys });

const ADA = { tenant: 'default', userId: 'ada@users' };
const ADA_EMAIL = 'ada@example.com';
const ADA_REASON = 'Ada has broken her leg';
const ADAS_DATA = [ADA.userId, ADA_EMAIL, ADA_REASON];
const PSEUDONYM = 'erased_0123456789abcdef';
/** Each erasure has one of its own. */
const ANOTHER_PSEUDONYM = 'erased_fedcba9876543210';

const openSealed = () => openWorld({ cipher: cipherOf(KEY) });

/** Pays 25.50 dollars; `pending`: nobody knows the outcome. */
async function pay(
  { context, clock, gateway }: World,
  { tenant = ADA.tenant, userId = ADA.userId, email = ADA_EMAIL, pending = false } = {},
): Promise<Transaction> {
  clock.nowMs += 1_000;
  gateway.losesNext = pending;
  const bookingId = `BOOK-${context.newId('TXN-')}`;
  const card = { expiry_month: '12', expiry_year: TEST_EXPIRY_YEAR, cvv: TEST_CVV, cardholder_name: 'Ada' };
  const request = {
    user_id: userId,
    user_email: email,
    booking_id: bookingId,
    amount: 25.5,
    payment_method: 'credit_card' as const,
    card_details: redactedDetails({ card_number: TEST_CARDS.visa, ...card }),
  };
  const answer = await processPayment({ ...context, tenant }, request, '25.50');
  if (answer.kind !== (pending ? 'pending' : 'completed')) throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

async function refund(
  { context, clock, gateway }: World,
  { tenant, transactionId, bookingId, userId }: Transaction,
  { reason = ADA_REASON, pending = false } = {},
): Promise<Refund> {
  clock.nowMs += 1_000;
  gateway.losesNext = pending;
  const answer = await refundPayment(
    { ...context, tenant },
    { booking_id: bookingId, original_transaction_id: transactionId, refund_amount: 10, reason, user_id: userId },
    '10.00',
  );
  if (answer.kind !== (pending ? 'pending' : 'completed')) throw new Error(`the refund of a test is ${answer.kind}`);
  return answer.refund;
}

/** To the end, by so many payments at once. */
async function allSteps<Found>(
  stepBehind: (afterId: string, limit: number) => Promise<Step<Found>>,
  limit = 2,
): Promise<Found[]> {
  const found: Found[] = [];
  for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
    const step: Step<Found> = await stepBehind(afterId, limit);
    found.push(step.found);
    afterId = step.lastId;
  }
  return found;
}

const exported = async ({ context }: World, person = ADA): Promise<PersonalRecord[]> =>
  (await allSteps((afterId, limit) => personalRecords(context.db, person, afterId, limit))).flat();

async function erase({ context }: World, person = ADA, pseudonym = PSEUDONYM) {
  const steps = await allSteps((afterId, limit) =>
    erasePersonalData(context.db, { ...person, pseudonym }, afterId, limit),
  );
  const sum = (of: 'payments' | 'pending') => steps.reduce((total, step) => total + step[of], 0);
  return { payments: sum('payments'), pending: sum('pending') };
}

const rowsOf = (world: World, { transactionId }: Transaction) => [
  ...world.rows('SELECT * FROM transactions WHERE transaction_id = ?', transactionId),
  ...world.rows('SELECT * FROM refunds WHERE transaction_id = ?', transactionId),
  ...world.rows('SELECT * FROM events WHERE transaction_id = ?', transactionId),
];

/** Where one of the texts stands, in whatever table, as `table.column`; a sealed address counts as the one that it is. */
async function placesOf({ rows }: World, cipher: Cipher, texts: readonly string[]): Promise<string[]> {
  const places = new Set<string>();
  for (const { name } of rows("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
    for (const row of rows(`SELECT * FROM ${name}`)) {
      for (const [column, value] of Object.entries(row)) {
        const isSealed = column === 'sealed_email' && value !== null;
        const text = isSealed ? await cipher.open(String(value), String(row.transaction_id)) : String(value);
        if (texts.some((one) => text.includes(one))) places.add(`${name}.${column}`);
      }
    }
  }
  return [...places].toSorted();
}

describe('an export of a user', () => {
  it('has all that is stored of each of their payments, with the address opened', async () => {
    const world = openSealed();
    const payments = [await pay(world), await pay(world, { email: 'ada@work.example' }), await pay(world)];
    const [first] = payments;
    if (first === undefined) throw new Error('no payment');
    const { refundId } = await refund(world, first);
    await recordDispute(
      world.context.db,
      {
        ...{ provider: 'stripe', disputeId: 'dp_1', transactionId: first.transactionId, status: 'needs_response' },
        ...{ reason: 'fraudulent', currency: 'USD', amountMinor: 2550, openedAtMs: 1_000, reportedAtMs: 2_000 },
      },
      world.clock.nowMs,
      world.context.newId('att_'),
    );

    const records = await exported(world);
    expect(records.map(({ transaction }) => transaction)).toMatchObject(
      payments.map(({ transactionId, bookingId }, index) => ({
        transactionId,
        bookingId,
        userId: ADA.userId,
        userEmail: index === 1 ? 'ada@work.example' : ADA_EMAIL,
        amountMinor: 2550,
        cardLast4: '1111',
      })),
    );
    expect(records[0]?.refunds).toMatchObject([{ refundId, amountMinor: 1000, reason: ADA_REASON }]);
    expect(records[0]?.disputes).toMatchObject([{ disputeId: 'dp_1', reason: 'fraudulent' }]);
    expect(records[1]).toMatchObject({ refunds: [], disputes: [] });
  });

  it('has nothing of anybody else, nor of the same user of another tenant', async () => {
    const world = openSealed();
    const { transactionId } = await pay(world);
    await pay(world, { userId: 'bob' });
    await pay(world, { tenant: 'another' });
    await pay(world, { userId: `${ADA.userId}2` });
    expect((await exported(world)).map(({ transaction }) => transaction.transactionId)).toEqual([transactionId]);
    expect(await exported(world, { ...ADA, userId: 'nobody' })).toEqual([]);
  });

  it('has addresses that a former version has stored plain', async () => {
    const world = openSealed();
    await pay(world);
    world.tamper('UPDATE transactions SET user_email = ?, sealed_email = NULL', 'former@example.com');
    expect(await exported(world)).toMatchObject([{ transaction: { userEmail: 'former@example.com' } }]);
  });

  it('says of which payments the address can’t be opened, and has all else', async () => {
    const world = openSealed();
    const { transactionId } = await pay(world);
    world.context.db.cipher = cipherOf(FORMER_KEY);
    expect(await exported(world)).toMatchObject([
      { isUnopened: true, transaction: { transactionId, userEmail: null } },
    ]);
  });
});

/** What an erasure does with each text that is stored. */
const DECISIONS: Readonly<Record<string, 'removed' | 'pseudonym' | 'only our words' | 'only codes' | 'kept'>> = {
  'transactions.user_id': 'pseudonym',
  'transactions.user_email': 'removed',
  'transactions.sealed_email': 'removed',
  'transactions.sealed_action_url': 'removed',
  'transactions.sealed_return_url': 'removed',
  'transactions.failure_reason': 'only our words',
  'transactions.gateway_intent': 'only codes',
  'refunds.reason': 'removed',
  'refunds.failure_reason': 'only our words',
  'disputes.status': 'only codes',
  'disputes.reason': 'only codes',
  'dispute_reports.status': 'only codes',
  'dispute_reports.reason': 'only codes',
  'events.last_error': 'removed',
  // Ids of the shop, of this service and of the provider, by which the payment is found; and words out of fixed lists.
  ...kept('transactions', 'transaction_id tenant booking_id status currency payment_method card_brand card_last4'),
  ...kept('transactions', 'gateway gateway_reference error_code failure_cause ended_by counted'),
  ...kept('transactions', 'capture_method substate substate_by authorization_reference step step_by'),
  ...kept('refunds', 'refund_id tenant transaction_id status kind gateway_reference error_code failure_cause'),
  ...kept('events', 'event_id tenant booking_id event_type transaction_id refund_id lease_id'),
  ...kept('refunds', 'created_by written_by'),
  ...kept('disputes', 'tenant provider dispute_id transaction_id currency written_by told_by'),
  ...kept('dispute_reports', 'event_id tenant provider dispute_id transaction_id currency'),
  ...kept('unbooked_refunds', 'transaction_id gateway_reference found_by'),
  // Gone after a day; the fingerprint is a keyed hash.
  ...kept('idempotency_keys', 'tenant path idempotency_key fingerprint claimed_id'),
  // Not of payers, or keyed hashes.
  ...kept('velocity_counters', 'tenant subject'),
  ...kept('provider_events', 'tenant provider event_id event_type subject'),
  ...kept('provider_certificates', 'url pem'),
  ...kept('certificate_requests', 'request_id url sender'),
  ...kept('gateway_accounts', 'name account'),
  ...kept('job_slots', 'job lease_id'),
  ...kept('job_positions', 'job'),
  ...kept('api_keys', 'key_id tenant name scopes key_hash'),
  // Append-only: SECURITY.md says what it keeps of callers. It has neither address nor id of a user, nor words of others.
  ...kept('audit_entries', 'tenant actor request_id address action subject outcome detail'),
  ...kept('audit_seals', 'hash'),
  ...kept('audit_blocks', 'hash'),
  ...kept('claimed_orders', 'gateway gateway_intent transaction_id'),
  ...kept('archived_ranges', 'kind object sha256 last_hash'),
  ...kept('archived_bookings', 'tenant booking_id'),
  // Figures of the installation, and sentences of this service about ids.
  ...kept('alert_episodes', 'alert message lease_id'),
  ...kept('metric_minutes', 'counts'),
  ...kept('metric_totals', 'counts gauges'),
  ...kept('counted_in_memory', 'metric labels'),
  ...kept('open_breakers', 'gateway operation'),
  ...kept('reconciliation_differences', 'subject kind detail transaction_id'),
  // Typed by an operator, who is told to write no personal data: SECURITY.md says that it stays.
  ...kept('manual_resolutions', 'subject tenant reason resolved_by'),
};

function kept(table: string, columns: string): Record<string, 'kept'> {
  return Object.fromEntries(columns.split(' ').map((column) => [`${table}.${column}`, 'kept'] as const));
}

describe('after an erasure', () => {
  it('it is decided of every text column what becomes of it: whoever adds one decides here', () => {
    const { rows } = openSealed();
    const columns = rows(`
      SELECT t.name || '.' || c.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c
      WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND c.type = 'TEXT'`);
    expect(columns.map(({ name }) => name).toSorted()).toEqual(Object.keys(DECISIONS).toSorted());
  });

  it('nothing is left of what others have said in their own words, by this version or a former one', async () => {
    const world = openSealed();
    const made = await pay(world);
    await refund(world, made);
    const { transactionId } = await pay(world);
    const failed = await pay(world);
    await recordDispute(
      world.context.db,
      {
        ...{ provider: 'stripe', disputeId: 'dp_1', transactionId, status: 'needs_response' },
        ...{ reason: 'fraudulent', currency: 'USD', amountMinor: 2550, openedAtMs: 1_000, reportedAtMs: 2_000 },
      },
      world.clock.nowMs,
      'evt_dispute',
      true,
    );
    const words = `Unknown customer ${ADA_EMAIL}`;
    for (const [name, decision] of Object.entries(DECISIONS)) {
      const [table, column] = name.split('.');
      if (decision === 'kept' || decision === 'pseudonym' || column === 'sealed_email') continue;
      world.tamper(`UPDATE ${table} SET ${column} = ? || ' ' || hex(randomblob(4))`, words);
    }
    const own = failureBecause('gateway_error');
    world.tamper(
      "UPDATE transactions SET status = 'failed', error_code = ?, failure_reason = ?, gateway_intent = ? WHERE transaction_id = ?",
      ...[own.code, own.reason, '5O190127TN364715T', failed.transactionId],
    );
    const { cipher } = world.context.db;
    expect((await placesOf(world, cipher, [words])).length).toBeGreaterThan(7);
    expect(await erase(world)).toEqual({ payments: 3, pending: 0 });
    expect(await placesOf(world, cipher, ADAS_DATA)).toEqual([]);
    // What this service says itself, and what is an id, stays.
    expect(rowsOf(world, failed)[0]).toMatchObject({
      failure_reason: own.reason,
      gateway_intent: '5O190127TN364715T',
    });
  });

  it('an archive gets of a payment what an erasure leaves', async () => {
    const world = openSealed();
    const made = await pay(world);
    await refund(world, made);
    await recordDispute(
      world.context.db,
      {
        ...{ provider: 'stripe', disputeId: 'dp_1', transactionId: made.transactionId, status: 'won' },
        ...{ reason: 'fraudulent', currency: 'USD', amountMinor: 2550, openedAtMs: 1_000, reportedAtMs: 2_000 },
      },
      world.clock.nowMs,
      'evt_dispute',
      true,
    );
    world.tamper('DELETE FROM events');
    for (const table of ['transactions', 'refunds']) world.tamper(`UPDATE ${table} SET next_lookup_at_ms = NULL`);
    for (const [name, decision] of Object.entries(DECISIONS)) {
      const [table, column] = name.split('.');
      if (decision !== 'kept') world.tamper(`UPDATE ${table} SET ${column} = ?`, ADA_REASON);
    }
    const before = { endedBeforeMs: world.clock.nowMs + 1, nowMs: world.clock.nowMs };
    const [leaving] = await leavingTransactions(world.context.db, before, '', 10);
    if (leaving === undefined) throw new Error('nothing leaves');
    const archived = withoutPersonalData(leaving.archived);
    expect(JSON.stringify(leaving.archived)).toContain(ADA_REASON);
    expect(JSON.stringify(archived)).not.toContain(ADA_REASON);
    await erase(world, { ...ADA, userId: ADA_REASON }, 'archived');
    const erased = (table: string) => world.rows(`SELECT * FROM ${table}`).map((row) => ({ ...row }));
    expect(archived).toEqual({
      transaction: erased('transactions')[0],
      refunds: erased('refunds'),
      disputes: erased('disputes'),
      dispute_reports: erased('dispute_reports'),
      unbooked_refunds: [],
    });
  });

  it('an event of a payment that is under way says no more why it was not delivered', async () => {
    const world = openSealed();
    const made = await pay(world);
    await refund(world, made, { pending: true });
    world.tamper('UPDATE events SET last_error = ?', `the bridge answered 502: ${ADA_EMAIL}`);
    expect(await erase(world)).toEqual({ payments: 0, pending: 1 });
    expect(world.rows('SELECT last_error FROM events')).toEqual([{ last_error: null }]);
  });

  it('nothing of the user is left, in whatever table', async () => {
    const world = openSealed();
    for (const made of [await pay(world), await pay(world), await pay(world)]) await refund(world, made);
    await pay(world);
    world.tamper('UPDATE transactions SET user_email = ? WHERE refunded_minor = 0', ADA_EMAIL);
    const { cipher } = world.context.db;
    expect(await placesOf(world, cipher, ADAS_DATA)).toEqual([
      'refunds.reason',
      'transactions.sealed_email',
      'transactions.user_email',
      'transactions.user_id',
    ]);
    expect(await erase(world)).toEqual({ payments: 4, pending: 0 });
    expect(await placesOf(world, cipher, ADAS_DATA)).toEqual([]);
    expect(await exported(world)).toEqual([]);
    expect(await erase(world, ADA, ANOTHER_PSEUDONYM)).toEqual({ payments: 0, pending: 0 });
  });

  it('what accounts need of the payments is as it was', async () => {
    const world = openSealed();
    const made = await pay(world);
    await refund(world, made);
    const [payment, refunded, ...events] = rowsOf(world, made);
    await erase(world);
    expect(rowsOf(world, made)).toEqual([
      { ...payment, user_id: PSEUDONYM, user_email: null, sealed_email: null },
      { ...refunded, reason: '' },
      ...events,
    ]);
  });

  it('other users, and the same one of another tenant, are as they were', async () => {
    const world = openSealed();
    const others = [
      await pay(world, { userId: 'bob', email: 'bob@example.com' }),
      await pay(world, { tenant: 'another' }),
      await pay(world, { userId: `${ADA.userId}2` }),
    ];
    for (const made of others) await refund(world, made, { reason: 'Fell ill' });
    await pay(world);
    const before = others.map((made) => rowsOf(world, made));
    expect(await erase(world)).toEqual({ payments: 1, pending: 0 });
    expect(others.map((made) => rowsOf(world, made))).toEqual(before);
  });

  it('events that still wait go out without personal data', async () => {
    const world = openSealed();
    await refund(world, await pay(world));
    const told = async () => {
      const ids = world.rows('SELECT event_id FROM events ORDER BY sequence').map((row) => String(row.event_id));
      return (await findEvents(world.context.db, ids)).events;
    };
    expect(await told()).toMatchObject([
      { user_id: ADA.userId, user_email: ADA_EMAIL },
      { user_id: ADA.userId, user_email: ADA_EMAIL, reason: ADA_REASON },
    ]);
    await erase(world);
    expect(await told()).toMatchObject([
      { user_id: PSEUDONYM, user_email: null },
      { user_id: PSEUDONYM, user_email: null, reason: '' },
    ]);
  });

  it('the payments are counted, also where the database’s first answer was lost', async () => {
    const world = openSealed();
    await pay(world);
    const { d1 } = world.context.db;
    let lost = false;
    const losing = Object.create(d1, {
      prepare: { value: (sql: string) => d1.prepare(sql) },
      batch: {
        async value(statements: D1PreparedStatement[]) {
          const results = await d1.batch(statements);
          if (lost) return results;
          lost = true;
          throw new Error('D1_ERROR: Network connection lost.');
        },
      },
    });
    const db = { ...world.context.db, d1: losing };
    expect(await erase({ ...world, context: { ...world.context, db } })).toEqual({ payments: 1, pending: 0 });
  });

  it('a refund takes the pseudonym, and not the former id', async () => {
    const world = openSealed();
    const made = await pay(world);
    await erase(world);
    await expect(refund(world, made)).rejects.toThrow('the refund of a test is not_allowed');
    expect(await refund(world, { ...made, userId: PSEUDONYM })).toMatchObject({ status: 'completed' });
  });

  it('a payment that is under way is left, and counted, until it has ended', async () => {
    const world = openSealed();
    const made = await pay(world, { pending: true });
    await pay(world);
    const before = rowsOf(world, made);
    expect(await erase(world)).toEqual({ payments: 1, pending: 1 });
    expect(rowsOf(world, made)).toEqual(before);

    await world.resolveAfter(HOUR_MS, made.transactionId);
    expect(await erase(world, ADA, ANOTHER_PSEUDONYM)).toEqual({ payments: 1, pending: 0 });
    expect(await placesOf(world, world.context.db.cipher, ADAS_DATA)).toEqual([]);
  });

  it('so is one whose refund is under way: sent again, it has to say the same', async () => {
    const world = openSealed();
    const made = await pay(world);
    await refund(world, made);
    const { refundId } = await refund(world, made, { pending: true });
    const before = rowsOf(world, made);
    expect(await erase(world)).toEqual({ payments: 0, pending: 1 });
    expect(rowsOf(world, made)).toEqual(before);

    await world.resolveAfter(HOUR_MS, refundId);
    expect(await erase(world)).toEqual({ payments: 1, pending: 0 });
    expect(await placesOf(world, world.context.db.cipher, ADAS_DATA)).toEqual([]);
  });
});

describe('the log', () => {
  it('has neither a gateway’s own words on a decline, nor text in place of its code', async () => {
    const world = openSealed();
    const words = `Unknown customer ${ADA_EMAIL}`;
    const gateway = world.context.gateways.forMethod('credit_card') ?? expect.fail('there is no gateway');
    const declining = oneGateway({
      ...gateway,
      charge: async () => ({ kind: 'declined', code: 'CARD_DECLINED', reason: words, providerCode: words }),
    });
    const lines: unknown[] = [];
    const log = (...line: unknown[]) => void lines.push(line);
    const { context } = world;
    const paying = pay({ ...world, context: { ...context, log, db: { ...context.db, log }, gateways: declining } });
    await expect(paying).rejects.toThrow('the payment of a test is failed');
    expect(JSON.stringify(lines)).toContain('"outcome":"declined","code":"CARD_DECLINED"');
    expect(JSON.stringify(lines)).not.toContain(ADA_EMAIL);
    // The protocol has it in the payment's event, so it is stored until the payer is erased.
    expect(world.rows('SELECT failure_reason FROM transactions')).toEqual([{ failure_reason: words }]);
    await erase(world);
    expect(world.rows('SELECT failure_reason FROM transactions')).toEqual([{ failure_reason: null }]);
  });
});

describe('a rotation', () => {
  /** Five payments under the former key, two of them stored plain by a former version, one without an address. */
  async function openFormer(): Promise<{ world: World; payments: Transaction[]; db: Database }> {
    const world = openWorld({ cipher: cipherOf(FORMER_KEY) });
    const payments: Transaction[] = [];
    for (let n = 0; n < 5; n += 1) payments.push(await pay(world, { email: `user${n}@example.com` }));
    const [, second, third, fourth] = payments.map(({ transactionId }) => transactionId);
    for (const id of [second, third]) {
      const plain = 'UPDATE transactions SET user_email = ?, sealed_email = NULL WHERE transaction_id = ?';
      world.tamper(plain, `plain of ${id}`, String(id));
    }
    world.tamper('UPDATE transactions SET sealed_email = NULL WHERE transaction_id = ?', String(fourth));
    world.context.db.cipher = cipherOf(KEY, FORMER_KEY);
    return { world, payments, db: world.context.db };
  }

  const reseal = async (db: Database): Promise<number> =>
    (await allSteps((afterId, limit) => resealEmails(db, afterId, limit))).reduce(
      (sum, { rewritten }) => sum + rewritten,
      0,
    );

  const addresses = async (world: World) => (await exported(world)).map(({ transaction }) => transaction.userEmail);

  it('seals every address under the current key: what was under a former one, and what was plain', async () => {
    const { world, db } = await openFormer();
    await pay(world, { email: 'meanwhile@example.com' });
    const before = await addresses(world);
    expect(before.filter((address) => address !== null)).toHaveLength(5);
    expect(await reseal(db)).toBe(4);

    db.cipher = cipherOf(KEY); // the former key is gone
    expect(await addresses(world)).toEqual(before);
    const name = await db.cipher.keyName();
    expect(world.rows('SELECT user_email, substr(sealed_email, 1, 9) AS key FROM transactions')).toEqual(
      before.map((address) => ({ user_email: null, key: address === null ? null : `${name}.` })),
    );
    expect(await reseal(db)).toBe(0);
  });

  it('finds what a Worker that has only the former key has sealed meanwhile, the next time', async () => {
    const { world, db } = await openFormer();
    await reseal(db);
    await pay({ ...world, context: { ...world.context, db: { ...db, cipher: cipherOf(FORMER_KEY) } } });
    expect(await reseal(db)).toBe(1);
    expect(await reseal(db)).toBe(0);
  });

  it('leaves what was erased while it was at it', async () => {
    const { world, db } = await openFormer();
    const cipher = db.cipher;
    const erasing: Cipher = {
      ...cipher,
      async seal(text, place) {
        await erase(world);
        return cipher.seal(text, place);
      },
    };
    await reseal({ ...db, cipher: erasing });
    expect(world.rows('SELECT * FROM transactions WHERE sealed_email IS NOT NULL OR user_email IS NOT NULL')).toEqual(
      [],
    );
  });

  it('changes nothing of what it can’t open, says which that is, and goes on with the others', async () => {
    const { world, payments, db } = await openFormer();
    const [first] = payments;
    world.tamper(
      'UPDATE transactions SET sealed_email = substr(sealed_email, 1, 30) WHERE transaction_id = ?',
      String(first?.transactionId),
    );
    const steps = await allSteps((afterId, limit) => resealEmails(db, afterId, limit));
    expect(steps.flatMap(({ unopened }) => unopened)).toEqual([first?.transactionId]);
    expect(await reseal(db)).toBe(0);
  });
});
