/** What the Worker posts to the bridge, and what the bridge answers: a batch of events, and one result for each. */
import * as z from 'zod/mini';
import type { PaymentEvent } from './events.ts';

/** Events in one batch: as many as Cloudflare Queues hands over at once. */
export const RELAY_BATCH_MAX_EVENTS = 100;
/** Bytes of one request body. A hundred events fit, even with each text as long as it may be. */
export const RELAY_BODY_MAX_BYTES = 1024 * 1024;
/** Milliseconds that the bridge waits for the broker's confirms before it answers with what it has. */
export const RELAY_CONFIRM_DEADLINE_MS = 10_000;

/** Standard Webhooks asks for secrets of 24 to 64 bytes. */
export const SIGNING_SECRET_MIN_BYTES = 24;
/** So many random bytes are nearly all different: where fewer are, somebody held down a key. */
const SIGNING_SECRET_MIN_DIFFERENT_BYTES = 8;
const SIGNING_SECRET = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/;
/** What examples have in a secret's place. A random one has none of it, but for one in a thousand million. */
const PLACEHOLDER = /change.?me|replace.?me|place.?holder|secret.?here|password|example/i;

/** Whether both sides may sign with this: base64 of enough bytes that nobody would guess, with or without `whsec_` before it. */
export function isSigningSecret(secret: string): boolean {
  const key = signingKey(secret);
  if (key === null || key.length < SIGNING_SECRET_MIN_BYTES) return false;
  if (new Set(key).size < SIGNING_SECRET_MIN_DIFFERENT_BYTES) return false;
  // Letters are base64 as they are, so a placeholder may also stand there unencoded.
  return !PLACEHOLDER.test(key) && !PLACEHOLDER.test(secret);
}

/** The bytes that a secret stands for, each as one character; null if it is not base64. */
export function signingKey(secret: string): string | null {
  const base64 = SIGNING_SECRET.exec(secret)?.[1]?.replace(/=+$/, '');
  // Four characters are three bytes, and no number of bytes leaves one over.
  return base64 === undefined || base64.length % 4 === 1 ? null : atob(base64);
}

/**
 * The envelope. What is inside is judged event by event, so that one which the bridge does not understand, because a newer
 * Worker has sent it, does not hold up the others.
 */
export const relayBatch = z.object({
  events: z.array(z.looseObject({ event_id: z.string() })).check(z.minLength(1), z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export interface RelayBatch {
  events: PaymentEvent[];
}

export const relayResult = z.discriminatedUnion('delivered', [
  z.object({ event_id: z.string(), delivered: z.literal(true) }),
  z.object({ event_id: z.string(), delivered: z.literal(false), reason: z.string() }),
]);
export type RelayResult = z.infer<typeof relayResult>;

export const relayResults = z.object({
  results: z.array(relayResult).check(z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export type RelayResults = z.infer<typeof relayResults>;
