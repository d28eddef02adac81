/**
 * When the gateway is first asked about an outcome, when it is asked less often, and when the service stops asking. The pace in between is
 * set by the ledger: see `ledger/look-ups/look-up-task.ts`.
 */

import type { Context } from '../context.ts';
import type { Refund } from '../domain/transaction.ts';
import type { Gateway } from '../gateways/gateway.ts';
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';

/**
 * From the gateway's deadline on. In it lies what the claim before the call may have taken, so that no look-up comes
 * while the call may still be answered.
 */
const FIRST_LOOKUP_AFTER_DEADLINE_MS = BATCH_DEADLINE_MS + 1_000;

/**
 * A charge that the gateway does not know may be on its way. For so long after its deadline it is waited for, since a
 * ticket that is paid late is better than one that is not sold; then it is cancelled.
 */
const CANCEL_AFTER_DEADLINE_MS = 30_000;

/** From the last request for a refund to when its key is forgotten, at least. */
const KEY_MARGIN_MS = 60 * 60_000;

/**
 * A row that is older than this, and still open though the gateway answers, is asked about ever more seldom: after half of its
 * age, and at least every six hours. PayPal can hold a capture for days, and such rows must not take the others' turns.
 */
const SELDOM_FROM_MS = 10 * 60_000;
const SELDOM_MAX_MS = 6 * 60 * 60_000;

/** Between two looks at a pending row whose gateway is not configured any more. */
export const UNCONFIGURED_PAUSE_MS = 60 * 60_000;
/** The same of a row that has ended. */
export const UNCONFIGURED_FOLLOW_UP_PAUSE_MS = 24 * 60 * 60_000;

/** After a failure, the gateway is asked again, in case a charge or a hold turns up after all. */
const FAILED_CHARGE_FOLLOW_UPS_MS = [60 * 60_000, 24 * 60 * 60_000];
/** Banks take refunds back days after they were paid. */
const PAID_REFUND_FOLLOW_UPS_MS = [24 * 60 * 60_000, 7 * 24 * 60 * 60_000];

/** When an outcome may first be looked up, of a call that follows a write to the ledger which begins now. */
export function firstLookUpAtMs({ settings, nowMs }: Context): number {
  return nowMs() + settings.gatewayTimeoutMs + FIRST_LOOKUP_AFTER_DEADLINE_MS;
}

/** From when on a charge that the gateway does not know is cancelled. */
export function cancelsFromMs({ settings }: Context, createdAtMs: number): number {
  return createdAtMs + settings.gatewayTimeoutMs + CANCEL_AFTER_DEADLINE_MS;
}

/** From when on a charge that the gateway does not know never happened, where it documents the longest time for that. */
export function neverHappensFromMs({ settings }: Context, createdAtMs: number, knownWithinMs: number): number {
  return createdAtMs + BATCH_DEADLINE_MS + settings.gatewayTimeoutMs + knownWithinMs;
}

/** Until when a refund that the gateway does not know is sent again: well before the gateway forgets its key. */
export function refundIsSentAgainUntilMs({ createdAtMs }: Refund, { keysKeptForMs, knownWithinMs }: Gateway): number {
  return createdAtMs + keysKeptForMs - Math.max(KEY_MARGIN_MS, 2 * knownWithinMs);
}

export function failedChargeFollowUpMs(endedAtMs: number, nowMs: number): number | null {
  return nextOf(FAILED_CHARGE_FOLLOW_UPS_MS, endedAtMs, nowMs);
}

export function paidRefundFollowUpMs(endedAtMs: number, nowMs: number): number | null {
  return nextOf(PAID_REFUND_FOLLOW_UPS_MS, endedAtMs, nowMs);
}

/** A follow-up that the gateway cannot answer is made again so long after the last one, before it is given up. */
const UNANSWERED_FOLLOW_UPS_MS = [24 * 60 * 60_000, 48 * 60 * 60_000];
/** After so long, a follow-up that a gateway did not answer at all is given up. */
const UNREACHED_FOLLOW_UP_MS = 30 * 24 * 60 * 60_000;

/** When a follow-up is made again to which the gateway's answer said nothing; null: it is given up. */
export function unansweredFollowUpMs(of: 'payment' | 'refund', endedAtMs: number, nowMs: number): number | null {
  const regular = of === 'payment' ? FAILED_CHARGE_FOLLOW_UPS_MS : PAID_REFUND_FOLLOW_UPS_MS;
  const last = regular.at(-1) ?? 0;
  return nextOf([...regular, ...UNANSWERED_FOLLOW_UPS_MS.map((afterMs) => last + afterMs)], endedAtMs, nowMs);
}

/** Whether a follow-up is given up because the gateway has not been reached for it all the time. */
export function isUnreachedTooLong(endedAtMs: number, nowMs: number): boolean {
  return nowMs - endedAtMs > UNREACHED_FOLLOW_UP_MS;
}

/** After so many checks for external refunds, a quarter of an hour has passed at the pace of any other. */
const OFTEN_CHECKS = 10;
/** After so many, about a month. */
const MAX_CHECKS = 130;

/**
 * When a payment is checked for external refunds again, after so many checks that have decided nothing; null: it is given up. A check
 * has no time at which it began, and the payment may be old, so that checks are counted.
 */
export function externalCheckAtMs(checks: number, nowMs: number, atUsualPaceMs: number): number | null {
  if (checks >= MAX_CHECKS) return null;
  if (checks < OFTEN_CHECKS) return atUsualPaceMs;
  return nowMs + Math.min(SELDOM_FROM_MS * 2 ** (checks - OFTEN_CHECKS), SELDOM_MAX_MS);
}

/** When a pending row is asked about again that the gateway answers for without an outcome; null: at the pace of any other. */
export function seldomLookUpAtMs(openSinceMs: number, nowMs: number): number | null {
  const ageMs = nowMs - openSinceMs;
  return ageMs < SELDOM_FROM_MS ? null : nowMs + Math.min(Math.floor(ageMs / 2), SELDOM_MAX_MS);
}

function nextOf(delaysMs: readonly number[], endedAtMs: number, nowMs: number): number | null {
  return delaysMs.map((delayMs) => endedAtMs + delayMs).find((atMs) => atMs > nowMs) ?? null;
}
