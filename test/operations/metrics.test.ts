/** What is measured agrees with the ledger, whatever happens on the way: lost answers, refunds, disputes, replays, repeated batches, an archive. */
import { describe, expect, it } from 'vitest';
import { restoreArchived } from '../../src/cli/restore-archived.ts';
import { archive } from '../../src/core/background/archive.ts';
import { inTurnToMeasure } from '../../src/core/background/every-minute.ts';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import type { Context } from '../../src/core/context.ts';
import type { ArchiveBucket } from '../../src/core/ledger/archive/archive-bucket.ts';
import { archivedRangesAfter } from '../../src/core/ledger/archive/archived-ranges.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { listOpenCases } from '../../src/core/ledger/by-hand/list-open-cases.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import { JOBS } from '../../src/core/ledger/jobs/job-names.ts';
import { addRateLimited } from '../../src/core/ledger/metrics/add-rate-limited.ts';
import { readTotals } from '../../src/core/ledger/metrics/read-measured.ts';
import { readEnded } from '../../src/core/ledger/metrics/read-unmeasured.ts';
import { findWaitingEvents, leaseDueEvents } from '../../src/core/ledger/outbox/lease-due-events.ts';
import type { LeasedEvent } from '../../src/core/ledger/outbox/lease-events.ts';
import { recordDeliveries } from '../../src/core/ledger/outbox/record-deliveries.ts';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { METRICS_KEPT_MS, purgeExpired } from '../../src/core/ledger/purge-expired.ts';
import { measure } from '../../src/core/monitoring/measure.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { AS, expectExact, live, measured, NOTHING_DUE, randomly } from './mixed-payments.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openWorld, type World } from './world.ts';

