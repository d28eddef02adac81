/** What `payctl audit verify` finds in an export of a former version, in which each entry is sealed by itself, that somebody has altered. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/cli/verify-audit.ts';
import { type AuditRow, CHAIN_START, entryHash } from '../../src/core/ledger/audit/hash-chain.ts';
import { payctl } from '../support/operator-command.ts';

type Entry = AuditRow & { hash: string | null };

const ENTRIES = 6;
/** Behind them, in every export: the cron has not been there yet. */
const UNSEALED = 1;

let whole: readonly Entry[];
/** The hash of the last sealed entry, as the Worker has logged it. */
let head: string;

beforeAll(async () => {
  whole = await sealed(Array.from({ length: ENTRIES + UNSEALED }, (_, index) => entryNumbered(index + 1)));
  head = String(whole[ENTRIES - 1]?.hash);
});

function entryNumbered(sequence: number): AuditRow {
  return {
    sequence,
    at_ms: 1_795_000_000_000 + sequence,
    tenant: 'default',
    actor: 'key:key_0123456789ab',
    request_id: `request-${sequence}`,
    address: '198.51.100.7',
    action: 'payment.ended',
    subject: `TXN-${sequence}`,
    outcome: 'completed',
    detail: '{"gateway_reference":"reference"}',
  };
}

