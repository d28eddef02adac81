/** Histories of payments with all that can become of them, and what is measured of them against a count over the tables, row by row. */
import { expect } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { D1Database, D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import { JOBS } from '../../src/core/ledger/jobs/job-names.ts';
import { addAll } from '../../src/core/ledger/metrics/add-counts.ts';
import { BUCKETS_MS, type Counts } from '../../src/core/ledger/metrics/measured.ts';
import { readMinutes, readTotals } from '../../src/core/ledger/metrics/read-measured.ts';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { measure } from '../../src/core/monitoring/measure.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { HOUR_MS, openWorld, type World } from './world.ts';

export const NOTHING_DUE = JOBS.map((job) => ({ job, due: 0, taken: [] }));

/** mulberry32: the same numbers each time. */
export function randomly(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Payments of all kinds, and what becomes of them; `between` is called after each. */
export async function live(
  world: World,
  payments: number,
  random: () => number,
  between: () => Promise<void>,
): Promise<void> {
  const { gateway, clock, context } = world;
  const open: string[] = [];
  for (let made = 0; made < payments; made += 1) {
    const dice = random();
    gateway.losesNext = dice < 0.06;
    gateway.tookMs = Math.floor(random() ** 4 * 70_000);
    const payment = await world.pay(dice > 0.85 ? TEST_CARDS.visaDeclined : TEST_CARDS.visa);
    gateway.tookMs = 0;
    if (payment.status === 'pending') open.push(payment.transactionId);
    if (payment.status === 'completed' && random() < 0.3) {
      const parts = random() < 0.5 ? ['25.50'] : ['10.00', '15.50'];
      for (const amount of parts) {
        const fate = random();
        gateway.losesNext = fate < 0.1;
        gateway.refusesRefunds = fate > 0.8;
        gateway.tookMs = Math.floor(random() * 3_000);
        const refundId = await world.refund(payment, amount);
        gateway.tookMs = 0;
        gateway.refusesRefunds = false;
        if (fate < 0.1) open.push(refundId);
      }
    }
    if (payment.status === 'completed' && random() < 0.05) {
      for (const status of ['NEEDS_RESPONSE', 'under_review', 'lost'].slice(0, 1 + Math.floor(random() * 3))) {
        clock.nowMs += 1_000;
        const dispute = {
          provider: 'stripe',
          disputeId: `dp_${payment.transactionId}`,
          transactionId: payment.transactionId,
          status,
        };
        const about = {
          reason: 'fraudulent',
          currency: 'USD',
          amountMinor: 2_550,
          openedAtMs: clock.nowMs,
          reportedAtMs: clock.nowMs,
        };
        await recordDispute(context.db, { ...dispute, ...about }, clock.nowMs, context.newId('evt_'), random() < 0.5);
      }
    }
    if (random() < 0.05) {
      // Some were lost on their way there, and the others on their way back.
      for (const id of open.splice(0)) await world.resolveAfter(HOUR_MS, id);
    }
    await between();
  }
  for (const id of open) await world.resolveAfter(2 * HOUR_MS, id);
}

type Row = Record<string, string | number | null>;

/** The same by an independent count over the tables, row by row. */
function countedByRows(world: World): Counts {
  const counts: Record<string, Record<string, number>> = {};
  const add = (metric: string, labels: (string | number | null)[], number: number) => {
    const values = counts[metric] ?? {};
    counts[metric] = values;
    const key = labels.map((label) => label ?? '').join('\t');
    values[key] = (values[key] ?? 0) + number;
  };
  const bucket = (ms: number) => String(BUCKETS_MS.find((bound) => ms <= bound) ?? '+Inf');
  const time = (metric: string, labels: string[], ms: number | null) => {
    if (ms === null) return;
    add(metric, [...labels, bucket(ms)], 1);
    add(`${metric}_sum`, labels, ms);
  };
  const payments = world.rows('SELECT * FROM transactions ORDER BY processed_at_ms') as Row[];
  const gatewayOf = new Map(payments.map((payment) => [payment.transaction_id, String(payment.gateway)]));
  for (const payment of payments) {
    if (payment.status === 'pending') continue;
    const status = payment.status === 'failed' ? 'failed' : 'completed';
    const gateway = String(payment.gateway);
    add('payments', [status, payment.payment_method ?? null, gateway, payment.error_code ?? null], 1);
    if (status === 'completed')
      add('captured_minor', [payment.currency ?? null, gateway], Number(payment.amount_minor));
    time('processing_ms', [gateway], Number(payment.processed_at_ms) - Number(payment.created_at_ms));
    time('gateway_ms', [gateway, 'charge'], payment.gateway_ms as number | null);
  }
  for (const refund of world.rows('SELECT * FROM refunds ORDER BY processed_at_ms') as Row[]) {
    if (refund.status === 'pending' || refund.kind === 'late_charge') continue;
    const gateway = gatewayOf.get(refund.transaction_id ?? '') ?? '';
    add('refunds', [refund.status === 'failed' ? 'failed' : 'completed', gateway, refund.error_code ?? null], 1);
    if (refund.status === 'completed') add('refunded_minor', ['USD', gateway], Number(refund.amount_minor));
    time('gateway_ms', [gateway, 'refund'], refund.gateway_ms as number | null);
  }
  for (const { outcome } of world.rows(
    "SELECT outcome FROM audit_entries WHERE action = 'dispute.reported'",
  ) as Row[]) {
    add('disputes', ['stripe', String(outcome).toLowerCase()], 1);
  }
  return counts as Counts;
}

/** The totals, and the sum over all minutes. */
export async function measured({ context }: World): Promise<{ totals: Counts; minutes: Counts }> {
  const minutes: Counts = {};
  for (const { counts } of await readMinutes(context.db, 0, Number.MAX_SAFE_INTEGER)) addAll(minutes, counts);
  return { totals: (await readTotals(context.db))?.counts ?? {}, minutes };
}

/** A D1 that sends each batch twice, as after an answer that was lost. */
function repeating(d1: D1Database): D1Database {
  return {
    prepare: (sql) => d1.prepare(sql),
    async batch(statements: D1PreparedStatement[]) {
      await d1.batch(statements);
      return d1.batch(statements);
    },
  };
}

/** How the measurement's batches reach the database. */
export const AS: readonly [how: string, (context: Context) => Context][] = [
  ['each batch sent once', (context) => context],
  ['each batch sent twice', (context) => ({ ...context, db: { ...context.db, d1: repeating(context.db.d1) } })],
];

/** Lives through so many payments, measures in between, and compares. */
export async function expectExact(payments: number, seed: number, as: (context: Context) => Context): Promise<void> {
  const world = openWorld();
  const random = randomly(seed);
  const context = as(world.context);
  await live(world, payments, random, async () => {
    const dice = random();
    if (dice < 0.02) await measure(context, NOTHING_DUE);
    // Two at once: one of them is too late.
    else if (dice < 0.03) await Promise.all([measure(context, NOTHING_DUE), measure(world.context, NOTHING_DUE)]);
    else if (dice < 0.04) {
      world.deliverAll();
      const range = { kind: 'range', fromMs: 0, toMs: world.clock.nowMs, eventType: null, afterId: null } as const;
      await replayEvents(context.db, range, 50, world.clock.nowMs);
    }
  });
  await measure(context, NOTHING_DUE);
  const expected = countedByRows(world);
  expect(await measured(world)).toEqual({ totals: expected, minutes: expected });
  expect(Object.values(expected.payments ?? {}).reduce((sum, count) => sum + count)).toBe(payments);
  expect(Object.keys(expected.refunds ?? {}).length).toBeGreaterThan(1);
  expect(Object.keys(expected.disputes ?? {})).toHaveLength(3);
}
