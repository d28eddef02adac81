/** HMAC-SHA-256 by the platform's own cryptography. */

/**
 * The hash of a text under a key.
 *
 * @param key base64, with or without `whsec_` before it
 */
export async function hmacSha256(key: string, text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', await importKey(key, 'sign'), new TextEncoder().encode(text)));
}

/** Whether this is the hash of the text under the key, compared in constant time. */
export async function isHmacSha256(key: string, hash: Uint8Array<ArrayBuffer>, text: string): Promise<boolean> {
  return crypto.subtle.verify('HMAC', await importKey(key, 'verify'), hash, new TextEncoder().encode(text));
}

function importKey(key: string, usage: 'sign' | 'verify') {
  const bytes = base64Bytes(key.replace(/^whsec_/, ''));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [usage]);
}

export function base64Bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
