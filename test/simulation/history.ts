/** One history, from the first request to the last look-up, and what was wrong with it. */

import { UNCONFIGURED_PAUSE_MS } from '../../src/core/outcomes/look-up-schedule.ts';
import type { Difference } from '../../src/core/recovery/differences.ts';
import { reconcile } from '../../src/core/recovery/reconcile.ts';
import { runBacklog, runBacklogsWithoutQueue } from './backlog.ts';
import { Callers } from './callers.ts';
import type { FaultCounts } from './faults.ts';
import { install, type PatchSql } from './installation.ts';
import { checkEverything, checkNothingWaits, watchMoney, watchRows } from './invariants.ts';
import type { Plan } from './plan.ts';
import { runQueueAlone } from './queue-alone.ts';
import { checkRestoring } from './restored.ts';
import { runStall } from './stall.ts';
import { EndlessHistory } from './time.ts';
import { countWaits, watchWaiting } from './waiting-invariants.ts';
import { START_MS, WAITS_MAX_MS, World } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** After the last request, faults go on for so long. */
const AFTERMATH_MS = 2 * MINUTE_MS;
/** Days in which faults go on. A refund that nobody could settle for a day is in them, and the bank's sending it back. */
const TROUBLED_DAYS_MS = 8 * 24 * HOUR_MS;
/** When nothing goes wrong any more, everything that waits has ended and been told so long after the gateway knows of it. */
const DRAIN_MS = 10 * MINUTE_MS;
/** The last look-up of a refund comes after seven days. */
const FOLLOW_UPS_MS = 8 * 24 * HOUR_MS;
const RARE_CRON_MS = 8 * HOUR_MS;
/** A backlog follows so many histories, and as many others a stall, or work for the queue alone. */
const BACKLOG_EACH = 8;
/** In so many histories, statuses are read from a replica. */
const REPLICA_EACH = 2;

export interface Verdict {
  violations: string[];
  faults: FaultCounts;
  trace: string[];
  requests: number;
  /** How many payments waited for what, and how many steps were begun. */
  waits: Record<string, number>;
}

/** @param patchSql changes the tables' definition, for a defect that is made on purpose */
export async function runHistory(plan: Plan, patchSql?: PatchSql): Promise<Verdict> {
  const installation = install(plan.shards, patchSql, plan.chance % REPLICA_EACH === 0 ? plan.chance : null);
  try {
    const world = new World(plan, installation);
    const callers = new Callers(world);
    try {
      await live(world, callers, plan);
    } catch (error) {
      if (!(error instanceof EndlessHistory)) throw error;
      world.violations.push(`pace: the history does not end: ${error.message}`);
    }
    if (plan.chance % BACKLOG_EACH === 0) world.violations.push(...(await runBacklog(plan, patchSql)));
    if (plan.chance % BACKLOG_EACH === 3 && plan.shards > 1)
      world.violations.push(...(await runBacklogsWithoutQueue(plan, patchSql)));
    if (plan.chance % BACKLOG_EACH === 1) world.violations.push(...(await runStall(plan, patchSql)));
    if (plan.chance % BACKLOG_EACH === 2) world.violations.push(...(await runQueueAlone(plan, patchSql)));
    return {
      violations: world.violations,
      faults: world.faults.counts,
      trace: world.trace,
      requests: callers.sent.length,
      waits: countWaits(world),
    };
  } finally {
    installation.close();
  }
}

