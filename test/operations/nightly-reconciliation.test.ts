/** Reconciliation that runs by itself, part after part, at a gateway that remembers what it moved. */
import { describe, expect, it } from 'vitest';
import { orderReconciliation } from '../../src/core/background/order-reconciliation.ts';
import { reconcileDue } from '../../src/core/background/reconcile-due.ts';
import type { Context } from '../../src/core/context.ts';
import type { Movement } from '../../src/core/gateways/gateway.ts';
import { rowsOf, runBatch } from '../../src/core/ledger/database.ts';
import { readBacklogs } from '../../src/core/ledger/jobs/read-backlogs.ts';
import { type CurrentResult, currentResults } from '../../src/core/ledger/reconciliations/current-results.ts';
import {
  type ListedReconciliation,
  listReconciliations,
} from '../../src/core/ledger/reconciliations/list-reconciliations.ts';
import { orderNextDay } from '../../src/core/ledger/reconciliations/nights.ts';
import type { WakeUp } from '../../src/core/outbox/queue-message.ts';
import { reconcile, TooManyMovements } from '../../src/core/recovery/reconcile.ts';
import type { Shards } from '../../src/core/shards.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { oneDatabase } from '../data/one-database.ts';
import { tableWalks } from '../support/query-plans.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openWorld, type World } from './world.ts';

/** The day of the world, whose clock begins at its noon. */
const TODAY_MS = Date.UTC(2026, 10, 22);

/** The job asks all databases, of which this is the only one. */
function installation(context: Context): Context & Shards {
  const alone = oneDatabase(context);
  alone.shards = alone;
  return alone;
}

/** Whether the job of the first database has something to do; as the cron asks. */
async function isDue({ context, clock }: World): Promise<boolean> {
  const backlogs = await readBacklogs(context.db, {
    nowMs: clock.nowMs,
    limit: 1,
    leavesBeforeMs: 0,
    transactionsLeaveBefore: { endedBeforeMs: 0, nowMs: clock.nowMs },
    hasArchive: false,
    isFirst: true,
  });
  return backlogs.some(({ job, due }) => job === 'reconcile' && due > 0);
}

/** Runs the cron's question and the job as often as it hands itself on. */
async function night(world: World): Promise<ListedReconciliation | undefined> {
  if (await isDue(world)) while (await reconcileDue(world.context));
  return (await newest(world))[0];
}

const newest = ({ context }: World) => listReconciliations(context.db, 30);
const results = async ({ context: { db } }: World) =>
  rowsOf<CurrentResult>((await runBatch(db, { results: currentResults(db.d1) })).results);
const found = (one: ListedReconciliation | undefined) =>
  one?.differences.map(({ kind, subject }) => `${kind} ${subject}`).toSorted();

/** Of all tests. */
const prepared = new Set<string>();

/** The cron has run before today: today is the first whole day of the installation. */
async function openedYesterday(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = openWorld(options);
  world.context.shards = world.context;
  const { db } = world.context;
  const { d1 } = db;
  db.d1 = {
    prepare(sql) {
      prepared.add(sql);
      return d1.prepare(sql);
    },
    batch: (statements) => d1.batch(statements),
  };
  world.clock.nowMs = TODAY_MS - 1;
  await isDue(world);
  world.clock.nowMs = TODAY_MS + HOUR_MS;
  return world;
}

function toNight(world: World): void {
  world.deliverAll();
  world.clock.nowMs = TODAY_MS + DAY_MS + 2 * HOUR_MS;
}

