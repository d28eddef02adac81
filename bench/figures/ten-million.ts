/** Ten million payments in one database, archived but for the newest: each operation costs the rows that it costs in a database of a thousand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure, Line } from '../figure.ts';
import { measureSizes, type Plan, type Size } from './rows.ts';

const FULL: Plan = { sizes: [1_000, 10_000_000], archivedBut: 100_000, examplePayments: 100, repeated: 20 };
const QUICK: Plan = { sizes: [1_000, 20_000], archivedBut: 2_000, examplePayments: 20, repeated: 5 };

export const tenMillion: Figure = {
  name: 'ten-million',
  title: 'ten million payments: rows that an operation reads and writes, beside those in a database of a thousand',
  isLong: true,
  async measure(measuring) {
    const directory = await mkdtemp(join(tmpdir(), 'bench-ten-million-'));
    try {
      const plan = measuring.quick ? QUICK : FULL;
      const sizes = await measureSizes(directory, plan, measuring);
      const [small, large] = sizes;
      if (small === undefined || large === undefined) throw new Error('not both ledgers were measured');
      const bytes = Object.values(large.bytes).reduce((sum, value) => sum + value, 0) * large.payments;
      return {
        lines: [
          ...Object.keys(large.operations).flatMap((name) => linesOf(name, small, large)),
          { what: `${large.payments.toLocaleString('en')} payments take`, value: bytes / 1e9, unit: 'GB' },
        ],
        details: { sizes },
      };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function linesOf(name: string, small: Size, large: Size): Line[] {
  const [before, after] = [small.operations[name], large.operations[name]];
  if (before === undefined || after === undefined) throw new Error(`${name} was not measured`);
  return (['rowsWritten', 'rowsRead'] as const).map((rows) => ({
    what: `${name}: rows ${rows === 'rowsWritten' ? 'written' : 'read'}`,
    value: after[rows],
    unit: 'rows',
    target: { atMost: before[rows] },
    note: `${before[rows]} in a database of ${small.payments.toLocaleString('en')}`,
  }));
}
