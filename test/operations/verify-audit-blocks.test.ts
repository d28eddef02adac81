/** What `payctl audit verify` finds in an export whose entries are sealed in blocks, and that somebody has altered. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Verdict, verifyAudit } from '../../src/cli/verify-audit.ts';
import { exportedLines } from '../../src/core/ledger/audit/export-audit-log.ts';
import {
  type AuditBlock,
  type AuditRow,
  blockHash,
  CHAIN_START,
  entryHash,
} from '../../src/core/ledger/audit/hash-chain.ts';

/** The first two sealed by themselves, by a former version; then blocks of three and of two; the last not sealed yet. */
const [ALONE, ENTRIES] = [2, 8];
const BLOCKS = [
  [3, 5],
  [6, 7],
] as const;

const entryNumbered = (sequence: number): AuditRow => ({
  ...{ sequence, at_ms: 1_795_000_000_000 + sequence, tenant: 'default', actor: 'key:key_0123456789ab' },
  ...{ request_id: `request-${sequence}`, address: '198.51.100.7', action: 'payment.ended' },
  ...{ subject: `TXN-${sequence}`, outcome: 'completed', detail: null },
});

async function exported(rows: readonly AuditRow[]): Promise<string[]> {
  let hash = CHAIN_START;
  const entries = [];
  for (const row of rows) {
    const isAlone = row.sequence <= ALONE;
    if (isAlone) hash = await entryHash(hash, row);
    entries.push({ ...row, hash: isAlone ? hash : null });
  }
  const blocks: AuditBlock[] = [];
  for (const [first_sequence, last_sequence] of BLOCKS) {
    hash = await blockHash(hash, rows.slice(first_sequence - 1, last_sequence));
    blocks.push({ first_sequence, last_sequence, entries: last_sequence - first_sequence + 1, hash });
  }
  return exportedLines({ entries, blocks });
}

const rows = Array.from({ length: ENTRIES }, (_, index) => entryNumbered(index + 1));
let whole: readonly string[];
let head: string;

beforeAll(async () => {
  whole = await exported(rows);
  head = JSON.parse(String(whole.findLast((line) => line.startsWith('{"block"')))).block.hash;
});

const lineOf = (sequence: number) => whole.findIndex((line) => line.includes(`"sequence":${sequence},`));
const sealBehind = (sequence: number) => lineOf(sequence) + 1;
const altered = (sequence: number, column: string, value: unknown) =>
  whole.with(lineOf(sequence), JSON.stringify({ ...JSON.parse(String(whole[lineOf(sequence)])), [column]: value }));
const where = async (lines: readonly string[], expectedHead: string | null = null): Promise<Verdict['broken']> =>
  (await verifyAudit(lines, expectedHead)).broken;

describe('an export in blocks', () => {
  it('is whole as it was made, and its last seal is the head', async () => {
    expect(await verifyAudit(whole, head)).toEqual({ sealed: 7, unsealed: 1, unsealedForMs: 0, head, broken: null });
  });

  it.each([
    [3, 'outcome', 'failed', 'block 3 to 5'],
    [5, 'detail', '{}', 'block 3 to 5'],
    [4, 'at_ms', 1, 'block 3 to 5'],
    [6, 'subject', 'TXN-9', 'block 6 to 7'],
    [1, 'outcome', 'failed', 'entry 1'],
  ])('names what was altered: entry %d, its %s', async (sequence, column, value, named) => {
    expect(await where(altered(sequence, column, value))).toMatchObject({
      where: named,
      what: expect.stringContaining('altered'),
    });
  });

  it('names the entry that is missing, and two that were swapped', async () => {
    expect(await where(whole.toSpliced(lineOf(4), 1))).toMatchObject({ where: 'entry 5' });
    const swapped = whole.with(lineOf(3), String(whole[lineOf(4)])).with(lineOf(4), String(whole[lineOf(3)]));
    expect(await where(swapped)).toMatchObject({ where: 'entry 4' });
  });

  it.each([
    ['was altered', (line: string) => line.replace(/"hash":"./, '"hash":"x')],
    ['says another count', (line: string) => line.replace('"entries":3', '"entries":2')],
    ['begins with another entry', (line: string) => line.replace('"first_sequence":3', '"first_sequence":2')],
    ['ends with another entry', (line: string) => line.replace('"last_sequence":5', '"last_sequence":4')],
  ])('names a seal that %s', async (_, alter) => {
    const line = alter(String(whole[sealBehind(5)]));
    expect(line).not.toBe(whole[sealBehind(5)]);
    expect(await where(whole.with(sealBehind(5), line))).toMatchObject({ where: expect.stringMatching(/^block /) });
  });

  it('is broken where a seal was taken away, moved, or is there twice', async () => {
    expect(await where(whole.toSpliced(sealBehind(5), 1))).toMatchObject({ where: 'block 6 to 7' });
    expect(await where(whole.toSpliced(sealBehind(7), 1), head)).toMatchObject({ where: 'the end' });
    const seal = String(whole[sealBehind(5)]);
    expect(await where(whole.toSpliced(sealBehind(5), 0, seal))).toMatchObject({ where: 'block 3 to 5' });
    expect(await where(whole.toSpliced(sealBehind(5), 1).toSpliced(lineOf(7), 0, seal))).not.toBeNull();
  });

  it('is broken at a seal with a name or a number too many', async () => {
    const seal = String(whole[sealBehind(5)]);
    for (const line of [seal.replace('{"block":{', '{"block":{"note":1,'), seal.replace('}}', '},"note":1}')]) {
      expect(await where(whole.with(sealBehind(5), line))).toMatchObject({ where: `line ${sealBehind(5) + 1}` });
    }
  });

  it('is broken to whoever has the head where the chain was made anew', async () => {
    const anew = await exported(rows.map((row) => (row.sequence === 4 ? { ...row, outcome: 'failed' } : row)));
    expect(await where(anew)).toBeNull();
    expect(await where(anew, head)).toMatchObject({ where: 'the end' });
  });
});
