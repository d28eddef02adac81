/** The audit log: who did what, to what, and how it ended. One entry for each deed, written with it or not at all. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { failure } from '../../src/core/domain/failure.ts';
import { lateRefundId, type Refund, type Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { listApiKeys } from '../../src/core/ledger/api-keys/list-api-keys.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { auditExport } from '../../src/core/ledger/audit/export-audit-log.ts';
import type { Author, Database } from '../../src/core/ledger/database.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { auditPersonalData } from '../../src/core/ledger/personal-data/audit-personal-data.ts';
import { auditRotation } from '../../src/core/ledger/personal-data/audit-rotation.ts';
import { reverseRefund } from '../../src/core/ledger/refunds/reverse-refund.ts';
import { recordPayment } from '../../src/core/outcomes/record-payment.ts';
import { recordRefund } from '../../src/core/outcomes/record-refund.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { database, paymentRequest, refundRequest, settings } from './operation.ts';
import { runCron } from './queue.ts';
import { CARD, newBooking, payment, sendWith } from './request.ts';
import { APPROVED, DECLINED, newWorld, type Script, type TestWorld } from './scripted-gateway.ts';
import type { Row } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const AUTHOR: Author = { actor: 'key:key_1', requestId: 'request-1', address: '198.51.100.7', isAdmin: false };
/** What no entry may have in it. */
const USER_ID = 'person_77';
const USER_EMAIL = 'person77@example.com';
const PERSON = [USER_ID, USER_EMAIL, CARD.cardholder_name, CARD.card_number.slice(-4)];
const CHARGED = { status: 'completed', gatewayReference: 'late-reference' } as const;

interface AuditedWorld extends TestWorld {
  db: Database;
  /** Runs it, and answers with the entries that it has written. */
  entriesOf(deed: () => Promise<unknown>): Promise<Row[]>;
}

/** @param losesAnswers of each batch of a deed, the first answer is lost, and so the batch is repeated */
function auditedWorld(
  losesAnswers: boolean,
  script: Partial<Script> = { charge: APPROVED, refund: APPROVED },
  { author = AUTHOR, gateway = {}, variables = {} }: Overrides = {},
): AuditedWorld {
  let isWatched = false;
  let batches = 0;
  const { d1 } = watchedDatabase(() => {
    if (isWatched) batches += 1;
    return isWatched && losesAnswers && batches % 2 === 1 ? 'lose' : 'answer';
  });
  const db = { ...database, d1, author };
  const world = newWorld(script, { db, gateway, settings: settings(variables) });
  return {
    ...world,
    db,
    async entriesOf(deed) {
      const [newest] = await rows('SELECT coalesce(max(sequence), 0) AS sequence FROM audit_entries');
      isWatched = true;
      await deed();
      isWatched = false;
      return entriesAfter(Number(newest?.sequence));
    },
  };
}

interface Overrides {
  author?: Author;
  gateway?: Partial<Gateway>;
  variables?: Record<string, string>;
}

/** Also sees to it that nothing of a person is in them. */
async function entriesAfter(sequence: number): Promise<Row[]> {
  const entries = await rows('SELECT * FROM audit_entries WHERE sequence > ?1 ORDER BY sequence', sequence);
  const text = JSON.stringify(entries);
  expect(PERSON.filter((secret) => text.includes(secret))).toEqual([]);
  return entries;
}

async function rows(sql: string, ...parameters: (string | number)[]): Promise<Row[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...parameters)
    .all<Row>();
  return results;
}

/** All of an entry; `detail` as it was before it was JSON. */
function entry({ clock, db }: AuditedWorld, action: string, subject: unknown, outcome: string, detail: unknown = null) {
  const { actor, requestId, address } = db.author;
  return {
    sequence: expect.any(Number),
    at_ms: clock.nowMs,
    tenant: 'default',
    actor,
    request_id: requestId,
    address,
    action,
    subject,
    outcome,
    detail: detail === null ? null : JSON.stringify(detail),
  };
}

const PAID = { gateway_reference: 'reference' };
const TRANSACTION = expect.stringMatching(/^TXN-/);
const REFUND = expect.stringMatching(/^REF-/);

