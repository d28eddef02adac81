/** Looks for card data where none may be (invariant 5): in every file below a directory, and in every cell of a database. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CardData, type CardSearch, createCardSearch } from '../data/card-search.ts';
import { FIXED_CARDS } from '../data/cards.ts';

export interface CardDataSearch {
  files: number;
  bytes: number;
  /** What was found, and where. */
  hits: string[];
}

/** @param cards by default those that all tests share */
export async function searchCardData(directory: string, cards: CardData = FIXED_CARDS): Promise<CardDataSearch> {
  const search = createCardSearch(cards);
  const found: CardDataSearch = { files: 0, bytes: 0, hits: [] };
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'latin1');
    found.files += 1;
    found.bytes += text.length;
    const hits = [...search.inText(text), ...(text.startsWith('SQLite format 3') ? hitsInCells(path, search) : [])];
    found.hits.push(...hits.map((hit) => `${hit} in ${relative(directory, path)}`));
  }
  return found;
}

/** Times in microseconds are beyond what a number holds. */
function allRows(database: DatabaseSync, sql: string): Record<string, unknown>[] {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement.all();
}

function hitsInCells(path: string, search: CardSearch): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables.flatMap(({ name }) =>
      allRows(database, `SELECT * FROM "${name}"`)
        .flatMap(Object.entries)
        .flatMap(([column, value]) => search.inCell(value).map((hit) => `${hit} as ${name}.${column}`)),
    );
  } finally {
    database.close();
  }
}
