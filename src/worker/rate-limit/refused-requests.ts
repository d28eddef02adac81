/**
 * Counts the requests that the limiter has refused. An isolate counts in memory, and adds its number to the first database once a minute at most:
 * a flood must not become a flood of writes. It writes at a refusal, a batch of a queue or a run of the cron that comes a minute or more after
 * the first one that it has counted. What an isolate has not written when it ends is lost.
 */
import { backgroundCaller } from '../../core/caller.ts';
import { addRateLimited } from '../../core/ledger/metrics/add-rate-limited.ts';
import { errorFields, type Log } from '../../core/log.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { Bindings } from '../bindings.ts';
import { compose } from '../compose.ts';

const WRITTEN_EVERY_MS = 60_000;

interface Counted {
  requests: number;
  /** When the first of them was refused. */
  sinceMs: number;
}

/** By the environment, whose database they are written to. */
const countedIn = new WeakMap<Bindings, Counted>();

export function countRefused(env: Bindings, nowMs: number): void {
  const counted = countedIn.get(env);
  if (counted === undefined) countedIn.set(env, { requests: 1, sinceMs: nowMs });
  else counted.requests += 1;
}

/** Writes what was counted, if a minute has passed. Null: there is nothing to wait for. It never throws. */
export function writeRefused(env: Bindings, settings: Settings, log: Log, nowMs: number): Promise<void> | null {
  const counted = countedIn.get(env);
  if (counted === undefined || nowMs < counted.sinceMs + WRITTEN_EVERY_MS) return null;
  countedIn.delete(env);
  return write({ env, settings, log }, counted.requests);
}

async function write(invocation: { env: Bindings; settings: Settings; log: Log }, requests: number): Promise<void> {
  const { db } = compose({ ...invocation, caller: backgroundCaller('limiter'), patience: null }).at(0);
  try {
    await addRateLimited(db, requests);
  } catch (error) {
    // Whether they were added is unknown. They are not added again.
    invocation.log('warn', 'rate_limit.not_counted', { requests, ...errorFields(error) });
  }
}
