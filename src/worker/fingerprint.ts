/** Keyed hashes: HMAC-SHA-256, because what is hashed has a card number in it, and those can be guessed. */

/** So many hexadecimal digits tell secrets apart. */
const SECRET_NAME_LENGTH = 8;

/**
 * Fingerprints of the form `secret:hash`; the first part names the secret, without telling anything of it.
 *
 * @param key base64, with or without `whsec_` before it
 */
export function fingerprinter(key: string): (text: string) => Promise<string> {
  return async function fingerprint(text) {
    const bytes = Uint8Array.from(atob(key.replace(/^whsec_/, '')), (character) => character.charCodeAt(0));
    const hmacKey = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const hash = async (of: string) => hex(await crypto.subtle.sign('HMAC', hmacKey, new TextEncoder().encode(of)));
    return `${(await hash('name of the secret')).slice(0, SECRET_NAME_LENGTH)}:${await hash(text)}`;
  };
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
