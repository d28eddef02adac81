/** The hash chain over the audit log, as the cron makes it and as an export shows it. */

import { describe, expect, it } from 'vitest';
import { type Verdict, verifyAudit } from '../../src/cli/verify-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { auditEntriesAfter, auditExport } from '../../src/core/ledger/audit/export-audit-log.ts';
import { chainHash } from '../../src/core/ledger/audit/hash-chain.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import type { LogFields } from '../../src/core/log.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';

const ENTRIES_AT_ONCE = 500;
const MAX_ROUNDS = 24;

function openLog() {
  const { d1: sqliteD1, sqlite } = openSqliteD1();
  const d1: D1Database = sqliteD1;
  applyMigrations(sqlite);
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  let batches = 0;
  const counting: D1Database = {
    prepare: (sql) => d1.prepare(sql),
    batch: (statements) => {
      batches += 1;
      return d1.batch(statements);
    },
  };
  const db: Database = {
    d1: counting,
    log: (_, event, fields) => void logged.push({ event, fields }),
    cipher: PLAIN_CIPHER,
    author: NOBODY,
  };
  return {
    db,
    logged,
    batches: () => batches,
    /** All at once, past the ledger. */
    fill(count: number): void {
      sqlite
        .prepare(
          `INSERT INTO audit_entries (at_ms, tenant, actor, action, subject, outcome)
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             SELECT n, 'default', 'test', 'audit.exported', 'audit_entries', 'read' FROM n`,
        )
        .run(count);
    },
    async writeOneByOne(count: number): Promise<void> {
      for (let n = 1; n <= count; n += 1) await auditExport(db, Date.now() + n);
    },
    seal: () => sealAudit(db, chainHash),
    seals: () => sqlite.prepare('SELECT sequence, hash FROM audit_seals ORDER BY sequence').all(),
    async verified(head: string | null = null): Promise<Verdict> {
      const entries = await auditEntriesAfter(db, 0, 100_000);
      return verifyAudit(
        entries.map((entry) => JSON.stringify(entry)),
        chainHash,
        head,
      );
    },
  };
}

describe('the cron seals the audit log', () => {
  it('in its order, to the end, and logs the head, which is in every export from then on', async () => {
    const log = openLog();
    log.fill(3);
    await log.seal();
    const [first, second, third] = log.seals();
    expect([first, second, third].map((seal) => seal?.sequence)).toEqual([1, 2, 3]);
    expect(log.logged).toEqual([{ event: 'audit.sealed', fields: { sequence: 3, hash: third?.hash } }]);
    log.fill(1);
    expect(await log.verified(String(third?.hash))).toMatchObject({ sealed: 3, unsealed: 1, broken: null });
  });

  it('by five hundred at once, each of them one statement, until all are sealed', async () => {
    const log = openLog();
    log.fill(2 * ENTRIES_AT_ONCE + 1);
    await log.seal();
    expect(log.batches()).toBe(2 * 3); // one to read, one to write
    expect(log.logged).toMatchObject([{ fields: { sequence: 2 * ENTRIES_AT_ONCE + 1 } }]);
    expect(await log.verified()).toMatchObject({ sealed: 2 * ENTRIES_AT_ONCE + 1, unsealed: 0, broken: null });
  });

  it('for a bounded time, and goes on the next time where it stopped', async () => {
    const log = openLog();
    const entries = MAX_ROUNDS * ENTRIES_AT_ONCE + 7;
    log.fill(entries);
    await log.seal();
    expect(log.seals()).toHaveLength(entries - 7);
    await log.seal();
    expect(await log.verified()).toMatchObject({ sealed: entries, unsealed: 0, broken: null });
  });

  it('and what was written since the next time, into the same chain', async () => {
    const log = openLog();
    log.fill(2);
    await log.seal();
    const before = log.seals();
    log.fill(2);
    await log.seal();
    expect(log.seals().slice(0, 2)).toEqual(before);
    expect(await log.verified(String(before[1]?.hash))).toMatchObject({ sealed: 4, broken: null });
  });

  it('and says nothing where nothing is new', async () => {
    const log = openLog();
    await log.seal();
    log.fill(1);
    await log.seal();
    await log.seal();
    expect(log.logged).toHaveLength(1);
  });

  it('as one chain, though it runs several times at once and entries come between', async () => {
    const log = openLog();
    log.fill(ENTRIES_AT_ONCE + 3);
    const writing = log.writeOneByOne(20);
    await Promise.all([log.seal(), log.seal(), writing, log.seal()]);
    await log.seal();
    expect(await log.verified()).toMatchObject({ sealed: ENTRIES_AT_ONCE + 23, unsealed: 0, broken: null });
    for (const { fields } of log.logged) {
      expect((await log.verified(String(fields?.hash))).broken).toBeNull();
    }
  });
});
