/**
 * The job that reconciles: each night the UTC day before, and on order the last 24 hours. It compares part after part, each no larger than one
 * invocation can hold and ask about, and records how far it has come. It only reads at gateways and in the ledger (invariant 9).
 */
import type { Context } from '../context.ts';
import { isoSeconds } from '../domain/timestamp.ts';
import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { statementsLeft } from '../ledger/database.ts';
import type { TimeRange } from '../ledger/id-range.ts';
import { createdUntilMs } from '../ledger/read-payment-records.ts';
import { nextReconciliation, type OpenReconciliation, putOffStep } from '../ledger/reconciliations/next-step.ts';
import { DAY_MS, orderNextDay } from '../ledger/reconciliations/nights.ts';
import { endReconciliation, type KeptDifference, recordStep } from '../ledger/reconciliations/record-step.ts';
import type { Difference } from '../recovery/differences.ts';
import { explainDifference } from '../recovery/explain-difference.ts';
import { type Reconciliation, reconcile, TooManyMovements } from '../recovery/reconcile.ts';
import { allContexts, type Shards } from '../shards.ts';

const HOUR_MS = 60 * 60_000;
/** A gateway that did not answer is asked again then. */
const ASKED_AGAIN_AFTER_MS = HOUR_MS / 2;
/** By then the next one is due. */
const MAX_DURATION_MS = DAY_MS;

/** Payments, and refunds, of a part where each gateway lists what it moved: a list has a hundred a call, and memory some kilobytes for each. */
const LISTED_ROWS = 4_000;
/** The same where each of them is asked about: six at once, within the subrequests of an invocation and the lease of the slot. */
const ASKED_ROWS = 200;
/** A list that is longer is read for half the time, down to this. */
const MOVEMENTS_MAX = 20_000;
const SHORTEST_HALVED_MS = 10 * 60_000;
/** Statements for each database in a part, and for each 200 payments. */
const STATEMENTS_PER_DATABASE = 8;
const STATEMENTS_PER_CHUNK = 4;
const ROWS_PER_CHUNK = 200;

/** Works until nothing is due, or it has been enough for one invocation. Answers with whether it was the last. */
export async function reconcileDue(context: Context): Promise<boolean> {
  const { db, shards, nowMs } = context;
  const startedAtMs = nowMs();
  await orderNextDay(db, nowMs());
  for (let steps = 0; ; steps += 1) {
    const next = await nextReconciliation(db, nowMs());
    if (next === null) return false;
    const isOver = nowMs() - startedAtMs >= JOB_MAX_DURATION_MS || statementsLeft(db) < statementsOfPart(context);
    // An invocation takes one part in any case: it has as many statements as the next one would.
    if (steps > 0 && isOver) return true;
    await goOn(shards, next);
  }
}

async function goOn(shards: Shards, open: OpenReconciliation): Promise<void> {
  const { db, nowMs, log } = shards.at(0);
  const { fromMs, toMs, comparedUntilMs, startedAtMs, patientUntilMs } = open;
  const name = { from: isoSeconds(fromMs), to: isoSeconds(toMs) };
  if (comparedUntilMs >= toMs || nowMs() - startedAtMs >= MAX_DURATION_MS) {
    const isFinished = comparedUntilMs >= toMs;
    await endReconciliation(db, open, isFinished ? null : notFinished(comparedUntilMs), nowMs());
    log(isFinished ? 'info' : 'warn', 'reconciliation.ended', { ...name, compared_until: isoSeconds(comparedUntilMs) });
    return;
  }
  const part = { fromMs: comparedUntilMs, toMs: await endOfPartMs(shards, open) };
  const found = await reconcilePart(shards, part);
  for (const silence of found.differences.filter(isSilence)) {
    log('warn', 'reconciliation.not_compared', {
      ...name,
      gateway: silence.gateway,
      id: silence.id,
      reason: silence.reason,
    });
    break;
  }
  if (found.differences.some(isSilence) && nowMs() < patientUntilMs) {
    await putOffStep(db, open, nowMs() + ASKED_AGAIN_AFTER_MS);
    return;
  }
  await recordStep(db, open, {
    untilMs: found.untilMs,
    ...found.made,
    movements: found.movements,
    differences: found.differences.map((difference) => kept(difference, found.paymentOf)),
  });
}

