/** More than one database: a booking has its place in one of them, and what holds within one only. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { placing } from '../../src/core/ledger/database-place.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import { contextOfOrder, markOf, type Shards, shardOfBooking } from '../../src/core/shards.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { newBridge } from './bridge.ts';
import { WITH_KEYS } from './credentials.ts';
import { bookingOn, boundTo, COUNT, databases, FOUR, inEach, migrateAll, place, whereFound } from './four-databases.ts';
import { newKey } from './idempotent-requests.ts';
import { database, gateway, newId, operation, paymentRequest } from './operation.ts';
import { consumeMessages, recordingQueue, recordingWork, runCron, wakeJobs } from './queue.ts';
import { type Answer, cardNumbered, payment, type RequestOptions, refundOf, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

beforeAll(async () => {
  await migrateAll();
  for (const [shard, one] of databases.entries()) await place(one, shard);
});

const ALL = Array.from({ length: COUNT }, (_, shard) => shard);

const ORDERS: Partial<Gateway> = {
  intentOf: (instrument) => (instrument.kind === 'paypal' ? instrument.paymentId : null),
};
const ORDERS_GATEWAY = gateway(ORDERS).name;

/** The contexts of the four, with this gateway. */
function contextsOver(one: Gateway): Shards {
  const shards: Shards = {
    count: COUNT,
    at: (shard) => {
      const db = { ...database, d1: databases[shard] as D1Database };
      return operation({
        shard,
        shards,
        db,
        gateway: one,
        newId: (prefix) => `${newId(prefix)}${markOf(shard, COUNT)}`,
      });
    },
  };
  return shards;
}

const call = (method: string, path: string, options: RequestOptions = {}, bindings: Record<string, unknown> = {}) =>
  sendWith({ ...FOUR, PAYMENT_EVENTS: recordingQueue().binding, ...bindings }, method, path, options);
const process = (body: Record<string, unknown>, options: RequestOptions = {}, bindings = {}) =>
  call('POST', '/payment/process', { body, ...options }, bindings);

async function paidOn(shard: number, overrides: Record<string, unknown> = {}): Promise<Answer['body']> {
  const answer = await process(payment({ booking_id: await bookingOn(shard), ...overrides }));
  if (answer.status !== 200) throw new Error(`the payment of a test failed: ${answer.text}`);
  return answer.body;
}

describe('a booking', () => {
  it.each(ALL)('that has its place in database %i is paid there, and its id says so', async (shard) => {
    const { transaction_id, booking_id } = await paidOn(shard);
    expect(transaction_id).toMatch(new RegExp(`^TXN-[0-9A-Z]{26}-${shard}$`));
    expect(await whereFound('SELECT 1 FROM transactions WHERE booking_id = ?1', booking_id)).toEqual([shard]);
    expect(await whereFound('SELECT 1 FROM events WHERE booking_id = ?1', booking_id)).toEqual([shard]);
    expect(await whereFound('SELECT 1 FROM audit_entries WHERE subject = ?1', transaction_id)).toEqual([shard]);
  });

  it('is paid once, of however many that try at once', async () => {
    const booking_id = await bookingOn(2);
    const answers = await Promise.all(Array.from({ length: 10 }, () => process(payment({ booking_id }))));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(9).fill(409)]);
  });

  it('of another organisation may have another place', async () => {
    const places = await Promise.all(
      Array.from({ length: 20 }, (_, tenant) => shardOfBooking(`tenant-${tenant}`, 'BOOK-1', COUNT)),
    );
    expect(new Set(places)).toEqual(new Set(ALL));
  });

  it.each([
    ['default', 'BOOK-1', 4, 1],
    ['default', 'BOOK-2', 4, 2],
    ['default', 'BOOK-3', 3, 1],
    ['cinema-2', 'BOOK-1', 64, 17],
    ['default', 'Ünï 🎬', 64, 34],
    ['default', 'BOOK-1', 1, 0],
  ])('of %s, %s, has the place of all versions in %i databases: %i', async (tenant, booking, count, shard) => {
    expect(await shardOfBooking(tenant, booking, count)).toBe(shard);
  });

  it('has a place in each database as often as in any other', async () => {
    const counts = ALL.map(() => 0);
    for (let booking = 0; booking < 4_000; booking += 1) {
      const shard = await shardOfBooking('default', `BOOK-${booking}`, COUNT);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(900);
  });
});

