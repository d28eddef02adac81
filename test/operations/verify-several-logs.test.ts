/** What `payctl audit verify` finds in an export of more than one database. */
import { beforeAll, describe, expect, it } from 'vitest';
import { databaseLine, verifyExport } from '../../src/cli/verify-export.ts';
import { exportedLines } from '../../src/core/ledger/audit/export-audit-log.ts';
import { type AuditRow, blockHash, CHAIN_START } from '../../src/core/ledger/audit/hash-chain.ts';

const COUNT = 3;
const ENTRIES = 4;
/** The last one is not sealed yet. */
const SEALED = 3;

let logs: string[][];
let heads: string[];

beforeAll(async () => {
  const made = await Promise.all(Array.from({ length: COUNT }, (_, database) => logOf(database)));
  logs = made.map(({ lines }) => lines);
  heads = made.map(({ head }) => head);
});

async function logOf(database: number): Promise<{ lines: string[]; head: string }> {
  const rows = Array.from({ length: ENTRIES }, (_, index): AuditRow => {
    const sequence = index + 1;
    return {
      ...{ sequence, at_ms: 1_795_000_000_000 + sequence, tenant: 'default', actor: 'cron', request_id: null },
      ...{ address: null, action: 'payment.ended', subject: `TXN-${sequence}-${database}`, outcome: 'completed' },
      detail: null,
    };
  });
  const head = await blockHash(CHAIN_START, rows.slice(0, SEALED));
  const block = { first_sequence: 1, last_sequence: SEALED, entries: SEALED, hash: head };
  return { lines: exportedLines({ entries: rows.map((row) => ({ ...row, hash: null })), blocks: [block] }), head };
}

const exported = (parts = logs) => parts.flatMap((lines, database) => [databaseLine(database, COUNT), ...lines]);
const broken = async (lines: readonly string[], expectedHeads: readonly string[] = []) => {
  const verdict = await verifyExport(lines, expectedHeads);
  return { logs: verdict.logs.map((log) => log.broken?.where ?? null), all: verdict.broken?.where ?? null };
};
const INTACT = { logs: [null, null, null], all: null };

describe('an export of three databases', () => {
  it('is whole as it was made, with the head of each log', async () => {
    const { logs: verdicts, broken: all } = await verifyExport(exported(), heads);
    expect(all).toBeNull();
    expect(verdicts).toEqual(
      heads.map((head) => ({ sealed: 3, unsealed: 1, unsealedForMs: 0, head, broken: null, headFound: true })),
    );
  });

  it('says of which logs the end was not verified', async () => {
    const { logs: verdicts, broken: all } = await verifyExport(exported(), [heads[1] ?? '']);
    expect(all).toBeNull();
    expect(verdicts.map(({ headFound }) => headFound)).toEqual([false, true, false]);
  });

  it('names an entry that was altered, by the log and the line, and verifies the other logs all the same', async () => {
    const altered = logs.with(1, (logs[1] ?? []).with(0, String(logs[1]?.[0]).replace('completed', 'failed')));
    expect(await broken(exported(altered))).toEqual({ logs: [null, 'block 1 to 3', null], all: null });
    const nonsense = logs.with(1, (logs[1] ?? []).with(0, 'nonsense'));
    expect(await broken(exported(nonsense))).toEqual({ logs: [null, 'line 8', null], all: null });
  });

  it('is broken where a log is missing, comes twice, or is another one’s', async () => {
    const [first, second, third] = logs.map((lines, database) => [databaseLine(database, COUNT), ...lines]);
    const lines = (...parts: (string[] | undefined)[]) => parts.flatMap((part) => part ?? []);
    expect(await broken(lines(first, second))).toEqual({ logs: [null, null, 'the end'], all: null });
    expect(await broken(lines(first, third))).toMatchObject({ logs: [null, 'line 7', null] });
    expect(await broken(lines(second, first, third))).toMatchObject({ logs: ['line 1', null, 'line 7'] });
    expect(await broken(lines(first, second, third, third))).toEqual({ ...INTACT, all: 'line 19' });
    expect(await broken([databaseLine(0, 2), ...(logs[0] ?? [])])).toEqual({ logs: [null, 'the end'], all: null });
    expect(await broken(lines(first, [databaseLine(1, 2)], second?.slice(1), third))).toMatchObject({
      logs: [null, 'line 7', 'line 7'],
    });
  });

  it('is broken where a log has no entries', async () => {
    expect(await broken(exported(logs.with(2, [])))).toEqual({ logs: [null, null, 'the start'], all: null });
  });

  it('is broken where the end of a log was cut off, whose hash was logged', async () => {
    const cut = exported(logs.with(1, (logs[1] ?? []).slice(0, SEALED)));
    expect(await broken(cut)).toEqual(INTACT);
    expect(await broken(cut, heads)).toEqual({ ...INTACT, all: 'an end' });
    const { broken: all } = await verifyExport(cut, heads);
    expect(all?.what).toContain(`nothing was sealed with ${heads[1]}: `);
  });
});

describe('an export of one database', () => {
  it('has one log, and one head', async () => {
    const [lines = []] = logs;
    expect(await verifyExport(lines, [heads[0] ?? ''])).toMatchObject({
      logs: [{ sealed: 3, broken: null }],
      broken: null,
    });
    expect(await broken(lines, [heads[1] ?? ''])).toEqual({ logs: ['the end'], all: null });
    await expect(verifyExport(lines, heads)).rejects.toThrow('give --head once');
  });

  it('has no line in it that begins another database’s log', async () => {
    const lines = [...(logs[0] ?? []), databaseLine(1, 2), ...(logs[1] ?? [])];
    expect(await broken(lines)).toEqual({ logs: ['line 6'], all: null });
  });
});
