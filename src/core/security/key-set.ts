/**
 * A cache of the keys that issuers publish (RFC 7517). It lives as long as the isolate, so requests seldom wait for a fetch. While
 * the issuer is unreachable, cached keys are used for a day. Tokens with a known key never wait for a fetch of an unknown one, so
 * invented key ids do not slow down other callers.
 */
import * as z from 'zod/mini';
import { errorFields, type Log } from '../log.ts';
import { textAtMost } from '../response-body.ts';
import type { Unavailable } from './credential.ts';

const FRESH_FOR_MS = 10 * 60_000;
/** A limit, so that a key which the issuer has withdrawn does not stay valid for the whole of an outage. */
const USED_FOR_MS = 24 * 60 * 60_000;
/** Between two attempts to renew cached keys while the issuer does not answer. */
const RENEWED_AGAIN_AFTER_MS = 30_000;
/**
 * A token may name a key that is newer than the cache, so the keys are fetched again: by each request for itself, because requests
 * cannot share a fetch on Workers. Against invented key ids, an isolate limits these fetches to this burst, and then to one in
 * each interval.
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
const UNAVAILABLE: Unavailable = { kind: 'unavailable', reason: 'The keys of the token’s issuer are unavailable' };

/** One cache per isolate, by URL: plain data. */
const setsOfIsolate = new Map<string, Known>();

export interface KeySets {
  /**
   * The issuer's keys. If none of them has this `kid`, they have just been fetched, so the issuer certainly did not sign the
   * token.
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
  /** When the whole burst of fetches for unknown keys is available again. */
  spentUntilMs: number;
}

export function keySets(log: Log, send: Send = (url, init) => fetch(url, init), sets = setsOfIsolate): KeySets {
  const update = (url: string, change: Partial<Known>) =>
    sets.set(url, { ...NOTHING_KNOWN, ...sets.get(url), ...change });

  function knownAt(url: string, nowMs: number): Known {
    const kept = sets.get(url) ?? NOTHING_KNOWN;
    return nowMs - kept.fetchedAtMs < USED_FOR_MS ? kept : NOTHING_KNOWN;
  }

  /** Whether a fetch for an unknown key is allowed; if so, it is counted. */
  function spendFetch(url: string, nowMs: number): boolean {
    const spentUntilMs = Math.max(sets.get(url)?.spentUntilMs ?? 0, nowMs) + UNKNOWN_KEY_INTERVAL_MS;
    if (spentUntilMs - nowMs > UNKNOWN_KEY_FETCHES * UNKNOWN_KEY_INTERVAL_MS) return false;
    update(url, { spentUntilMs });
    return true;
  }

  return {
    async keysFor(url, kid, nowMs) {
      const known = knownAt(url, nowMs);
      // A token without a `kid` cannot be verified.
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
        // Another request may have fetched the keys meanwhile.
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
