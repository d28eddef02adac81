/** Outcomes of calls that a gateway refused, made from the cause; the contract's code follows from it (domain/failure.ts). */
import { codeOf } from '../domain/failure.ts';
import type { DeclineCause, FailureCause } from '../domain/failure-causes.ts';
import type { GatewayOutcome } from './gateway.ts';

/**
 * The outcome of a call that was certainly not carried out.
 *
 * @param reason for the log, where the operator has to act; callers get the reason of the cause
 */
export function refusedBecause(cause: FailureCause, providerCode?: string, reason?: string): GatewayOutcome {
  const why = { cause, ...(providerCode !== undefined && { providerCode }) };
  const code = codeOf(cause);
  if (code !== 'PAYMENT_GATEWAY_ERROR') return { kind: 'declined', code, ...why };
  return { kind: 'failed', ...why, ...(reason !== undefined && { reason }) };
}

export function declinedBecause(cause: DeclineCause, providerCode?: string): GatewayOutcome & { kind: 'declined' } {
  return { kind: 'declined', code: codeOf(cause), cause, ...(providerCode !== undefined && { providerCode }) };
}

/** A provider's code is external input: `constructor` must not find a member of `Object`. */
export function causeIn<Cause>(table: Readonly<Record<string, Cause>>, code: string | undefined): Cause | null {
  return code !== undefined && Object.hasOwn(table, code) ? (table[code] ?? null) : null;
}