describe('a request about a payment', () => {
  it.each(ALL)('asks the one database that the id names, of payment and refund: %i', async (shard) => {
    const paid = await paidOn(shard);
    const watched = databases.map(() => watchedDatabase());
    // Each watches DB, so only the one that is asked may be the real one.
    const bound = databases.map((real, index) => (index === shard ? real : (watched[index]?.d1 as D1Database)));
    const asked = () => watched.reduce((sum, one) => sum + one.roundTrips(), 0);
    const bindings = boundTo(...bound);
    const refund = await call('POST', '/payment/refund', { body: refundOf(paid, { refund_amount: 10 }) }, bindings);
    expect(refund).toMatchObject({ status: 200, body: { refund_transaction_id: expect.stringMatching(`-${shard}$`) } });
    for (const id of [paid.transaction_id, refund.body.refund_transaction_id]) {
      expect(await call('GET', `/payment/status/${id}`, {}, bindings)).toMatchObject({ status: 200 });
    }
    const held = await process(payment({ booking_id: await bookingOn(shard), capture_method: 'manual' }), {}, bindings);
    const { transaction_id, booking_id } = held.body;
    const body = { transaction_id, booking_id, user_id: 'user_123' };
    expect(await call('POST', '/payment/capture', { body }, bindings)).toMatchObject({ status: 200 });
    expect(asked()).toBe(0);
  });

  it('with an id that names no database, or none that there is, finds nothing', async () => {
    const { transaction_id } = await paidOn(1);
    const withoutMark = transaction_id.slice(0, -2);
    for (const id of [withoutMark, `${withoutMark}-2`, `${withoutMark}-9`, `${withoutMark}-01`, `${withoutMark}-1-1`]) {
      expect(await call('GET', `/payment/status/${id}`)).toMatchObject({ status: 404 });
    }
  });
});

describe('what the queue and the cron do', () => {
  it('an event is delivered from the database that it is in', async () => {
    const [bridge, queue] = [newBridge(), recordingQueue()];
    const bookings = await Promise.all(ALL.map(bookingOn));
    const card_details = cardNumbered(TEST_CARDS.insufficientFunds);
    for (const booking_id of bookings) {
      await process(payment({ booking_id, card_details }), {}, { PAYMENT_EVENTS: queue.binding });
    }
    const fates = await consumeMessages(
      queue.sent.map(({ body }) => body),
      { ...FOUR, BRIDGE_URL: bridge.url },
    );
    expect(fates).toEqual(ALL.map(() => 'acknowledged'));
    expect(
      (await bridge.posts()).flatMap(({ events }) => events.map(({ booking_id }) => booking_id)).toSorted(),
    ).toEqual(bookings.toSorted());
    const delivered =
      'SELECT 1 FROM events WHERE delivered_at_ms IS NOT NULL AND booking_id IN (SELECT value FROM json_each(?1))';
    expect(await whereFound(delivered, JSON.stringify(bookings))).toEqual(ALL);
  });

  it('a message for a database that there is not is logged, and dropped', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const wakeUp = { kind: 'wake', job: 'seal', slot: 0, leaseId: null, shard: COUNT };
    expect(await consumeMessages([wakeUp], FOUR)).toEqual(['acknowledged']);
    const events = logged.mock.calls.map(([line]) => JSON.parse(line).event);
    logged.mockRestore();
    expect(events).toEqual(['queue.unknown_message']);
  });

  it('the cron wakes the jobs of each database, and their messages name it', async () => {
    const work = recordingWork();
    await wakeJobs({ ...FOUR, PAYMENT_WORK: work.binding });
    const sealed = work.sent.filter(({ job }) => job === 'seal').map(({ shard }) => shard ?? 0);
    expect(sealed.toSorted()).toEqual(ALL);
  });

  it('a database that does not answer does not stop the jobs of the others', async () => {
    const work = recordingWork();
    const broken = boundTo(databases[0], watchedDatabase(() => 'refuse').d1, databases[2], databases[3]);
    await expect(wakeJobs({ ...broken, PAYMENT_WORK: work.binding })).rejects.toThrow();
    const sealed = work.sent.filter(({ job }) => job === 'seal').map(({ shard }) => shard ?? 0);
    expect(sealed.toSorted()).toEqual([0, 2, 3]);
  });

  it('what waits is delivered and sealed in all of them', async () => {
    const bridge = newBridge();
    for (const shard of ALL) await paidOn(shard);
    await runCron({ ...FOUR, BRIDGE_URL: bridge.url });
    await runCron({ ...FOUR, BRIDGE_URL: bridge.url });
    expect(await whereFound('SELECT 1 FROM audit_blocks')).toEqual(ALL);
    const unsealed = 'SELECT 1 FROM audit_entries WHERE sequence > (SELECT max(last_sequence) FROM audit_blocks)';
    expect(await whereFound(unsealed)).toEqual([]);
  });
});

