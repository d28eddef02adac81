/**
 * What the service answers, and what the answer to a POST means. A request whose answer was lost may have been carried out. A refusal of its
 * repetition does not mean that it was not: the rate limit, the sign-in or the database may have refused the repetition alone.
 */
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { ErrorDetails, ErrorEnvelope, PaymentFailureResponse } from '../../contract/responses.ts';

export type Problem =
  | {
      kind: 'refused';
      status: number;
      code: ErrorCode | null;
      message: string;
      details: ErrorDetails;
      /** As in the Worker's log. */
      requestId: string | null;
    }
  /** No answer came: a POST may have been carried out. */
  | { kind: 'unanswered' }
  /** The caller has aborted the request. */
  | { kind: 'cancelled' };

export type Answer<T> = { kind: 'ok'; body: T } | Problem;

/** The error of a refusal's body; null if the answer is not the service's own, but comes from a server in front of it. */
export function errorOf(body: unknown): ErrorEnvelope['error'] | null {
  const { error, status } = (body ?? {}) as Partial<PaymentFailureResponse>;
  if (typeof error?.code !== 'string') return null;
  // A failed or pending payment has its status beside the envelope.
  return status === undefined ? error : { ...error, details: { status, ...error.details } };
}

export type Outcome<T> =
  | { kind: 'done'; body: T }
  /** Recorded, without an outcome yet. */
  | { kind: 'pending'; lines: readonly string[] }
  /** Nothing was done, or it has failed for certain. */
  | { kind: 'refused'; problem: Problem }
  /** It may have been done. */
  | { kind: 'lost'; problem: Problem };

/** @param wasLost whether an earlier answer to the same request was lost: then only an outcome of the refund or payment itself is final */
export function outcomeOf<T>(answer: Answer<T>, wasLost: boolean): Outcome<T> {
  if (answer.kind === 'ok') return { kind: 'done', body: answer.body };
  if (answer.kind !== 'refused') return { kind: 'lost', problem: answer };
  const { status, code, message, details } = answer;
  const isUnfinished = details.status === 'pending' || details.status === 'authorized';
  const isPending = code === 'IDEMPOTENCY_IN_PROGRESS' || (code === 'PAYMENT_GATEWAY_ERROR' && isUnfinished);
  if (isPending) return { kind: 'pending', lines: [message, ...(details.reason ? [details.reason] : [])] };
  // The lost capture or void has begun, or somebody else's: the payment says how it ends.
  if (wasLost && code === 'DUPLICATE_TRANSACTION' && isUnfinished) return { kind: 'pending', lines: [] };
  const isEnded = Boolean(details.status) && !isUnfinished;
  const hasId = Boolean(details.refund_transaction_id ?? details.transaction_id);
  const isFinal = wasLost ? isEnded && hasId : isEnded || status < 500;
  return { kind: isFinal ? 'refused' : 'lost', problem: answer };
}

/** Less than the 24 hours for which the service keeps an Idempotency-Key. */
export const REPEATABLE_MS = 23 * 60 * 60_000;

/** Whether sending a refund again, which was first sent at `sentAtMs`, is certainly the same refund. */
export function isRepeatable(sentAtMs: number, nowMs: number): boolean {
  return nowMs - sentAtMs < REPEATABLE_MS;
}