const BLOCK_CODEC = { blockHash, pack, unpack, sha256 };
describe('what is measured', () => {
  it.each(AS)(
    'agrees exactly with a count over 500 payments with lost answers, refunds and disputes, %s',
    async (_, as) => {
      await expectExact(500, 7, as);
    },
  );

  // The batches of a measurement: what was counted, what has ended, the minutes, and what it writes.
  it.each([
    ['reads what has ended', 2],
    ['reads the minutes', 3],
    ['writes', 4],
  ])('counts once where another measurement overtakes it before it %s', async (_, batch) => {
    const world = openWorld();
    const { context } = world;
    await world.pay();
    await measure(
      overtaken(context, batch, () => measure(context, NOTHING_DUE)),
      NOTHING_DUE,
    );
    const one = { 'completed\tcredit_card\ttest\t': 1 };
    expect(await measured(world)).toMatchObject({ totals: { payments: one }, minutes: { payments: one } });
  });

  it.each([2, 3, 4])('counts all once where more has ended when it is overtaken, before batch %i', async (batch) => {
    const world = openWorld();
    const { context } = world;
    await world.pay();
    const overtake = async () => {
      await world.pay();
      await measure(context, NOTHING_DUE);
    };
    await measure(overtaken(context, batch, overtake), NOTHING_DUE);
    const both = { 'completed\tcredit_card\ttest\t': 2 };
    expect(await measured(world)).toMatchObject({ totals: { payments: both }, minutes: { payments: both } });
    await measure(context, NOTHING_DUE);
    expect((await measured(world)).totals.payments).toEqual(both);
  });

  it('never sets a counter back where nothing has ended but more requests were refused', async () => {
    const world = openWorld();
    const { context } = world;
    await addRateLimited(context.db, 10);
    const overtake = async () => {
      await addRateLimited(context.db, 20);
      await measure(context, NOTHING_DUE);
    };
    // Nothing has ended, so the second batch reads the minutes.
    await measure(overtaken(context, 2, overtake), NOTHING_DUE);
    const limited = { rate_limited: { '': 30 } };
    expect(await measured(world)).toEqual({ totals: limited, minutes: limited });
  });

  it('counts a backlog of more events than one step takes, in one run', async () => {
    const world = openWorld();
    world.insertPayments(12_000);
    await measure(world.context, NOTHING_DUE);
    const { totals } = await measured(world);
    expect(totals.payments).toEqual({ 'completed\tcredit_card\ttest\t': 12_000 });
  });

  it('counts nothing again of what leaves for the archive and is restored', async () => {
    const world = openWorld();
    const objects = new Map<string, Uint8Array>();
    const bucket = {
      put: async (key: string, bytes: Uint8Array) => void objects.set(key, Uint8Array.from(bytes)),
      get: async (key: string) => {
        const bytes = objects.get(key);
        return bytes === undefined ? null : { arrayBuffer: async () => Uint8Array.from(bytes).buffer };
      },
    };
    const context: Context = { ...world.context, blockCodec: BLOCK_CODEC, archive: bucket };
    await live(world, 60, randomly(3), async () => {});
    await measure(context, NOTHING_DUE);
    const before = await measured(world);
    const eventsBefore = world.rows('SELECT * FROM events').length;
    world.tamper('UPDATE events SET delivered_at_ms = created_at_ms');
    world.tamper('UPDATE transactions SET next_lookup_at_ms = NULL');
    world.tamper('UPDATE refunds SET next_lookup_at_ms = NULL');
    world.clock.nowMs += 1_000 * DAY_MS;
    await sealAudit(context, blockHash);
    await packAudit(context, BLOCK_CODEC);
    await archive(context);
    expect(world.rows('SELECT * FROM events').length).toBeLessThan(eventsBefore);
    await measure(context, NOTHING_DUE);
    await restoreAll(context, bucket);
    expect(world.rows('SELECT * FROM events').length).toBe(eventsBefore);
    await measure(context, NOTHING_DUE);
    expect(await measured(world)).toEqual(before);
  });

  it('goes on behind events that have left before they were counted', async () => {
    const world = openWorld();
    await world.pay();
    await world.pay();
    await world.pay();
    world.tamper('DELETE FROM events WHERE sequence <= 2');
    world.tamper('DELETE FROM transactions WHERE transaction_id = (SELECT max(transaction_id) FROM transactions)');
    await measure(world.context, NOTHING_DUE);
    expect((await measured(world)).totals).toEqual({});
    await world.pay();
    await measure(world.context, NOTHING_DUE);
    expect((await measured(world)).totals.payments).toEqual({ 'completed\tcredit_card\ttest\t': 1 });
  });

  it('counts challenges by whether the payer authenticated, and leaves their waiting out of the processing time', async () => {
    const world = openWorld();
    for (let made = 0; made < 3; made += 1) await world.pay();
    await world.pay(TEST_CARDS.visaDeclined);
    world.tamper(
      "UPDATE transactions SET challenged_at_ms = 1, substate = 'challenged' WHERE transaction_id IN (SELECT transaction_id FROM transactions ORDER BY transaction_id LIMIT 2)",
    );
    world.tamper("UPDATE transactions SET challenged_at_ms = 1, substate = 'challenged' WHERE status = 'failed'");
    await measure(world.context, NOTHING_DUE);
    const { totals } = await measured(world);
    expect(totals.challenges).toEqual({ completed: 2, failed: 1 });
    expect(Object.values(totals.processing_ms ?? {})).toEqual([1]);
  });

  it('is kept by the minute for 30 days', async () => {
    const world = openWorld();
    await world.pay();
    await measure(world.context, NOTHING_DUE);
    const minutes = () => world.rows('SELECT minute_ms FROM metric_minutes').length;
    const { nowMs } = world.clock;
    expect(await purgeExpired(world.context.db, 'metric_minutes', nowMs + METRICS_KEPT_MS - MINUTE_MS, 10)).toBe(0);
    expect(minutes()).toBe(1);
    expect(await purgeExpired(world.context.db, 'metric_minutes', nowMs + METRICS_KEPT_MS, 10)).toBe(1);
    expect((await measured(world)).totals.payments).toBeDefined();
  });
});

it.each([6, 10, 16])(
  'of up to 64 databases, of which a minute reaches %i, each is measured within 15 minutes',
  (reached) => {
    for (let databases = reached + 1; databases <= 64; databases += 1) {
      const all = Array.from({ length: databases }, (_, shard) => shard);
      const measuredAt = all.map(() => 0);
      for (let minute = 1; minute <= 200; minute += 1) {
        const nowMs = Date.UTC(2026, 10, 22) + minute * MINUTE_MS;
        for (const shard of inTurnToMeasure(all, nowMs).slice(0, reached)) measuredAt[shard] = minute;
        expect(minute - Math.min(...measuredAt)).toBeLessThan(15);
      }
    }
  },
);