describe('a webhook', () => {
  const dispute = (transactionId: string | null) => ({
    disputeId: `dp_${crypto.randomUUID()}`,
    chargeReference: 'ch_1',
    transactionId,
    status: 'needs_response',
    reason: 'fraudulent',
    amountMinor: 2550,
    currency: 'USD',
    openedAtMs: Date.now(),
    reportedAtMs: Date.now(),
  });
  const shards = contextsOver(gateway({}));
  const tell = (notice: ReturnType<typeof dispute>, asks: Parameters<typeof gateway>[0] = {}) =>
    handleWebhook(shards, gateway(asks), {
      provider: 'stripe',
      eventId: `evt_${crypto.randomUUID()}`,
      type: 'charge.dispute.created',
      notice: { about: 'dispute', dispute: notice },
    });

  it.each(ALL)('that names our payment is handled in database %i', async (shard) => {
    const { transaction_id } = await paidOn(shard);
    expect(await tell(dispute(transaction_id))).toMatchObject({ kind: 'handled' });
    expect(await whereFound('SELECT 1 FROM disputes WHERE transaction_id = ?1', transaction_id)).toEqual([shard]);
  });

  it.each(ALL)('without our id finds its payment in database %i by what the provider says', async (shard) => {
    const { transaction_id } = await paidOn(shard);
    const findChargeOwner = async () => ({ kind: 'known', transactionId: transaction_id }) as const;
    expect(await tell(dispute(null), { findChargeOwner })).toMatchObject({ kind: 'handled' });
    expect(await whereFound('SELECT 1 FROM disputes WHERE transaction_id = ?1', transaction_id)).toEqual([shard]);
  });
});

describe('a key', () => {
  it('that was revoked is refused by all four', async () => {
    const scopes = ['payments:write', 'payments:read'] as const;
    const asked = { tenant: 'default', scopes, expiresAtMs: null };
    const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', asked);
    const stores = databases.map((d1) => ({ ...database, d1 }));
    for (const db of stores) await insertApiKey(db, { ...asked, ...made, name: 'of four', createdAtMs: Date.now() });
    const headers = { Authorization: `Bearer ${made.key}` };
    const pays = async (shard: number) =>
      (await process(payment({ booking_id: await bookingOn(shard) }), { headers }, { ...WITH_KEYS, ...FOUR })).status;
    expect(await Promise.all(ALL.map(pays))).toEqual(ALL.map(() => 200));
    for (const db of stores) await revokeApiKey(db, made.keyId, Date.now());
    expect(await Promise.all(ALL.map(pays))).toEqual(ALL.map(() => 401));
  });
});

