/** Keyed hashes: the input contains a card number, which an attacker could guess from a plain hash. */
import type { Redacted } from '../../contract/redacted.ts';
import { hex, hmacSha256 } from './hmac.ts';

/** In hexadecimal digits. */
const SECRET_NAME_LENGTH = 8;

/**
 * Fingerprints of the form `secret:hash`; the first part identifies the secret without revealing it.
 *
 * @param key base64, with or without `whsec_` before it
 */
export function fingerprinter(key: string): (text: string | Redacted<string>) => Promise<string> {
  const hash = async (of: string) => hex(await hmacSha256(key, of));
  let name: string | undefined;
  return async function fingerprint(text) {
    name ??= (await hash('name of the secret')).slice(0, SECRET_NAME_LENGTH);
    return `${name}:${await hash(typeof text === 'string' ? text : text.reveal())}`;
  };
}
