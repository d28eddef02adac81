/** HMAC-SHA-256 by the platform's own cryptography. */

/**
 * The hash of a text under a key.
 *
 * @param key base64, with or without `whsec_` before it
 */
export async function hmacSha256(key: string, text: string): Promise<Uint8Array> {
  const bytes = Uint8Array.from(atob(key.replace(/^whsec_/, '')), (character) => character.charCodeAt(0));
  const hmacKey = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', hmacKey, new TextEncoder().encode(text)));
}
