/** The defects that are made on purpose: each has a place in the code as it is now, without which it would be one that nobody looks for. */
import { describe, expect, it } from 'vitest';
import { patchMigration, rehearse } from './mutate.ts';
import { MUTATIONS } from './mutations.ts';
import { applyMigrations, openSqliteD1 } from './sqlite-d1.ts';

function schemaOf(patch: (sql: string, file: string) => string): unknown[] {
  const { sqlite, close } = openSqliteD1();
  try {
    applyMigrations(sqlite, patch);
    return sqlite.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  } finally {
    close();
  }
}

describe('the simulator', () => {
  it.each(MUTATIONS)('knows where this defect can be made: $name', (mutation) => {
    expect(() => rehearse(mutation)).not.toThrow();
  });

  const ofTables = MUTATIONS.filter(({ edits }) => edits.some(({ file }) => file.startsWith('migrations/')));
  // A later migration may make the same table or index again.
  it.each(ofTables)('plants this one in the tables as they are in the end: $name', ({ edits, ...mutation }) => {
    for (const edit of edits.filter(({ file }) => file.startsWith('migrations/'))) {
      const patch = patchMigration({ ...mutation, edits: [edit] });
      expect(schemaOf(patch)).not.toEqual(schemaOf((sql) => sql));
    }
  });
});