describe('a night', () => {
  it('compares the UTC day before, from two in the morning on, once', async () => {
    const world = await openedYesterday();
    await world.pay();
    await world.refund(await world.pay(), '5.00');
    toNight(world);
    world.clock.nowMs -= 1;
    expect(await isDue(world)).toBe(false);
    world.clock.nowMs += 1;
    expect(await night(world)).toMatchObject({
      ...{
        fromMs: TODAY_MS,
        toMs: TODAY_MS + DAY_MS,
        comparedUntilMs: TODAY_MS + DAY_MS,
        endedAtMs: world.clock.nowMs,
      },
      ...{ payments: 2, refunds: 1, movements: 3, differences: [] },
    });
    expect(await isDue(world)).toBe(false);
  });

  it('begins with the first whole day after the first run of the cron', async () => {
    const world = openWorld();
    world.context.shards = world.context;
    expect(await isDue(world)).toBe(false);
    toNight(world);
    expect(await isDue(world)).toBe(false);
    world.clock.nowMs += DAY_MS;
    expect(await night(world)).toMatchObject({ fromMs: TODAY_MS + DAY_MS });
  });

  it('makes up for the days of the last week on which no cron has run', async () => {
    const world = await openedYesterday();
    world.clock.nowMs = TODAY_MS + 20 * DAY_MS + 3 * HOUR_MS;
    while (await isDue(world)) await night(world);
    const days = (await newest(world)).map(({ fromMs }) => (fromMs - TODAY_MS) / DAY_MS);
    expect(days).toEqual([19, 18, 17, 16, 15, 14, 13, 12]);
  });

  it('changes nothing at the gateway and in the ledger', async () => {
    const world = await openedYesterday();
    await world.pay();
    toNight(world);
    const ledger = () => ['transactions', 'refunds', 'events'].map((table) => world.rows(`SELECT * FROM ${table}`));
    const before = [ledger(), structuredClone(world.gateway.movements)];
    await night(world);
    expect([ledger(), world.gateway.movements]).toEqual(before);
  });
});

