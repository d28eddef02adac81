/** How long an event that could not be delivered waits. It is tried again without end (invariant 4). */

const FIRST_DELAY_MS = 10_000;
const MAX_DELAY_MS = 5 * 60_000;

/** Milliseconds until the next attempt, after `attempts` that failed: 10 s, 20 s, 40 s, … 5 min. */
export function retryDelayMs(attempts: number): number {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
}