const attempted = (bookingId: string) => ({
  booking_id: bookingId,
  amount_minor: 2550,
  currency: 'USD',
  payment_method: 'credit_card',
  gateway: 'scripted',
});
const refundAttempted = (transactionId: string, bookingId: string, amountMinor = 1000) => ({
  transaction_id: transactionId,
  booking_id: bookingId,
  amount_minor: amountMinor,
  currency: 'USD',
});

function pay({ context }: AuditedWorld, bookingId: string, key: string | null = null) {
  const request = paymentRequest({ booking_id: bookingId, user_id: USER_ID, user_email: USER_EMAIL });
  return processPayment(context, request, '25.50', key);
}

async function paid(world: AuditedWorld): Promise<Transaction> {
  const answer = await pay(world, newBooking());
  if (answer.kind !== 'completed') throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

async function failed(world: AuditedWorld): Promise<Transaction> {
  world.script.charge = DECLINED;
  const answer = await pay(world, newBooking());
  if (answer.kind !== 'failed') throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

function refund({ context }: AuditedWorld, made: Transaction, amount = '10.00') {
  return refundPayment(context, refundRequest(made, { user_id: made.userId, reason: USER_EMAIL }), amount);
}

async function paidBack(world: AuditedWorld, made: Transaction): Promise<Refund> {
  const answer = await refund(world, made);
  if (answer.kind !== 'completed') throw new Error(`the refund of a test is ${answer.kind}`);
  return answer.refund;
}

/** Of ten dollars, as the provider tells of it. */
function externalRefund({ clock }: AuditedWorld, transactionId: string, amountMinor = 1000) {
  return {
    reference: `re_${transactionId}`,
    refundId: null,
    chargeReference: 'reference',
    transactionId,
    amountMinor,
    currency: 'USD',
    state: 'moved',
    reason: 'Refunded at Stripe',
    movedAtMs: clock.nowMs,
  } as const;
}

async function announceExternal(world: AuditedWorld, transactionId: string, amountMinor?: number) {
  const gateway = {
    ...world.gateway,
    findExternalRefund: async () =>
      ({ kind: 'found', refund: externalRefund(world, transactionId, amountMinor) }) as const,
  };
  const notice = { about: 'external_refund', reference: `re_${transactionId}` } as const;
  return handleWebhook(world.context, gateway, { provider: 'stripe', eventId: transactionId, type: 'x', notice });
}

function dispute({ transactionId }: Transaction, status: string, reportedAtMs: number) {
  return {
    provider: 'stripe',
    disputeId: `dp_${transactionId}`,
    transactionId,
    status,
    reason: 'fraudulent',
    currency: 'USD',
    amountMinor: 2550,
    openedAtMs: 1_000,
    reportedAtMs,
  };
}

const NEW_KEY = { tenant: 'default', scopes: ['payments:read'], expiresAtMs: null } as const;

async function createKey({ db, clock }: AuditedWorld): Promise<string> {
  const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', NEW_KEY);
  await insertApiKey(db, { ...NEW_KEY, ...made, name: 'of a test', createdAtMs: clock.nowMs });
  return made.keyId;
}

describe.each([
  ['', false],
  [', also where the answers of D1 are lost and each batch comes twice', true],
])('the audit log has one entry%s', (_, losesAnswers) => {
  it('of a payment’s attempt, and one of its outcome', async () => {
    const world = auditedWorld(losesAnswers);
    const booking = newBooking();
    const entries = await world.entriesOf(() => pay(world, booking));
    expect(entries).toEqual([
      entry(world, 'payment.attempted', TRANSACTION, 'claimed', attempted(booking)),
      entry(world, 'payment.ended', entries[0]?.subject, 'completed', PAID),
    ]);
  });

  it('of a payment that failed, with the code of it', async () => {
    const world = auditedWorld(losesAnswers, { charge: DECLINED });
    const [, ended, ...others] = await world.entriesOf(() => pay(world, newBooking()));
    expect(ended).toEqual(entry(world, 'payment.ended', TRANSACTION, 'failed', { error_code: 'CARD_DECLINED' }));
    expect(others).toEqual([]);
  });

  it('of an attempt that is refused, because the booking is taken', async () => {
    const world = auditedWorld(losesAnswers);
    const { bookingId, transactionId } = await paid(world);
    const entries = await world.entriesOf(() => pay(world, bookingId));
    expect(entries).toEqual([entry(world, 'payment.attempted', TRANSACTION, 'not_claimed', attempted(bookingId))]);
    expect(entries[0]?.subject).not.toBe(transactionId);
  });

  it('of an attempt with an Idempotency-Key, and of one that comes under the same key', async () => {
    const world = auditedWorld(losesAnswers);
    const booking = newBooking();
    const key = `key of ${booking}`;
    const first = await world.entriesOf(() => pay(world, booking, key));
    expect(first.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['payment.attempted', 'claimed'],
      ['payment.ended', 'completed'],
    ]);
    const again = await world.entriesOf(() => pay(world, booking, key));
    expect(again).toEqual([entry(world, 'payment.attempted', TRANSACTION, 'not_claimed', attempted(booking))]);
  });

  it('of attempts that are counted, and of the one that is too many', async () => {
    const world = auditedWorld(losesAnswers, { charge: DECLINED }, { variables: { VELOCITY_PER_CARD: '1' } });
    world.clock.nowMs += losesAnswers ? 24 * 60 * 60_000 : 0; // another window
    const entries = await world.entriesOf(async () => {
      await pay(world, newBooking());
      expect(await pay(world, newBooking())).toMatchObject({ kind: 'too_many' });
    });
    expect(entries.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['payment.attempted', 'claimed'],
      ['payment.ended', 'failed'],
      ['payment.attempted', 'not_claimed'],
    ]);
  });

  it('of a refund’s attempt, and one of its outcome', async () => {
    const world = auditedWorld(losesAnswers);
    const made = await paid(world);
    const { transactionId, bookingId } = made;
    const entries = await world.entriesOf(() => refund(world, made));
    expect(entries).toEqual([
      entry(world, 'refund.attempted', REFUND, 'claimed', refundAttempted(transactionId, bookingId)),
      entry(world, 'refund.ended', entries[0]?.subject, 'completed', PAID),
    ]);
  });

  it('of a refund that failed, with the code of it', async () => {
    const world = auditedWorld(losesAnswers, { charge: APPROVED, refund: DECLINED });
    const made = await paid(world);
    const [, ended, ...others] = await world.entriesOf(() => refund(world, made));
    expect(ended).toEqual(entry(world, 'refund.ended', REFUND, 'failed', { error_code: 'REFUND_NOT_ALLOWED' }));
    expect(others).toEqual([]);
  });

  it('of a refund that is refused, because it is more than is left', async () => {
    const world = auditedWorld(losesAnswers);
    const made = await paid(world);
    const { transactionId, bookingId } = made;
    const entries = await world.entriesOf(() => refund(world, made, '25.51'));
    const detail = refundAttempted(transactionId, bookingId, 2551);
    expect(entries).toEqual([entry(world, 'refund.attempted', REFUND, 'not_claimed', detail)]);
  });

  it('of a late charge that is owed, however often it is found', async () => {
    const world = auditedWorld(losesAnswers);
    const made = await failed(world);
    const { transactionId } = made;
    const find = () => recordPayment(world.context, made, CHARGED);
    const detail = { transaction_id: transactionId, gateway_reference: CHARGED.gatewayReference };
    expect(await world.entriesOf(find)).toEqual([
      entry(world, 'refund.owed', lateRefundId(transactionId), 'pending', detail),
    ]);
    expect(await world.entriesOf(find)).toEqual([]);
  });

  it('of an external refund, however often it is reported', async () => {
    const world = auditedWorld(losesAnswers, { charge: APPROVED, lookUpRefund: APPROVED });
    const { transactionId } = await paid(world);
    const detail = { amount_minor: 1000, currency: 'USD', gateway_reference: `re_${transactionId}` };
    expect(await world.entriesOf(() => announceExternal(world, transactionId))).toEqual([
      entry(world, 'refund.external', REFUND, 'completed', detail),
    ]);
    expect(await world.entriesOf(() => announceExternal(world, transactionId))).toEqual([]);
  });

  it('of a refund that the bank has sent back', async () => {
    const world = auditedWorld(losesAnswers);
    const paidRefund = await paidBack(world, await paid(world));
    const { refundId } = paidRefund;
    const reverse = () =>
      reverseRefund(
        world.db,
        paidRefund,
        failure('REFUND_NOT_ALLOWED'),
        world.clock.nowMs,
        world.context.newId('att_'),
      );
    const detail = { error_code: 'REFUND_NOT_ALLOWED' };
    expect(await world.entriesOf(reverse)).toEqual([entry(world, 'refund.reversed', refundId, 'reversed', detail)]);
    expect(await world.entriesOf(reverse)).toEqual([]);
  });

  it('of each new word about a dispute', async () => {
    const world = auditedWorld(losesAnswers);
    const made = await paid(world);
    const { transactionId } = made;
    const tell = (status: string, reportedAtMs: number) => () =>
      recordDispute(world.db, dispute(made, status, reportedAtMs), world.clock.nowMs, world.context.newId('att_'));
    const told = (status: string) =>
      entry(world, 'dispute.reported', transactionId, status, {
        provider: 'stripe',
        dispute_id: `dp_${transactionId}`,
      });
    expect(await world.entriesOf(tell('needs_response', 2_000))).toEqual([told('needs_response')]);
    expect(await world.entriesOf(tell('needs_response', 2_000))).toEqual([]);
    expect(await world.entriesOf(tell('under_review', 1_999))).toEqual([]);
    expect(await world.entriesOf(tell('lost', 2_000))).toEqual([told('lost')]);
  });

  it('of a key that is made, one of its end, and one of each look at the keys', async () => {
    const world = auditedWorld(losesAnswers);
    const { clock, db } = world;
    let keyId = '';
    const made = await world.entriesOf(async () => {
      keyId = await createKey(world);
    });
    const detail = { scopes: 'payments:read', expires_at_ms: null };
    expect(made).toEqual([entry(world, 'key.created', keyId, 'created', detail)]);

    const revoke = () => revokeApiKey(db, keyId, clock.nowMs);
    expect(await world.entriesOf(revoke)).toEqual([entry(world, 'key.revoked', keyId, 'revoked')]);
    expect(await world.entriesOf(revoke)).toEqual([]);

    const list = () => listApiKeys(db, clock.nowMs);
    expect(await world.entriesOf(list)).toEqual([{ ...entry(world, 'keys.read', 'api_keys', 'read'), tenant: '*' }]);
  });

  it('of each status that an admin asks for, and none of anybody else’s', async () => {
    const admin = auditedWorld(losesAnswers, undefined, { author: { ...AUTHOR, isAdmin: true } });
    const made = await paid(admin);
    const paidRefund = await paidBack(admin, made);
    for (const id of [made.transactionId, paidRefund.refundId]) {
      const ask = () => readStatus(admin.context, id);
      expect(await admin.entriesOf(ask)).toEqual([entry(admin, 'status.read', id, 'asked')]);
      admin.clock.nowMs += 1;
      expect(await admin.entriesOf(ask)).toEqual([entry(admin, 'status.read', id, 'asked')]);
    }
    const caller = auditedWorld(losesAnswers);
    expect(await caller.entriesOf(() => readStatus(caller.context, made.transactionId))).toEqual([]);
  });

  it('of each export and erasure, which does not say whose it was', async () => {
    const world = auditedWorld(losesAnswers);
    const { clock, db } = world;
    const atMs = clock.nowMs;
    const ofPerson = (action: 'personal_data.exported' | 'personal_data.erased', subject: string) => () =>
      auditPersonalData(db, 'default', { atMs, action, subject, payments: 3 });
    const deeds = [
      [() => auditExport(db, atMs), 'audit.exported', 'audit_entries', 'read', null, '*'],
      [
        () => auditRotation(db, 3, atMs),
        'encryption.rotated',
        await db.cipher.keyName(),
        'done',
        { rewritten: 3 },
        '*',
      ],
      [
        ofPerson('personal_data.exported', 'a user'),
        'personal_data.exported',
        'a user',
        'done',
        { payments: 3 },
        'default',
      ],
      [
        ofPerson('personal_data.erased', 'erased_1'),
        'personal_data.erased',
        'erased_1',
        'done',
        { payments: 3 },
        'default',
      ],
    ] as const;
    for (const [deed, action, subject, outcome, detail, tenant] of deeds) {
      expect(await world.entriesOf(deed)).toEqual([{ ...entry(world, action, subject, outcome, detail), tenant }]);
    }
  });
});

