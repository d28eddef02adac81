/**
 * Whose attempt a payment is: those who try out stolen cards try one card many times, many cards as one user, or from one place
 * with hardly any of them good. What is counted are keyed hashes, and nothing leads from them to a payment.
 */
import type { PaymentRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import type { Instrument } from '../gateways/gateway.ts';
import type { VelocityCount } from '../ledger/velocity/count-attempt.ts';

const HOUR_MS = 60 * 60_000;
const TEN_MINUTES_MS = 10 * 60_000;
/** Fewer attempts from one place say nothing, however many of them are declined. */
const DECLINES_FROM_ATTEMPTS = 20;

export async function countsOf(
  { settings, tenant, velocityHash, network, nowMs }: Context,
  { user_id: userId }: PaymentRequest,
  instrument: Instrument,
): Promise<VelocityCount[]> {
  const { attemptsPerCard, attemptsPerUser, declinePercent } = settings.velocity;
  const now = nowMs();
  const counts: VelocityCount[] = [];
  if (attemptsPerCard !== null && instrument.kind === 'card') {
    const subject = `card:${await velocityHash(instrument.card.number)}`;
    counts.push({ tenant, subject, ...windowAt(now, HOUR_MS), maxAttempts: attemptsPerCard, declines: null });
  }
  if (attemptsPerUser !== null) {
    const subject = `user:${await velocityHash(`user ${userId.normalize('NFKC').trim().toLowerCase()}`)}`;
    counts.push({ tenant, subject, ...windowAt(now, HOUR_MS), maxAttempts: attemptsPerUser, declines: null });
  }
  if (declinePercent !== null && network !== null) {
    const subject = `network:${await velocityHash(`network ${network}`)}`;
    const declines = { fromAttempts: DECLINES_FROM_ATTEMPTS, maxPercent: declinePercent };
    counts.push({ tenant, subject, ...windowAt(now, TEN_MINUTES_MS), maxAttempts: null, declines });
  }
  return counts;
}

/** Those of whom a decline counts as well as an attempt. */
export function declinesOf(counts: readonly VelocityCount[]): readonly VelocityCount[] {
  return counts.filter(({ declines }) => declines !== null);
}

/** Windows begin with the hour, or with ten minutes of it. */
function windowAt(nowMs: number, lengthMs: number) {
  const windowStartMs = Math.floor(nowMs / lengthMs) * lengthMs;
  return { windowStartMs, windowEndMs: windowStartMs + lengthMs };
}
