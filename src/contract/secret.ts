/** Strength checks for secrets: the Worker and the bridge refuse to start with a guessable one. */

/** Standard Webhooks asks for secrets of 24 to 64 bytes. */
export const SECRET_MIN_BYTES = 24;
/** Random bytes are nearly all different; fewer distinct bytes mean a secret typed by hand. */
const MIN_DIFFERENT = 8;
const BASE64 = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/;
/** What examples have in a secret's place. A random one has none of it, but for one in a thousand million. */
const PLACEHOLDER =
  /change.?me|replace.?me|place.?holder|secret.?here|your[-_ ]|password|example|qwerty|mysupersecret|abcdefgh|12345678/i;

/** The same again and again. */
const REPEATED = /^(.+?)\1+$/s;

/** The BRIDGE_SIGNING_SECRET of compose.yaml, for Worker and bridge on one desk. Everybody can read it. */
export const COMPOSE_SIGNING_SECRET = 'Zm9yLWRlc2tzLWFuZC1DSS1vbmx5LWFzLWluLWNvbXBvc2UueWFtbA==';

/** Whether this is base64 of enough bytes that nobody would guess, with or without `whsec_` before it. */
export function isSecret(secret: string): boolean {
  const bytes = secretBytes(secret);
  // Letters are base64 as they are, so a placeholder may also be there unencoded.
  return bytes !== null && bytes.length >= SECRET_MIN_BYTES && isUnguessable(bytes) && isUnguessable(secret);
}

/** Whether a text of sufficient length may be a secret as it is. */
export function isUnguessable(text: string): boolean {
  return new Set(text).size >= MIN_DIFFERENT && !PLACEHOLDER.test(text) && !REPEATED.test(text);
}

/** The bytes of a secret, each as one character; null if it is not base64. */
export function secretBytes(secret: string): string | null {
  const base64 = BASE64.exec(secret)?.[1]?.replace(/=+$/, '');
  // Four characters are three bytes, and no number of bytes leaves one over.
  return base64 === undefined || base64.length % 4 === 1 ? null : atob(base64);
}