describe('the audit log has no entry of what was not recorded', () => {
  it.each([
    ['an outcome of a payment that has ended', failed, { status: 'failed', failure: failure('CARD_DECLINED') }],
    ['another outcome of a payment that is paid', paid, { status: 'failed', failure: failure('CARD_DECLINED') }],
    ['the same outcome of a payment that is paid', paid, CHARGED],
  ] as const)('%s', async (_, end, outcome) => {
    const world = auditedWorld(false);
    const made = await end(world);
    expect(await world.entriesOf(() => recordPayment(world.context, made, outcome))).toEqual([]);
  });

  it('an outcome of a refund that has ended', async () => {
    const world = auditedWorld(false);
    const paidRefund = await paidBack(world, await paid(world));
    const outcome = { status: 'failed', failure: failure('REFUND_NOT_ALLOWED') } as const;
    expect(await world.entriesOf(() => recordRefund(world.context, paidRefund, outcome))).toEqual([]);
    expect(await world.entriesOf(() => recordRefund(world.context, paidRefund, CHARGED))).toEqual([]);
  });

  it('a refund made at the provider for which there is no room', async () => {
    const world = auditedWorld(false);
    const { transactionId } = await paid(world);
    expect(await world.entriesOf(() => announceExternal(world, transactionId, 2551))).toEqual([]);
  });

  it('an outcome whose event can’t be written, and which is none therefore', async () => {
    const world = auditedWorld(false);
    const { transactionId } = await paid(world);
    const [event] = await rows('SELECT event_id FROM events WHERE transaction_id = ?1', transactionId);
    const newId: typeof world.context.newId = (prefix) =>
      prefix === 'evt_' ? String(event?.event_id) : world.context.newId(prefix);
    const booking = newBooking();
    const entries = await world.entriesOf(async () => {
      expect(await pay({ ...world, context: { ...world.context, newId } }, booking)).toMatchObject({ kind: 'pending' });
    });
    expect(entries).toEqual([entry(world, 'payment.attempted', TRANSACTION, 'claimed', attempted(booking))]);
  });
});

