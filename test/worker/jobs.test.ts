/** The recovery jobs: whom the cron wakes, who works under which slot, and what one invocation may do. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { holdSlot } from '../../src/core/ledger/jobs/hold-slot.ts';
import { takeSlot } from '../../src/core/ledger/jobs/take-slot.ts';
import type { WakeUp } from '../../src/core/outbox/queue-message.ts';
import { clearLedger, countRows, duePayments, dueRefunds, waitingEvents } from './backlog.ts';
import { newBridge } from './bridge.ts';
import { database } from './operation.ts';
import { consumeMessages, lookUpMessage, recordingQueue, recordingWork, runCron, wakeJobs } from './queue.ts';
import { type Fate, watchedDatabase } from './watched-database.ts';

const HOUR_MS = 60 * 60_000;
/** D1's limit for one invocation. */
const STATEMENTS_MAX = 1_000;

beforeEach(clearLedger);

const wakeUp = (job: WakeUp['job'], overrides: Partial<WakeUp> = {}): WakeUp => ({
  kind: 'wake',
  job,
  slot: 0,
  leaseId: null,
  ...overrides,
});
const anHourAgoMs = () => Date.now() - HOUR_MS;
/** Pending payments, and refunds, at the sandbox, which has charged and paid all of them. */
const due = (count: number) => duePayments({ count, series: 'A', gateway: 'sandbox', dueAtMs: anHourAgoMs() });
const completed = () => countRows('transactions', `status = 'completed'`);
const slotRows = async () => (await env.DB.prepare('SELECT * FROM job_slots ORDER BY job, slot').all()).results;

/** The wake-ups of one run of the cron. */
async function woken(overrides: Record<string, unknown> = {}): Promise<WakeUp[]> {
  const { sent, binding } = recordingWork();
  await wakeJobs({ PAYMENT_WORK: binding, ...overrides });
  return sent;
}

/** Hands a wake-up to the consumer; answers with what is handed on. */
async function work(message: WakeUp, overrides: Record<string, unknown> = {}): Promise<WakeUp[]> {
  const { sent, binding } = recordingWork();
  const all = { PAYMENT_WORK: binding, PAYMENT_EVENTS: recordingQueue().binding, ...overrides };
  expect(await consumeMessages([message], all)).toEqual(['acknowledged']);
  return sent;
}

