/** One call to the gateway: with a deadline, with a log line, and with an honest answer whatever happens. */
import { failure } from '../../payments/failure.ts';
import type { Outcome } from '../../payments/transaction.ts';
import { within } from '../deadline.ts';
import type { GatewayOutcome } from '../gateways/gateway.ts';
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import type { OperationContext } from './context.ts';

/** From the gateway's deadline on, how long to wait before the gateway is asked what became of a call. */
const FIRST_LOOKUP_AFTER_DEADLINE_MS = 5_000;
/** A gateway sees its signal aborted at the deadline, and has this long to say what it knows. */
export const GRACE_MS = 250;

/** When an outcome may first be looked up, of a call that follows a write to the ledger which begins now. */
export function firstLookupAtMs({ settings, nowMs }: OperationContext): number {
  return nowMs() + BATCH_DEADLINE_MS + settings.gatewayTimeoutMs + GRACE_MS + FIRST_LOOKUP_AFTER_DEADLINE_MS;
}

/**
 * Asks, and answers with the outcome that is to be recorded, or with null where it is unknown. A deadline that passes and an
 * error that is thrown are unknown outcomes (invariant 3): the request may have arrived.
 */
export async function askGateway(
  context: OperationContext,
  call: 'charge' | 'refund',
  id: string,
  ask: (signal: AbortSignal) => Promise<GatewayOutcome>,
): Promise<Outcome | null> {
  const { gateway, settings, log, nowMs } = context;
  const startedAtMs = nowMs();
  let outcome: GatewayOutcome;
  try {
    const signal = AbortSignal.timeout(settings.gatewayTimeoutMs);
    outcome = await within(settings.gatewayTimeoutMs + GRACE_MS, `the gateway's ${call}`, ask(signal));
  } catch (error) {
    log('error', 'gateway.broke', { gateway: gateway.name, call, id, ...errorFields(error) });
    outcome = { kind: 'unknown', reason: 'the gateway could not be asked' };
  }
  log(outcome.kind === 'unknown' || outcome.kind === 'failed' ? 'warn' : 'info', 'gateway.answered', {
    gateway: gateway.name,
    call,
    id,
    outcome: outcome.kind,
    code: outcome.kind === 'declined' ? outcome.code : undefined,
    reason: outcome.kind === 'unknown' ? outcome.reason : undefined,
    duration_ms: nowMs() - startedAtMs,
  });
  switch (outcome.kind) {
    case 'approved':
      return { status: 'completed', gatewayReference: outcome.reference };
    case 'declined': {
      const code = call === 'charge' ? outcome.code : 'REFUND_NOT_ALLOWED';
      return { status: 'failed', failure: failure(code, outcome.reason) };
    }
    case 'failed':
      return { status: 'failed', failure: failure('PAYMENT_GATEWAY_ERROR') };
    case 'unknown':
      return null;
  }
}