describe('through the front door', () => {
  it('an entry names the key, the request, the tenant and the address', async () => {
    const { keyId, headers } = await apiKey({ tenant: 'shop' });
    const body = payment();
    const address = '203.0.113.7';
    const answer = await sendWith(WITH_KEYS, 'POST', '/payment/process', { body, headers, address });
    expect(answer.status).toBe(200);
    const entries = await rows('SELECT * FROM audit_entries WHERE tenant = ?1 ORDER BY sequence', 'shop');
    const by = { actor: `key:${keyId}`, request_id: answer.headers.get('X-Request-Id'), address };
    expect(entries).toMatchObject([
      { action: 'key.created', subject: keyId },
      { action: 'payment.attempted', subject: answer.body.transaction_id, outcome: 'claimed', ...by },
      { action: 'payment.ended', subject: answer.body.transaction_id, outcome: 'completed', ...by },
    ]);
  });
});

describe('in the background', () => {
  it('an entry names who did it, and no request', async () => {
    const world = auditedWorld(false, {}, { gateway: { name: 'sandbox' } });
    const answer = await pay(world, newBooking());
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    await env.DB.prepare('UPDATE transactions SET next_lookup_at_ms = 0 WHERE transaction_id = ?1')
      .bind(answer.transaction.transactionId)
      .run();
    const entries = await world.entriesOf(() => runCron());
    expect(entries).toMatchObject([
      {
        action: 'payment.ended',
        subject: answer.transaction.transactionId,
        actor: 'queue',
        request_id: null,
        address: null,
      },
    ]);
  });
});

