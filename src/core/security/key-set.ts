/**
 * The keys that issuers publish (RFC 7517), kept for as long as an isolate lives, so that a request seldom waits for them. What
 * is known goes on being used for a day while the issuer can't be reached. Tokens with a known key never wait for others: who makes
 * key names up costs nobody else anything.
 */
import * as z from 'zod/mini';
import { textAtMost } from '../answer-body.ts';
import { errorFields, type Log } from '../log.ts';
import type { Unavailable } from './credential.ts';

const FRESH_FOR_MS = 10 * 60_000;
/** What the issuer has withdrawn meanwhile must not be good for as long as it can't be reached. */
const USED_FOR_MS = 24 * 60 * 60_000;
/** Between two attempts to renew keys that are known, while the issuer does not answer. */
const RENEWED_AGAIN_AFTER_MS = 30_000;
/**
 * A token may name a key that is newer than what is known, so the issuer is asked: by each request for itself, since requests
 * can't share a fetch on Workers. Whoever makes names up must not have the issuer asked each time. So an isolate asks this often
 * at once, and then once in each interval.
 */
const UNKNOWN_KEY_FETCHES = 20;
const UNKNOWN_KEY_INTERVAL_MS = 1_500;
const FETCH_DEADLINE_MS = 2_000;
/** A key has about 2 KB with its certificates; an issuer publishes a handful. */
const KEY_SET_MAX_BYTES = 256 * 1024;

const keySet = z.object({ keys: z.array(z.unknown()) });
const readableKey = z.looseObject({ kid: z.nullish(z.string()), kty: z.string() });
type Key = z.infer<typeof readableKey>;

const NOTHING_KNOWN: Known = {
  keys: null,
  fetchedAtMs: Number.NEGATIVE_INFINITY,
  renewedAtMs: Number.NEGATIVE_INFINITY,
  spentUntilMs: Number.NEGATIVE_INFINITY,
};
const UNAVAILABLE: Unavailable = { kind: 'unavailable', reason: 'The keys of the token’s issuer cannot be had' };

/** Of the isolate, by address: plain data. */
const setsOfIsolate = new Map<string, Known>();

export interface KeySets {
  /**
   * The issuer's keys. One of them is called `kid`, or the issuer has just been asked and has none of that name: only then is
   * the token certainly not its own.
   */
  keysFor(url: string, kid: string | undefined, nowMs: number): Promise<{ kind: 'keys'; keys: Key[] } | Unavailable>;
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

interface Known {
  keys: Key[] | null;
  /** When the fetch of these keys began. */
  fetchedAtMs: number;
  /** When the last attempt to renew them began. */
  renewedAtMs: number;
  /** When all fetches for unknown keys may be made at once again. */
  spentUntilMs: number;
}

export function keySets(log: Log, send: Send = (url, init) => fetch(url, init), sets = setsOfIsolate): KeySets {
  const update = (url: string, change: Partial<Known>) =>
    sets.set(url, { ...NOTHING_KNOWN, ...sets.get(url), ...change });

  function knownAt(url: string, nowMs: number): Known {
    const kept = sets.get(url) ?? NOTHING_KNOWN;
    return nowMs - kept.fetchedAtMs < USED_FOR_MS ? kept : NOTHING_KNOWN;
  }

  /** Whether the issuer may be asked for a key that is not known. If so, that is one fetch less. */
  function spendFetch(url: string, nowMs: number): boolean {
    const spentUntilMs = Math.max(sets.get(url)?.spentUntilMs ?? 0, nowMs) + UNKNOWN_KEY_INTERVAL_MS;
    if (spentUntilMs - nowMs > UNKNOWN_KEY_FETCHES * UNKNOWN_KEY_INTERVAL_MS) return false;
    update(url, { spentUntilMs });
    return true;
  }

  return {
    async keysFor(url, kid, nowMs) {
      const known = knownAt(url, nowMs);
      // A token that names no key can't be verified with any.
      if (typeof kid !== 'string') return { kind: 'keys', keys: known.keys ?? [] };
      if (known.keys !== null && hasKey(known, kid)) {
        const isFresh = nowMs - known.fetchedAtMs < FRESH_FOR_MS;
        if (isFresh || nowMs - known.renewedAtMs < RENEWED_AGAIN_AFTER_MS) return { kind: 'keys', keys: known.keys };
        update(url, { renewedAtMs: nowMs });
      } else if (known.keys !== null && !spendFetch(url, nowMs)) {
        log('warn', 'auth.key_set_not_asked', { url });
        return UNAVAILABLE;
      }
      try {
        const keys = await fetchKeys(url, send);
        // A fetch that began later may have ended before this one.
        if (nowMs >= knownAt(url, nowMs).fetchedAtMs) update(url, { keys, fetchedAtMs: nowMs });
        return { kind: 'keys', keys };
      } catch (error) {
        // Another request may have been luckier meanwhile.
        const kept = knownAt(url, nowMs);
        const isKnown = kept.keys !== null && hasKey(kept, kid);
        log(isKnown ? 'warn' : 'error', 'auth.key_set_unreachable', { url, ...errorFields(error) });
        return isKnown ? { kind: 'keys', keys: kept.keys ?? [] } : UNAVAILABLE;
      }
    },
  };
}

function hasKey({ keys }: Known, kid: string): boolean {
  return keys?.some((key) => key.kid === kid) === true;
}

async function fetchKeys(url: string, send: Send): Promise<Key[]> {
  const response = await send(url, {
    headers: { accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_DEADLINE_MS),
  });
  if (response.status !== 200) throw new Error(`the key set was answered with ${response.status}`);
  const text = await textAtMost(response, KEY_SET_MAX_BYTES);
  if (text === null) throw new Error(`the key set is larger than ${KEY_SET_MAX_BYTES} bytes`);
  const published = keySet.parse(JSON.parse(text)).keys;
  // RFC 7517, 5: a key that lacks a member or has a value that is not understood is ignored.
  const readable = published.flatMap((key) => readableKey.safeParse(key).data ?? []);
  if (readable.length === 0) throw new Error('the key set has no key that can be read');
  return readable;
}
