/** How long an event that could not be delivered waits. It is tried again without end (invariant 4). */

const FIRST_DELAY_MS = 10_000;
const MAX_DELAY_MS = 5 * 60_000;

/** Of an event that no broker helps: its address cannot be opened, or the bridge does not understand it. */
const HOPELESS_MAX_DELAY_MS = 6 * 60 * 60_000;

/**
 * Milliseconds until the next attempt, after `attempts` that failed: 10 s, 20 s, 40 s, … 5 min; of a hopeless one the same,
 * up to 6 h.
 */
export function retryDelayMs(attempts: number, isHopeless = false): number {
  return Math.min(isHopeless ? HOPELESS_MAX_DELAY_MS : MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
}
