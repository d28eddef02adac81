/** `payctl export`, `payctl audit show` and `payctl disputes`, as an operator runs them on a local database. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { payctl, withoutProgress } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { prepareDatabase } from '../support/worker.ts';

// Each command is a process that starts wrangler.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIDNIGHT_MS = Date.UTC(2026, 10, 22);
const [PAID, PAID_IN_YEN, FAILED] = ['A', 'B', 'C'].map((last) => `TXN-01M80ASY80ZZZZZZZZZZZZZZZ${last}`) as [
  string,
  string,
  string,
];
const REFUND = 'REF-01M80ASY80ZZZZZZZZZZZZZZZA';
const DAY = ['--from', '2026-11-22', '--to', '2026-11-23'];

let project: ProjectCopy;
let state: string;
let out: string;

beforeAll(async () => {
  project = copyProject();
  state = mkdtempSync(join(tmpdir(), 'state-'));
  out = mkdtempSync(join(tmpdir(), 'out-'));
  prepareDatabase(state);
  const pay = (id: string, status: string, currency: string, amountMinor: number, errorCode: string | null) =>
    writeLocalDatabase(
      state,
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, status, currency, amount_minor,
         payment_method, gateway, gateway_reference, error_code, created_at_ms, processed_at_ms, refunded_minor)
       VALUES (?1, 'default', '=BOOK-' || ?1, 'ada-77', 'ada@example.com', ?2, ?3, ?4, 'credit_card', 'stripe', 'ch_1', ?5, ?6, ?6, 0)`,
      ...[id, status, currency, amountMinor, errorCode, MIDNIGHT_MS],
    );
  pay(PAID, 'completed', 'USD', 2550, null);
  pay(PAID_IN_YEN, 'completed', 'JPY', 300, null);
  pay(FAILED, 'failed', 'USD', 1000, 'CARD_DECLINED');
  writeLocalDatabase(
    state,
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms)
     VALUES (?, 'default', ?, 'completed', 550, 'Ada broke her leg', ?, ?)`,
    ...[REFUND, PAID, MIDNIGHT_MS + 1, MIDNIGHT_MS + 1],
  );
  const entry = (action: string, subject: string, outcome: string, detail: object | null, afterMs: number) =>
    writeLocalDatabase(
      state,
      `INSERT INTO audit_entries (at_ms, tenant, actor, request_id, action, subject, outcome, detail)
       VALUES (?, 'default', 'key:key_1', 'req-1', ?, ?, ?, ?)`,
      ...[MIDNIGHT_MS + afterMs, action, subject, outcome, detail && JSON.stringify(detail)],
    );
  entry('payment.attempted', PAID, 'claimed', { amount_minor: 2550, currency: 'USD' }, 0);
  entry('payment.attempted', PAID_IN_YEN, 'claimed', null, 0);
  entry('refund.attempted', REFUND, 'claimed', { transaction_id: PAID }, 1_000);
  const dispute = (id: string, status: string, openedAfterMs: number) =>
    writeLocalDatabase(
      state,
      `INSERT INTO disputes (tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
       VALUES ('default', 'stripe', ?, ?, ?, 'fraudulent', 'USD', 2550, ?, ?)`,
      ...[id, PAID, status, MIDNIGHT_MS + openedAfterMs, MIDNIGHT_MS + openedAfterMs + 1],
    );
  dispute('du_decided', 'won', 0);
  dispute('du_newer', 'needs_response', 7_000);
  dispute('du_older', 'warning_needs_response', 5_000);
});
afterAll(() => {
  project?.remove();
  for (const directory of [state, out]) rmSync(directory, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  payctl([...args, '--persist-to', state], {
    home: state,
    cwd: project.directory,
    env: { USER: 'op', LOGNAME: 'op' },
  });
const nothingTo = async (found: Awaited<ReturnType<typeof run>>, stdout: string) =>
  expect(found).toEqual({ exitCode: 0, stdout, stderr: '' });
function column(sql: string): string[] {
  const database = localDatabase(state);
  try {
    return database.column(sql);
  } finally {
    database.close();
  }
}

describe('payctl export', () => {
  it('prints the settlement of a day as CSV, with a row for each currency, and is in the audit log', async () => {
    await nothingTo(
      await run('export', 'settlement', ...DAY),
      `date,gateway,payment_method,currency,captured_count,captured_amount,refunded_count,refunded_amount,reversed_count,reversed_amount,late_charged_count,late_charged_amount,late_refunded_count,late_refunded_amount,net_amount
2026-11-22,stripe,credit_card,JPY,1,300,0,0,0,0,0,0,0,0,300
2026-11-22,stripe,credit_card,USD,1,25.50,1,5.50,0,0.00,0,0.00,0,0.00,20.00
`,
    );
    const entries = column(
      "SELECT actor || ' ' || subject || ' ' || detail FROM audit_entries WHERE action = 'ledger.exported'",
    );
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatch(/^operator:\S+ settlement \{"from_ms":1795305600000,"to_ms":1795392000000\}$/);
  });

  it('writes payments to a file, which is there under its name once it is complete', async () => {
    const file = join(out, 'payments.csv');
    const done = await run('export', 'payments', ...DAY, '--out', file);
    expect(done).toEqual({ exitCode: 0, stdout: '', stderr: `${file}: 3 rows\n` });
    const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines).toEqual([
      `${PAID},default,'=BOOK-${PAID},completed,credit_card,stripe,ch_1,USD,25.50,25.50,0.00,,2026-11-22T00:00:00Z,2026-11-22T00:00:00Z`,
      `${PAID_IN_YEN},default,'=BOOK-${PAID_IN_YEN},completed,credit_card,stripe,ch_1,JPY,300,300,0,,2026-11-22T00:00:00Z,2026-11-22T00:00:00Z`,
      `${FAILED},default,'=BOOK-${FAILED},failed,credit_card,stripe,ch_1,USD,10.00,0.00,0.00,CARD_DECLINED,2026-11-22T00:00:00Z,2026-11-22T00:00:00Z`,
    ]);
    expect(readdirSync(out)).toEqual(['payments.csv']);
  });

  it('prints refunds as one JSON text, in minor units', async () => {
    const { exitCode, stdout } = await run('export', 'refunds', ...DAY, '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ from: '2026-11-22T00:00:00Z', to: '2026-11-23T00:00:00Z', tenant: null, count: 1 },
      refunds: [{ refund_id: REFUND, kind: 'requested', refunded_minor: 550, reversed_minor: 0, currency: 'USD' }],
      ...{ undated_reversals: 0, archived_until_not_included: null },
    });
    expect(stdout).not.toMatch(/ada|leg/);
  });

  it('to a folder that is not there is refused', async () => {
    const { exitCode, stdout, stderr } = await run('export', 'payments', ...DAY, '--out', '/nowhere/at/all.csv');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('The directory /nowhere/at does not exist');
  });

  it('ends quietly where its reader has closed the pipe', async () => {
    const command = `"${process.execPath}" --disable-warning=ExperimentalWarning src/cli/payctl.ts export payments ${DAY.join(' ')} --persist-to "${state}" | head -1`;
    const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', command], { cwd: project.directory });
    expect(stdout).toMatch(/^transaction_id,.*\n$/);
    expect(withoutProgress(stderr)).toBe('');
  });

  it('leaves a former file as it was where it fails, and none that is half written; without the archive it says what it lacks', async () => {
    const range = [MIDNIGHT_MS - 2, MIDNIGHT_MS - 1, Date.now(), 'a'.repeat(64)];
    writeLocalDatabase(
      state,
      `INSERT INTO archived_ranges (kind, first_sequence, last_sequence, entries, object, bytes, sha256, archived_at_ms)
       VALUES ('transactions', ?1, ?2, 1, 'transactions/0/gone.jsonl.gz', 1, ?4, ?3)`,
      ...range,
    );
    const file = join(out, 'before.csv');
    writeFileSync(file, 'of yesterday');
    const failed = await run('export', 'payments', ...DAY, '--out', file);
    expect(failed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('transactions/0/gone.jsonl.gz') });
    expect(readFileSync(file, 'utf8')).toBe('of yesterday');
    expect(existsSync(`${file}.part`)).toBe(false);

    const without = await run('export', 'payments', ...DAY, '--no-archive', '--json');
    expect(without).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^Incomplete: payments up to 2026-11-21T23:59:59Z may be in the archive/),
    });
    expect(JSON.parse(without.stdout)).toMatchObject({ count: 3, archived_until_not_included: '2026-11-21T23:59:59Z' });
  });
});

describe('payctl audit show', () => {
  it('prints what happened to a payment and its refunds, in order', async () => {
    const { exitCode, stdout } = await run('audit', 'show', '--subject', PAID);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').map((line) => line.replace(/ {2,}/g, ' '))).toEqual([
      'TIME WHO ACTION SUBJECT OUTCOME REQUEST DETAIL',
      `2026-11-22T00:00:00Z key:key_1 payment.attempted ${PAID} claimed req-1 amount_minor=2550 currency=USD`,
      `2026-11-22T00:00:01Z key:key_1 refund.attempted ${REFUND} claimed req-1 transaction_id=${PAID}`,
      '',
    ]);
    const asJson = JSON.parse((await run('audit', 'show', '--subject', PAID, '--json')).stdout);
    expect(asJson).toMatchObject([
      { at: '2026-11-22T00:00:00Z', actor: 'key:key_1', action: 'payment.attempted', detail: { amount_minor: 2550 } },
      { subject: REFUND, action: 'refund.attempted', tenant: 'default' },
      { action: 'audit.read', actor: expect.stringMatching(/^operator:/), subject: PAID, outcome: 'read' },
    ]);
  });

  it('says that there is nothing about an id that is not in the log', async () => {
    const none = await run('audit', 'show', '--subject', 'TXN-01M80ASY80ZZZZZZZZZZZZZZZZ');
    expect(none).toEqual({
      exitCode: 1,
      stdout: 'There is no entry about TXN-01M80ASY80ZZZZZZZZZZZZZZZZ\n',
      stderr: '',
    });
  });
});

describe('payctl disputes', () => {
  it('lists open ones first, the oldest of them at the top, and says where to answer them', async () => {
    const { exitCode, stdout } = await run('disputes');
    expect(exitCode).toBe(0);
    expect(stdout.match(/\bdu_\w+/g)).toEqual(['du_older', 'du_newer', 'du_decided']);
    expect(stdout).toMatch(
      new RegExp(`^OPEN +du_older +stripe +${PAID} +=BOOK-${PAID} +25\\.50 USD +2026-11-22T00:00:05Z`, 'm'),
    );
    expect(stdout).toContain('2 disputes are open: answer in the dashboard of the provider (stripe)');
  });

  it('lists those alone on request, as JSON', async () => {
    const listed = JSON.parse((await run('disputes', '--open', '--json')).stdout);
    expect(listed).toMatchObject([
      {
        ...{ dispute_id: 'du_older', provider: 'stripe', transaction_id: PAID, amount_minor: 2550, currency: 'USD' },
        ...{ status: 'warning_needs_response', opened_at: '2026-11-22T00:00:05Z', is_open: true },
      },
      { dispute_id: 'du_newer', is_open: true },
    ]);
  });
});
