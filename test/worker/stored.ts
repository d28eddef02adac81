/** What the database holds, read past the service. */
import { env } from 'cloudflare:workers';
import type { CardSearch } from '../data/card-search.ts';

export type Row = Record<string, string | number | null>;

export async function transactionsOf(bookingId: string): Promise<Row[]> {
  const found = await env.DB.prepare('SELECT * FROM transactions WHERE booking_id = ?1 ORDER BY transaction_id')
    .bind(bookingId)
    .all<Row>();
  return found.results;
}

export async function transaction(transactionId: string): Promise<Row | null> {
  return env.DB.prepare('SELECT * FROM transactions WHERE transaction_id = ?1').bind(transactionId).first<Row>();
}

export async function refundsOf(transactionId: string): Promise<Row[]> {
  const found = await env.DB.prepare('SELECT * FROM refunds WHERE transaction_id = ?1 ORDER BY refund_id')
    .bind(transactionId)
    .all<Row>();
  return found.results;
}

/** In the order in which they were written. */
export async function eventsOf(bookingId: string): Promise<Row[]> {
  const found = await env.DB.prepare('SELECT * FROM events WHERE booking_id = ?1 ORDER BY sequence')
    .bind(bookingId)
    .all<Row>();
  return found.results;
}

export async function eventTypesOf(bookingId: string): Promise<unknown[]> {
  return (await eventsOf(bookingId)).map(({ event_type }) => event_type);
}

/** Rows of each table that money leaves a trace in. */
export async function rowCounts(): Promise<Row | null> {
  return env.DB.prepare(
    `SELECT (SELECT count(*) FROM transactions) AS transactions, (SELECT count(*) FROM refunds) AS refunds,
       (SELECT count(*) FROM events) AS events`,
  ).first<Row>();
}

/** The columns in which a search finds something. */
export async function hitsInTables(search: CardSearch): Promise<string[]> {
  const hits = new Set<string>();
  for (const { column, value } of await allCells()) {
    for (const hit of search.inCell(value)) hits.add(`${hit} in ${column}`);
  }
  return [...hits];
}

/** Every value of every table, with the name of its column. */
export async function allCells(): Promise<{ column: string; value: unknown }[]> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const rows = await Promise.all(
    tables.results.map(async ({ name }) => ({
      name,
      results: (await env.DB.prepare(`SELECT * FROM "${name}"`).all()).results,
    })),
  );
  return rows.flatMap(({ name, results }) =>
    results.flatMap(Object.entries).map(([column, value]) => ({ column: `${name}.${column}`, value })),
  );
}
