/** Keyed hashes, because what is hashed has a card number in it, and those can be guessed. */
import type { Redacted } from '../../contract/redacted.ts';
import { hex, hmacSha256 } from './hmac.ts';

/** So many hexadecimal digits identify a secret. */
const SECRET_NAME_LENGTH = 8;

/**
 * Fingerprints of the form `secret:hash`; the first part names the secret, without envelope anything of it.
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
