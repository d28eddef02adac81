/** An installation with four databases, and what a Worker is bound to that has more, fewer, or others of them. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { bindingOf, shardOfBooking } from '../../src/core/shards.ts';
import type { Row } from './stored.ts';

export const COUNT = 4;

declare global {
  namespace Cloudflare {
    interface Env {
      SHARD_0: D1Database;
      SHARD_1: D1Database;
      SHARD_2: D1Database;
      SHARD_3: D1Database;
      UNUSED_DATABASE: D1Database;
    }
  }
}

export const databases = [env.SHARD_0, env.SHARD_1, env.SHARD_2, env.SHARD_3];

/** The bindings of a Worker that takes these for its databases, in this order, and has no others. */
export function boundTo(...bound: (D1Database | undefined)[]): Record<string, D1Database | undefined> {
  return Object.fromEntries(Array.from({ length: COUNT + 1 }, (_, shard) => [bindingOf(shard), bound[shard]]));
}

/** Those of the installation's own Worker. */
export const FOUR = boundTo(...databases);

/** With tables that are new: `reset` empties the databases of wrangler.toml alone, and another file may have used these. */
export async function migrateAll(): Promise<void> {
  for (const database of databases) {
    await dropAll(database);
    await applyD1Migrations(database, env.TEST_MIGRATIONS);
  }
  await dropAll(env.UNUSED_DATABASE);
}

async function dropAll(database: D1Database): Promise<void> {
  const { results } = await database
    .prepare(
      `SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view', 'table') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND name NOT LIKE '\\_cf%' ESCAPE '\\'
       ORDER BY type = 'table', type`,
    )
    .all<{ type: string; name: string }>();
  if (results.length === 0) return;
  const drops = results.map(({ type, name }) => database.prepare(`DROP ${type} IF EXISTS ${name}`));
  await database.batch([database.prepare('PRAGMA defer_foreign_keys = on'), ...drops]);
}

/** As a deployment does it. */
export async function place(database: D1Database | undefined, shard: number, shards = COUNT): Promise<void> {
  const sql = 'INSERT INTO database_place (one, shard, shards) VALUES (1, ?1, ?2)';
  await database?.prepare(sql).bind(shard, shards).run();
}

let lastBooking = 0;

/** A booking that has its place there. */
export async function bookingOn(shard: number): Promise<string> {
  for (;;) {
    lastBooking += 1;
    const bookingId = `BOOK-OF-FOUR-${lastBooking}`;
    if ((await shardOfBooking('default', bookingId, COUNT)) === shard) return bookingId;
  }
}

/** Of a statement in each of the databases. */
export async function inEach(sql: string, ...values: unknown[]): Promise<Row[][]> {
  return Promise.all(
    databases.map(
      async (database) =>
        (
          await database
            .prepare(sql)
            .bind(...values)
            .all<Row>()
        ).results,
    ),
  );
}

/** In which of the databases a statement finds something. */
export async function whereFound(sql: string, ...values: unknown[]): Promise<number[]> {
  return (await inEach(sql, ...values)).flatMap((rows, shard) => (rows.length > 0 ? [shard] : []));
}
