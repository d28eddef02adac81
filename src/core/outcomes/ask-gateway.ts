/** One call to the gateway: with a deadline, with a log line, and with an honest answer whatever happens. */

import { recordCall, unreportedChange } from '../circuit-breaker.ts';
import type { Context } from '../context.ts';
import { within } from '../deadline.ts';
import type { FailureCause } from '../domain/failure-causes.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp, RefundListing, Unreachable } from '../gateways/gateway.ts';
import { codeOrNone } from '../gateways/json-call.ts';
import { errorPlace, type LogLevel } from '../log.ts';

/** A gateway sees its signal aborted at the deadline, and has this long to answer with what it knows. */
export const GRACE_MS = 250;

export type GatewayAnswer = GatewayOutcome | LookUp | Fence;

export interface GatewayCall {
  gateway: Gateway;
  call:
    | 'charge'
    | 'completeCharge'
    | 'captureHold'
    | 'refund'
    | 'lookUpCharge'
    | 'lookUpRefund'
    | 'cancelCharge'
    | 'releaseHold'
    | 'listRefundsOfCharge';
  /** Of the transaction or the refund. */
  id: string;
  deadlineMs: number;
}

/** Logs that a gateway is not called because the account of its key is unknown: an error if only an operator can change that. */
export function logUnknownAccount(
  { log }: Context,
  gateway: string,
  { reason, cause }: Unreachable,
  id?: string,
): void {
  const level = cause === 'gateway_not_configured' ? 'error' : 'warn';
  log(level, 'gateway.account_unknown', { gateway, id, reason });
}

/** Asks for money to be moved. A deadline that passes is an unknown outcome (invariant 3). */
export function moveMoney(
  context: Context,
  call: GatewayCall & { call: 'charge' | 'completeCharge' | 'captureHold' | 'refund' },
  asking: (signal: AbortSignal) => Promise<GatewayOutcome>,
): Promise<GatewayOutcome> {
  return ask(context, call, { kind: 'unknown', reason: 'the gateway could not be asked' }, asking);
}

/** `gatewayMs`: how long the gateway took to answer; null where it did not. */
export interface TimedAnswer {
  answer: GatewayOutcome;
  gatewayMs: number | null;
}

/**
 * The same while a caller waits: it is timed, and the circuit breaker counts its result. A gateway that declines or refuses is up: callers
 * whose requests it refuses must not shut it for the others.
 */
export async function moveMoneyNow(
  context: Context,
  call: GatewayCall & { call: 'charge' | 'refund' },
  asking: (signal: AbortSignal) => Promise<GatewayOutcome>,
): Promise<TimedAnswer> {
  const startedAtMs = context.nowMs();
  const answer = await moveMoney(context, call, asking);
  const endedAtMs = context.nowMs();
  const { gateway } = call;
  const hasAnswered = !wasSilent(answer);
  if (gateway.canBeDown) {
    const breaker = context.breakersOf(gateway.name)[call.call];
    recordCall(breaker, hasAnswered, endedAtMs);
    const change = unreportedChange(breaker);
    if (change !== null) context.reportBreaker({ gateway: gateway.name, operation: call.call, change });
  }
  return { answer, gatewayMs: hasAnswered ? endedAtMs - startedAtMs : null };
}

function wasSilent(answer: GatewayOutcome): boolean {
  if (answer.kind === 'unknown') return answer.silent !== false;
  return answer.kind === 'failed' && answer.silent === true;
}

/** Whether an outcome that is not known yet is one that the provider is still processing. */
export function isAccepted(answer: GatewayOutcome): boolean {
  return answer.kind === 'unknown' && answer.accepted === true;
}

/** Asks what became of a call, or for it to be cancelled. Whatever prevents an answer is `unreachable`. */
export function lookUp<Answer extends LookUp | Fence | RefundListing>(
  context: Context,
  call: GatewayCall,
  asking: (signal: AbortSignal) => Promise<Answer | LookUp>,
): Promise<Answer | LookUp> {
  return ask<Answer | LookUp>(context, call, { kind: 'unreachable', reason: 'the gateway could not be asked' }, asking);
}

/** Asks, and answers with `broken` where the deadline passes or an error is thrown: the request may have arrived all the same. */
async function ask<Answer extends GatewayAnswer | RefundListing>(
  { log, nowMs }: Context,
  { gateway, call, id, deadlineMs }: GatewayCall,
  broken: Answer,
  asking: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const startedAtMs = nowMs();
  let answer: Answer;
  try {
    answer = await within(deadlineMs + GRACE_MS, `the gateway's ${call}`, asking(AbortSignal.timeout(deadlineMs)));
  } catch (error) {
    log('warn', 'gateway.broke', { gateway: gateway.name, call, id, ...errorPlace(error) });
    answer = broken;
  }
  const { kind: outcome, code, cause, providerCode, reason }: Details = answer;
  log(levelOf(answer), 'gateway.answered', {
    gateway: gateway.name,
    call,
    id,
    outcome,
    code,
    cause,
    provider_code: providerCode === undefined ? undefined : codeOrNone(providerCode),
    reason: isReasonOfGateway(answer) ? undefined : reason,
    duration_ms: nowMs() - startedAtMs,
  });
  return answer;
}

/** All that an answer of any kind may say of why it is what it is. */
interface Details {
  kind: string;
  code?: string;
  cause?: FailureCause;
  providerCode?: string;
  reason?: string;
}

/** Of a decline by a code alone: the protocol of HTTP gateways has the reason in the gateway's own words. */
function isReasonOfGateway(answer: GatewayAnswer | RefundListing): boolean {
  return answer.kind === 'declined' && answer.cause === undefined;
}

/**
 * What an operator has to mend is an error: keys that are wrong, an account that may not do what it is asked for, a charge that the
 * provider does not know, a payer who cheats.
 */
const NEED_AN_OPERATOR: readonly (FailureCause | undefined)[] = [
  'gateway_not_configured',
  'charge_unknown',
  'order_changed',
  'new_order_changed',
];

function levelOf(answer: GatewayAnswer | RefundListing): LogLevel {
  const { kind, cause, reason }: Details = answer;
  if (NEED_AN_OPERATOR.includes(cause) || (kind === 'approved' && reason !== undefined)) return 'error';
  if (cause === 'order_of_another_booking') return 'warn';
  const decidesNothing = kind === 'unknown' || kind === 'unreachable' || kind === 'undetermined';
  return decidesNothing || kind === 'failed' ? 'warn' : 'info';
}