function notFinished(comparedUntilMs: number): string {
  return `Reconciliation came to ${isoSeconds(comparedUntilMs)} in a day: there are more payments than it can compare, or the gateway answers too slowly. Compare the rest with the provider's own report.`;
}

/** All that is left, or as long as so many payments or refunds took to be made. */
async function endOfPartMs(shards: Shards, { comparedUntilMs: fromMs, toMs }: OpenReconciliation): Promise<number> {
  const rowsOfEach = Math.ceil(rowsOfPart(shards.at(0)) / shards.count);
  const ends = [toMs];
  for (const { db } of allContexts(shards)) {
    ends.push((await createdUntilMs(db, { fromMs, toMs }, rowsOfEach)) ?? toMs);
  }
  // So many in one millisecond are compared all the same.
  return Math.max(Math.min(...ends), fromMs + 1);
}

/** The part, or as much of it as the gateways' lists are not too long for: they can have far more than the ledger, which may have lost it. */
async function reconcilePart(shards: Shards, part: TimeRange): Promise<Reconciliation & { untilMs: number }> {
  for (let { fromMs, toMs } = part; ; toMs = fromMs + Math.ceil((toMs - fromMs) / 2)) {
    try {
      const limit = toMs - fromMs > SHORTEST_HALVED_MS ? { movementsMax: MOVEMENTS_MAX } : {};
      return { ...(await reconcile(shards, { fromMs, toMs }, limit)), untilMs: toMs };
    } catch (error) {
      if (!(error instanceof TooManyMovements)) throw error;
    }
  }
}

function rowsOfPart({ gateways }: Context): number {
  return gateways.all.every(({ listMovements }) => listMovements !== undefined) ? LISTED_ROWS : ASKED_ROWS;
}

function statementsOfPart(context: Context): number {
  const { count } = context.shards;
  // Refunds can be of as many other payments.
  const chunks = count + (2 * rowsOfPart(context)) / ROWS_PER_CHUNK;
  return STATEMENTS_PER_DATABASE * count + STATEMENTS_PER_CHUNK * chunks;
}

function isSilence(difference: Difference): difference is Difference & { kind: 'not_compared' } {
  return difference.kind === 'not_compared';
}

/** In our own words: what a gateway or the bridge has said may quote others, and is in the log. */
function kept(difference: Difference, paymentOf: ReadonlyMap<string, string>): KeptDifference {
  const subject = subjectOf(difference);
  const { what, todo } = explainDifference(inOwnWords(difference));
  return { kind: difference.kind, subject, message: `${what} ${todo}`, transactionId: paymentOf.get(subject) ?? null };
}

function inOwnWords(difference: Difference): Difference {
  if (difference.kind === 'not_compared') return { ...difference, reason: 'it gave no answer' };
  return difference.kind === 'event_waiting' ? { ...difference, lastError: null } : difference;
}

/** The payment, refund or event that it is about; the gateway, where that is all that is known. */
function subjectOf(difference: Difference): string {
  switch (difference.kind) {
    case 'charge_of_failed_payment':
    case 'balance_differs':
      return difference.transactionId;
    case 'refund_of_failed_row':
    case 'refund_taken_back':
      return difference.refundId;
    case 'event_unfounded':
    case 'event_waiting':
      return difference.eventId;
    case 'not_compared':
      return difference.id ?? difference.gateway;
    case 'unknown_charge':
    case 'unknown_refund':
    case 'moved_twice':
    case 'amount_differs':
    case 'unresolved':
    case 'charge_missing':
    case 'refund_missing':
    case 'event_missing':
      return difference.id;
  }
}