describe('the cron', () => {
  it('wakes nobody where nothing is due', async () => {
    expect(await woken()).toEqual([]);
  });

  it.each([
    [1, 1],
    [61, 2],
    [5_000, 4],
  ])('wakes the look-ups of %i payments in %i slots', async (payments, slots) => {
    await due(payments);
    expect(await woken()).toEqual(Array.from({ length: slots }, (_, slot) => wakeUp('look_ups', { slot })));
  });

  it.each([
    [
      'pending refunds',
      () => dueRefunds('pending', { count: 1, series: 'A', gateway: 'sandbox', dueAtMs: 1 }),
      'look_ups',
    ],
    [
      'follow-ups',
      () => dueRefunds('completed', { count: 1, series: 'A', gateway: 'sandbox', dueAtMs: 1 }),
      'look_ups',
    ],
    ['events', () => waitingEvents({ count: 1, series: 'A' }), 'sweep'],
    ['replayed events', () => waitingEvents({ count: 1, series: 'A', replayedAtMs: 1 }), 'sweep'],
  ] as const)('wakes the job of %s', async (_, make, job) => {
    await make();
    expect(await woken()).toEqual([wakeUp(job)]);
  });

  it.each([
    ['wakes', { ARCHIVE: {} }, [wakeUp('archive')]],
    ['has nothing to wake', {}, []],
  ])('%s the archive for an old payment where the bindings are %o', async (_, bindings, wakeUps) => {
    await env.DB.prepare(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method, gateway,
         created_at_ms, processed_at_ms)
       VALUES ('TXN-01ARZ3NDEKTSV4RRFFA0000001', 'default', 'OLD', 'u', 'completed', 'USD', 2550, 'paypal', 'sandbox', 1, 1)`,
    ).run();
    expect(await woken(bindings)).toEqual(wakeUps);
  });

  it('wakes the sweep in two slots at most', async () => {
    await waitingEvents({ count: 3_000, series: 'A' });
    expect(await woken()).toEqual([wakeUp('sweep'), wakeUp('sweep', { slot: 1 })]);
  });

  it('wakes nobody under a slot that somebody works under, until its lease ends', async () => {
    await due(100);
    const nowMs = Date.now();
    const lease = { job: 'look_ups', slot: 0, leaseId: 'of-another' } as const;
    await takeSlot(database, lease, { nowMs, untilMs: nowMs + 60_000, handedOn: null });
    expect(await woken()).toEqual([wakeUp('look_ups', { slot: 1 })]);
    await holdSlot(database, lease, nowMs - 1);
    expect(await woken()).toHaveLength(2);
  });

  it('does both jobs itself where the queue is down', async () => {
    const bridge = newBridge();
    await due(3);
    await waitingEvents({ count: 2, series: 'B' });
    const broken = { send: () => Promise.reject(new Error('the queue is down')) };
    await wakeJobs({ PAYMENT_WORK: broken, PAYMENT_EVENTS: broken, BRIDGE_URL: bridge.url });
    expect(await countRows('transactions', `status = 'pending'`)).toBe(0);
    expect(await countRows('events', 'delivered_at_ms IS NULL')).toBe(0);
  });
});

describe('a wake-up', () => {
  it('works through what is due, sends each event, and frees its slot', async () => {
    await due(8);
    const events = recordingQueue();
    expect(await work(wakeUp('look_ups'), { PAYMENT_EVENTS: events.binding })).toEqual([]);
    expect(await completed()).toBe(8);
    expect(events.sent.map(({ body }) => body.kind)).toEqual(Array(8).fill('event'));
    expect(await slotRows()).toMatchObject([{ job: 'look_ups', slot: 0, leased_until_ms: 0 }]);
  });

  it('takes old payments out of the database, by as many as one invocation may, and leaves their bookings paid', async () => {
    const objects = new Map<string, Uint8Array>();
    const ARCHIVE = {
      put: async (key: string, bytes: Uint8Array) => void objects.set(key, bytes),
      get: async (key: string) => new Response(objects.get(key) as Uint8Array<ArrayBuffer>),
    };
    await env.DB.prepare(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
       INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, refunded_minor,
         payment_method, gateway, created_at_ms, processed_at_ms)
       SELECT 'TXN-01ARZ3NDEKTSV4RRFFA' || printf('%07d', n), 'default', 'OLD-' || n, 'u', 'completed', 'USD', 2550, 10, 'paypal',
         'sandbox', n, n FROM n`,
    ).run();
    await env.DB.prepare(
      `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms)
       SELECT 'REF-' || substr(transaction_id, 5), tenant, transaction_id, 'completed', 10, 'r', 1, 1 FROM transactions`,
    ).run();
    const watched = watchedDatabase();
    expect(await work(wakeUp('archive'), { ARCHIVE, DB: watched.d1 })).toEqual([]);
    expect(watched.statements()).toBeLessThanOrEqual(STATEMENTS_MAX);
    expect([await countRows('transactions'), await countRows('refunds')]).toEqual([0, 0]);
    expect(await countRows('archived_bookings')).toBe(1_200);
    expect(await countRows('archived_ranges', "kind = 'transactions'")).toBe(3);
    const unzipped = [...objects.values()].map((bytes) =>
      new Response(
        new Response(bytes as Uint8Array<ArrayBuffer>).body?.pipeThrough(new DecompressionStream('gzip')),
      ).text(),
    );
    const lines = (await Promise.all(unzipped)).flatMap((text) => text.trim().split('\n'));
    expect(lines).toHaveLength(1_200);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      transaction: { booking_id: 'OLD-1', user_id: 'archived' },
      refunds: [{ reason: '', amount_minor: 10 }],
    });
  });

  it('hands its slot on where one invocation is not enough, and so on to the end', async () => {
    await due(700);
    let next = [wakeUp('look_ups')];
    const perInvocation: number[] = [];
    while (next[0] !== undefined) {
      const watched = watchedDatabase();
      const before = await completed();
      next = await work(next[0], { DB: watched.d1 });
      expect(watched.statements()).toBeLessThanOrEqual(STATEMENTS_MAX);
      perInvocation.push((await completed()) - before);
    }
    expect(await completed()).toBe(700);
    expect(perInvocation.length).toBeGreaterThan(2);
    expect(await slotRows()).toMatchObject([{ leased_until_ms: 0 }]);
  });

  it('that comes twice works once: the slot has been handed on', async () => {
    await due(700);
    const [handedOn] = await work(wakeUp('look_ups'));
    if (handedOn === undefined) throw new Error('nothing was handed on');
    const done = await completed();
    expect(await work(wakeUp('look_ups'))).toEqual([]);
    expect(await completed()).toBe(done);
    expect(await work(handedOn)).toHaveLength(1);
    const doneThen = await completed();
    expect(doneThen).toBeGreaterThan(done);
    expect(await work(handedOn)).toEqual([]);
    expect(await completed()).toBe(doneThen);
  });

  it('is done by one of those that come at once', async () => {
    const nowMs = Date.now();
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        takeSlot(
          database,
          { job: 'sweep', slot: 0, leaseId: `lease-${index}` },
          { nowMs, untilMs: nowMs + 60_000, handedOn: null },
        ),
      ),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it.each(['lose', 'fail'] satisfies Fate[])(
    'takes its slot though the first try meets a connection that breaks (%s)',
    async (fate) => {
      await due(1);
      const { d1 } = watchedDatabase((roundTrip) => (roundTrip === 1 ? fate : 'answer'));
      await work(wakeUp('look_ups'), { DB: d1 });
      expect(await completed()).toBe(1);
    },
  );

  it('comes back where D1 does not answer, and goes on under the lease that it was handed', async () => {
    await due(250);
    const [handedOn] = await work(wakeUp('look_ups'));
    if (handedOn === undefined) throw new Error('nothing was handed on');
    const { d1 } = watchedDatabase(() => 'fail');
    expect(await consumeMessages([handedOn], { DB: d1 })).toEqual(['again in 10 s']);
    const done = await completed();
    await work(handedOn);
    expect(await completed()).toBeGreaterThan(done);
  });

  it('whose next one the queue does not take frees its slot', async () => {
    await due(250);
    const broken = { send: () => Promise.reject(new Error('the queue is down')) };
    await work(wakeUp('look_ups'), { PAYMENT_WORK: broken });
    expect(await slotRows()).toMatchObject([{ leased_until_ms: 0 }]);
  });

  it.each([
    ['another job', { ...wakeUp('look_ups'), job: 'of_another_version' }],
    ['another kind', { kind: 'wake_all' }],
    ['nothing', null],
  ])('of %s, from another version, is logged and acknowledged', async (_, message) => {
    const error = vi.spyOn(console, 'error');
    expect(await consumeMessages([message])).toEqual(['acknowledged']);
    expect(error.mock.calls.map(([line]) => JSON.parse(String(line)).event)).toEqual(['queue.unknown_message']);
    error.mockRestore();
  });

  it('of a silent gateway goes on with the others, and asks it again after a minute', async () => {
    await due(70);
    const [handedOn] = await work(wakeUp('look_ups', { silent: { elsewhere: Date.now() + 60_000, gone: 1 } }), {
      DB: watchedDatabase().d1,
    });
    // The one whose minute is over is not handed on.
    expect(Object.keys(handedOn?.silent ?? { elsewhere: 0 })).toEqual(['elsewhere']);
    expect(await completed()).toBeGreaterThan(0);
  });
});