describe('parts', () => {
  /** A day with one of each difference, and payments about the borders of all parts. */
  async function troubled(canList: boolean): Promise<World> {
    const world = await openedYesterday({ canList });
    const paid = [];
    for (let each = 0; each < 12; each += 1) {
      world.clock.nowMs += 90 * MINUTE_MS;
      paid.push(await world.pay());
    }
    const [first, second, third, fourth, fifth] = paid;
    if (!first || !second || !third || !fourth || !fifth) throw new Error('too few payments');
    world.clock.nowMs += 10 * MINUTE_MS;
    await world.refund(first, '5.00');
    await world.pay(TEST_CARDS.visaDeclined);
    world.deliverAll();
    const { movements } = world.gateway;
    const of = (id: string) => movements.find((movement) => movement.id === id) as Movement;
    // Moved once more, hours later, under the same id.
    movements.push({ ...of(second.transactionId), reference: 'ch_again', movedAtMs: world.clock.nowMs });
    movements.push({ ...of(third.transactionId), id: 'TXN-LOST', reference: 'ch_lost' });
    of(fourth.transactionId).amountMinor = 1;
    world.tamper('DELETE FROM events WHERE transaction_id = ?', fifth.transactionId);
    world.tamper('UPDATE transactions SET refunded_minor = 1 WHERE transaction_id = ?', third.transactionId);
    // The gateway's clock is off by less than a minute, to both sides.
    for (const [index, movement] of movements.entries()) movement.movedAtMs += index % 2 === 0 ? 45_000 : -45_000;
    return world;
  }

  it.each([true, false])('find what one run over the day finds (the gateway lists: %s)', async (canList) => {
    const world = await troubled(canList);
    toNight(world);
    const day = { fromMs: TODAY_MS, toMs: TODAY_MS + DAY_MS };
    const whole = await reconcile(world.context, day);
    const kinds = whole.differences.map(({ kind }) => kind);
    expect(kinds.length).toBeGreaterThanOrEqual(canList ? 5 : 2);
    for (const minutes of [1, 7, 60, 600]) {
      const inParts: (typeof whole)[] = [];
      for (let fromMs = day.fromMs; fromMs < day.toMs; fromMs += minutes * MINUTE_MS) {
        const toMs = Math.min(fromMs + minutes * MINUTE_MS, day.toMs);
        inParts.push(await reconcile(world.context, { fromMs, toMs }));
      }
      const texts = (differences: object[]) => [...new Set(differences.map((one) => JSON.stringify(one)))].toSorted();
      expect(texts(inParts.flatMap(({ differences }) => differences))).toEqual(texts(whole.differences));
      const sum = (of: (one: typeof whole) => number) => inParts.reduce((all, one) => all + of(one), 0);
      expect([sum(({ made }) => made.payments), sum(({ made }) => made.refunds)]).toEqual([13, 1]);
      expect(sum(({ movements }) => movements ?? 0)).toBe(whole.movements ?? 0);
    }
  });

  it('are as long as so many payments take, and add up to the day', async () => {
    const world = await openedYesterday({ canList: false });
    const { transactionId, createdAtMs } = await world.pay();
    // 899 more within some milliseconds, at a gateway that is asked about each. Nothing in the service writes such rows: each lacks its event.
    world.tamper(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 899)
       INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method, gateway,
         created_at_ms, processed_at_ms, error_code)
       SELECT ?1 || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + n % 32, 1) || printf('%016d', n), 'default', 'B-' || n, 'u', 'failed',
         'USD', 1, 'paypal', 'test', ?2, ?2, 'CARD_DECLINED' FROM n`,
      transactionId.slice(0, 13),
      createdAtMs,
    );
    toNight(world);
    const { d1 } = world.context.db;
    let parts = 0;
    const counting = {
      prepare(sql: string) {
        if (sql.includes('SET compared_until_ms')) parts += 1;
        return d1.prepare(sql);
      },
      batch: (statements: Parameters<typeof d1.batch>[0]) => d1.batch(statements),
    };
    const counted = installation({ ...world.context, db: { ...world.context.db, d1: counting } });
    await isDue(world);
    while (await reconcileDue(counted));
    const [one] = await newest(world);
    expect(one).toMatchObject({ payments: 900, comparedUntilMs: TODAY_MS + DAY_MS });
    expect(one?.differences).toHaveLength(250);
    // Of 200 at most.
    expect(parts).toBeGreaterThanOrEqual(5);
    expect(parts).toBeLessThanOrEqual(8);
  });

  it('are halved where a gateway lists more than memory is to hold', async () => {
    const world = await openedYesterday();
    const moved = { ...USD, kind: 'charge' as const, status: 'succeeded' as const };
    for (let each = 0; each < 30_000; each += 1) {
      const movedAtMs = TODAY_MS + each * 2_000;
      world.gateway.movements.push({ ...moved, id: `TXN-LOST-${each}`, reference: `ch_${each}`, movedAtMs });
    }
    toNight(world);
    const day = { fromMs: TODAY_MS, toMs: TODAY_MS + DAY_MS };
    await expect(reconcile(world.context, day, { movementsMax: 20_000 })).rejects.toThrow(TooManyMovements);
    const one = await night(world);
    expect(one).toMatchObject({ movements: 30_000, comparedUntilMs: TODAY_MS + DAY_MS });
    expect(one?.differences).toHaveLength(250);
  });
});

const USD = { amountMinor: 100, currency: 'USD' };

describe('after a crash', () => {
  it('a night goes on with the part that it was at, and counts nothing twice', async () => {
    const world = await openedYesterday({ canList: false });
    for (let each = 0; each < 3; each += 1) await world.pay();
    toNight(world);
    const { db } = world.context;
    await isDue(world);
    let batches = 0;
    const dying = {
      prepare: (sql: string) => db.d1.prepare(sql),
      batch: (statements: Parameters<typeof db.d1.batch>[0]) => {
        batches += 1;
        return batches > deathAt ? Promise.reject(new Error('died')) : db.d1.batch(statements);
      },
    };
    let deathAt = 0;
    for (; deathAt < 30; deathAt += 1) {
      batches = 0;
      const context = installation({ ...world.context, db: { ...db, d1: dying, retryForMs: 0 } });
      const isOver = await reconcileDue(context).then(
        () => true,
        () => false,
      );
      if (isOver) break;
    }
    expect(deathAt).toBeGreaterThan(5);
    expect(deathAt).toBeLessThan(30);
    expect(await newest(world)).toMatchObject([{ payments: 3, endedAtMs: world.clock.nowMs, differences: [] }]);
  });

  it('two invocations at once compare the same, and record it once', async () => {
    const world = await openedYesterday();
    await world.pay();
    world.gateway.movements.push({
      ...USD,
      kind: 'charge',
      id: 'TXN-LOST',
      reference: 'ch_1',
      status: 'succeeded',
      movedAtMs: world.clock.nowMs,
    });
    toNight(world);
    await isDue(world);
    await Promise.all(Array.from({ length: 3 }, () => reconcileDue(world.context)));
    expect(await newest(world)).toMatchObject([{ payments: 1, movements: 2, differences: [{ subject: 'TXN-LOST' }] }]);
  });
});

describe('a gateway that does not answer', () => {
  it('is asked again after half an hour, and the night goes on where it was', async () => {
    const world = await openedYesterday();
    await world.pay();
    toNight(world);
    world.gateway.listingBreaks = true;
    expect(await night(world)).toMatchObject({ comparedUntilMs: TODAY_MS, endedAtMs: null, differences: [] });
    world.clock.nowMs += HOUR_MS / 2 - 1;
    expect(await isDue(world)).toBe(false);
    world.clock.nowMs += 1;
    world.gateway.listingBreaks = false;
    expect(await night(world)).toMatchObject({ payments: 1, endedAtMs: world.clock.nowMs, differences: [] });
  });

  it('counts after four hours, in words of this service', async () => {
    const world = await openedYesterday();
    await world.pay();
    toNight(world);
    world.gateway.listingBreaks = true;
    let one = await night(world);
    for (let each = 0; each < 8; each += 1) {
      expect(one?.endedAtMs).toBeNull();
      world.clock.nowMs += HOUR_MS / 2;
      one = await night(world);
    }
    expect(one).toMatchObject({ endedAtMs: world.clock.nowMs });
    expect(found(one)).toEqual(['not_compared test']);
    expect(JSON.stringify(one)).not.toContain('broke off');
  });
});

describe('a difference is kept', () => {
  it('with what to do and its payment, and clears with a later reconciliation that finds none', async () => {
    const world = await openedYesterday();
    const { transactionId } = await world.pay();
    const refunded = await world.pay();
    const refundId = await world.refund(refunded, '1.00');
    world.deliverAll();
    world.tamper('DELETE FROM events WHERE transaction_id = ? OR refund_id = ?', transactionId, refundId);
    toNight(world);
    expect((await night(world))?.differences).toEqual([
      {
        ...{ kind: 'event_missing', subject: refundId, transactionId: refunded.transactionId },
        message: expect.stringMatching(/payment.refund event is missing. Inform the services/),
      },
      { kind: 'event_missing', subject: transactionId, transactionId, message: expect.stringContaining(transactionId) },
    ]);
    expect(await results(world)).toEqual([
      { fromMs: TODAY_MS, toMs: TODAY_MS + DAY_MS, endedAtMs: world.clock.nowMs, differences: 2 },
    ]);
    world.clock.nowMs += DAY_MS;
    await night(world);
    expect(await results(world)).toMatchObject([{ fromMs: TODAY_MS + DAY_MS, differences: 0 }]);
  });

  it('and counts for hours, where the next days are caught up in the minutes after it', async () => {
    const world = await openedYesterday();
    const { transactionId } = await world.pay();
    world.deliverAll();
    world.tamper('DELETE FROM events WHERE transaction_id = ?', transactionId);
    world.clock.nowMs = TODAY_MS + 3 * DAY_MS + 2 * HOUR_MS;
    for (let days = 0; days < 3; days += 1) {
      await night(world);
      world.clock.nowMs += MINUTE_MS;
    }
    const differences = async () => (await results(world)).map((one) => one.differences);
    expect(await differences()).toEqual([1, 0, 0]);
    world.clock.nowMs += DAY_MS;
    await night(world);
    expect(await differences()).toEqual([0]);
  });

  it('also where one that is ordered later compares another time, and finds none', async () => {
    const world = await openedYesterday();
    const { transactionId } = await world.pay();
    world.deliverAll();
    world.tamper('DELETE FROM events WHERE transaction_id = ?', transactionId);
    toNight(world);
    await night(world);
    world.clock.nowMs += 20 * HOUR_MS;
    await orderReconciliation(installation({ ...world.context, workQueue: { send: async () => {} } }));
    await night(world);
    expect((await results(world)).map((one) => one.differences)).toEqual([1, 0]);
  });

  it('of one that is ordered, and clears with the next one that is ordered and finds none', async () => {
    const world = await openedYesterday();
    const { transactionId } = await world.pay();
    world.deliverAll();
    world.tamper('DELETE FROM events WHERE transaction_id = ?', transactionId);
    const order = async () => {
      world.clock.nowMs += HOUR_MS;
      await orderReconciliation(installation({ ...world.context, workQueue: { send: async () => {} } }));
      await night(world);
      return (await results(world)).map((one) => one.differences);
    };
    expect(await order()).toEqual([1]);
    world.tamper('DELETE FROM transactions');
    world.gateway.movements = [];
    expect(await order()).toEqual([0]);
  });
});

it('events that wait and payments that could not be compared leave room for the differences of money', async () => {
  const world = await openedYesterday({ canList: false });
  const { transactionId, createdAtMs } = await world.pay();
  const lost = await world.pay();
  world.deliverAll();
  // A bridge that was away, and a gateway that was: neither is a difference of money.
  world.tamper(
    `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1100)
     INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method, gateway,
       gateway_reference, created_at_ms, processed_at_ms, ended_by)
     SELECT ?1 || printf('%016d', n), 'default', 'B-' || n, 'u', 'completed', 'USD', 1, 'paypal', 'gone', 'r-' || n, ?2, ?2, 'evt_' || n FROM n`,
    transactionId.slice(0, 14),
    createdAtMs,
  );
  world.tamper(
    `INSERT INTO events (event_id, event_type, tenant, booking_id, transaction_id, created_at_ms)
     SELECT ended_by, 'payment.success', tenant, booking_id, transaction_id, created_at_ms FROM transactions WHERE gateway = 'gone'`,
  );
  world.gateway.movements = world.gateway.movements.filter(({ id }) => id !== lost.transactionId);
  world.clock.nowMs = TODAY_MS + DAY_MS + 2 * HOUR_MS;
  let one = await night(world);
  for (let each = 0; each < 9 && one?.endedAtMs === null; each += 1) {
    world.clock.nowMs += HOUR_MS / 2;
    one = await night(world);
  }
  const kinds = Object.groupBy(one?.differences ?? [], ({ kind }) => kind);
  expect(kinds.charge_missing?.map(({ subject }) => subject)).toEqual([lost.transactionId]);
  expect([kinds.event_waiting?.length, kinds.not_compared?.length]).toEqual([250, 250]);
});

describe('a reconciliation that is ordered', () => {
  it('compares the last 24 hours at once, and one at a time runs', async () => {
    const world = await openedYesterday();
    await world.pay();
    world.deliverAll();
    world.clock.nowMs += HOUR_MS;
    const sent: WakeUp[] = [];
    const shards = installation({ ...world.context, workQueue: { send: async (wakeUp) => void sent.push(wakeUp) } });
    const ordered = await orderReconciliation(shards);
    expect(ordered).toEqual({ fromMs: world.clock.nowMs - DAY_MS });
    world.clock.nowMs += 1_000;
    expect(await orderReconciliation(shards)).toEqual(ordered);
    expect(sent).toEqual(Array(2).fill({ kind: 'wake', job: 'reconcile', slot: 0, leaseId: null }));
    expect(await night(world)).toMatchObject({ ...ordered, payments: 1, endedAtMs: world.clock.nowMs });
    expect((await orderReconciliation(shards))?.fromMs).toBeGreaterThan(ordered?.fromMs ?? 0);
  });

  it('does not wait for the end of a night that is being compared', async () => {
    const world = await openedYesterday();
    await world.pay();
    toNight(world);
    const { nowMs } = world.clock;
    // An invocation that has time for one part.
    const hurried = oneDatabase({
      ...world.context,
      nowMs: () => (world.clock.nowMs += 30_000),
      workQueue: { send: async () => {} },
    });
    expect(await isDue(world)).toBe(true);
    await orderNextDay(world.context.db, nowMs);
    const ordered = await orderReconciliation(hurried);
    await reconcileDue(hurried);
    const all = await newest(world);
    expect(all.find(({ fromMs }) => fromMs === ordered?.fromMs)?.comparedUntilMs).toBeGreaterThan(ordered?.fromMs ?? 0);
    expect(all.find(({ fromMs }) => fromMs === TODAY_MS)).toMatchObject({ comparedUntilMs: TODAY_MS });
  });

  it('does not wait for a gateway that does not answer', async () => {
    const world = await openedYesterday();
    const shards = installation({ ...world.context, workQueue: { send: async () => {} } });
    await orderReconciliation(shards);
    world.gateway.listingBreaks = true;
    expect(found(await night(world))).toEqual(['not_compared test']);
  });
});

it('a reconciliation that has not come to its end in a day ends, and says how far it came', async () => {
  const world = await openedYesterday();
  toNight(world);
  world.gateway.listingBreaks = true;
  await night(world);
  world.clock.nowMs += DAY_MS;
  while (await isDue(world)) await night(world);
  const first = (await newest(world)).find(({ fromMs }) => fromMs === TODAY_MS);
  expect(first).toMatchObject({ comparedUntilMs: TODAY_MS, endedAtMs: world.clock.nowMs });
  expect(found(first)).toEqual(['not_finished reconciliation']);
});

it('no statement of it walks through a table', () => {
  const { rows } = openWorld();
  const own = [...prepared].filter((sql) => /reconciliation|'reconcile'|OFFSET/.test(sql));
  const walks = own.flatMap((sql) =>
    tableWalks(
      sql,
      rows(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => String(detail)),
    ).map((walk) => `${walk}: ${sql}`),
  );
  expect(walks).toEqual([]);
  expect(own.length).toBeGreaterThan(12);
});
