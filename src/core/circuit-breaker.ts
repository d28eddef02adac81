/**
 * Spares payers the wait for a gateway or a database that is down. After several calls in a row without an answer it refuses at once, and
 * lets one call through from time to time, to see whether the other side is back. Plain data, which an isolate keeps.
 */
export interface CircuitBreaker {
  /** Between two calls that are let through while it is open. */
  probeIntervalMs: number;
  failuresInARow: number;
  /** Until when calls are refused, once there have been too many failures. */
  refusesUntilMs: number;
  /** The `refusesUntilMs` that was last reported; 0 where it was reported as closed. */
  reportedUntilMs: number;
}

/** Of one gateway. Two, because charges may work while refunds are down. */
export interface CircuitBreakers {
  charge: CircuitBreaker;
  refund: CircuitBreaker;
}

export function newCircuitBreakers(): CircuitBreakers {
  return { charge: newCircuitBreaker(), refund: newCircuitBreaker() };
}

/** The breakers of each gateway, by its name. */
export function newBreakersOf(): (gateway: string) => CircuitBreakers {
  const breakers = new Map<string, CircuitBreakers>();
  return function breakersOf(gateway) {
    const known = breakers.get(gateway) ?? newCircuitBreakers();
    breakers.set(gateway, known);
    return known;
  };
}

/** Consecutive failures that open it. */
const FAILURES_TO_OPEN = 5;
/** Of a gateway. */
const PROBE_INTERVAL_MS = 10_000;

export function newCircuitBreaker(probeIntervalMs = PROBE_INTERVAL_MS): CircuitBreaker {
  return { probeIntervalMs, failuresInARow: 0, refusesUntilMs: 0, reportedUntilMs: 0 };
}

export type Permit =
  /** The call may be made. */
  | { kind: 'free' }
  /** Only this call may be made, as a probe; the others wait for its result. */
  | { kind: 'probe' }
  | { kind: 'refused'; retryAfterMs: number };

/** Whether it lets everybody through. */
export function isClosed(breaker: CircuitBreaker): boolean {
  return breaker.failuresInARow < FAILURES_TO_OPEN;
}

/** Whether a call may be made. A probe that makes no call has to be released. */
export function askForPermit(breaker: CircuitBreaker, nowMs: number): Permit {
  if (isClosed(breaker)) return { kind: 'free' };
  if (nowMs < breaker.refusesUntilMs) return { kind: 'refused', retryAfterMs: breaker.refusesUntilMs - nowMs };
  breaker.refusesUntilMs = nowMs + breaker.probeIntervalMs;
  return { kind: 'probe' };
}

/** Returns a permit that led to no call, so that the next caller can be the probe. */
export function release(breaker: CircuitBreaker, permit: Permit): void {
  if (permit.kind === 'probe') breaker.refusesUntilMs = 0;
}

/** Records the result of a call: any answer closes the breaker, failures in a row open it. */
export function recordCall(breaker: CircuitBreaker, answered: boolean, nowMs: number): void {
  breaker.failuresInARow = answered ? 0 : breaker.failuresInARow + 1;
  if (breaker.failuresInARow >= FAILURES_TO_OPEN) breaker.refusesUntilMs = nowMs + breaker.probeIntervalMs;
}

export type BreakerChange = { kind: 'closed' } | { kind: 'open'; untilMs: number };

/**
 * What is to be reported of it: that it has opened, that it stays open, or that it has closed. Null where that was reported before. While it is
 * open, it is reported once for each probe, however many calls end meanwhile.
 */
export function unreportedChange(breaker: CircuitBreaker): BreakerChange | null {
  if (isClosed(breaker)) {
    if (breaker.reportedUntilMs === 0) return null;
    breaker.reportedUntilMs = 0;
    return { kind: 'closed' };
  }
  if (breaker.refusesUntilMs < breaker.reportedUntilMs + breaker.probeIntervalMs / 2) return null;
  breaker.reportedUntilMs = breaker.refusesUntilMs;
  return { kind: 'open', untilMs: breaker.refusesUntilMs };
}