const MORE_THAN_FIT = 250;

describe('a batch of single look-ups that all end', () => {
  it('stays within the statements of an invocation, and comes back with what did not fit', {
    timeout: 60_000,
  }, async () => {
    // More than a queue delivers at once.
    await due(MORE_THAN_FIT);
    const ids = (await env.DB.prepare('SELECT transaction_id AS id FROM transactions').all<{ id: string }>()).results;
    const PAYMENT_EVENTS = recordingQueue().binding;
    let waiting = ids.map(({ id }) => lookUpMessage(id));
    let invocations = 0;
    while (waiting.length > 0) {
      const watched = watchedDatabase();
      const fates = await consumeMessages(waiting, { PAYMENT_EVENTS, DB: watched.d1 });
      expect(watched.statements()).toBeLessThanOrEqual(STATEMENTS_MAX);
      expect(new Set(fates)).toEqual(new Set(invocations === 0 ? ['acknowledged', 'again in 1 s'] : ['acknowledged']));
      waiting = waiting.filter((_, index) => fates[index] !== 'acknowledged');
      invocations += 1;
    }
    expect(await completed()).toBe(MORE_THAN_FIT);
    expect(invocations).toBe(2);
  });

  it('stays within them though every third connection to D1 breaks', { timeout: 30_000 }, async () => {
    await due(100);
    const ids = (await env.DB.prepare('SELECT transaction_id AS id FROM transactions').all<{ id: string }>()).results;
    const watched = watchedDatabase((roundTrip) => (roundTrip % 3 === 0 ? 'lose' : 'answer'));
    await consumeMessages(
      ids.map(({ id }) => lookUpMessage(id)),
      { PAYMENT_EVENTS: recordingQueue().binding, DB: watched.d1 },
    );
    expect(watched.statements()).toBeLessThanOrEqual(STATEMENTS_MAX);
    await env.DB.prepare('UPDATE transactions SET next_lookup_at_ms = 1 WHERE next_lookup_at_ms IS NOT NULL').run();
    await runCron();
    expect(await completed()).toBe(100);
  });
});
