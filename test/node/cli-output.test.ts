/** What `payctl` prints: tables that line up, and a progress bar that appears late and leaves nothing behind. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inSnakeCase, printFacts, printTable } from '../../src/cli/output.ts';
import { progressLine, withProgress } from '../../src/local/progress.ts';

const LONG_ID = `key_${'x'.repeat(60)}`;

describe('a table', () => {
  let lines: string[];
  beforeEach(() => {
    lines = [];
    vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
  });
  afterEach(() => void vi.restoreAllMocks());

  it('lines up, however long the ids are', () => {
    printTable(
      ['KEY', 'STATE', 'NAME'],
      [
        ['key_1', 'valid', 'Till'],
        [LONG_ID, 'revoked 2026-11-22T00:00:00Z', 'Café'],
        ['key_2', 'expired', ''],
      ],
    );
    expect(lines.map((line) => line.indexOf('valid') + 1 || line.search(/STATE|revoked|expired/) + 1)).toEqual(
      Array(4).fill(LONG_ID.length + 3),
    );
    expect(lines[0]?.indexOf('NAME')).toBe(lines[2]?.indexOf('Café'));
    expect(lines.filter((line) => line.endsWith(' '))).toEqual([]);
  });

  it('wraps its last column where the terminal is too narrow', () => {
    const rows = [
      ['ok', 'approved, or that the account takes none'],
      ['ok', 'found'],
    ];
    printTable(['RESULT', 'EXPECTED'], rows, 30);
    expect(lines).toEqual([
      'RESULT  EXPECTED',
      'ok      approved, or that the',
      '        account takes none',
      'ok      found',
    ]);
  });

  it('becomes a list of facts where that is not enough', () => {
    const rows = [
      ['payments:write refunds:write', 'Till'],
      ['admin', 'Desk'],
    ];
    printTable(['SCOPES', 'NAME'], rows, 30);
    expect(lines.map((line) => line ?? '')).toEqual([
      'SCOPES  payments:write',
      '        refunds:write',
      'NAME    Till',
      '',
      'SCOPES  admin',
      'NAME    Desk',
    ]);
  });

  it('prints once what all rows have in common, where the rest fits then', () => {
    const rows = [
      ['BOOK-1', 'failed', 'credit_card', '', 'Card declined'],
      ['BOOK-2', 'failed', 'credit_card', '', 'Card expired'],
    ];
    printTable(['BOOKING', 'STATUS', 'METHOD', 'REFERENCE', 'WHY'], rows, 40);
    expect(lines.map((line) => line ?? '')).toEqual([
      'STATUS  failed',
      'METHOD  credit_card',
      '',
      'BOOKING  WHY',
      'BOOK-1   Card declined',
      'BOOK-2   Card expired',
    ]);
  });

  it('has no lines for empty cells as a list', () => {
    const rows = [
      ['payments:write refunds:write', '', 'Till'],
      ['admin', 'never', ''],
    ];
    printTable(['SCOPES', 'LAST USED', 'NAME'], rows, 34);
    expect(lines.map((line) => line ?? '')).toEqual([
      'SCOPES  payments:write',
      '        refunds:write',
      'NAME    Till',
      '',
      'SCOPES     admin',
      'LAST USED  never',
    ]);
  });

  it('keeps a row on its line, and lets no cell move the cursor', () => {
    printFacts([
      ['oldest', 'evt_1'],
      ['most failed', 'refused\n\x1b[2Jby the bridge'],
    ]);
    expect(lines).toEqual(['oldest       evt_1', 'most failed  refused [2Jby the bridge']);
  });
});

describe('JSON of what the domain has', () => {
  it('has names in snake case and times in ISO 8601, at every depth', () => {
    const difference = { kind: 'x', movedAtMs: 1_795_452_829_000, waitingSinceMs: null, money: { amountMinor: 2550 } };
    expect(inSnakeCase({ differences: [difference], movements: null })).toEqual({
      differences: [
        { kind: 'x', moved_at: '2026-11-23T16:53:49Z', waiting_since: null, money: { amount_minor: 2550 } },
      ],
      movements: null,
    });
  });
});

describe('progress', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function screen(isTTY: boolean) {
    const written: string[] = [];
    return { isTTY, columns: 80, written, write: (text: string) => written.push(text) > 0 };
  }

  it('is a bar where the total is known, and a count where it is not', () => {
    expect(progressLine('Exporting', 500, 2_000, 3)).toBe(
      `Exporting  ${'█'.repeat(6)}${'░'.repeat(18)}   25 %  500 of 2,000  3 s`,
    );
    expect(progressLine('Exporting', 3_000, 2_000, 3)).toContain('100 %');
    expect(progressLine('Erasing', 12_000, undefined, 3)).toBe('Erasing  12,000  3 s');
    expect(progressLine('Opening', 0, undefined, 3)).toBe('Opening  3 s');
  });

  it('appears after two seconds, and is gone at the end', async () => {
    const terminal = screen(true);
    const work = withProgress(
      'Exporting',
      (progress) => {
        progress.at(1, 2);
        return new Promise((resolve) => setTimeout(resolve, 5_000));
      },
      terminal,
    );
    await vi.advanceTimersByTimeAsync(1_999);
    expect(terminal.written).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(terminal.written.join('')).toContain(' 50 %');
    await vi.advanceTimersByTimeAsync(3_000);
    await work;
    expect(terminal.written.at(-1)).toBe('\r\x1b[K');
    const drawn = terminal.written.length;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(terminal.written.length).toBe(drawn);
  });

  it('is gone when the work has failed, too', async () => {
    const terminal = screen(true);
    const work = withProgress(
      'Exporting',
      () => new Promise((_, reject) => setTimeout(reject, 3_000, new Error('x'))),
      terminal,
    );
    const failed = expect(work).rejects.toThrow('x');
    await vi.advanceTimersByTimeAsync(3_000);
    await failed;
    expect(terminal.written.at(-1)).toBe('\r\x1b[K');
  });

  it('is a line now and then where there is no terminal, and notes are printed', async () => {
    const file = screen(false);
    const work = withProgress(
      'Testing',
      async (progress) => {
        progress.note('Approve this order');
        progress.at(1, 2);
        await new Promise((resolve) => setTimeout(resolve, 25_000));
      },
      file,
    );
    await vi.advanceTimersByTimeAsync(9_000);
    expect(file.written).toEqual(['Approve this order\n']);
    await vi.advanceTimersByTimeAsync(21_000);
    await work;
    expect(file.written.slice(1)).toEqual(['Testing  1 of 2  10 s\n', 'Testing  1 of 2  20 s\n']);
  });

  it('stays below a note', async () => {
    const terminal = screen(true);
    const work = withProgress(
      'Testing',
      async (progress) => {
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        progress.note('Approve this order');
      },
      terminal,
    );
    await vi.advanceTimersByTimeAsync(2_500);
    await work;
    expect(terminal.written.slice(-4)).toEqual([
      '\r\x1b[K',
      'Approve this order\n',
      expect.stringContaining('Testing  2 s'),
      '\r\x1b[K',
    ]);
  });
});
