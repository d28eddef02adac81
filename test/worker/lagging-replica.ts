/** A read replica as D1 has them: a copy of payments and refunds that knows nothing of what was written since it was made. */
import { env } from 'cloudflare:workers';

export interface LaggingReplica {
  /** Of the binding in front of which it is. */
  withSession(constraint: string): D1DatabaseSession;
  roundTrips(): number;
  /** What is written until now reaches it. */
  catchUp(): Promise<void>;
  /** A moment in the life of this payment that the replica is still at. */
  change(update: string, transactionId: string): Promise<void>;
}

const TABLES = ['transactions', 'refunds'];
let lastReplica = 0;

/** A replica that has caught up at this moment. Local D1 has none, so the copies are tables of the same database. */
export async function laggingReplica(): Promise<LaggingReplica> {
  lastReplica += 1;
  const prefix = `replica_${lastReplica}_`;
  let roundTrips = 0;
  const inCopies = (sql: string) =>
    TABLES.reduce((rewritten, table) => rewritten.replaceAll(new RegExp(`\\b${table}\\b`, 'g'), prefix + table), sql);
  const replica: LaggingReplica = {
    withSession(constraint) {
      // Any other constraint, or none, is answered by the primary.
      if (constraint !== 'first-unconstrained') throw new Error(`a session of ${constraint}`);
      return {
        prepare(sql) {
          if (!/^\s*SELECT\b/.test(sql)) throw new Error(`nothing is written to a replica: ${sql}`);
          return env.DB.prepare(inCopies(sql));
        },
        batch(statements) {
          roundTrips += 1;
          return env.DB.batch(statements);
        },
        getBookmark: () => null,
      };
    },
    roundTrips: () => roundTrips,
    async change(update, transactionId) {
      await env.DB.prepare(inCopies(update)).bind(transactionId).run();
    },
    async catchUp() {
      await env.DB.batch(
        TABLES.flatMap((table) => [
          env.DB.prepare(`DROP TABLE IF EXISTS ${prefix}${table}`),
          env.DB.prepare(`CREATE TABLE ${prefix}${table} AS SELECT * FROM ${table}`),
        ]),
      );
    },
  };
  await replica.catchUp();
  return replica;
}
