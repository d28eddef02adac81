/**
 * As much of D1 as the ledger works with, so that it needs no types of a platform. Cloudflare's binding has it, and so have the
 * command line's access to a database and the simulator's.
 */

export interface D1Database {
  prepare(sql: string): D1PreparedStatement;
  /** Runs the statements in order, as one transaction. */
  batch(statements: D1PreparedStatement[]): Promise<D1Result[]>;
}

export interface D1PreparedStatement {
  bind(...values: unknown[]): D1PreparedStatement;
}

export interface D1Result {
  results: unknown[];
  /** `size_after`: bytes of the database. */
  meta: { changes: number; size_after?: number };
}
