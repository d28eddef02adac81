/** A read replica of the database: a copy of payments and refunds that catches up now and then, and is minutes behind at times. */
import type { D1Database, D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import { seeded } from './random.ts';
import { openSqliteD1, type SqliteD1 } from './sqlite-d1.ts';

const TABLES = ['transactions', 'refunds'];
/** One batch of so many is followed by the replica at once. */
const CATCHES_UP_EACH = 6;
const LAGS_AT_MOST_MS = 5 * 60_000;

export class LaggingReplica {
  readonly #primary: SqliteD1;
  readonly #copy = openSqliteD1();
  /** Of its own, so that a history is the same with and without it. */
  readonly #random;
  #caughtUpAtMs = Number.NEGATIVE_INFINITY;
  nowMs: () => number = () => 0;

  /** @param primary with all its tables */
  constructor(primary: SqliteD1, chance: number) {
    this.#primary = primary;
    this.#random = seeded(chance + 0x5eed);
    const definition = primary.sqlite.prepare("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?");
    // What refers to another table would have to be copied in its order.
    this.#copy.sqlite.exec('PRAGMA foreign_keys = OFF');
    for (const table of TABLES) this.#copy.sqlite.exec(String(definition.get(table)?.sql));
  }

  /** The primary, with what reaches the replica of it. */
  get followed(): D1Database {
    const { d1 } = this.#primary as { d1: D1Database };
    return {
      prepare: (sql) => d1.prepare(sql),
      batch: async (statements: D1PreparedStatement[]) => {
        const results = await d1.batch(statements);
        if (this.#random.below(CATCHES_UP_EACH) === 0) this.#catchUp();
        return results;
      },
    };
  }

  get d1(): D1Database {
    const { d1 } = this.#copy as { d1: D1Database };
    return {
      prepare: (sql) => d1.prepare(sql),
      batch: (statements: D1PreparedStatement[]) => {
        if (this.nowMs() - this.#caughtUpAtMs > LAGS_AT_MOST_MS) this.#catchUp();
        return d1.batch(statements);
      },
    };
  }

  close(): void {
    this.#copy.close();
  }

  #catchUp(): void {
    const { sqlite } = this.#copy;
    this.#caughtUpAtMs = this.nowMs();
    sqlite.exec('BEGIN');
    for (const table of TABLES) {
      sqlite.exec(`DELETE FROM ${table}`);
      const rows = this.#primary.sqlite.prepare(`SELECT * FROM ${table}`).all();
      const columns = Object.keys(rows[0] ?? {});
      if (rows.length === 0) continue;
      const values = columns.map(() => '?').join();
      const insert = sqlite.prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${values})`);
      for (const row of rows) insert.run(...Object.values(row));
    }
    sqlite.exec('COMMIT');
  }
}
