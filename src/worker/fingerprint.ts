/** Keyed hashes: HMAC-SHA-256, because what is hashed has a card number in it, and those can be guessed. */

/** @param key base64, with or without `whsec_` before it */
export function fingerprinter(key: string): (text: string) => Promise<string> {
  return async function fingerprint(text) {
    const bytes = Uint8Array.from(atob(key.replace(/^whsec_/, '')), (character) => character.charCodeAt(0));
    const hmacKey = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const hash = await crypto.subtle.sign('HMAC', hmacKey, new TextEncoder().encode(text));
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  };
}
