/** Sends a request to the service on an SQLite in memory, and records what the database answers. */
import type { SqliteD1 } from '../test/simulation/sqlite-d1.ts';
import type { RecordedAnswers, RecordedCell, RecordedRow } from './stub-bindings.ts';

interface Bound {
  real: ReturnType<SqliteD1['d1']['prepare']>;
  values: readonly unknown[];
  bind(...values: unknown[]): Bound;
}

/** Shorter texts and smaller numbers are no ids and no times: that one is bound as well is chance. */
const ID_MIN_LENGTH = 12;
const TIME_MIN_MS = 1e12;

/** A database that records, for `stubBindings`. */
export function recordingDatabase({ d1 }: SqliteD1) {
  let sent: Bound[][] = [];
  let answers: RecordedAnswers = [];
  const bound = (real: Bound['real'], values: readonly unknown[]): Bound => ({
    real,
    values,
    bind: (...next) => bound(real.bind(...next), next),
  });
  return {
    begin() {
      sent = [];
      answers = [];
    },
    prepare: (sql: string) => bound(d1.prepare(sql), []),
    async batch(statements: Bound[]) {
      const results = await d1.batch<Record<string, unknown>>(statements.map(({ real }) => real));
      sent.push(statements);
      answers.push(results.map(({ results: rows }) => rows.map((row) => recordedRow(row, sent))));
      return results;
    },
    /** Of the request since `begin`. */
    recorded: () => answers,
  };
}

function recordedRow(row: Record<string, unknown>, sent: Bound[][]): RecordedRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, recordedCell(value, sent)]));
}

function recordedCell(value: unknown, sent: Bound[][]): RecordedCell {
  const varies =
    (typeof value === 'string' && value.length >= ID_MIN_LENGTH) || (typeof value === 'number' && value >= TIME_MIN_MS);
  if (!varies) return { value };
  for (const [batch, statements] of sent.entries()) {
    for (const [statement, { values }] of statements.entries()) {
      const parameter = values.indexOf(value);
      if (parameter >= 0) return { batch, statement, parameter };
    }
  }
  return { value };
}