describe('an order of PayPal’s', () => {
  const request = async (shard: number, payment_id: string) =>
    paymentRequest({
      booking_id: await bookingOn(shard),
      payment_method: 'paypal',
      card_details: undefined,
      paypal_details: { email: 'payer@example.com', payment_id },
    });
  const shards = contextsOver(gateway(ORDERS));
  const payWith = async (shard: number, order: string, charge?: Gateway['charge']) => {
    const context = shards.at(shard);
    const own = charge ? { ...context, gateways: oneGateway(gateway({ ...ORDERS, charge })) } : context;
    return processPayment(own, await request(shard, order), '25.50');
  };

  it('pays one booking, whatever databases its bookings are in', async () => {
    const order = crypto.randomUUID();
    expect(await payWith(0, order)).toMatchObject({ kind: 'completed' });
    for (const shard of ALL) {
      const again = await payWith(shard, order);
      expect(
        again.kind === 'duplicate' || (again.kind === 'failed' && again.transaction.failureCause === 'order_used'),
      ).toBe(true);
    }
  });

  it('pays one of many bookings at once', async () => {
    const order = crypto.randomUUID();
    let charges = 0;
    const charge: Gateway['charge'] = async () => {
      charges += 1;
      return { kind: 'approved', reference: 'capture' };
    };
    const answers = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map((shard) => payWith(shard, order, charge)));
    expect(charges).toBe(1);
    expect(answers.filter(({ kind }) => kind === 'completed')).toHaveLength(1);
  });

  it('is free again when the payment that it was for has failed', async () => {
    const order = crypto.randomUUID();
    const declined: Gateway['charge'] = async () => ({ kind: 'declined', code: 'PAYMENT_FAILED' });
    expect(await payWith(1, order, declined)).toMatchObject({ kind: 'failed' });
    expect(await payWith(2, order)).toMatchObject({ kind: 'completed' });
    expect(await payWith(3, order)).toMatchObject({ kind: 'failed' });
  });

  it('is not charged where the database that has its place does not answer', async () => {
    const order = crypto.randomUUID();
    const shard = (await contextOfOrder(shards, ORDERS_GATEWAY, order)).shard;
    const broken: Shards = {
      count: COUNT,
      at: (one) => {
        const context = { ...shards.at(one), shards: broken };
        const d1 = watchedDatabase(() => 'fail').d1;
        return one === shard ? { ...context, db: { ...context.db, d1, retryForMs: 0 } } : context;
      },
    };
    const elsewhere = (shard + 1) % COUNT;
    const context = { ...broken.at(elsewhere), shards: broken };
    expect(await processPayment(context, await request(elsewhere, order), '25.50')).toMatchObject({
      kind: 'failed',
      transaction: { errorCode: 'PAYMENT_GATEWAY_ERROR' },
    });
  });
});

describe('what holds within one database only', () => {
  it('an idempotency key that comes again with another booking is refused where that booking is in the same database', async () => {
    const headers = { 'Idempotency-Key': newKey() };
    const [first, here, elsewhere] = [await bookingOn(1), await bookingOn(1), await bookingOn(3)];
    const paid = await process(payment({ booking_id: first }), { headers });
    expect(await process(payment({ booking_id: first }), { headers })).toMatchObject({ status: 200, body: paid.body });
    expect(await process(payment({ booking_id: here }), { headers })).toMatchObject({ status: 422 });
    const other = await process(payment({ booking_id: elsewhere }), { headers });
    expect(other).toMatchObject({ status: 200, body: { booking_id: elsewhere } });
    expect(other.body.transaction_id).not.toBe(paid.body.transaction_id);
  });

  it('a limit on a card counts in each of them', async () => {
    const limit = { VELOCITY_PER_CARD: '2' };
    const card_details = cardNumbered(TEST_CARDS.mastercard);
    const statuses: number[] = [];
    for (const shard of [0, 0, 0, 2, 2, 2]) {
      const body = payment({ booking_id: await bookingOn(shard), card_details });
      statuses.push((await process(body, {}, limit)).status);
    }
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429]);
  });
});

describe('a Worker that is bound to other databases than those of its installation', () => {
  const [first, second, third, fourth] = databases;
  const WRONG: [what: string, bound: (D1Database | undefined)[]][] = [
    ['one', [first]],
    ['three', [first, second, third]],
    ['five', [first, second, third, fourth, env.DB]],
    ['them in another order', [second, first, fourth, third]],
    ['one that is bound with a gap', [first, undefined, third, fourth]],
  ];

  it.each(WRONG)('to %s: serves nothing, and changes nothing', async (_, bound) => {
    const bookings = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map(bookingOn));
    const paid = await Promise.all(ALL.map((shard) => paidOn(shard)));
    const tables = ['transactions', 'refunds', 'events', 'audit_entries', 'idempotency_keys', 'database_place'];
    const counted = () => Promise.all(tables.map((table) => inEach(`SELECT count(*) AS n FROM ${table}`)));
    const before = await counted();
    const bindings = boundTo(...bound);
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    for (const booking_id of bookings) {
      expect(await process(payment({ booking_id }), {}, bindings)).toMatchObject({
        status: 503,
        body: { error: { code: 'NOT_CONFIGURED', message: expect.stringContaining('payctl shards') } },
      });
    }
    for (const payment of paid) {
      const path = `/payment/status/${payment.transaction_id}`;
      expect(await call('GET', path, {}, bindings)).toMatchObject({ status: 503 });
      expect(await call('POST', '/payment/refund', { body: refundOf(payment) }, bindings)).toMatchObject({
        status: 503,
      });
    }
    await expect(runCron(bindings)).rejects.toThrow();
    const wakeUp = { kind: 'wake', job: 'seal', slot: 0, leaseId: null };
    expect(await consumeMessages([wakeUp], bindings)).toEqual(['again in 10 s']);
    const events = new Set(logged.mock.calls.map(([line]) => JSON.parse(line).event));
    logged.mockRestore();
    expect(events).toEqual(new Set(['ledger.misplaced']));
    expect(await counted()).toEqual(before);
  });
});

