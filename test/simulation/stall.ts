/**
 * A stall of D1, of all databases or of one alone, in a world where nothing else goes wrong, with a gateway that answers at once: callers get their answers in time, and soon
 * after the stall nothing is left to resolve or to deliver. The other databases are as fast as before.
 */
import { Callers } from './callers.ts';
import { HELD_MAX_MS, STALL_MANNERS } from './database.ts';
import { install, type PatchSql } from './installation.ts';
import { checkNothingWaits, watchMoney, watchRows } from './invariants.ts';
import type { Action, Plan } from './plan.ts';
import { watchWaiting } from './waiting-invariants.ts';
import { World } from './world.ts';

const MINUTE_MS = 60_000;
const STALL_MIN_MS = 1_000;
/** Between the beginnings of two stalls, and how long the first one is at most. */
const FIRST_BEFORE_MS = 45_000;
const FIRST_MAX_MS = 15_000;
/** In which the cron reads what is due, and its wake-ups take their slots. */
const CRON_TAKES_MS = 100;
/** Requests come until then after the end of the stall. */
const LOAD_AFTER_MS = 10_000;
const EVERY_MS = 600;
const RESOLVED_WITHIN_MS = 120_000;
/** What a request takes beside the gateway's time where its database does not stall. */
const OTHERS_MAX_MS = 1_000;
const AT_ONCE = { optsIn: 'to_nothing', holdMinutes: null, ends: 'nothing', endsAfterMs: 0, polls: 0 } as const;

/** Lives through the stall; answers with what was wrong. */
export async function runStall(plan: Plan, patchSql?: PatchSql): Promise<string[]> {
  const installation = install(plan.shards, patchSql);
  try {
    const world = new World({ ...plan, provider: 'simulated', gatewayCanCancel: true, faults: [] }, installation);
    watchRows(world);
    watchMoney(world);
    watchWaiting(world);
    const { time, random, violations } = world;
    const callers = new Callers(world);
    const alone = plan.shards > 1 && random.chance(0.5) ? random.below(plan.shards) : null;
    callers.onEnded = (name, shard, ownMs) => {
      if (alone === null || shard === alone || ownMs <= OTHERS_MAX_MS) return;
      violations.push(`a ${name} in database ${shard} took ${ownMs} ms, while database ${alone} stalled`);
    };
    const isSecond = random.chance(0.5);
    // The second one begins when the cron wakes the job that looks up what the first one has left.
    const startMs = time.nowMs + (isSecond ? 2 * MINUTE_MS + random.below(CRON_TAKES_MS) : random.below(MINUTE_MS));
    if (isSecond) {
      const firstMs = startMs - FIRST_BEFORE_MS;
      const firstEndMs = firstMs + STALL_MIN_MS + random.below(FIRST_MAX_MS - STALL_MIN_MS);
      time.after(firstMs - time.nowMs, () => world.stall(firstEndMs, 'in_order', alone), null);
    }
    const endMs = startMs + STALL_MIN_MS + random.below(HELD_MAX_MS - STALL_MIN_MS);
    const manner = random.pick(STALL_MANNERS);
    time.after(startMs - time.nowMs, () => world.stall(endMs, manner, alone), null);
    const first = Math.max(0, startMs - time.nowMs - FIRST_BEFORE_MS - LOAD_AFTER_MS);
    for (let atMs = first, booking = 0; time.nowMs + atMs < endMs + LOAD_AFTER_MS; atMs += EVERY_MS, booking += 1) {
      time.after(atMs, () => callers.do(actionOf(booking, random.below(8))), null);
    }
    await time.runUntil(endMs + RESOLVED_WITHIN_MS);
    checkNothingWaits(world);
    const seconds = ((endMs - startMs) / 1_000).toFixed(1);
    return violations.map((violation) => `stall: two minutes after one of ${seconds} s: ${violation}`);
  } finally {
    installation.close();
  }
}

function actionOf(booking: number, chance: number): Action {
  const afterMs = 0;
  const pay = { kind: 'pay', afterMs, amount: '10', order: 'new', wait: AT_ONCE, copies: 1 } as const;
  switch (chance) {
    case 0:
      return { kind: 'status', afterMs, subject: booking };
    case 1:
      return { kind: 'repeat', afterMs, request: booking, body: 'same', booking };
    case 2:
    case 3:
      return { kind: 'refund', afterMs, payment: booking, percent: 30, percentByHand: 0, keyed: true, copies: 1 };
    case 4:
      return { ...pay, booking, card: 'declined', keyed: false };
    default:
      // Now and then the same booking again, since its caller has heard nothing of it.
      return { ...pay, booking: booking - (booking % 3), card: 'good', keyed: chance > 5 };
  }
}
