/** Waits for what the outbox and the look-ups bring about. */
import { until } from './child.ts';
import { localDatabase } from './local-database.ts';
import type { Stack } from './stack.ts';

const SWEEP_EVERY_MS = 1_000;

/**
 * Waits until it holds. On Cloudflare, the cron makes up for what was missed. `wrangler dev` runs no cron, so this sweeps in its place, but
 * only after a time in which no sweep should be needed.
 */
export async function untilSwept(
  stack: Pick<Stack, 'worker' | 'directory'>,
  what: string,
  holds: () => Promise<boolean> | boolean,
  { firstAfterMs = 15_000, deadlineMs = 100_000 } = {},
): Promise<void> {
  let sweepAtMs = Date.now() + firstAfterMs;
  const holdsSwept = async () => {
    if (await holds()) return true;
    if (Date.now() < sweepAtMs) return false;
    await stack.worker.sweep();
    sweepAtMs = Date.now() + SWEEP_EVERY_MS;
    return holds();
  };
  await until(what, holdsSwept, { deadlineMs, lastWords: () => firstWaiting(stack.directory) });
}

function firstWaiting(directory: string): string {
  const database = localDatabase(directory);
  try {
    return database
      .column(
        `SELECT json_object('event_id', event_id, 'attempts', attempts, 'leased_until_ms', leased_until_ms,
           'next_attempt_at_ms', next_attempt_at_ms, 'last_error', last_error)
         FROM events WHERE delivered_at_ms IS NULL ORDER BY sequence LIMIT 3`,
      )
      .join('\n');
  } finally {
    database.close();
  }
}
