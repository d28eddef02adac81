/**
 * Counts the requests that the limiter has refused. An isolate counts in memory, and adds its number to the first database once a minute at most:
 * a flood must not become a flood of writes. What an isolate has counted when it ends is lost.
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
  writtenAtMs: number;
}

/** By the environment, whose database they are written to. */
const countedIn = new WeakMap<Bindings, Counted>();

/** Counts one; to be followed by `writeRefused`. */
export function countRefused(env: Bindings): void {
  const counted = countedIn.get(env) ?? { requests: 0, writtenAtMs: 0 };
  counted.requests += 1;
  countedIn.set(env, counted);
}

/** Writes what was counted, if there is something and a minute has passed. Null: there is nothing to wait for. It never throws. */
export function writeRefused(env: Bindings, settings: Settings, log: Log, nowMs: number): Promise<void> | null {
  const counted = countedIn.get(env);
  if (counted === undefined || counted.requests === 0 || nowMs < counted.writtenAtMs + WRITTEN_EVERY_MS) return null;
  const { requests } = counted;
  counted.requests = 0;
  counted.writtenAtMs = nowMs;
  return write({ env, settings, log }, requests);
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