describe('what is in the audit log stays there', () => {
  const COLUMNS = 'sequence, at_ms, tenant, actor, request_id, address, action, subject, outcome, detail';
  const SEAL = `'${'0'.repeat(64)}'`;

  it.each([
    "UPDATE audit_entries SET outcome = 'failed'",
    'UPDATE audit_entries SET sequence = sequence + 1000',
    'DELETE FROM audit_entries',
    `INSERT OR REPLACE INTO audit_entries (${COLUMNS}) SELECT ${COLUMNS} FROM audit_entries LIMIT 1`,
    `INSERT OR IGNORE INTO audit_entries (${COLUMNS}) SELECT ${COLUMNS} FROM audit_entries LIMIT 1`,
    `UPDATE audit_blocks SET hash = ${SEAL}`,
    'UPDATE audit_blocks SET last_sequence = last_sequence + 1000',
    'DELETE FROM audit_blocks',
    `INSERT OR REPLACE INTO audit_blocks SELECT last_sequence, first_sequence, entries, at_ms, ${SEAL}, packed FROM audit_blocks LIMIT 1`,
  ])('whoever tries: %s', async (sql) => {
    const world = auditedWorld(false);
    await paid(world);
    await runCron(); // seals it
    const before = await stored();
    await expect(env.DB.prepare(sql).run()).rejects.toThrow('append-only');
    expect(await stored()).toEqual(before);
  });

  async function stored() {
    const seals = await rows('SELECT * FROM audit_blocks');
    expect(seals.length).toBeGreaterThan(0);
    return { entries: await rows('SELECT * FROM audit_entries'), seals };
  }
});

