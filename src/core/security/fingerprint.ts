/** Keyed hashes: the input contains a card number, which an attacker could guess from a plain hash. */
import type { Redacted } from '../../contract/redacted.ts';
import { hex, hmacSha256 } from './hmac.ts';
import { rememberedByKey } from './remembered-by-key.ts';

/** In hexadecimal digits. */
const SECRET_NAME_LENGTH = 8;

/**
 * Fingerprints of the form `secret:hash`; the first part identifies the secret without revealing it.
 *
 * @param key base64, with or without `whsec_` before it
 */
export function fingerprinter(key: string): (text: string | Redacted<string>) => Promise<string> {
  return async function fingerprint(text) {
    const hash = await hmacSha256(key, typeof text === 'string' ? text : text.reveal());
    return `${await nameOf(key)}:${hex(hash)}`;
  };
}

const nameOf = rememberedByKey(async (key) =>
  hex(await hmacSha256(key, 'name of the secret')).slice(0, SECRET_NAME_LENGTH),
);
