/** Looks for card data where none may be (invariant 5): in every file below a directory, and in every cell of a database. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { spellings, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';

const NUMBERS = Object.values(TEST_CARDS).flatMap(spellings);

/**
 * Three or four digits alone stand in every time of day, so in text they count where they are a JSON value or stand behind
 * their name. In a database they count where they are a cell.
 */
const SHORT = [TEST_CVV, TEST_EXPIRY_YEAR];
const IN_TEXT = [
  ...SHORT.map((digits) => new RegExp(`"${digits}"`)),
  new RegExp(`cvv\\W{0,4}${TEST_CVV}`, 'i'),
  /"(?:cvv|card_number|expiry_month|expiry_year)"\s*:/,
];

export interface CardDataSearch {
  files: number;
  bytes: number;
  /** What was found, and where. */
  hits: string[];
}

export async function searchCardData(directory: string): Promise<CardDataSearch> {
  const found: CardDataSearch = { files: 0, bytes: 0, hits: [] };
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, 'latin1');
    found.files += 1;
    found.bytes += content.length;
    const hit = (what: string) => found.hits.push(`${what} in ${relative(directory, path)}`);
    for (const number of NUMBERS) if (content.includes(number)) hit(number);
    for (const pattern of IN_TEXT) if (pattern.test(content)) hit(String(pattern));
    if (content.startsWith('SQLite format 3')) searchCells(path).forEach(hit);
  }
  return found;
}

/** Times in microseconds are beyond what a number holds. */
function allRows(database: DatabaseSync, sql: string): Record<string, unknown>[] {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement.all();
}

function searchCells(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables.flatMap(({ name }) =>
      allRows(database, `SELECT * FROM "${name}"`)
        .flatMap(Object.entries)
        .filter(([, value]) => typeof value === 'string' && SHORT.includes(value))
        .map(([column, value]) => `${value} as ${name}.${column}`),
    );
  } finally {
    database.close();
  }
}
