/** HMAC-SHA-256 by the platform's own cryptography. */
import { rememberedByKey } from './remembered-by-key.ts';

/**
 * The hash of a text under a key.
 *
 * @param key base64, with or without `whsec_` before it
 */
export async function hmacSha256(key: string, text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', await importedKey(key), new TextEncoder().encode(text)));
}

/** Whether this is the hash of the text under the key, compared in constant time. */
export async function isHmacSha256(key: string, hash: Uint8Array<ArrayBuffer>, text: string): Promise<boolean> {
  return crypto.subtle.verify('HMAC', await importedKey(key), hash, new TextEncoder().encode(text));
}

const importedKey = rememberedByKey((key) => {
  const bytes = base64Bytes(key.replace(/^whsec_/, ''));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
});

export function base64Bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Of a hash, or as few other bytes. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hex(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += HEX_OF_BYTE[byte];
  return digits;
}
