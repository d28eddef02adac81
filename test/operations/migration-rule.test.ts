/** Each migration, and many a bad one, against the rule that the version before it runs on the tables that it leaves. */
import { expect, it } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { whatFormerVersionLacks } from '../support/migration-rule.ts';
import { NEWER_MIGRATIONS, NOON_MS, openBoth, paid, refunded } from './both-versions.ts';
import { DAY_MS, HOUR_MS } from './world.ts';

/** Rows of the former version on its own tables, and all the statements that it has sent meanwhile. */
async function formerVersionAtWork() {
  const { former, formerStatements, gateway, sqlite, wait, waitingEvents } = openBoth('of the former version');
  const payment = await paid(former, 'BOOK-1');
  await paid(former, 'BOOK-2', TEST_CARDS.visaDeclined);
  gateway.losesNext = true;
  const lost = await paid(former, 'BOOK-3');
  await refunded(former, payment, '10.00');
  gateway.losesNext = true;
  await refunded(former, payment, '5.00');
  await former.deliver(waitingEvents());
  await former.deliver(waitingEvents());
  wait(HOUR_MS);
  gateway.says.set(lost.transactionId, { kind: 'approved', reference: 'ref_found' });
  await former.lookUp(lost.transactionId);
  await former.lookUpDue();
  await former.status(lost.transactionId);
  await former.sealAudit();
  await former.eventsStatus();
  await former.reconcile(NOON_MS - DAY_MS);
  return { sqlite, statements: [...formerStatements] };
}

it('the former version runs with each migration that came after it', async () => {
  const { sqlite, statements } = await formerVersionAtWork();
  expect(statements.length).toBeGreaterThan(40);
  for (const { file, sql } of NEWER_MIGRATIONS) {
    const isAfterDeployment = file.endsWith('.after-deployment.sql');
    expect(whatFormerVersionLacks(sqlite, sql, { statements, isAfterDeployment }), file).toEqual([]);
  }
});

async function lacks(migration: string, options: { isAfterDeployment?: boolean } = {}): Promise<string[]> {
  const { sqlite, statements } = await formerVersionAtWork();
  for (const { sql } of NEWER_MIGRATIONS) sqlite.exec(sql);
  return whatFormerVersionLacks(sqlite, migration, { statements, ...options });
}

it.each([
  ['a nullable column', 'ALTER TABLE refunds ADD COLUMN note TEXT'],
  ['a column with a default', "ALTER TABLE refunds ADD COLUMN origin TEXT NOT NULL DEFAULT 'api' CHECK (origin <> '')"],
  ['a table and its index', 'CREATE TABLE notes (note TEXT NOT NULL UNIQUE) STRICT; CREATE INDEX n ON notes (note)'],
  ['an index', 'CREATE INDEX refunds_by_reason ON refunds (reason)'],
  ['values of a new column', 'ALTER TABLE refunds ADD COLUMN note TEXT; UPDATE refunds SET note = reason'],
  [
    'a unique index of a new column',
    'ALTER TABLE refunds ADD COLUMN note TEXT; CREATE UNIQUE INDEX one_note ON refunds (transaction_id, note)',
  ],
  [
    'a guard of a new column',
    "ALTER TABLE refunds ADD COLUMN note TEXT; CREATE TRIGGER note_stays BEFORE UPDATE OF note ON refunds BEGIN SELECT RAISE(ABORT, 'no'); END",
  ],
  [
    'a guard of rows that have a new column',
    "ALTER TABLE refunds ADD COLUMN note TEXT; CREATE TRIGGER no_notes BEFORE INSERT ON refunds WHEN NEW.note IS NOT NULL AND NEW.note = '' BEGIN SELECT RAISE(ABORT, 'no'); END",
  ],
])('a migration may add %s', async (_, migration) => {
  expect(await lacks(migration)).toEqual([]);
});

const STRICTER = `
  CREATE TABLE stricter (job TEXT PRIMARY KEY, position INTEGER NOT NULL CHECK (position > 0)) STRICT, WITHOUT ROWID;
  INSERT INTO stricter SELECT job, position FROM job_positions WHERE position > 0;
  DROP TABLE job_positions; ALTER TABLE stricter RENAME TO job_positions`;