describe('an API key in the database', () => {
  it.each([
    "key_id = 'key_another'",
    "tenant = 'another'",
    "name = 'another'",
    "scopes = 'admin'",
    "key_hash = 'another'",
    'created_at_ms = 1',
    'expires_at_ms = NULL',
  ])('stays what it was made as: %s', async (change) => {
    const { keyId } = await apiKey();
    const changing = env.DB.prepare(`UPDATE api_keys SET ${change} WHERE key_id = ?1`).bind(keyId).run();
    await expect(changing).rejects.toThrow('a key is what it was made as');
  });

  it.each([
    ['UPDATE api_keys SET revoked_at_ms = NULL WHERE key_id = ?1', 'a revoked key stays revoked'],
    ['UPDATE api_keys SET revoked_at_ms = 1 WHERE key_id = ?1', 'a revoked key stays revoked'],
    ['DELETE FROM api_keys WHERE key_id = ?1', 'a key is revoked, and stays in the list'],
  ])('stays revoked: %s', async (sql, why) => {
    const { keyId, revoked } = await revokedKey();
    await expect(env.DB.prepare(sql).bind(keyId).run()).rejects.toThrow(why);
    expect(await listed(keyId)).toEqual(revoked);
  });

  it('stays revoked though it be inserted again', async () => {
    const { keyId, revoked } = await revokedKey();
    for (const how of ['OR REPLACE', 'OR IGNORE', '']) {
      const again = env.DB.prepare(
        `INSERT ${how} INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms)
           SELECT key_id, tenant, name, scopes, key_hash, created_at_ms FROM api_keys WHERE key_id = ?1`,
      );
      expect((await again.bind(keyId).run()).meta.changes).toBe(0);
    }
    expect(await listed(keyId)).toEqual(revoked);
  });

  async function revokedKey() {
    const { keyId } = await apiKey();
    const revoked = await revokeApiKey(database, keyId, 7_000);
    expect(revoked?.revokedAtMs).toBe(7_000);
    return { keyId, revoked };
  }

  async function listed(keyId: string) {
    return (await listApiKeys(database, 8_000)).find((key) => key.keyId === keyId);
  }
});
