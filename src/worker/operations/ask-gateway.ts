/** One call to the gateway: with a deadline, with a log line, and with an honest answer whatever happens. */
import { type FailureCode, failure } from '../../payments/failure.ts';
import type { Outcome } from '../../payments/transaction.ts';
import { within } from '../deadline.ts';
import { recordCall } from '../gateways/circuit-breaker.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp } from '../gateways/gateway.ts';
import { errorFields } from '../log.ts';
import type { OperationContext } from './context.ts';

/** A gateway sees its signal aborted at the deadline, and has this long to say what it knows. */
export const GRACE_MS = 250;

/** `charge` and `refund` are what the gateway's answer is about. */
type Subject = 'charge' | 'refund';

/**
 * Asks for money to be moved, and answers with the outcome that is to be recorded, or with null where it is unknown. A deadline
 * that passes and an error that is thrown are unknown outcomes (invariant 3): the request may have arrived.
 */
export async function askGateway(
  context: OperationContext,
  gateway: Gateway,
  subject: Subject,
  id: string,
  deadlineMs: number,
  ask: (signal: AbortSignal) => Promise<GatewayOutcome>,
): Promise<Outcome | null> {
  const { log, nowMs } = context;
  const startedAtMs = nowMs();
  let answer: GatewayOutcome;
  try {
    answer = await within(deadlineMs + GRACE_MS, `the gateway's ${subject}`, ask(AbortSignal.timeout(deadlineMs)));
  } catch (error) {
    log('error', 'gateway.broke', { gateway: gateway.name, call: subject, id, ...errorFields(error) });
    answer = { kind: 'unknown', reason: 'the gateway could not be asked' };
  }
  const answered = answer.kind === 'approved' || answer.kind === 'declined';
  if (gateway.canBeDown && gateway.name === context.gateway.name) recordCall(context.breaker, answered, nowMs());
  log(answered ? 'info' : 'warn', 'gateway.answered', {
    gateway: gateway.name,
    call: subject,
    id,
    ...told(answer),
    duration_ms: nowMs() - startedAtMs,
  });
  return outcomeOf(subject, answer);
}

/** Asks what became of a call, or for it to be cancelled. Whatever prevents an answer is `unreachable`. */
export async function lookUp<Answer extends LookUp | Fence>(
  { log, nowMs }: OperationContext,
  gateway: Gateway,
  call: 'lookUpCharge' | 'lookUpRefund' | 'cancelCharge',
  id: string,
  deadlineMs: number,
  ask: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer | Extract<LookUp, { kind: 'unreachable' }>> {
  const startedAtMs = nowMs();
  let answer: Answer | Extract<LookUp, { kind: 'unreachable' }>;
  try {
    answer = await within(deadlineMs + GRACE_MS, `the gateway's ${call}`, ask(AbortSignal.timeout(deadlineMs)));
  } catch (error) {
    log('error', 'gateway.broke', { gateway: gateway.name, call, id, ...errorFields(error) });
    answer = { kind: 'unreachable', reason: 'the gateway could not be asked' };
  }
  log(answer.kind === 'unreachable' ? 'warn' : 'info', 'gateway.answered', {
    gateway: gateway.name,
    call,
    id,
    ...told(answer),
    duration_ms: nowMs() - startedAtMs,
  });
  return answer;
}

/** The outcome that an answer settles; null where it settles none. */
export function outcomeOf(subject: Subject, answer: GatewayOutcome | LookUp | Fence): Outcome | null {
  switch (answer.kind) {
    case 'approved':
      return { status: 'completed', gatewayReference: answer.reference };
    case 'declined':
      return failed(subject === 'charge' ? answer.code : 'REFUND_NOT_ALLOWED', answer.reason);
    case 'failed':
      return failed('PAYMENT_GATEWAY_ERROR');
    case 'cancelled':
      return NEVER_HAPPENED;
    case 'unknown':
    case 'in_progress':
    case 'not_found':
    case 'unreachable':
      return null;
  }
}

function failed(code: FailureCode, reason?: string): Outcome & { status: 'failed' } {
  return { status: 'failed', failure: failure(code, reason) };
}

/** Of a call that the gateway never took, and never will. */
export const NEVER_HAPPENED = failed('PAYMENT_GATEWAY_ERROR', 'The request never reached the payment gateway');

function told(answer: GatewayOutcome | LookUp | Fence) {
  return {
    outcome: answer.kind,
    code: answer.kind === 'declined' ? answer.code : undefined,
    reason: 'reason' in answer ? answer.reason : undefined,
  };
}