/** As the cron seals them: all but the last. */
async function sealed(rows: readonly AuditRow[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  let hash = CHAIN_START;
  for (const row of rows) {
    const isSealed = row.sequence <= ENTRIES;
    if (isSealed) hash = await entryHash(hash, row);
    entries.push({ ...row, hash: isSealed ? hash : null });
  }
  return entries;
}

const verify = (entries: readonly Entry[], expectedHead: string | null = null) =>
  verifyAudit(
    entries.map((entry) => JSON.stringify(entry)),
    expectedHead,
  );

async function brokenAt(entries: readonly Entry[], expectedHead: string | null = null): Promise<string | undefined> {
  return (await verify(entries, expectedHead)).broken?.where;
}

/** The whole log, with the entry of this number replaced by those. */
const withInPlaceOf = (sequence: number, ...entries: Entry[]) => whole.toSpliced(sequence - 1, 1, ...entries);
const entry = (sequence: number) => whole[sequence - 1] as Entry;

describe('an export that nobody has been at', () => {
  it('is whole, and its last seal is the head', async () => {
    expect(await verify(whole)).toEqual({
      sealed: ENTRIES,
      unsealed: UNSEALED,
      unsealedForMs: 0,
      head,
      broken: null,
    });
  });

  it('has every head in it that was ever logged', async () => {
    for (const { hash } of whole.slice(0, ENTRIES)) expect((await verify(whole, hash)).broken).toBeNull();
  });

  it('may have none sealed yet', async () => {
    const fresh = [{ ...entry(1), hash: null }];
    expect(await verify(fresh)).toEqual({
      sealed: 0,
      unsealed: 1,
      unsealedForMs: 0,
      head: CHAIN_START,
      broken: null,
    });
  });
});

describe('an export whose sealing lags', () => {
  const HOUR_MS = 60 * 60_000;

  it('is not broken, and says how many entries have no seal, and for how long', async () => {
    const lagging = whole.map((one) => (one.sequence < 3 ? one : { ...one, hash: null }));
    const late = { ...entry(ENTRIES + UNSEALED), at_ms: entry(3).at_ms + HOUR_MS };
    expect(await verify(lagging.with(-1, late))).toEqual({
      sealed: 2,
      unsealed: 5,
      unsealedForMs: HOUR_MS,
      head: entry(2).hash,
      broken: null,
    });
    expect((await verify(lagging.with(-1, late), entry(2).hash)).broken).toBeNull();
  });
});

describe('payctl audit verify', () => {
  const stripped = () => whole.map((one) => (one.sequence < 3 ? one : { ...one, hash: null }));
  const lagging = (ms: number) =>
    stripped().with(-1, { ...entry(ENTRIES + UNSEALED), hash: null, at_ms: entry(3).at_ms + ms });

  it.each<[string, () => readonly Entry[], () => string[], number, string]>([
    ['0: whole', () => whole, () => ['--head', head], 0, 'Intact: 6 sealed entries'],
    ['0: unsealed for ten minutes', () => lagging(10 * 60_000), () => [], 0, 'Intact: 2 sealed entries'],
    [
      '1: seals taken from the end',
      stripped,
      () => ['--head', head],
      1,
      'Broken at the end: nothing was sealed with the hash',
    ],
    [
      '3: unsealed for longer',
      () => lagging(61 * 60_000),
      () => [],
      3,
      'Sealing lags: at the time of the export, 5 entries had no seal, the oldest for 61 minutes.',
    ],
  ])('exits with %s', async (_, entries, args, exitCode, output) => {
    const directory = mkdtempSync(join(tmpdir(), 'audit-'));
    try {
      const file = join(directory, 'audit.jsonl');
      writeFileSync(
        file,
        `${entries()
          .map((one) => JSON.stringify(one))
          .join('\n')}\n`,
      );
      const ended = await payctl(['audit', 'verify', file, ...args()], { home: directory });
      expect(ended).toMatchObject({ exitCode, stdout: expect.stringContaining(output), stderr: '' });
      const json = await payctl(['audit', 'verify', file, ...args(), '--json'], { home: directory });
      expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
        exitCode,
        stdout: { intact: exitCode !== 1, sealing_lags: exitCode === 3 },
        stderr: '',
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('an entry that was altered', () => {
  it.each([
    ['at_ms', 1_795_000_000_000],
    ['tenant', 'another'],
    ['actor', 'operator:somebody'],
    ['request_id', 'another'],
    ['request_id', null],
    ['address', '203.0.113.9'],
    ['action', 'payment.attempted'],
    ['subject', 'TXN-9'],
    ['outcome', 'failed'],
    ['detail', '{}'],
    ['hash', 'f'.repeat(64)],
  ])('is named, whichever it is, where its %s is %j', async (column, value) => {
    for (let sequence = 1; sequence <= ENTRIES; sequence += 1) {
      const altered = withInPlaceOf(sequence, { ...entry(sequence), [column]: value });
      expect(await verify(altered, head)).toMatchObject({
        sealed: sequence - 1,
        broken: { where: `entry ${sequence}`, what: expect.stringContaining('altered') },
      });
    }
  });

  it.each([0, 2, 4, 99])('is named where its number is %d in place of 3', async (sequence) => {
    expect(await brokenAt(withInPlaceOf(3, { ...entry(3), sequence }))).toBe(`entry ${sequence}`);
  });

  it('is no entry where a column is missing, or is one too many', async () => {
    const { address: _, ...less } = entry(3);
    expect(await brokenAt(withInPlaceOf(3, less as Entry))).toBe('line 3');
    expect(await brokenAt(withInPlaceOf(3, { ...entry(3), note: 'approved' } as Entry))).toBe('line 3');
  });

  it.each<[string, (line: string) => string]>([
    ['a name that stands there twice', (line) => line.replace('{', '{"actor":"key:another",')],
    ['a number in another spelling', (line) => line.replace('"at_ms":1795000000003', '"at_ms":1795000000003.0')],
  ])('is no entry with %s, though what is hashed is the same', async (_, respelled) => {
    const lines = whole.map((entry) => JSON.stringify(entry));
    const altered = lines.with(2, respelled(String(lines[2])));
    expect(altered).not.toEqual(lines);
    expect(await verifyAudit(altered, head)).toMatchObject({ broken: { where: 'line 3' } });
  });

  it('shows where its seal and all behind it were taken away, to whoever has a later head', async () => {
    const stripped = whole.map((entry) => (entry.sequence < 3 ? entry : { ...entry, hash: null }));
    expect(await brokenAt(stripped, head)).toBe('the end');
    expect(await brokenAt(stripped, String(entry(3).hash))).toBe('the end');
    expect(await brokenAt(stripped, String(entry(2).hash))).toBeUndefined();
  });

  it('shows though its own hash was made to fit: the next one’s does not', async () => {
    const forged = { ...entry(3), outcome: 'failed' };
    const hash = await entryHash(String(entry(2).hash), forged);
    expect(await brokenAt(withInPlaceOf(3, { ...forged, hash }))).toBe('entry 4');
  });

  it('shows where its seal was taken from it, also if the next one was made to follow the one before', async () => {
    const unsealed = withInPlaceOf(3, { ...entry(3), outcome: 'failed', hash: null });
    expect(await brokenAt(unsealed)).toBe('entry 4');
    const following = { ...entry(4), hash: await entryHash(String(entry(2).hash), entry(4)) };
    expect(await brokenAt(unsealed.with(3, following))).toBe('entry 4');
  });
});

describe('an export from which something was removed', () => {
  it.each([1, 2, 3, 4, 5])('is broken behind it: entry %d', async (sequence) => {
    expect(await verify(withInPlaceOf(sequence))).toMatchObject({
      broken: { where: `entry ${sequence + 1}`, what: expect.stringContaining(`entry ${sequence} is missing`) },
    });
  });

  it('is broken where those behind it were numbered anew', async () => {
    const numbered = withInPlaceOf(3).map((one, index) => ({ ...one, sequence: index + 1 }));
    expect(await brokenAt(numbered)).toBe('entry 3');
  });

  it.each([1, 2, ENTRIES])(
    'and whose end was cut off, by %d entries, is broken to whoever has the head',
    async (cut) => {
      const left = whole.slice(0, ENTRIES - cut);
      if (left.length > 0) expect(await brokenAt(left)).toBeUndefined();
      expect(await brokenAt(left, head)).toBe(left.length > 0 ? 'the end' : 'the start');
    },
  );

  it('and has nothing left is broken', async () => {
    expect(await verifyAudit([], null)).toMatchObject({ broken: { where: 'the start' } });
    expect(await verifyAudit(['', ' '], null)).toMatchObject({ broken: { where: 'the start' } });
  });
});

describe('an export in which entries have been moved', () => {
  it.each([1, 3, 5])('is broken where two were swapped: entry %d and the next one', async (sequence) => {
    const swapped = whole.toSpliced(sequence - 1, 2, entry(sequence + 1), entry(sequence));
    expect(await brokenAt(swapped)).toBe(`entry ${sequence + 1}`);
  });

  it.each([1, 3, 5])('and were given each other’s numbers: entry %d and the next one', async (sequence) => {
    const first = { ...entry(sequence + 1), sequence };
    const second = { ...entry(sequence), sequence: sequence + 1 };
    expect(await brokenAt(whole.toSpliced(sequence - 1, 2, first, second))).toBe(`entry ${sequence}`);
  });

  it('and each other’s numbers and seals', async () => {
    const first = { ...entry(4), sequence: 3, hash: entry(3).hash };
    const second = { ...entry(3), sequence: 4, hash: entry(4).hash };
    expect(await brokenAt(whole.toSpliced(2, 2, first, second))).toBe('entry 3');
  });
});

describe('an export into which something was put', () => {
  it('is broken at an entry that is there twice', async () => {
    expect(await verify(withInPlaceOf(3, entry(3), entry(3)))).toMatchObject({
      sealed: 3,
      broken: { where: 'entry 3', what: expect.stringContaining('comes after entry 3') },
    });
  });

  it('is broken at a new entry, also where those behind it were numbered anew', async () => {
    const inserted = { ...entryNumbered(4), subject: 'TXN-forged', hash: entry(4).hash };
    expect(await brokenAt(whole.toSpliced(3, 0, inserted))).toBe('entry 4');
    const numbered = whole.toSpliced(3, 0, inserted).map((one, index) => ({ ...one, sequence: index + 1 }));
    expect(await brokenAt(numbered)).toBe('entry 4');
  });

  it('is broken at a line that is no entry, and says which', async () => {
    const lines = whole.map((one) => JSON.stringify(one));
    for (const garbage of ['garbage', '{', 'null', '[]', '1', '{"sequence":3}', '{"sequence":"3","hash":null}']) {
      expect(await verifyAudit(lines.toSpliced(2, 0, garbage), null)).toMatchObject({
        broken: { where: 'line 3', what: 'not a line of an audit log' },
      });
    }
  });

  it('is distinguished from one that npm has printed a title into', async () => {
    const lines = ['', '> payment-service@0.1.0 audit', ...whole.map((one) => JSON.stringify(one))];
    expect(await verifyAudit(lines, null)).toMatchObject({
      broken: { where: 'line 2', what: expect.stringContaining('npm printed it') },
    });
  });
});

describe('a chain that was made anew', () => {
  it.each([1, 3, ENTRIES])('from entry %d on is broken to whoever has the head', async (from) => {
    const forged = whole.map((one) => (one.sequence < from ? one : { ...one, outcome: 'failed' }));
    const anew = await sealed(forged.map(({ hash: _, ...row }) => row));
    expect(await brokenAt(anew)).toBeUndefined();
    expect(await verify(anew, head)).toMatchObject({
      broken: { where: 'the end', what: expect.stringContaining(head) },
    });
  });
});
