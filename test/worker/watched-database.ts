/** A D1 database in front of the real one that counts round trips, statements and rows, and breaks what a test wants broken. */
import { env } from 'cloudflare:workers';

export type Fate =
  | 'answer'
  /** The connection breaks on the way there: nothing was done. */
  | 'fail'
  /** The connection breaks on the way back: everything was done. */
  | 'lose'
  /** Everything was done, and whoever asked for it dies before it hears of that: nobody tries again. */
  | 'die'
  /** Nothing comes back, for ever. */
  | 'silence'
  /** SQLite says no, and would again. */
  | 'refuse';

export interface WatchedDatabase {
  d1: D1Database;
  roundTrips(): number;
  /** Sent in batches, whatever became of them. */
  statements(): number;
  /** As D1 bills them: those of indexes too. */
  rowsWritten(): number;
  rowsRead(): number;
}

/** @param fateOf what becomes of a round trip; the first one is number 1 */
export function watchedDatabase(fateOf: (roundTrip: number) => Fate = () => 'answer'): WatchedDatabase {
  let roundTrips = 0;
  let rowsWritten = 0;
  let rowsRead = 0;
  let statements = 0;
  const real = new WeakMap<object, D1PreparedStatement>();

  async function carry<T>(work: () => Promise<T>): Promise<T> {
    roundTrips += 1;
    const fate = fateOf(roundTrips);
    if (fate === 'fail') throw new Error('D1_ERROR: Network connection lost.');
    if (fate === 'silence') return new Promise(() => {});
    if (fate === 'refuse') throw new Error('D1_ERROR: CHECK constraint failed: SQLITE_CONSTRAINT');
    const result = await work();
    for (const { meta } of [result].flat() as Partial<D1Result>[]) {
      rowsWritten += meta?.rows_written ?? 0;
      rowsRead += meta?.rows_read ?? 0;
    }
    if (fate === 'die') throw new Error('D1_ERROR: the process is gone: SQLITE_ERROR');
    if (fate === 'lose') throw new Error('D1_ERROR: Network connection lost.');
    return result;
  }

  function watched(statement: D1PreparedStatement): D1PreparedStatement {
    const proxy = new Proxy(statement, {
      get(target, property) {
        if (property === 'bind') return (...values: unknown[]) => watched(target.bind(...values));
        const member: unknown = Reflect.get(target, property);
        return typeof member === 'function' ? (...args: unknown[]) => carry(() => member.apply(target, args)) : member;
      },
    });
    real.set(proxy, statement);
    return proxy;
  }

  const d1 = {
    prepare: (query: string) => watched(env.DB.prepare(query)),
    batch: (batch: D1PreparedStatement[]) => {
      statements += batch.length;
      return carry(() => env.DB.batch(batch.map((statement) => real.get(statement) ?? statement)));
    },
    exec: (query: string) => carry(() => env.DB.exec(query)),
  };
  return {
    d1: d1 as unknown as D1Database,
    roundTrips: () => roundTrips,
    statements: () => statements,
    rowsWritten: () => rowsWritten,
    rowsRead: () => rowsRead,
  };
}
