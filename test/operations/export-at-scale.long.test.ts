/** An export of 100,000 payments with refunds, reversals, late charges and holds: its sums are those of the tables. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { encodeTime } from 'ulid';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { localDatabase, localDatabaseFile } from '../support/local-database.ts';
import { payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { prepareDatabase } from '../support/worker.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const PAYMENTS = 100_000;
const DAY_MS = 24 * 60 * 60_000;
const FIRST_MS = Date.UTC(2026, 9, 1);
/** A payment every so many milliseconds: a month of them. */
const APART_MS = (31 * DAY_MS) / PAYMENTS;
const ID_CHARACTERS = 16;
const MONTH = ['--from', '2026-10-01', '--to', '2026-11-01'];
const CURRENCIES = ['USD', 'EUR', 'JPY'];

let project: ProjectCopy;
let state: string;

beforeAll(async () => {
  project = copyProject();
  state = mkdtempSync(join(tmpdir(), 'state-'));
  prepareDatabase(state);
  fill(localDatabaseFile(state));
});
afterAll(() => {
  project?.remove();
  rmSync(state, { recursive: true, force: true });
});

/** Each tenth payment is held until the next day or later, each eleventh fails, each third is refunded, each thirtieth of those reversed. */
function fill(file: string): void {
  const sqlite = new DatabaseSync(file);
  const id = (prefix: string, madeMs: number, number: number) =>
    `${prefix}${encodeTime(madeMs, 10)}${String(number).padStart(ID_CHARACTERS, '0')}`;
  const payment = sqlite.prepare(
    `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
       gateway, gateway_reference, error_code, created_at_ms, processed_at_ms)
     VALUES (?, 'default', ?, 'user', ?, ?, ?, 'credit_card', ?, 'ch_1', ?, ?, ?)`,
  );
  const refund = sqlite.prepare(
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, kind, created_by, created_at_ms,
       processed_at_ms, reversed_at_ms)
     VALUES (?, 'default', ?, ?, ?, 'Cancelled', ?, ?, ?, ?, ?)`,
  );
  sqlite.exec('BEGIN');
  for (let number = 0; number < PAYMENTS; number += 1) {
    const madeMs = Math.floor(FIRST_MS + number * APART_MS);
    const transactionId = id('TXN-', madeMs, number);
    const endedMs = madeMs + (number % 10 === 0 ? DAY_MS + (number % 5) * DAY_MS : 900);
    const isFailed = number % 11 === 0;
    const amount = 1_000 + ((number * 7_919) % 90_000);
    payment.run(
      ...[transactionId, `BOOK-${number}`, isFailed ? 'failed' : 'completed', CURRENCIES[number % 3] ?? 'USD', amount],
      ...[number % 2 === 0 ? 'stripe' : 'paypal', isFailed ? 'CARD_DECLINED' : null, madeMs, endedMs],
    );
    if (isFailed && number % 3 === 0) {
      const foundMs = endedMs + DAY_MS;
      const paidMs = foundMs + (number % 2) * DAY_MS;
      refund.run(
        ...[id('REF-', madeMs, number), transactionId, 'completed', amount, 'late_charge', `evt_${number}`],
        ...[foundMs, paidMs, null],
      );
    } else if (!isFailed && number % 3 === 0) {
      const askedMs = endedMs + (number % 4) * DAY_MS;
      const paidMs = askedMs + (number % 7) * 6 * 60 * 60_000;
      const isReversed = number % 90 === 0;
      refund.run(
        ...[id('REF-', askedMs, number), transactionId, isReversed ? 'reversed' : 'completed', 1 + (number % 999)],
        ...['requested', null, askedMs, paidMs, isReversed ? paidMs + 2 * DAY_MS : null],
      );
    }
  }
  sqlite.exec('COMMIT');
  sqlite.close();
}

const run = (...args: string[]) => payctl([...args, '--persist-to', state], { home: state, cwd: project.directory });

/** By walks through the tables: a line a day, gateway and currency. */
const SUMS = `
  WITH moves AS (
    SELECT processed_at_ms AS at, transaction_id, amount_minor AS captured, 0 AS refunded, 0 AS reversed, 0 AS late, 0 AS back
    FROM transactions WHERE status <> 'failed' AND status <> 'pending'
    UNION ALL SELECT processed_at_ms, transaction_id, 0, iif(kind = 'requested', amount_minor, 0), 0, 0,
      iif(kind = 'requested', 0, amount_minor) FROM refunds WHERE status IN ('completed', 'reversed')
    UNION ALL SELECT reversed_at_ms, transaction_id, 0, 0, amount_minor, 0, 0 FROM refunds WHERE status = 'reversed'
    UNION ALL SELECT created_at_ms, transaction_id, 0, 0, 0, amount_minor, 0 FROM refunds WHERE kind = 'late_charge')
  SELECT json_array(strftime('%Y-%m-%d', at / 1000, 'unixepoch'), gateway, currency, sum(captured), sum(refunded),
    sum(reversed), sum(late), sum(back), sum(captured - refunded + reversed + late - back))
  FROM moves JOIN transactions USING (transaction_id)
  WHERE at >= unixepoch('2026-10-01') * 1000 AND at < unixepoch('2026-11-01') * 1000
  GROUP BY strftime('%Y-%m-%d', at / 1000, 'unixepoch'), gateway, currency ORDER BY 1`;

it('sums agree with the tables by day, gateway and currency, and each payment has one line', async () => {
  const database = localDatabase(state);
  const expected = database.column(SUMS).map((line) => JSON.parse(line) as unknown[]);
  const ended = database.count(
    `SELECT count(*) FROM transactions
     WHERE processed_at_ms >= unixepoch('2026-10-01') * 1000 AND processed_at_ms < unixepoch('2026-11-01') * 1000`,
  );
  database.close();
  const file = join(state, 'payments.csv');
  const settlement = await run('export', 'settlement', ...MONTH, '--json');
  expect(settlement).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('ncomplete') });
  const payments = await run('export', 'payments', ...MONTH, '--out', file);

  const lines: Record<string, unknown>[] = JSON.parse(settlement.stdout).settlement;
  expect(lines.length).toBe(31 * 2 * CURRENCIES.length);
  expect(
    lines.map((line) => [
      ...[line.date, line.gateway, line.currency, line.captured_minor, line.refunded_minor, line.reversed_minor],
      ...[line.late_charged_minor, line.late_refunded_minor, line.net_minor],
    ]),
  ).toEqual(expected);

  expect(payments.exitCode).toBe(0);
  const rows = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
  expect(rows).toHaveLength(ended);
  expect(new Set(rows.map((row) => row.split(',')[0])).size).toBe(ended);
});
