/**
 * Personal data is stored encrypted: AES-256-GCM (NIST SP 800-38D) under a named key, so that after a
 * rotation the previous key still decrypts what it encrypted.
 */
import { base64url } from 'jose';
import { secretBytes } from '../../contract/secret.ts';
import { base64Bytes, hex } from './hmac.ts';
import { rememberedByKey } from './remembered-by-key.ts';

const NONCE_BYTES = 12;
const KEY_NAME_LENGTH = 8;
/** In place of a key's name, for rows of a former version that stored plain text. */
export const PLAIN = 'plain';

export interface Cipher {
  /** The name of the key under which it seals. */
  keyName(): Promise<string>;
  /**
   * `key name.nonce and ciphertext`, the second part in base64url.
   *
   * @param place the record that the text belongs to: it cannot be decrypted for another one
   */
  seal(text: string, place: string): Promise<string>;
  /** @throws CannotOpen where its key is not known, or it was altered or moved */
  open(sealed: string, place: string): Promise<string>;
}

export class CannotOpen extends Error {
  override name = 'CannotOpen';
}

/** @param previousKeys that may still decrypt; each 32 bytes in base64, as is `key` */
export function createCipher({ key, previousKeys }: { key: string; previousKeys: readonly string[] }): Cipher {
  return {
    keyName: () => nameOf(key),

    async seal(text, place) {
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const ciphertext = await crypto.subtle.encrypt(
        parameters(nonce, place),
        await importedKey(key),
        new TextEncoder().encode(text),
      );
      const sealed = new Uint8Array(NONCE_BYTES + ciphertext.byteLength);
      sealed.set(nonce);
      sealed.set(new Uint8Array(ciphertext), NONCE_BYTES);
      return `${await nameOf(key)}.${base64url.encode(sealed)}`;
    },

    async open(sealed, place) {
      const separator = sealed.indexOf('.');
      const [name, rest] = [sealed.slice(0, separator), sealed.slice(separator + 1)];
      if (name === PLAIN) return rest;
      for (const known of [key, ...previousKeys]) {
        if ((await nameOf(known)) === name) return decrypt(known, rest, place);
      }
      throw new CannotOpen(`the key ${name} is neither ENCRYPTION_KEY nor among ENCRYPTION_KEY_PREVIOUS`);
    },
  };
}

async function decrypt(key: string, sealed: string, place: string): Promise<string> {
  try {
    const bytes = base64url.decode(sealed);
    const nonce = bytes.slice(0, NONCE_BYTES);
    const text = await crypto.subtle.decrypt(
      parameters(nonce, place),
      await importedKey(key),
      bytes.slice(NONCE_BYTES),
    );
    return new TextDecoder().decode(text);
  } catch (error) {
    throw new CannotOpen('it was altered, or belongs elsewhere', { cause: error });
  }
}

function parameters(nonce: Uint8Array<ArrayBuffer>, place: string) {
  return { name: 'AES-GCM', iv: nonce, additionalData: new TextEncoder().encode(place) };
}

const importedKey = rememberedByKey((key) => {
  const bytes = base64Bytes(key.replace(/^whsec_/, ''));
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
});

/** The start of the key's hash: it identifies the key without revealing it, however its base64 is spelled. */
const nameOf = rememberedByKey(async function nameOf(key: string): Promise<string> {
  const hash = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(`name of an encryption key ${secretBytes(key)}`),
  );
  return hex(new Uint8Array(hash)).slice(0, KEY_NAME_LENGTH);
});