it.each([
  ['takes away a table', 'DROP TABLE unbooked_refunds', 'the table unbooked_refunds is gone'],
  ['renames a table', 'ALTER TABLE gateway_accounts RENAME TO accounts', 'the table gateway_accounts is gone'],
  [
    'takes away a column',
    'ALTER TABLE job_slots DROP COLUMN leased_until_ms',
    'the column job_slots.leased_until_ms is gone',
  ],
  ['renames a column', 'ALTER TABLE refunds RENAME COLUMN reason TO why', 'the column refunds.reason is gone'],
  ['makes a table anew, with a constraint', STRICTER, 'the table job_positions was made anew'],
  [
    'adds a column that needs a value',
    'ALTER TABLE disputes ADD COLUMN note TEXT CHECK (note IS NOT NULL)',
    'disputes refuses rows without what was added to it: CHECK constraint failed',
  ],
  [
    'adds such a column to a table with rows',
    'ALTER TABLE refunds ADD COLUMN note TEXT NOT NULL',
    'it fails on a database in use: Cannot add a NOT NULL column',
  ],
  [
    'adds a constraint of former columns beside a new one',
    'ALTER TABLE disputes ADD COLUMN note TEXT CHECK (amount_minor < 100)',
    'disputes refuses rows without what was added to it: no such column: amount_minor',
  ],
  [
    'takes away an index',
    'DROP INDEX refunds_of_reference',
    'the index refunds_of_reference is gone: drop indexes in a',
  ],
  [
    'takes away a unique index',
    'DROP INDEX events_one_per_refund',
    'the index events_one_per_refund is gone, and ON CONFLICT',
  ],
  [
    'adds a unique index',
    'CREATE UNIQUE INDEX one_refund_a_day ON refunds (refund_id, created_at_ms)',
    'the unique index one_refund_a_day refuses what refunds took',
  ],
  [
    'adds a guard',
    "CREATE TRIGGER no_small_refunds BEFORE INSERT ON refunds WHEN NEW.amount_minor < 100 BEGIN SELECT RAISE(ABORT, 'too small'); END",
    'the trigger no_small_refunds refuses what refunds took',
  ],
  ['takes away a guard', 'DROP TRIGGER refunds_legal_transitions', 'the trigger refunds_legal_transitions is gone'],
  [
    'makes a guard stricter',
    "DROP TRIGGER refunds_fixed_kind; CREATE TRIGGER refunds_fixed_kind BEFORE UPDATE OF kind, reason ON refunds BEGIN SELECT RAISE(ABORT, 'no'); END",
    'the trigger refunds_fixed_kind is not what it was',
  ],
  [
    'rewrites what is stored',
    'UPDATE refunds SET reason = upper(reason)',
    '2 rows of refunds are gone, or have other values than were written',
  ],
  ['deletes what is stored', 'DELETE FROM idempotency_keys', '3 rows of idempotency_keys are gone'],
])('a migration that %s fails', async (_, migration, problem) => {
  expect(await lacks(migration)).toContainEqual(expect.stringContaining(problem));
});

it.each([
  [
    'makes one of its names ambiguous',
    'ALTER TABLE transactions ADD COLUMN reason TEXT',
    'SELECT reason FROM refunds JOIN transactions USING (transaction_id)',
    'ambiguous column name: reason',
  ],
  [
    'adds a column for which it has no value',
    'ALTER TABLE gateway_accounts ADD COLUMN note TEXT',
    'INSERT INTO gateway_accounts VALUES (?1, ?2)',
    'table gateway_accounts has 3 columns but 2 values were supplied',
  ],
])('a migration fails where a statement of the former version does, because it %s', async (_, migration, sql, why) => {
  const { sqlite } = await formerVersionAtWork();
  expect(whatFormerVersionLacks(sqlite, migration, { statements: [sql] })).toEqual([
    `a statement fails, ${why}: ${sql}`,
  ]);
});

it('a migration after the deployment may take away an index, but not one that keeps rows unique', async () => {
  const after = { isAfterDeployment: true };
  expect(await lacks('DROP INDEX refunds_of_reference', after)).toEqual([]);
  expect(await lacks('DROP INDEX events_one_per_refund', after)).not.toEqual([]);
  expect(await lacks('DROP TABLE unbooked_refunds', after)).not.toEqual([]);
});
