/** ULIDs (https://github.com/ulid/spec) whose random part is drawn at once: the library would draw each of its characters by itself. */
import { ulid } from 'ulid';

/** Random characters of a ULID. */
const RANDOM_LENGTH = 16;
/** Values of a byte: a multiple of the 32 characters, so all of them are equally likely. */
const BYTE_VALUES = 256;

export function newUlid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_LENGTH));
  let drawn = 0;
  return ulid(undefined, function random() {
    const byte = bytes[drawn];
    if (byte === undefined) throw new Error('a ULID took more random characters than it has');
    drawn += 1;
    return byte / BYTE_VALUES;
  });
}
