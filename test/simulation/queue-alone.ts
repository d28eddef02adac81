/**
 * What the queue does by itself, before the cron has come for the first time: events are delivered, and payments whose outcome is unknown are
 * looked up, each in its own database.
 */
import { Callers } from './callers.ts';
import { install, type PatchSql } from './installation.ts';
import { checkNothingWaits, watchMoney, watchRows } from './invariants.ts';
import type { Plan } from './plan.ts';
import { watchWaiting } from './waiting-invariants.ts';
import { World } from './world.ts';

const PAYMENTS = 12;
const EVERY_MS = 400;
const REFUND_AFTER_MS = 6_000;
/** From then on, the gateway is heard. The last look-up comes half a minute later at most. */
const HEARD_FROM_MS = 12_000;
const CRON_COMES_AT_MS = 60_000;
const AT_ONCE = { optsIn: 'to_nothing', holdMinutes: null, ends: 'nothing', endsAfterMs: 0, polls: 0 } as const;
const ONCE = { afterMs: 0, keyed: false, copies: 1 } as const;
const PAY = { ...ONCE, kind: 'pay', amount: '10', card: 'good', order: 'new', wait: AT_ONCE } as const;
const REFUND = { ...ONCE, kind: 'refund', percent: 30, percentByHand: 0 } as const;

/** Lives through it; answers with what was wrong. */
export async function runQueueAlone(plan: Plan, patchSql?: PatchSql): Promise<string[]> {
  const installation = install(plan.shards, patchSql);
  try {
    const world = new World(
      { ...plan, provider: 'simulated', gatewayCanCancel: true, faults: ['gateway_answer_lost'], faultRate: 0.15 },
      installation,
    );
    watchRows(world);
    watchMoney(world);
    watchWaiting(world);
    const { time, faults, violations } = world;
    const callers = new Callers(world);
    for (let booking = 0; booking < PAYMENTS; booking += 1) {
      time.after(booking * EVERY_MS, () => callers.do({ ...PAY, booking }), null);
      time.after(booking * EVERY_MS + REFUND_AFTER_MS, () => callers.do({ ...REFUND, payment: booking }), null);
    }
    time.after(HEARD_FROM_MS, () => faults.heal(), null);
    await time.runUntil(time.nowMs + CRON_COMES_AT_MS - 1);
    checkNothingWaits(world);
    return violations.map((violation) => `queue: without the cron: ${violation}`);
  } finally {
    installation.close();
  }
}
