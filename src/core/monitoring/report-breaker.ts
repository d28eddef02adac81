import type { Context } from '../context.ts';
import { type BreakerReport, recordBreaker } from '../ledger/metrics/record-breaker.ts';
import { errorFields } from '../log.ts';

/** Writes down what has become of a circuit breaker. Never throws: it is for those who watch the service, and no payment depends on it. */
export async function reportBreaker({ db, log, nowMs }: Context, report: BreakerReport): Promise<void> {
  const { gateway, operation, change } = report;
  log(change.kind === 'open' ? 'warn' : 'info', `breaker.${change.kind}`, { gateway, operation });
  // The caller of the payment does not wait for it.
  const { patience: _, ...unhurried } = db;
  try {
    await recordBreaker(unhurried, report, nowMs());
  } catch (error) {
    log('warn', 'breaker.not_recorded', { gateway, operation, ...errorFields(error) });
  }
}
