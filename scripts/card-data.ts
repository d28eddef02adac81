/** Looks for card data where none may be (invariant 5): in every file below a directory. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** The numbers of the cards that the tests pay with. */
const TEST_CARD_NUMBERS = [
  '4111111111111111',
  '5555555555554444',
  '378282246310005',
  '4000000000000002',
  '4000000000009995',
  '4000000000000069',
  '4000000000000127',
  '4000000000000119',
  '4000000000000408',
  '4000000000000507',
];

/**
 * Each number as it is written, in groups of four, and in the CVV's and the expiry's case by the fields that hold them:
 * three digits alone stand in every time of day. The tests pay with the CVV 739 and cards that expire in 2047.
 */
const NEEDLES = [
  ...TEST_CARD_NUMBERS.flatMap((number) => [number, grouped(number, ' '), grouped(number, '-')]),
  '"739"',
  '"2047"',
  '"cvv"',
  '"expiry_year"',
  '"expiry_month"',
  '"card_number"',
];

function grouped(number: string, separator: string): string {
  return (number.match(/\d{1,4}/g) ?? []).join(separator);
}

export async function searchCardData(directory: string): Promise<{ files: number; bytes: number; hits: string[] }> {
  const found = { files: 0, bytes: 0, hits: [] as string[] };
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, 'latin1');
    found.files += 1;
    found.bytes += content.length;
    for (const needle of NEEDLES) {
      if (content.includes(needle)) found.hits.push(`${needle} in ${relative(directory, path)}`);
    }
  }
  return found;
}
