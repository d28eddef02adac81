/**
 * The keys that issuers publish (RFC 7517), kept for as long as an isolate lives, so that a request seldom waits for them. What
 * is known goes on being used for a day while the issuer can't be reached.
 */
import * as z from 'zod/mini';
import { errorFields, type Log } from '../log.ts';
import type { Unverifiable } from './credential.ts';

const FRESH_FOR_MS = 10 * 60_000;
/** What the issuer has withdrawn meanwhile must not be good for as long as it can't be reached. */
const USED_FOR_MS = 24 * 60 * 60_000;
/** A token may name a key that is newer than what is known; who makes such names up must not have the issuer asked each time. */
const ASKED_AGAIN_AFTER_MS = 30_000;
const FETCH_DEADLINE_MS = 2_000;

const keySet = z.object({ keys: z.array(z.looseObject({ kid: z.optional(z.string()), kty: z.string() })) });
type Key = z.infer<typeof keySet>['keys'][number];

const NOTHING_KNOWN: Known = {
  keys: null,
  fetchedAtMs: Number.NEGATIVE_INFINITY,
  askedAtMs: Number.NEGATIVE_INFINITY,
};

/** Of the isolate, by address: plain data. */
const setsOfIsolate = new Map<string, Known>();

export interface KeySets {
  /** The issuer's keys, one of which is to be called `kid`. */
  keysFor(url: string, kid: string | undefined, nowMs: number): Promise<{ keys: Key[] } | Unverifiable>;
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

interface Known {
  keys: Key[] | null;
  fetchedAtMs: number;
  askedAtMs: number;
}

export function keySets(log: Log, send: Send = (url, init) => fetch(url, init), sets = setsOfIsolate): KeySets {
  return {
    async keysFor(url, kid, nowMs) {
      const kept = sets.get(url) ?? NOTHING_KNOWN;
      const known = nowMs - kept.fetchedAtMs < USED_FOR_MS ? kept : NOTHING_KNOWN;
      const has = known.keys?.some((key) => key.kid === kid) === true;
      const isFresh = nowMs - known.fetchedAtMs < FRESH_FOR_MS;
      if ((has && isFresh) || (known.keys !== null && nowMs - known.askedAtMs < ASKED_AGAIN_AFTER_MS)) {
        return { keys: known.keys ?? [] };
      }
      sets.set(url, { ...known, askedAtMs: nowMs });
      try {
        const keys = await fetchKeys(url, send);
        sets.set(url, { keys, fetchedAtMs: nowMs, askedAtMs: nowMs });
        return { keys };
      } catch (error) {
        log(known.keys === null ? 'error' : 'warn', 'auth.key_set_unreachable', { url, ...errorFields(error) });
        if (known.keys !== null) return { keys: known.keys };
        return { unverifiable: 'The keys of the token’s issuer cannot be had' };
      }
    },
  };
}

async function fetchKeys(url: string, send: Send): Promise<Key[]> {
  const response = await send(url, {
    headers: { accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_DEADLINE_MS),
  });
  if (response.status !== 200) throw new Error(`the key set was answered with ${response.status}`);
  return keySet.parse(await response.json()).keys;
}