async function live(world: World, callers: Callers, plan: Plan): Promise<void> {
  watchRows(world);
  watchMoney(world);
  watchWaiting(world);

  let atMs = world.time.nowMs;
  for (const action of plan.actions) {
    atMs += action.afterMs;
    world.time.after(atMs - world.time.nowMs, () => callers.do(action), null);
  }
  await world.time.runUntil(atMs + AFTERMATH_MS);
  if (plan.troubledDays) {
    world.cronIntervalMs = RARE_CRON_MS;
    for (const { afterHours, action } of plan.lateActions) {
      world.time.after(afterHours * HOUR_MS, () => callers.do(action), null);
    }
    await world.time.runUntil(world.time.nowMs + TROUBLED_DAYS_MS);
  }
  world.heal();
  world.cronIntervalMs = MINUTE_MS;
  await world.time.runUntil(
    world.time.nowMs + world.gateway.knownWithinMs + DRAIN_MS + pausesOf(world) + waitsOf(world),
  );
  checkNothingWaits(world);
  await checkReconciliation(world, { lookUpsAreLeft: true });
  await checkPaymentsFlow(world, callers);

  world.cronIntervalMs = RARE_CRON_MS;
  await world.time.runUntil(world.time.nowMs + FOLLOW_UPS_MS);
  checkEverything(world, callers);
  await checkReconciliation(world, { lookUpsAreLeft: false });
  await checkRestoring(world);
}

/** What met a key of another account is asked about again after an hour. */
function pausesOf({ faults }: World): number {
  return faults.counts.other_account_deployed ? UNCONFIGURED_PAUSE_MS : 0;
}

/** What waits for its payer, and then to be captured, has the time for that. */
function waitsOf({ gateway }: World): number {
  return gateway.canWait ? WAITS_MAX_MS : 0;
}

/** What failed has left nothing behind: after it, each isolate takes payments, a breaker that had opened too. */
async function checkPaymentsFlow(world: World, callers: Callers): Promise<void> {
  const paying = world.isolates.map((_, isolate) => callers.payOnce(isolate));
  await world.time.runUntil(world.time.nowMs + MINUTE_MS);
  for (const kind of await Promise.all(paying)) {
    if (kind !== 'completed') world.violations.push(`breaker: a payment after all faults is ${kind}`);
  }
}

/** The service's own comparison has to come to the same judgement: after a drain, it finds nothing. */
async function checkReconciliation(world: World, { lookUpsAreLeft }: { lookUpsAreLeft: boolean }): Promise<void> {
  const { time, gateway, violations } = world;
  const range = { fromMs: START_MS, toMs: time.nowMs };
  const reconciling = world.invoke('reconcile', (shards) => reconcile(shards, range));
  await time.runUntil(time.nowMs + MINUTE_MS);
  const ending = await reconciling;
  if (ending.kind !== 'answer') return void violations.push(`reconciliation: it ${ending.kind}`);
  for (const difference of ending.answer.differences) {
    // A late charge that the payer's bank does not take back needs a person, and stays named until one has come.
    const needsPerson = difference.kind === 'charge_of_failed_payment' && gateway.keeps(difference.transactionId) === 0;
    // A refund that is younger than the last payment that has left: whose it is, only the archive knows.
    const isOfLeft = difference.kind === 'unknown_refund' && hasLeft(difference.id, world);
    // Nor is there room for this one: an alarm has said so, and a person has to see what became of the money.
    const doesNotFit = difference.kind === 'unknown_refund' && isAlarmed(difference.reference, world);
    if (!needsPerson && !isOfLeft && !doesNotFit && !(lookUpsAreLeft && isLookedUpLater(difference, world))) {
      violations.push(`reconciliation: ${JSON.stringify(difference)}`);
    }
  }
}

function hasLeft(refundId: string, world: World): boolean {
  return world.get('SELECT 1 FROM sim_refunds_left WHERE refund_id = ?', refundId) !== undefined;
}

function isAlarmed(reference: string, { log }: World): boolean {
  const alarms = log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'refund.external_does_not_fit');
  return alarms.some((alarm) => alarm.reference === reference);
}

/** What happened at the gateway after the last look at it, and is named until the next one. */
function isLookedUpLater(difference: Difference, { gateway, webhooks }: World): boolean {
  if (difference.kind === 'refund_taken_back') return true;
  if (difference.kind === 'unknown_refund') return webhooks.waiting > 0;
  return (
    difference.kind === 'charge_of_failed_payment' &&
    gateway.charges.get(difference.transactionId)?.brokePromise === true
  );
}