describe('the place of a database', () => {
  it('never changes', async () => {
    for (const sql of [
      'UPDATE database_place SET shards = 5',
      'DELETE FROM database_place',
      'INSERT INTO database_place (one, shard, shards) VALUES (1, 2, 3)',
      'INSERT OR REPLACE INTO database_place (one, shard, shards) VALUES (1, 2, 3)',
    ]) {
      await expect(databases[1]?.prepare(sql).run()).rejects.toThrow('never changes');
    }
  });

  it('is taken by the only one of an installation when it is first used', async () => {
    expect(await env.DB.prepare('SELECT 1 FROM database_place').first()).toBeNull();
    await sendWith({}, 'POST', '/payment/process', { body: payment() });
    const row = await env.DB.prepare('SELECT shard, shards FROM database_place').first();
    expect(row).toEqual({ shard: 0, shards: 1 });
  });

  it('is not taken by a Worker whose bindings have a gap', async () => {
    const unused = env.UNUSED_DATABASE;
    await applyD1Migrations(unused, env.TEST_MIGRATIONS);
    const { status } = await process(payment(), {}, boundTo(unused, undefined, env.SHARD_1));
    expect(status).toBe(503);
    expect(await unused.prepare('SELECT 1 FROM database_place').first()).toBeNull();
  });

  it('is given once, and only to a database that is not in use', async () => {
    const unused = env.UNUSED_DATABASE;
    await applyD1Migrations(unused, env.TEST_MIGRATIONS);
    const given = () => unused.prepare('SELECT shard, shards FROM database_place').first();
    await unused.prepare(placing({ shard: 1, shards: 2 })).run();
    await unused.prepare(placing({ shard: 0, shards: 4 })).run();
    expect(await given()).toEqual({ shard: 1, shards: 2 });

    // What is in use and has no place is of the version before places.
    await unused.prepare('DROP TRIGGER database_place_stays_there').run();
    await unused.prepare('DELETE FROM database_place').run();
    expect(await process(payment(), {}, boundTo(unused))).toMatchObject({ status: 200 });
    await unused.prepare('DELETE FROM database_place').run();
    await unused.prepare(placing({ shard: 1, shards: 2 })).run();
    expect(await given()).toBeNull();
  });

  it('keeps a payment and a refund out whose ids name another database', async () => {
    const paid = await paidOn(1);
    await call('POST', '/payment/refund', { body: refundOf(paid, { refund_amount: 10 }) });
    const copied = async (table: string, id: string, others: Record<string, string> = {}) => {
      const changed = { [id]: `replace(${id}, '-1', '-2')`, ...others };
      const kept = await columnsBut(table, Object.keys(changed));
      const names = [...Object.keys(changed), ...kept].join();
      const values = [...Object.values(changed), ...kept].join();
      const sql = `INSERT INTO ${table} (${names}) SELECT ${values} FROM ${table} WHERE transaction_id = ?1`;
      return env.SHARD_1.prepare(sql).bind(paid.transaction_id).run();
    };
    const booking = { booking_id: "booking_id || '-copied'", ended_by: 'NULL' };
    await expect(copied('transactions', 'transaction_id', booking)).rejects.toThrow('belongs in another database');
    await expect(copied('refunds', 'refund_id')).rejects.toThrow('belongs in another database');
  });
});

async function columnsBut(table: string, left: readonly string[]): Promise<string[]> {
  const { results } = await env.SHARD_1.prepare('SELECT name FROM pragma_table_info(?1)').bind(table).all();
  return results.map(({ name }) => String(name)).filter((name) => !left.includes(name));
}