describe('how long a gateway took', () => {
  const tookMs = (world: World, table: 'transactions' | 'refunds') =>
    world.rows(`SELECT gateway_ms AS ms FROM ${table} ORDER BY created_at_ms`).map(({ ms }) => ms);

  it('is in the row of a payment and of a refund that it answered, also where it declined', async () => {
    const world = openWorld();
    world.gateway.tookMs = 1_234;
    const paid = await world.pay();
    world.gateway.tookMs = 321;
    await world.refund(paid, '1.00');
    world.gateway.refusesRefunds = true;
    await world.refund(paid, '2.00');
    expect([tookMs(world, 'transactions'), tookMs(world, 'refunds')]).toEqual([[1_234], [321, 0]]);
  });

  it('is in no row where the answer was lost, also when the outcome has been found out', async () => {
    const world = openWorld();
    world.gateway.losesNext = true;
    world.gateway.tookMs = 5_000;
    const { transactionId } = await world.pay();
    world.gateway.says.set(transactionId, { kind: 'approved', reference: 'found' });
    await world.resolveAfter(HOUR_MS, transactionId);
    expect(world.rows('SELECT status, gateway_ms FROM transactions')).toEqual([
      { status: 'completed', gateway_ms: null },
    ]);
  });
});

describe('gauges', () => {
  it('are what the tables have: what waits, what is pending, what is held, and what needs a person', async () => {
    const world = openWorld();
    const { gateway, clock, context } = world;
    const started = clock.nowMs;
    gateway.losesNext = true;
    const pending = await world.pay();
    const paid = await world.pay();
    gateway.losesNext = true;
    await world.refund(paid, '1.00');
    const challenged = await world.pay();
    const held = await world.pay();
    const wait = (id: string, substate: string) =>
      world.tamper(
        "UPDATE transactions SET status = 'pending', processed_at_ms = NULL, substate = ?, next_lookup_at_ms = 9e15 WHERE transaction_id = ?",
        substate,
        id,
      );
    wait(challenged.transactionId, 'challenged');
    wait(held.transactionId, 'authorized');
    world.tamper('UPDATE transactions SET undetermined_at_ms = 1 WHERE transaction_id = ?', pending.transactionId);
    world.tamper(
      "INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, error_code, created_at_ms, processed_at_ms, kind) SELECT 'REF-kept', tenant, transaction_id, 'failed', 1, 'r', 'REFUND_NOT_ALLOWED', 1, 2, 'late_charge' FROM transactions LIMIT 1",
    );
    world.tamper(
      "INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms) SELECT 'REF-back', tenant, transaction_id, 'reversed', 1, 'r', 1, 2 FROM transactions LIMIT 1",
    );
    for (const status of ['needs_response', 'WON']) {
      const about = { reason: 'fraudulent', currency: 'USD', amountMinor: 1, openedAtMs: 1, reportedAtMs: 1 };
      await recordDispute(
        context.db,
        { provider: 'stripe', disputeId: status, transactionId: paid.transactionId, status, ...about },
        1,
        `evt_${status}`,
      );
    }
    world.tamper(
      "INSERT INTO job_slots (job, slot, lease_id, leased_until_ms, ended_at_ms) VALUES ('sweep', 0, 'l', 0, 5), ('sweep', 1, 'l', 0, 7)",
    );
    await measure(
      context,
      JOBS.map((job) => ({ job, due: job === 'sweep' ? 4 : 0, taken: [] })),
    );
    const { gauges } = (await readTotals(context.db)) ?? {};
    const open = await listOpenCases(context.db, 100);
    const casesOf = (kind: string) => open.filter((one) => one.kind === kind).length;
    expect(gauges).toMatchObject({
      events: { waiting: 3, oldestMs: started + 2_000 },
      pending: { count: 2, overdue: 0, oldestMs: started + 1_000 },
      challenged: 1,
      authorized: 1,
      cases: {
        payment_undetermined: 1,
        refund_undetermined: 0,
        late_charge_kept: 1,
        refund_reversed: 1,
        external_refund_unbooked: 0,
      },
      openDisputes: 1,
      jobs: { sweep: { backlog: 4, endedAtMs: 7 }, seal: { backlog: 0, endedAtMs: null } },
    });
    for (const [kind, count] of Object.entries(gauges?.cases ?? {}))
      expect([kind, count]).toEqual([kind, casesOf(kind)]);
  });

  const gauges = async ({ context }: World) => {
    await measure(context, NOTHING_DUE);
    return (await readTotals(context.db))?.gauges;
  };

  it('have payments and refunds as overdue that have been pending for 15 minutes, and not what waits for a payer', async () => {
    const world = openWorld();
    const { gateway, clock } = world;
    const paid = await world.pay();
    const challenged = await world.pay();
    world.tamper(
      "UPDATE transactions SET status = 'pending', processed_at_ms = NULL, substate = 'challenged', next_lookup_at_ms = 9e15 WHERE transaction_id = ?",
      challenged.transactionId,
    );
    gateway.losesNext = true;
    await world.pay();
    gateway.losesNext = true;
    await world.refund(paid, '1.00');
    clock.nowMs += 15 * MINUTE_MS - 1_000;
    gateway.losesNext = true;
    await world.pay();
    clock.nowMs -= 1;
    expect((await gauges(world))?.pending).toMatchObject({ count: 3, overdue: 1 });
    clock.nowMs += 1_000;
    expect((await gauges(world))?.pending).toMatchObject({ count: 3, overdue: 2 });
  });

  it('have an event that is sent again as waiting since then, however old it is', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    world.deliverAll();
    world.clock.nowMs += 30 * DAY_MS;
    const replayedAtMs = world.clock.nowMs;
    await replayEvents(world.context.db, { kind: 'payment', transactionId }, 1, replayedAtMs);
    world.clock.nowMs += MINUTE_MS;
    await world.pay();
    expect((await gauges(world))?.events).toMatchObject({ waiting: 2, oldestMs: replayedAtMs });
  });

  it('have an event as unanswered when its lease has ended without a result, and not one that the bridge refused, nor what waits behind it', async () => {
    const world = openWorld();
    const { clock, context } = world;
    const unanswered = async () => (await gauges(world))?.events.unansweredMs;
    let leases = 0;
    const lease = () => {
      leases += 1;
      const lease = { leaseId: `lse_${leases}`, nowMs: clock.nowMs, untilMs: clock.nowMs + MINUTE_MS };
      return leaseDueEvents(context.db, lease, 10);
    };
    const undelivered = async (leased: readonly LeasedEvent[], nextAttemptAtMs: number) => {
      const results = leased.map(({ eventId, leaseId }) => ({ eventId, leaseId, reason: 'no', nextAttemptAtMs }));
      await recordDeliveries(context.db, { delivered: [], undelivered: results }, clock.nowMs, null);
    };
    await world.refund(await world.pay(), '1.00');
    await findWaitingEvents(context.db);
    await undelivered(await lease(), clock.nowMs + HOUR_MS);

    await world.pay();
    const paidAtMs = clock.nowMs;
    await findWaitingEvents(context.db);
    expect(await lease()).toHaveLength(1);
    expect(await unanswered()).toBeNull();
    clock.nowMs += MINUTE_MS;
    const again = await lease();
    expect(await unanswered()).toBe(paidAtMs);
    await undelivered(again, clock.nowMs);
    expect(await unanswered()).toBeNull();
    // One that was refused stays known as such while it is sent again.
    expect(await lease()).toHaveLength(1);
    expect(await unanswered()).toBeNull();
  });
});

it('reads no event twice, and none that is counted', async () => {
  const world = openWorld();
  await world.pay();
  await measure(world.context, NOTHING_DUE);
  await world.pay();
  const { byEvents } = await readEnded(world.context.db, { event: 1, entry: 0 }, 10);
  expect(byEvents.map(({ count, last }) => [count, last])).toEqual([[1, 2]]);
});

/** The same, with something else that happens before it sends this batch. */
function overtaken(context: Context, batch: number, happens: () => Promise<void>): Context {
  const { d1 } = context.db;
  let batches = 0;
  const slow: D1Database = {
    prepare: (sql) => d1.prepare(sql),
    async batch(statements) {
      batches += 1;
      if (batches === batch) await happens();
      return d1.batch(statements);
    },
  };
  return { ...context, db: { ...context.db, d1: slow } };
}

async function restoreAll({ db, nowMs }: Context, bucket: ArchiveBucket): Promise<void> {
  for (const kind of ['transactions', 'events'] as const) {
    for (const range of await archivedRangesAfter(db, kind, 0, 100)) {
      await restoreArchived(db, bucket, range, { nowMs: nowMs(), waitsUntilMs: nowMs() + 7 * DAY_MS });
    }
  }
}
