/**
 * Sends an order to the service until it has answered for it, and then follows the rows until they say how it ended. Each repetition is the
 * same order: a refund has an idempotency key, and a capture or a void is a step that a payment's row takes once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { withProgress } from '../local/progress.ts';
import { type Call, callService, type Reply, type Service } from './service-access.ts';

const TRIES_MAX = 5;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
const POLL_EVERY_MS = 1_000;

export interface Refusal {
  status: number;
  code: string;
  message: string;
  reason: string | null;
  nextStep: string | null;
  neededScope: string | null;
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

export async function orderAtService(
  service: Service,
  call: Call,
  { pauseMs = FIRST_PAUSE_MS }: { pauseMs?: number } = {},
): Promise<Answer> {
  return withProgress('Asking the service', async () => {
    let mayHaveArrived = false;
    let reason = '';
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
      if (attempt < TRIES_MAX) {
        await sleep(Math.min(verdict.afterMs ?? pauseMs * 2 ** (attempt - 1), LONGEST_PAUSE_MS));
      }
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
    case 'answered':
      return verdictOnAnswer(reply, call);
  }
}

function verdictOnAnswer({ status, body, retryAfterMs }: Reply & { kind: 'answered' }, { path }: Call): Verdict {
  if (status < 300) return { kind: 'done' };
  const refusal = refusalOf(status, body);
  const details = objectIn(objectIn(body, 'error'), 'details');
  const refundId = textIn(details, 'refund_transaction_id');
  const reason = [refusal.message, refusal.reason].filter(Boolean).join(': ');
  const isPending = textIn(details, 'status') === 'pending' || textIn(body, 'status') === 'pending';
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
  if (status === 500) return again(false);
  return { kind: 'refused', refusal };
}

function refusalOf(status: number, body: Record<string, unknown>): Refusal {
  const error = objectIn(body, 'error');
  const details = objectIn(error, 'details');
  const issues: unknown = valueIn(details, 'issues');
  const listed: unknown[] = Array.isArray(issues) ? issues : [];
  const issue = listed.map((one) => `${textIn(one, 'path')} ${textIn(one, 'message')}`).join('; ');
  return {
    status,
    code: textIn(details, 'error_code') ?? textIn(error, 'code') ?? String(status),
    message: textIn(error, 'message') ?? `The service answered ${status}`,
    reason: textIn(details, 'reason') ?? (issue || null),
    nextStep: textIn(details, 'next_step'),
    neededScope: textIn(details, 'needed_scope'),
  };
}

function valueIn(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function objectIn(value: object, name: string): object {
  const found = valueIn(value, name);
  return typeof found === 'object' && found !== null ? found : {};
}

function textIn(value: unknown, name: string): string | null {
  const found = valueIn(value, name);
  return typeof found === 'string' ? found : null;
}

/**
 * Reads the rows once a second until they say how it ended.
 *
 * @param read null as long as there is no outcome
 * @returns null where there is none after `seconds`
 */
export async function followOutcome<Outcome>(
  read: () => Promise<Outcome | null>,
  seconds: number,
): Promise<Outcome | null> {
  return withProgress('Waiting for the outcome', async () => {
    const untilMs = performance.now() + seconds * 1_000;
    for (;;) {
      const outcome = await read();
      if (outcome !== null || performance.now() >= untilMs) return outcome;
      await sleep(POLL_EVERY_MS);
    }
  });
}
