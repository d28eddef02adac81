/** The hash chain over the audit log, as the cron makes it and as an export shows it. */

import { describe, expect, it } from 'vitest';
import { type Verdict, verifyAudit } from '../../src/cli/verify-audit.ts';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { auditExport, auditLogAfter, exportAuditLog } from '../../src/core/ledger/audit/export-audit-log.ts';
import { blockHash, CHAIN_START, entryHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import type { LogFields } from '../../src/core/log.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';

const BLOCK_MAX_ENTRIES = 1_000;

const noArchive = async (): Promise<never> => {
  throw new Error('a test has archived nothing');
};

function openLog() {
  const { d1: sqliteD1, sqlite } = openSqliteD1();
  const d1: D1Database = sqliteD1;
  applyMigrations(sqlite);
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  let batches = 0;
  let diesAt = 0;
  const counting: D1Database = {
    prepare: (sql) => d1.prepare(sql),
    batch: async (statements) => {
      batches += 1;
      const results = await d1.batch(statements);
      if (batches === diesAt) throw new Error('the process is gone: SQLITE_ERROR');
      return results;
    },
  };
  const db: Database = {
    d1: counting,
    log: (_, event, fields) => void logged.push({ event, fields }),
    cipher: PLAIN_CIPHER,
    author: NOBODY,
  };
  async function exported(): Promise<string[]> {
    const all: string[] = [];
    for await (const { lines } of exportAuditLog(db, { unpack, readArchived: noArchive, entriesAtOnce: 1_000 }))
      all.push(...lines);
    return all;
  }
  return {
    db,
    sqlite,
    logged,
    exported,
    pack: (atMs: number) => packAudit({ db, nowMs: () => atMs }, { blockHash, pack, unpack, sha256 }),
    batches: () => batches,
    /** Everything was done, and nobody hears of it. */
    dieAtBatch(number: number): void {
      diesAt = batches + number;
    },
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
    seal: (statements?: number, atMs = 1_000) =>
      sealAudit(
        { db: { ...db, ...(statements !== undefined && { budget: { left: statements } }) }, nowMs: () => atMs },
        blockHash,
      ),
    blocks: () => sqlite.prepare('SELECT * FROM audit_blocks ORDER BY last_sequence').all(),
    /** As a version before blocks has sealed the entries up to this one. */
    async sealOneByOne(until: number): Promise<void> {
      let hash = CHAIN_START;
      const page = await auditLogAfter(db, 0, until);
      for (const entry of page.kind === 'entries' ? page.entries : []) {
        hash = await entryHash(hash, entry);
        sqlite.prepare('INSERT INTO audit_seals (sequence, hash) VALUES (?, ?)').run(entry.sequence, hash);
      }
    },
    async verified(head: string | null = null): Promise<Verdict> {
      return verifyAudit(await exported(), head);
    },
  };
}

describe('the audit log is sealed', () => {
  it('in its order, to the end, and the head is logged, which is in every export from then on', async () => {
    const log = openLog();
    log.fill(3);
    expect(await log.seal()).toBe(false);
    const [block] = log.blocks();
    expect(block).toMatchObject({ first_sequence: 1, last_sequence: 3, entries: 3 });
    expect(log.logged).toEqual([{ event: 'audit.sealed', fields: { sequence: 3, hash: block?.hash } }]);
    log.fill(1);
    expect(await log.verified(String(block?.hash))).toMatchObject({ sealed: 3, unsealed: 1, broken: null });
  });

  it('a thousand entries to a block, until all are sealed', async () => {
    const log = openLog();
    log.fill(2 * BLOCK_MAX_ENTRIES + 1);
    await log.seal();
    expect(log.batches()).toBe(2 * 3); // one to read, one to write
    expect(log.blocks().map(({ entries }) => entries)).toEqual([BLOCK_MAX_ENTRIES, BLOCK_MAX_ENTRIES, 1]);
    expect(log.logged).toMatchObject([{ fields: { sequence: 2 * BLOCK_MAX_ENTRIES + 1 } }]);
    expect(await log.verified()).toMatchObject({ sealed: 2 * BLOCK_MAX_ENTRIES + 1, unsealed: 0, broken: null });
  });

  it('as far as one invocation may go, and the next one goes on where it stopped', async () => {
    const log = openLog();
    log.fill(3 * BLOCK_MAX_ENTRIES);
    expect(await log.seal(25)).toBe(true);
    expect(log.blocks()).toHaveLength(1);
    expect(await log.seal()).toBe(false);
    expect(await log.verified()).toMatchObject({ sealed: 3 * BLOCK_MAX_ENTRIES, unsealed: 0, broken: null });
  });

  it('and what was written since the next time, into the same chain', async () => {
    const log = openLog();
    log.fill(2);
    await log.seal();
    const before = log.blocks();
    log.fill(2);
    await log.seal();
    expect(log.blocks().slice(0, 1)).toEqual(before);
    expect(await log.verified(String(before[0]?.hash))).toMatchObject({ sealed: 4, broken: null });
  });

  it('behind what a former version has sealed, entry by entry, which stays in the chain', async () => {
    const log = openLog();
    log.fill(5);
    await log.sealOneByOne(3);
    await log.seal();
    expect(log.blocks()).toMatchObject([{ first_sequence: 4, last_sequence: 5 }]);
    expect(await log.verified()).toMatchObject({ sealed: 5, unsealed: 0, broken: null });
  });

  it('and nothing is logged where nothing is new', async () => {
    const log = openLog();
    await log.seal();
    log.fill(1);
    await log.seal();
    await log.seal();
    expect(log.logged).toHaveLength(1);
  });

  it('as one chain, though it runs several times at once and entries come between', async () => {
    const log = openLog();
    log.fill(BLOCK_MAX_ENTRIES + 3);
    const writing = log.writeOneByOne(20);
    await Promise.all([log.seal(), log.seal(), writing, log.seal()]);
    await log.seal();
    expect(await log.verified()).toMatchObject({ sealed: BLOCK_MAX_ENTRIES + 23, unsealed: 0, broken: null });
    for (const { fields } of log.logged) {
      expect((await log.verified(String(fields?.hash))).broken).toBeNull();
    }
  });
});

describe('sealed blocks are packed', () => {
  const HOUR_MS = 60 * 60_000;
  /** Three blocks; the entries are an hour and more old at `PACKED_FROM_MS`. */
  async function sealedLog(blocks = 3) {
    const log = openLog();
    for (let block = 0; block < blocks; block += 1) {
      log.fill(1_000);
      await log.seal();
    }
    return log;
  }
  const PACKED_FROM_MS = HOUR_MS + 1_000;
  const left = ({ sqlite }: ReturnType<typeof openLog>) =>
    sqlite.prepare('SELECT min(sequence) AS first, count(*) AS entries FROM audit_entries').get();

  it('when their entries are an hour old, all but the newest one, and the export is what it was', async () => {
    const log = await sealedLog();
    const before = await log.exported();
    expect(await log.pack(PACKED_FROM_MS - 1)).toBe(false);
    expect(left(log)).toEqual({ first: 1, entries: 3_000 });
    expect(await log.pack(PACKED_FROM_MS)).toBe(false);
    expect(left(log)).toEqual({ first: 2_001, entries: 1_000 });
    expect(await log.exported()).toEqual(before);
    expect(await log.verified()).toMatchObject({ sealed: 3_000, broken: null });
  });

  it('one after the other, though the clock that sealed one was ahead: none is left out', async () => {
    const log = openLog();
    for (const sealedAtMs of [1_000, 2 * HOUR_MS, 2_000]) {
      log.fill(10);
      await log.seal(undefined, sealedAtMs);
    }
    log.fill(1);
    expect(await log.pack(PACKED_FROM_MS + 1_000)).toBe(false);
    expect(left(log)).toEqual({ first: 11, entries: 21 });
    await log.pack(3 * HOUR_MS);
    expect(left(log)).toEqual({ first: 31, entries: 1 });
    expect(await log.verified()).toMatchObject({ sealed: 30, broken: null });
  });

  it('while they are exported, and none is missing from the export', async () => {
    const log = await sealedLog();
    log.fill(1);
    const lines: string[] = [];
    for await (const page of exportAuditLog(log.db, { unpack, readArchived: noArchive, entriesAtOnce: 1_500 })) {
      lines.push(...page.lines);
      await log.pack(PACKED_FROM_MS);
    }
    expect(await verifyAudit(lines, null)).toMatchObject({ sealed: 3_000, broken: null });
  });

  it('and the log goes on behind them', async () => {
    const log = await sealedLog();
    await log.pack(PACKED_FROM_MS);
    log.fill(10);
    await log.seal();
    await log.pack(PACKED_FROM_MS);
    expect(left(log)).toEqual({ first: 3_001, entries: 10 });
    expect(await log.verified()).toMatchObject({ sealed: 3_010, broken: null });
  });

  it('to a quarter of what they took', async () => {
    const log = await sealedLog();
    await log.pack(PACKED_FROM_MS);
    const [packed] = log.sqlite.prepare('SELECT length(packed) AS bytes FROM audit_blocks').all();
    expect(Number(packed?.bytes)).toBeLessThan(1_000 * 64);
  });

  it('and what was altered before is not packed: an alarm reports it', async () => {
    const log = await sealedLog();
    log.sqlite.exec('DROP TRIGGER audit_entries_stay');
    log.sqlite.exec("UPDATE audit_entries SET outcome = 'failed' WHERE sequence = 1500");
    expect(await log.pack(PACKED_FROM_MS)).toBe(false);
    expect(left(log)).toEqual({ first: 1_001, entries: 2_000 });
    expect(log.logged.at(-1)).toMatchObject({ event: 'audit.block_broken', fields: { first_sequence: 1_001 } });
  });

  it('behind one that was altered, too: it stays as it is, and the export has all', async () => {
    const log = await sealedLog(4);
    log.sqlite.exec('DROP TRIGGER audit_entries_stay');
    log.sqlite.exec("UPDATE audit_entries SET outcome = 'failed' WHERE sequence = 1500");
    const before = await log.exported();
    await log.pack(PACKED_FROM_MS);
    expect(log.blocks().map(({ packed }) => packed !== null)).toEqual([true, false, true, false]);
    expect(left(log)).toEqual({ first: 1_001, entries: 2_000 });
    expect(await log.exported()).toEqual(before);
    expect(await log.verified()).toMatchObject({ sealed: 1_000, broken: { where: 'block 1001 to 2000' } });
    log.logged.length = 0;
    await log.pack(PACKED_FROM_MS);
    expect(log.logged).toEqual([]);
  });

  it.each([1, 2, 3, 4])('though the process dies at its batch %d, once', async (batch) => {
    const log = await sealedLog(2);
    const before = await log.exported();
    log.dieAtBatch(batch);
    await log.pack(PACKED_FROM_MS).catch(() => {});
    expect(await log.exported()).toEqual(before);
    await log.pack(PACKED_FROM_MS);
    expect(left(log)).toEqual({ first: 1_001, entries: 1_000 });
    expect(await log.exported()).toEqual(before);
  });

  it.each([
    'DELETE FROM audit_entries WHERE sequence = 1500',
    'DELETE FROM audit_entries WHERE sequence = 3001',
    'UPDATE audit_blocks SET packed = NULL WHERE last_sequence = 1000',
    "UPDATE audit_blocks SET packed = x'00' WHERE last_sequence = 1000",
    'DELETE FROM audit_blocks WHERE last_sequence = 1000',
  ])('and nothing else may be taken away: %s', async (sql) => {
    const log = await sealedLog();
    log.fill(1);
    log.sqlite.exec(`UPDATE audit_blocks SET packed = x'01' WHERE last_sequence IN (1000, 3000)`);
    expect(() => log.sqlite.exec(sql)).toThrow('append-only');
  });
});
