/**
 * Sends an order to the service until it has answered for it, and then follows the rows until they say how it ended. Each repetition is the
 * same order: a refund has an idempotency key, and a capture or a void is a step that a payment's row takes once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { withProgress } from '../local/progress.ts';
import { type Call, callService, type ErrorAnswer, type Reply, type Service } from './service-access.ts';

const TRIES_MAX = 5;
const FIRST_PAUSE_MS = 1_000;
const POLL_EVERY_MS = 1_000;

export interface Refusal {
  status: number;
  code: string;
  message: string;
  reason: string | null;
  nextStep: string | null;
}

/** What the service has made of an order, as far as it says so. */
export type Answer =
  | { kind: 'done' }
  | { kind: 'refused'; refusal: Refusal }
  /** It has begun, and has no outcome yet. */
  | { kind: 'pending'; refundId: string | null; reason: string }
  /** No try was answered for certain, and one may have arrived. */
  | { kind: 'unknown'; reason: string }
  /** No try can have done anything. */
  | { kind: 'not_ordered'; reason: string };

/** What one reply says. */
type Verdict =
  | Exclude<Answer, { kind: 'unknown' }>
  | { kind: 'again'; reason: string; afterMs: number | null; isHarmless: boolean; isUnreached?: true };

/** @param waitMs how long the service may ask to be left alone, in all */
export async function orderAtService(
  service: Service,
  call: Call,
  { waitMs, pauseMs = FIRST_PAUSE_MS }: { waitMs: number; pauseMs?: number },
): Promise<Answer> {
  return withProgress('Asking the service', async () => {
    let mayHaveArrived = false;
    let reason = '';
    const untilMs = performance.now() + waitMs;
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const verdict = verdictOn(await callService(service, call), service, call);
      if (verdict.kind !== 'again') {
        // A key that was revoked, or a wrong address, says nothing of the try before it.
        return mayHaveArrived && isAboutThisTry(verdict) ? { kind: 'unknown', reason } : verdict;
      }
      reason = verdict.reason;
      // Nobody is there, and nothing was sent: a person finds the address sooner than a repetition does.
      if (verdict.isUnreached && !mayHaveArrived) break;
      mayHaveArrived ||= !verdict.isHarmless;
      if (attempt === TRIES_MAX) break;
      // Sooner than the service has asked for, it would refuse again.
      if (verdict.afterMs !== null && performance.now() + verdict.afterMs > untilMs) {
        reason += `. The service asks to be left alone for ${Math.ceil(verdict.afterMs / 1_000)} s, which is longer than --wait allows`;
        break;
      }
      await sleep(verdict.afterMs ?? pauseMs * 2 ** (attempt - 1));
    }
    return { kind: mayHaveArrived ? 'unknown' : 'not_ordered', reason };
  });
}

function isAboutThisTry(verdict: Verdict): boolean {
  if (verdict.kind === 'refused') return verdict.refusal.status === 401 || verdict.refusal.status === 403;
  return verdict.kind === 'not_ordered';
}

function verdictOn(reply: Reply, { url }: Service, call: Call): Verdict {
  switch (reply.kind) {
    case 'lost':
      return { kind: 'again', reason: reply.reason, afterMs: null, isHarmless: false };
    case 'unreached':
      return {
        kind: 'again',
        reason: `${url} cannot be reached: ${reply.reason}`,
        afterMs: null,
        isHarmless: true,
        isUnreached: true,
      };
    case 'stranger':
      return { kind: 'not_ordered', reason: `${reply.reason}: this is not the payment service` };
    case 'done':
      return { kind: 'done' };
    case 'error':
      return verdictOnError(reply, call);
  }
}

function verdictOnError({ status, body, retryAfterMs }: Reply & { kind: 'error' }, { path }: Call): Verdict {
  const refusal = refusalOf(status, body);
  const { details } = body.error;
  const refundId = details?.refund_transaction_id ?? null;
  const reason = [refusal.message, refusal.reason].filter(Boolean).join(': ');
  const isPending = details?.status === 'pending' || body.status === 'pending';
  const again = (isHarmless: boolean): Verdict => ({ kind: 'again', reason, afterMs: retryAfterMs, isHarmless });
  if (refusal.code === 'NOT_CONFIGURED') return { kind: 'not_ordered', reason };
  if (refusal.code === 'IDEMPOTENCY_IN_PROGRESS' || (status === 502 && isPending)) {
    return { kind: 'pending', refundId, reason };
  }
  // A capture or a void is under way: this one's, whose answer was lost, or another's. The row says how it ends.
  if (status === 409 && isPending && path !== '/payment/refund') return { kind: 'pending', refundId, reason };
  if (status === 429) return again(true);
  // Without a refund's id, nothing was reserved; a capture or a void may have begun.
  if (status === 503) return again(path === '/payment/refund' && refundId === null);
  if (status >= 500 && status !== 502) return again(false);
  return { kind: 'refused', refusal };
}

function refusalOf(status: number, { error }: ErrorAnswer): Refusal {
  const { code, message, details } = error;
  const issue = (details?.issues ?? []).map((one) => `${one.path} ${one.message}`).join('; ');
  return {
    status,
    code: details?.error_code ?? code,
    message,
    reason: details?.reason ?? (issue || null),
    nextStep: details?.next_step ?? null,
  };
}

/** How the rows said that it ended. */
export interface FollowedOutcome<Outcome> {
  /** Null where there is none in time. */
  outcome: Outcome | null;
  /** Why the last read failed; null where it did not. */
  problem: string | null;
}

/**
 * Reads the rows once a second until they say how it ended. A read that fails is made again: it says nothing of the order.
 *
 * @param read null as long as there is no outcome
 */
export async function followOutcome<Outcome>(
  read: () => Promise<Outcome | null>,
  seconds: number,
): Promise<FollowedOutcome<Outcome>> {
  return withProgress('Waiting for the outcome', async () => {
    const untilMs = performance.now() + seconds * 1_000;
    for (;;) {
      const [outcome, problem] = await read().then(
        (found) => [found, null] as const,
        (error: unknown) => [null, error instanceof Error ? error.message : String(error)] as const,
      );
      if (outcome !== null || performance.now() >= untilMs) return { outcome, problem };
      await sleep(POLL_EVERY_MS);
    }
  });
}
