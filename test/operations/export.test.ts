/** What finance gets of the ledger: every row of a time once, and sums that are those of the tables. */

import type { DatabaseSync } from 'node:sqlite';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { PAYMENTS, refundsLayout, SETTLEMENT } from '../../src/cli/export/columns.ts';
import { csvHeader, csvLines } from '../../src/cli/export/csv.ts';
import { type Page, readLedger } from '../../src/cli/export/read-ledger.ts';
import { netMinor, newSettlement, type SettlementLine } from '../../src/cli/export/settlement.ts';
import { restoreArchived } from '../../src/cli/restore-archived.ts';
import { archive } from '../../src/core/background/archive.ts';
import type { Context } from '../../src/core/context.ts';
import { archivedRangesAfter } from '../../src/core/ledger/archive/archived-ranges.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import type { ExportedPayment, ExportedRefund } from '../../src/core/ledger/finance/exported-rows.ts';
import type { Wanted } from '../../src/core/ledger/finance/payments-ended.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { seeded } from '../simulation/random.ts';
import { applyMigrations, COMPILED, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { tableWalks } from '../support/query-plans.ts';
import { DAY_MS, HOUR_MS, openWorld } from './world.ts';

const MIDNIGHT_MS = Date.UTC(2026, 10, 22);

type Row = Record<string, string | number | null>;

function openLedger() {
  const { d1, sqlite } = openSqliteD1();
  applyMigrations(sqlite);
  const db: Database = { d1, log: () => {}, cipher: PLAIN_CIPHER, author: NOBODY };
  return { db, sqlite };
}

function insert(sqlite: DatabaseSync, table: 'transactions' | 'refunds', row: Row): void {
  const names = Object.keys(row);
  sqlite
    .prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`)
    .run(...Object.values(row));
}

/** A completed payment of 25.50 dollars, unless something else is said. */
function addPayment(
  sqlite: DatabaseSync,
  { made, ended, ...rest }: { made: number; ended: number | null } & Row,
): string {
  const id = `TXN-${ulid(made)}`;
  insert(sqlite, 'transactions', {
    ...{
      transaction_id: id,
      tenant: 'default',
      booking_id: `BOOK-${id}`,
      user_id: 'ada',
      user_email: 'ada@example.com',
    },
    ...{ status: ended === null ? 'pending' : 'completed', currency: 'USD', amount_minor: 2550 },
    ...{ payment_method: 'credit_card', gateway: 'stripe', gateway_reference: `ch_${id}` },
    ...{ created_at_ms: made, processed_at_ms: ended, ...rest },
  });
  return id;
}

function addRefund(
  sqlite: DatabaseSync,
  {
    of,
    made,
    ended,
    idMade = made,
    ...rest
  }: { of: string; made: number; ended: number | null; idMade?: number } & Row,
): string {
  const id = `REF-${ulid(idMade)}`;
  insert(sqlite, 'refunds', {
    ...{ refund_id: id, tenant: 'default', transaction_id: of, status: ended === null ? 'pending' : 'completed' },
    ...{ amount_minor: 1000, reason: 'Ada is ill', created_at_ms: made, processed_at_ms: ended, ...rest },
  });
  return id;
}

const FAILED = { status: 'failed', error_code: 'CARD_DECLINED' };
const day = (number: number): Wanted => range(MIDNIGHT_MS + number * DAY_MS, MIDNIGHT_MS + (number + 1) * DAY_MS);
const range = (fromMs: number, toMs: number): Wanted => ({ fromMs, toMs, tenant: null });

async function exported(
  databases: Database | [Database, ...Database[]],
  wanted: Wanted,
  { rowsPerPage = 3, bucket = null as Context['archive'], withoutArchive = false } = {},
) {
  const all: Page = { payments: [], refunds: [] };
  const settlement = newSettlement(wanted);
  const findings = { rowsRead: 0, archivedUntilMs: null };
  const ledger = { databases: Array.isArray(databases) ? databases : ([databases] as const), archive: bucket };
  const options = { wants: { payments: true, refunds: true }, withoutArchive, rowsPerPage };
  for await (const { payments, refunds } of readLedger(ledger, wanted, options, findings)) {
    all.payments.push(...payments);
    all.refunds.push(...refunds);
    for (const payment of payments) settlement.addPayment(payment);
    for (const refund of refunds) settlement.addRefund(refund);
  }
  return { ...all, lines: settlement.lines(), undated: settlement.undatedReversals(), findings };
}

const paymentIds = ({ payments }: { payments: ExportedPayment[] }) =>
  payments.map((row) => row.transactionId).toSorted();
const refundIds = ({ refunds }: { refunds: ExportedRefund[] }) => refunds.map((row) => row.refundId).toSorted();

/** By a walk through the tables. */
const SUMS = `
  WITH of_payments AS (SELECT transaction_id, gateway, payment_method, currency FROM transactions),
  moves AS (
    SELECT processed_at_ms AS at, transaction_id, 'captured' AS what, amount_minor FROM transactions
    WHERE status IN ('completed', 'refunded')
    UNION ALL SELECT processed_at_ms, transaction_id, iif(kind = 'late_charge', 'lateRefunded', 'refunded'), amount_minor
    FROM refunds WHERE status IN ('completed', 'reversed')
    UNION ALL SELECT coalesce(reversed_at_ms, processed_at_ms), transaction_id, 'reversed', amount_minor
    FROM refunds WHERE status = 'reversed'
    UNION ALL SELECT created_at_ms, transaction_id, 'lateCharged', amount_minor FROM refunds WHERE kind = 'late_charge')
  SELECT strftime('%Y-%m-%d', at / 1000, 'unixepoch') AS day, gateway, payment_method, currency, what, count(*) AS n,
    sum(amount_minor) AS minor
  FROM moves JOIN of_payments USING (transaction_id) WHERE at >= ? AND at < ? GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`;

function sumsOf(lines: readonly SettlementLine[]) {
  return lines
    .flatMap(({ day, gateway, paymentMethod: payment_method, currency, ...sums }) =>
      Object.entries(sums).map(([what, { count: n, minor }]) => ({
        day,
        gateway,
        payment_method,
        currency,
        what,
        n,
        minor,
      })),
    )
    .filter(({ n }) => n > 0)
    .map((sum) => JSON.stringify(sum))
    .toSorted();
}

const sumsIn = (sqlite: DatabaseSync, { fromMs, toMs }: Wanted) =>
  sqlite
    .prepare(SUMS)
    .all(fromMs, toMs)
    .map((sum) => JSON.stringify(sum))
    .toSorted();

describe('what counts on which day', () => {
  it('is a payment by the time of its capture: from midnight on, and up to the next one', async () => {
    const { db, sqlite } = openLedger();
    const at = (ended: number) => addPayment(sqlite, { made: ended - 1_000, ended });
    const [before, first, last, after] = [-1, 0, DAY_MS - 1, DAY_MS].map((ms) => at(MIDNIGHT_MS + ms));
    expect(paymentIds(await exported(db, day(0)))).toEqual([first, last].toSorted());
    expect(paymentIds(await exported(db, day(-1)))).toEqual([before]);
    expect(paymentIds(await exported(db, day(1)))).toEqual([after]);
  });

  it('is a hold on the day on which it was captured, however long it was held; nothing while it is held', async () => {
    const { db, sqlite } = openLedger();
    const held = { capture_method: 'manual', substate: 'authorized', authorization_reference: 'pi_1', step: 'capture' };
    const captured = [HOUR_MS, DAY_MS, DAY_MS + 1, 3 * DAY_MS].map((ms) =>
      addPayment(sqlite, { made: MIDNIGHT_MS - ms, ended: MIDNIGHT_MS, ...held }),
    );
    addPayment(sqlite, { made: MIDNIGHT_MS + HOUR_MS, ended: null, ...held, step: null });
    const voided = addPayment(sqlite, {
      made: MIDNIGHT_MS - DAY_MS,
      ended: MIDNIGHT_MS,
      ...held,
      step: 'void',
      ...FAILED,
    });
    expect(paymentIds(await exported(db, day(-1)))).toEqual([]);
    const { payments, lines } = await exported(db, day(0));
    expect(payments.map((row) => row.transactionId).toSorted()).toEqual([...captured, voided].toSorted());
    expect(lines).toMatchObject([{ day: '2026-11-22', captured: { count: 4, minor: 4 * 2550 } }]);
  });

  it('is a refund by the time at which it was paid, a reversal by its own, and the net what is left', async () => {
    const { db, sqlite } = openLedger();
    const of = addPayment(sqlite, { made: MIDNIGHT_MS, ended: MIDNIGHT_MS });
    const reversed = { status: 'reversed', reversed_at_ms: MIDNIGHT_MS + 2 * DAY_MS };
    const id = addRefund(sqlite, { of, made: MIDNIGHT_MS, ended: MIDNIGHT_MS + DAY_MS, ...reversed });
    addRefund(sqlite, {
      of,
      made: MIDNIGHT_MS,
      ended: MIDNIGHT_MS + DAY_MS,
      status: 'failed',
      error_code: 'REFUND_FAILED',
    });
    addRefund(sqlite, { of, made: MIDNIGHT_MS, ended: null });
    const { refunds, lines } = await exported(db, range(MIDNIGHT_MS, MIDNIGHT_MS + 3 * DAY_MS));
    expect(refunds.filter(({ status }) => status !== 'failed').map(({ refundId }) => refundId)).toEqual([id]);
    expect(
      lines.map((line) => [line.day, line.captured.minor, line.refunded.minor, line.reversed.minor, netMinor(line)]),
    ).toEqual([
      ['2026-11-22', 2550, 0, 0, 2550],
      ['2026-11-23', 0, 1000, 0, -1000],
      ['2026-11-24', 0, 0, 1000, 1000],
    ]);
    const third = await exported(db, day(2));
    expect(refundIds(third)).toEqual([id]);
    expect(csvLines(refundsLayout(day(2), false).columns, third.refunds)).toContain('USD,10.00,0.00,0.00,10.00,');
  });

  it('is a late charge when it was found and when it was paid back, and none of it is a payment', async () => {
    const { db, sqlite } = openLedger();
    const of = addPayment(sqlite, { made: MIDNIGHT_MS, ended: MIDNIGHT_MS + 1, ...FAILED });
    const late = { kind: 'late_charge', amount_minor: 2550, idMade: MIDNIGHT_MS, created_by: 'evt_1' };
    addRefund(sqlite, { of, made: MIDNIGHT_MS + 5 * DAY_MS, ended: MIDNIGHT_MS + 6 * DAY_MS, ...late });
    const all = await exported(db, range(MIDNIGHT_MS, MIDNIGHT_MS + 9 * DAY_MS));
    expect(
      all.lines.map((line) => [line.day, line.captured.count, line.lateCharged.minor, line.lateRefunded.minor]),
    ).toEqual([
      ['2026-11-27', 0, 2550, 0],
      ['2026-11-28', 0, 0, 2550],
    ]);
    expect(all.lines.reduce((sum, line) => sum + netMinor(line), 0)).toBe(0);
    expect((await exported(db, day(5))).refunds).toMatchObject([{ kind: 'late_charge', amountMinor: 2550 }]);
    expect((await exported(db, day(6))).refunds).toHaveLength(1);
  });

  it('is a reversal without a time, as a former version has left it, on the day of the refund, and is counted', async () => {
    const { db, sqlite } = openLedger();
    const of = addPayment(sqlite, { made: MIDNIGHT_MS, ended: MIDNIGHT_MS });
    addRefund(sqlite, { of, made: MIDNIGHT_MS, ended: MIDNIGHT_MS + 1, status: 'reversed' });
    const { lines, undated } = await exported(db, day(0));
    expect([undated, lines[0]?.refunded.minor, lines[0]?.reversed.minor]).toEqual([1, 1000, 1000]);
  });
});

describe('of a ledger with everything in it', () => {
  /** Times on, before and behind midnight, and anywhere. */
  function fill(sqlite: DatabaseSync, seed: number): void {
    const random = seeded(seed);
    const pick = <One>(...from: readonly One[]): One => random.pick(from);
    const time = () => {
      const midnight = MIDNIGHT_MS + random.below(5) * DAY_MS;
      return pick(
        midnight,
        midnight - 1,
        midnight + 1,
        midnight + random.below(DAY_MS),
        midnight + random.below(DAY_MS),
      );
    };
    const later = (ms: number) => ms + pick(0, 1, 700, DAY_MS, DAY_MS + 1, random.below(3 * DAY_MS), 20 * DAY_MS);
    for (let made = 0; made < 150; made += 1) {
      const createdMs = time();
      const status = pick('completed', 'completed', 'completed', 'refunded', 'failed', 'pending');
      const currency = pick('USD', 'USD', 'EUR', 'JPY', 'KWD');
      const amount = 10_000 + random.below(90_000);
      const endedMs = status === 'pending' ? null : later(createdMs);
      const refunded = status === 'refunded' ? amount : 0;
      const id = addPayment(sqlite, {
        ...{ made: createdMs, ended: endedMs, status, currency, amount_minor: amount, refunded_minor: refunded },
        ...{
          gateway: pick('stripe', 'paypal'),
          payment_method: pick('credit_card', 'paypal'),
          tenant: pick('default', 'cinema-2'),
        },
        ...(status === 'failed' && FAILED),
      });
      if (endedMs === null) continue;
      if (status === 'failed') {
        if (random.below(2) === 0) continue;
        const foundMs = later(endedMs);
        const paidMs = pick(null, later(foundMs), later(foundMs));
        const reversed = paidMs !== null && random.below(4) === 0;
        addRefund(sqlite, {
          ...{ of: id, made: foundMs, ended: paidMs, idMade: createdMs, kind: 'late_charge', amount_minor: amount },
          ...{ created_by: `evt_${id}`, ...(reversed && { status: 'reversed', reversed_at_ms: later(paidMs) }) },
        });
        continue;
      }
      for (let refund = random.below(4); refund > 0; refund -= 1) {
        const madeMs = later(endedMs);
        const kind = pick('requested', 'requested', 'external', 'failed', 'pending', 'reversed', 'reversed', 'former');
        const paidMs = kind === 'pending' ? null : later(madeMs);
        addRefund(sqlite, {
          ...{ of: id, made: madeMs, ended: paidMs, amount_minor: 1 + random.below(2_000) },
          ...(kind === 'external' && { idMade: paidMs as number, created_by: `evt_${id}_${refund}` }),
          ...(kind === 'failed' && { status: 'failed', error_code: 'REFUND_FAILED' }),
          ...(kind === 'reversed' && { status: 'reversed', reversed_at_ms: later(paidMs as number) }),
          ...(kind === 'former' && { status: 'reversed' }),
        });
      }
    }
  }

  const RANGES = [
    day(0),
    day(1),
    range(MIDNIGHT_MS - DAY_MS, MIDNIGHT_MS + 90 * DAY_MS),
    range(MIDNIGHT_MS + 1, MIDNIGHT_MS + 2 * DAY_MS + 1),
    range(MIDNIGHT_MS + 7 * HOUR_MS, MIDNIGHT_MS + 7 * HOUR_MS + 1),
    range(MIDNIGHT_MS + 12 * DAY_MS, MIDNIGHT_MS + 40 * DAY_MS),
  ];

  it('each row of a time is exported once, and the sums of each day, gateway, method and currency are those of the tables', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const { db, sqlite } = openLedger();
      fill(sqlite, seed);
      for (const wanted of RANGES) {
        const found = await exported(db, wanted, { rowsPerPage: 1 + (seed % 7) });
        expect(sumsOf(found.lines)).toEqual(sumsIn(sqlite, wanted));
        const ended = sqlite
          .prepare(
            'SELECT transaction_id AS id FROM transactions WHERE processed_at_ms >= ? AND processed_at_ms < ? ORDER BY 1',
          )
          .all(wanted.fromMs, wanted.toMs);
        expect(paymentIds(found)).toEqual(ended.map(({ id }) => id));
        const moved = sqlite
          .prepare(
            `SELECT refund_id AS id FROM refunds WHERE (processed_at_ms >= ?1 AND processed_at_ms < ?2)
               OR (reversed_at_ms >= ?1 AND reversed_at_ms < ?2)
               OR (kind = 'late_charge' AND created_at_ms >= ?1 AND created_at_ms < ?2) ORDER BY 1`,
          )
          .all(wanted.fromMs, wanted.toMs);
        expect(refundIds(found)).toEqual(moved.map(({ id }) => id));
      }
    }
  });

  it('days add up to their time, and organisations to all of them', async () => {
    const { db, sqlite } = openLedger();
    fill(sqlite, 77);
    const net = ({ lines }: { lines: SettlementLine[] }, currency: string) =>
      lines.filter((line) => line.currency === currency).reduce((sum, line) => sum + netMinor(line), 0);
    const whole = await exported(db, range(MIDNIGHT_MS, MIDNIGHT_MS + 4 * DAY_MS));
    const days = await Promise.all([0, 1, 2, 3].map((number) => exported(db, day(number))));
    expect(days.flatMap(({ lines }) => lines)).toEqual(whole.lines);
    const tenants = await Promise.all(
      ['default', 'cinema-2'].map((tenant) =>
        exported(db, { ...range(MIDNIGHT_MS, MIDNIGHT_MS + 4 * DAY_MS), tenant }),
      ),
    );
    for (const currency of ['USD', 'EUR', 'JPY', 'KWD']) {
      expect(tenants.reduce((sum, one) => sum + net(one, currency), 0)).toBe(net(whole, currency));
    }
  });

  it('all databases of an installation are in it', async () => {
    const ledgers = [openLedger(), openLedger()] as const;
    for (const [index, { sqlite }] of ledgers.entries()) fill(sqlite, 100 + index);
    const both = await exported([ledgers[0].db, ledgers[1].db], RANGES[2] as Wanted);
    const apart = await Promise.all(ledgers.map(({ db }) => exported(db, RANGES[2] as Wanted)));
    expect(paymentIds(both)).toEqual(apart.flatMap(paymentIds).toSorted());
    expect(both.refunds).toHaveLength(apart.reduce((sum, { refunds }) => sum + refunds.length, 0));
  });

  it('no statement walks through a table', async () => {
    const { db, sqlite } = openLedger();
    fill(sqlite, 5);
    await exported(db, RANGES[2] as Wanted, { rowsPerPage: 10 });
    const sent = [...COMPILED].filter((sql) => /FROM (transactions|refunds)\b/.test(sql));
    const planOf = (sql: string) =>
      sqlite
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => String(detail));
    expect(sent.length).toBeGreaterThanOrEqual(9);
    expect(sent.flatMap((sql) => tableWalks(sql, planOf(sql)))).toEqual([]);
    const plans = sent.flatMap(planOf).join('\n');
    for (const index of ['transactions_ended_late', 'refunds_ended_late', 'refunds_reversed'])
      expect(plans).toContain(index);
  });
});

describe('payments that the service made', () => {
  it('are as many as reconcile compares, and their sums are those of the gateway', async () => {
    const world = openWorld();
    const paid = await world.pay();
    await world.pay();
    await world.pay(TEST_CARDS.visaDeclined);
    await world.refund(paid, '10.00');
    world.deliverAll();
    const found = await exported(world.context.db, range(0, world.clock.nowMs + 1));
    const { payments, refunds, differences } = await world.reconcile();
    expect([found.payments.length, found.refunds.length, differences]).toEqual([payments, refunds, []]);
    const moved = (kind: string) =>
      world.gateway.movements.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.amountMinor, 0);
    expect(found.lines).toMatchObject([
      { captured: { count: 2, minor: moved('charge') }, refunded: { count: 1, minor: moved('refund') } },
    ]);
    expect(found.payments.map(({ status, refundedMinor }) => [status, refundedMinor])).toEqual([
      ['completed', 1000],
      ['completed', 0],
      ['failed', 0],
    ]);
  });
});

describe('archived payments', () => {
  const CODEC = { blockHash, pack, unpack, sha256 };

  async function openOld() {
    const world = openWorld();
    const objects = new Map<string, Uint8Array>();
    const bucket: Context['archive'] = {
      async put(key, bytes) {
        objects.set(key, Uint8Array.from(bytes));
      },
      async get(key) {
        const bytes = objects.get(key);
        return bytes === undefined ? null : { arrayBuffer: async () => Uint8Array.from(bytes).buffer };
      },
    };
    const context: Context = { ...world.context, blockCodec: CODEC, archive: bucket };
    for (let made = 0; made < 3; made += 1) {
      await world.refund(await world.pay(), '10.00');
      world.clock.nowMs += DAY_MS;
    }
    world.tamper('UPDATE events SET delivered_at_ms = created_at_ms');
    world.tamper('UPDATE transactions SET next_lookup_at_ms = NULL');
    world.tamper('UPDATE refunds SET next_lookup_at_ms = NULL');
    const wanted = range(0, world.clock.nowMs);
    const run = async () => {
      while (await archive(context));
    };
    /** Until all of it has left. The newest event stays, so another payment has to be made. */
    const age = async () => {
      world.clock.nowMs += 401 * DAY_MS;
      await world.pay();
      await run();
      expect(old()).toEqual(0);
    };
    const old = () => world.rows('SELECT 1 FROM transactions WHERE created_at_ms < ?', wanted.toMs).length;
    const left = async () => archivedRangesAfter(context.db, 'transactions', 0, 100);
    return { ...world, context, bucket, wanted, run, age, old, left };
  }
  const facts = ({ payments, refunds, lines }: Awaited<ReturnType<typeof exported>>) => ({
    payments: payments.toSorted((a, b) => (a.transactionId < b.transactionId ? -1 : 1)),
    refunds: refunds.map(({ reason: _, ...row }) => row).toSorted((a, b) => (a.refundId < b.refundId ? -1 : 1)),
    lines,
  });

  it('are in the export as they were before they left, also when they were restored and have left again', async () => {
    const world = await openOld();
    const { db } = world.context;
    const before = facts(await exported(db, world.wanted));
    expect([before.payments.length, before.refunds.length]).toEqual([3, 3]);
    await world.age();
    const { bucket } = world;
    expect(facts(await exported(db, world.wanted, { bucket }))).toEqual(before);

    const [object] = await world.left();
    if (object === undefined) throw new Error('nothing was archived');
    const { nowMs } = world.clock;
    await restoreArchived(db, bucket, object, { nowMs, waitsUntilMs: nowMs + DAY_MS });
    expect(world.old()).toBe(3);
    expect(facts(await exported(db, world.wanted, { bucket }))).toEqual(before);

    world.clock.nowMs += 2 * DAY_MS;
    const oldest = String(before.payments[0]?.transactionId);
    world.tamper('DELETE FROM refunds WHERE transaction_id = ?', oldest);
    world.tamper('DELETE FROM transactions WHERE transaction_id = ?', oldest);
    await world.run();
    expect(await world.left()).toHaveLength(2);
    expect(facts(await exported(db, world.wanted, { bucket }))).toEqual(before);
  });

  it('are left out on request, and named: up to when they were made', async () => {
    const world = await openOld();
    await world.age();
    const [object] = await world.left();
    const found = await exported(world.context.db, world.wanted, { withoutArchive: true });
    expect([found.payments, found.findings.archivedUntilMs]).toEqual([[], object?.lastSequence]);
    const now = range(world.clock.nowMs - 1, world.clock.nowMs);
    expect(
      (
        await exported(
          world.context.db,
          { ...now, fromMs: now.fromMs + DAY_MS, toMs: now.toMs + 2 * DAY_MS },
          { withoutArchive: true },
        )
      ).findings.archivedUntilMs,
    ).toBeNull();
  });

  it('need the bucket: without it, the export fails and names what to do', async () => {
    const world = await openOld();
    await world.age();
    await expect(exported(world.context.db, world.wanted)).rejects.toThrow(/uncomment its \[\[r2_buckets\]\] section/);
  });

  it('that leave while they are exported fail the export, since they would be in it twice or not at all', async () => {
    const world = await openOld();
    world.clock.nowMs += 401 * DAY_MS;
    await world.pay();
    const { d1 } = world.context.db;
    let batches = 0;
    const leaving = new Proxy(d1, {
      get: (target, property) =>
        property === 'batch'
          ? async (...args: Parameters<typeof target.batch>) => {
              batches += 1;
              if (batches === 4) await world.run();
              return target.batch(...args);
            }
          : Reflect.get(target, property).bind(target),
    });
    const db = { ...world.context.db, d1: leaving };
    await expect(exported(db, world.wanted, { bucket: world.bucket })).rejects.toThrow(/run this again/);
  });
});

describe('the CSV', () => {
  const PAYMENT: ExportedPayment = {
    ...{
      transactionId: 'TXN-1',
      tenant: 'default',
      bookingId: 'BOOK-1',
      gateway: 'stripe',
      paymentMethod: 'credit_card',
    },
    ...{ currency: 'USD', status: 'completed', gatewayReference: 'ch_1', errorCode: null, amountMinor: 2550 },
    ...{ refundedMinor: 5, createdAtMs: MIDNIGHT_MS - 1, processedAtMs: MIDNIGHT_MS },
  };
  const lineOf = (changes: Partial<ExportedPayment>) => csvLines(PAYMENTS.columns, [{ ...PAYMENT, ...changes }]);

  it('has amounts with the decimals of their currency, and times in UTC', () => {
    expect(csvHeader(PAYMENTS.columns) + lineOf({})).toBe(
      `transaction_id,tenant,booking_id,status,payment_method,gateway,gateway_reference,currency,amount,captured_amount,refunded_amount,error_code,created_at,processed_at
TXN-1,default,BOOK-1,completed,credit_card,stripe,ch_1,USD,25.50,25.50,0.05,,2026-11-21T23:59:59Z,2026-11-22T00:00:00Z
`,
    );
    expect(lineOf({ currency: 'JPY' })).toContain('JPY,2550,2550,5,');
    expect(lineOf({ currency: 'KWD' })).toContain('KWD,2.550,2.550,0.005,');
    expect(lineOf({ status: 'failed', errorCode: 'CARD_DECLINED' })).toContain('USD,25.50,0.00,0.05,CARD_DECLINED,');
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['=HYPERLINK("http://a","b")', `"'=HYPERLINK(""http://a"",""b"")"`],
    ['a,"b"\nc', '"a,""b""\nc"'],
    ['\n=1', `"'\n=1"`],
    ['BOOK-=1', 'BOOK-=1'],
  ])('has no formula that a caller wrote: %j', (bookingId, cell) => {
    expect(lineOf({ bookingId })).toContain(`,default,${cell},completed,`);
  });

  it('has negative sums as numbers', () => {
    const settlement = newSettlement(day(0));
    settlement.addRefund({
      ...{ ...PAYMENT, refundId: 'REF-1', kind: 'requested', reason: '', reversedAtMs: null },
    } as ExportedRefund);
    expect(csvLines(SETTLEMENT.columns, settlement.lines())).toBe(
      '2026-11-22,stripe,credit_card,USD,0,0.00,1,25.50,0,0.00,0,0.00,0,0.00,-25.50\n',
    );
  });

  it('has no user and no address; reasons of refunds only on request', async () => {
    const { db, sqlite } = openLedger();
    const of = addPayment(sqlite, { made: MIDNIGHT_MS, ended: MIDNIGHT_MS });
    addRefund(sqlite, { of, made: MIDNIGHT_MS, ended: MIDNIGHT_MS });
    const { payments, refunds } = await exported(db, day(0));
    const forPrograms = [
      ...payments.map(PAYMENTS.forPrograms),
      ...refunds.map(refundsLayout(day(0), false).forPrograms),
    ];
    const text = `${csvLines(PAYMENTS.columns, payments)}${csvLines(refundsLayout(day(0), false).columns, refunds)}`;
    expect(text + JSON.stringify(forPrograms)).not.toMatch(/\bada\b|ada@|Ada is ill/);
    expect(csvLines(refundsLayout(day(0), true).columns, refunds)).toContain('Ada is ill');
    expect(refundsLayout(day(0), true).forPrograms(refunds[0] as ExportedRefund)).toMatchObject({
      reason: 'Ada is ill',
    });
  });
});
