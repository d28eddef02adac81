/** `payctl` on an installation with two databases: each command works on both, or says on which it did not. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ulid } from 'ulid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { localDatabaseFile } from '../../scripts/local-database.ts';
import { placing } from '../../src/core/ledger/database-place.ts';
import { bindingOf } from '../../src/core/shards.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { type Ended, payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy, withDatabases } from '../support/project-copy.ts';
import { prepareDatabase } from '../support/worker.ts';

// Each command is a process that starts wrangler, and the database is migrated once.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const BOTH = [0, 1];
const USER = 'ada-of-two';
const DELIVERED_MS = Date.UTC(2026, 10, 22, 12);

let project: ProjectCopy;
let migrated: string;
let state: string;

beforeAll(async () => {
  project = copyProject();
  const config = join(project.directory, 'wrangler.toml');
  writeFileSync(config, withDatabases(readFileSync(config, 'utf8'), ['DB_1']));
  const lines = Object.entries(LOCAL_VARIABLES).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(project.directory, '.dev.vars'), lines.join(''));
  migrated = mkdtempSync(join(tmpdir(), 'migrated-'));
  prepareDatabase(migrated);
  const [first, second] = BOTH.map((shard) => localDatabaseFile(migrated, bindingOf(shard)));
  const sqlite = new DatabaseSync(first ?? '');
  sqlite.prepare('VACUUM INTO ?').run(second ?? '');
  sqlite.close();
});
afterAll(() => {
  project?.remove();
  rmSync(migrated, { recursive: true, force: true });
});
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'state-'));
  cpSync(migrated, state, { recursive: true });
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const run = (line: string, input = ''): Promise<Ended> =>
  payctl([...line.split(' '), '--persist-to', state], { home: state, cwd: project.directory, input });

function inDatabase<Result>(shard: number, work: (sqlite: DatabaseSync) => Result): Result {
  const sqlite = new DatabaseSync(localDatabaseFile(state, bindingOf(shard)));
  try {
    return work(sqlite);
  } finally {
    sqlite.close();
  }
}

const column = (shard: number, sql: string) =>
  inDatabase(shard, (sqlite) => sqlite.prepare(sql).all()).map((row) => Object.values(row)[0]);
const place = (shard: number, as = shard) =>
  inDatabase(shard, (sqlite) => sqlite.exec(placing({ shard: as, shards: 2 })));

/** D1 answers with an error meanwhile. */
async function whileLocked(shard: number, work: () => Promise<Ended>): Promise<Ended> {
  const sqlite = new DatabaseSync(localDatabaseFile(state, bindingOf(shard)));
  sqlite.exec('BEGIN IMMEDIATE');
  try {
    return await work();
  } finally {
    sqlite.close();
  }
}

const transactionId = (shard: number) => `TXN-01M84N7ZP0Q5V5V0C0N7T3W5X${shard}-${shard}`;
const EVENTS = BOTH.map((shard) => `evt_${ulid(DELIVERED_MS + shard)}`);

/** A payment, and its event, which is delivered. */
function pay(shard: number): void {
  inDatabase(shard, (sqlite) => {
    sqlite
      .prepare(
        `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, status, currency, amount_minor,
           payment_method, gateway, created_at_ms, processed_at_ms)
         VALUES (?, 'default', ?, ?, 'ada@example.com', 'completed', 'USD', 2550, 'credit_card', 'sandbox', ?, ?)`,
      )
      .run(transactionId(shard), `BOOK-${shard}`, USER, DELIVERED_MS, DELIVERED_MS);
    sqlite
      .prepare(
        `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms, delivered_at_ms)
         VALUES (?, 'default', ?, 'payment.success', ?, ?, ?)`,
      )
      .run(EVENTS[shard] ?? '', `BOOK-${shard}`, transactionId(shard), DELIVERED_MS + shard, DELIVERED_MS + shard);
  });
}

describe('where a database is not in its place', () => {
  it('no command does anything, and shards says which it is', async () => {
    place(0);
    const none = await run('keys list');
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
    expect(none.stderr).toContain('DB_1 (payment-service-1) has no place yet. Nothing was done.');
    expect(none.stderr).toContain(`\`npm run dev -- --persist-to ${state}\` gives new databases their place`);
    expect(await run('shards')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/^0 {2,}payment-service {2,}0 of 2 .*\n1 {2,}payment-service-1 {2,}NONE YET /m),
    });

    place(1, 0);
    const wrong = await run('events replay evt_1');
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
    expect(wrong.stderr).toContain(
      'DB_1 (payment-service-1) is number 0 of 2, and is bound as number 1 of 2. Nothing was done. Correct',
    );
    const shards = await run('shards --json');
    expect(shards.exitCode).toBe(1);
    expect(JSON.parse(shards.stdout)).toMatchObject([
      { number: 0, in_place: true, place: { number: 0, of: 2 } },
      { number: 1, in_place: false, place: { number: 0, of: 2 } },
    ]);
    for (const shard of BOTH) expect(column(shard, 'SELECT count(*) FROM audit_entries')).toEqual([0]);
  });

  it('shards shows the others where one cannot be read', async () => {
    place(0);
    inDatabase(1, (sqlite) =>
      sqlite.exec(
        'DROP VIEW presented_places; DROP TRIGGER transactions_in_place; DROP TRIGGER refunds_in_place; DROP TABLE database_place',
      ),
    );
    const { exitCode, stdout } = await run('shards --json');
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject([
      { in_place: true },
      { problem: expect.stringContaining('lacks tables') },
    ]);
  });
});

describe('with two databases', () => {
  beforeEach(() => {
    for (const shard of BOTH) place(shard);
  });

  it('shards counts what is in each', async () => {
    pay(1);
    const pendingSinceMs = Date.now() - 300_000;
    inDatabase(1, (sqlite) => {
      sqlite.exec(`UPDATE events SET delivered_at_ms = NULL;
        INSERT INTO audit_entries (at_ms, tenant, actor, action, subject, outcome) VALUES (1, '*', 'cron', 'x', 'x', 'read')`);
      const insert =
        sqlite.prepare(`INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency,
          amount_minor, payment_method, gateway, created_at_ms, next_lookup_at_ms)
        VALUES (?, 'default', ?, 'u', 'pending', 'USD', 1, 'credit_card', 'sandbox', ?, 1)`);
      for (const [index, atMs] of [pendingSinceMs, pendingSinceMs + 1].entries()) {
        insert.run(`TXN-${ulid(atMs)}-1`, `PENDING-${index}`, atMs);
      }
    });
    const { exitCode, stdout } = await run('shards --json');
    expect(exitCode).toBe(0);
    const [first, second] = JSON.parse(stdout);
    expect(first).toMatchObject({ payments: 0, pending: 0, oldest_pending_seconds: null, oldest_data: null });
    expect(second).toMatchObject({
      ...{ number: 1, name: 'payment-service-1', payments: 2, pending: 2, waiting_events: 1, unsealed_entries: 1 },
      ...{ bytes: expect.any(Number), percent_full: expect.any(Number), oldest_data: '1970-01-01T00:00:00Z' },
    });
    expect(second.oldest_pending_seconds).toBeGreaterThanOrEqual(300);
    expect(second.bytes).toBeGreaterThan(50_000);
  });

  it('an export has the payments of both, and the audit log and the disputes are those of each', async () => {
    for (const shard of BOTH) pay(shard);
    inDatabase(1, (sqlite) => {
      sqlite
        .prepare(
          `INSERT INTO audit_entries (at_ms, tenant, actor, action, subject, outcome)
           VALUES (?, 'default', 'key:key_1', 'payment.attempted', ?, 'claimed')`,
        )
        .run(DELIVERED_MS, transactionId(1));
      sqlite
        .prepare(
          `INSERT INTO disputes (tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
           VALUES ('default', 'stripe', 'du_1', ?2, 'needs_response', 'fraudulent', 'USD', 2550, ?1, ?1)`,
        )
        .run(DELIVERED_MS, transactionId(1));
    });
    const exported = await run('export settlement --from 2026-11-22 --to 2026-11-24 --json');
    expect(JSON.parse(exported.stdout).settlement).toMatchObject([{ captured_count: 2, captured_minor: 5100 }]);
    for (const shard of BOTH) {
      expect(column(shard, "SELECT subject FROM audit_entries WHERE action = 'ledger.exported'")).toEqual([
        'settlement',
      ]);
    }
    const shown = JSON.parse((await run(`audit show --subject ${transactionId(1)} --from 2026-11-01 --json`)).stdout);
    expect(shown).toMatchObject([{ action: 'payment.attempted', subject: transactionId(1), database: 1 }]);
    expect(column(0, "SELECT count(*) FROM audit_entries WHERE action = 'audit.read'")).toEqual([0]);
    expect(JSON.parse((await run('disputes --json')).stdout)).toMatchObject([
      { dispute_id: 'du_1', transaction_id: transactionId(1), booking_id: 'BOOK-1', is_open: true },
    ]);
  });

  it('a key is made in both, and revoked in both', async () => {
    const made = await run('keys create Shop --scopes payments:read');
    expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^psk_test_\S+\n$/) });
    const [keyId = ''] = made.stderr.split(' ');
    const keys = (shard: number) => column(shard, 'SELECT key_id FROM api_keys');
    expect(BOTH.map(keys)).toEqual([[keyId], [keyId]]);
    expect((await run('keys list')).stdout).toMatch(new RegExp(`^${keyId} {2}valid {2}default {2}Shop`, 'm'));
    expect(await run(`keys revoke ${keyId}`)).toMatchObject({ exitCode: 0 });
    for (const shard of BOTH) expect(column(shard, 'SELECT revoked_at_ms FROM api_keys')).not.toEqual([null]);
  });

  it('a key that one database did not take is not printed, is listed as incomplete, and can be revoked', async () => {
    const refuse = `CREATE TRIGGER refused BEFORE INSERT ON api_keys BEGIN SELECT RAISE(ABORT, 'refused'); END`;
    inDatabase(1, (sqlite) => sqlite.exec(refuse));
    const failed = await run('keys create Shop --scopes payments:read');
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    const [, keyId = ''] =
      /DB_1 has not confirmed the key (key_\w+) .*`npx payctl keys revoke \1`/.exec(failed.stderr) ?? [];
    expect((await run('keys list')).stdout).toMatch(
      new RegExp(`^${keyId} {2}INCOMPLETE: valid in 1 of 2 databases, revoke it`, 'm'),
    );
    expect(await run(`keys revoke ${keyId}`)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('was revoked'),
    });
    expect((await run('keys list')).stdout).toMatch(new RegExp(`^${keyId} {2}revoked `, 'm'));
  });

  it('a revocation that one database did not confirm fails, and is completed by repeating it', async () => {
    const made = await run('keys create Shop --scopes payments:read');
    const [keyId = ''] = made.stderr.split(' ');
    const failed = await whileLocked(0, () => run(`keys revoke ${keyId}`));
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toMatch(new RegExp(`^DB did not confirm that ${keyId} is revoked .*Run this again$`, 'm'));
    const revoked = (shard: number) => column(shard, 'SELECT revoked_at_ms FROM api_keys')[0];
    expect(BOTH.map(revoked)).toEqual([null, expect.any(Number)]);
    const listed = JSON.parse((await run('keys list --json')).stdout);
    expect(listed).toMatchObject([{ key_id: keyId, revoked_at: null, missing_in: [], valid_in: [0] }]);
    expect(await run(`keys revoke ${keyId}`)).toMatchObject({ exitCode: 0 });
    expect(BOTH.map(revoked)).toEqual([expect.any(Number), expect.any(Number)]);
  });

  it('no other command begins where a database does not answer', async () => {
    const failed = await whileLocked(1, () => run('keys create Shop --scopes payments:read'));
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(column(0, 'SELECT key_id FROM api_keys')).toEqual([]);
  });

  it('events are replayed from both by their time, and from either by their id', async () => {
    for (const shard of BOTH) pay(shard);
    expect(await run('events replay --from 2026-11-22 --to 2026-11-23 --json')).toMatchObject({
      exitCode: 0,
      stdout: '{\n  "replayed": 2,\n  "due_now": 0\n}\n',
    });
    const status = JSON.parse((await run('events status --json')).stdout);
    expect(status).toMatchObject({ waiting: 2, due: 2, replayed: 2, oldest: { event_id: EVENTS[0] } });
    inDatabase(1, (sqlite) => sqlite.exec('UPDATE events SET delivered_at_ms = 1, attempts = 1'));
    expect(await run(`events replay ${EVENTS[1]}`)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('published again'),
    });
    expect(column(1, 'SELECT delivered_at_ms FROM events')).toEqual([null]);
  });

  it('the audit log is exported with a line before each database’s, and verified with both', async () => {
    await run('keys create Shop --scopes payments:read');
    const { exitCode, stdout } = await run('audit export');
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.flatMap((line, index) => (line.startsWith('{"database"') ? [[index, line]] : []))).toEqual([
      [0, '{"database":{"number":0,"of":2}}'],
      [3, '{"database":{"number":1,"of":2}}'],
    ]);
    const file = join(state, 'audit.jsonl');
    writeFileSync(file, stdout);
    const verify = () => payctl(['audit', 'verify', file, '--json'], { home: state, cwd: project.directory });
    const whole = await verify();
    expect(whole.exitCode).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({
      intact: true,
      databases: [
        { database: 0, unsealed: 2, intact: true },
        { database: 1, unsealed: 2, intact: true },
      ],
    });
    writeFileSync(file, lines.toSpliced(4, 1).join('\n'));
    expect(await verify()).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('"where": "entry 2"') });
    expect(await run('audit verify')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^Database 0:\nIntact: .*\nNot verified without --head: .*\nDatabase 1:\nIntact: /),
    });
  });

  it('a user is exported from both, and erased in both under one pseudonym', async () => {
    for (const shard of BOTH) pay(shard);
    const exported = await run('personal-data export -', `${USER}\n`);
    expect(exported).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(exported.stdout)).toMatchObject({
      payments: BOTH.map((shard) => ({ transaction_id: transactionId(shard), user_email: 'ada@example.com' })),
    });
    const erased = await run('personal-data erase - --json', `${USER}\n`);
    const { pseudonym, payments } = JSON.parse(erased.stdout);
    expect(payments).toBe(2);
    for (const shard of BOTH) {
      expect(column(shard, `SELECT user_id || coalesce(user_email, '') FROM transactions`)).toEqual([pseudonym]);
    }
  });

  it('all addresses are encrypted under the current key', async () => {
    for (const shard of BOTH) pay(shard);
    const rotated = await run('keys rotate --json');
    expect(JSON.parse(rotated.stdout)).toMatchObject({ rewritten: 2 });
    for (const shard of BOTH) expect(column(shard, 'SELECT user_email FROM transactions')).toEqual([null]);
  });

  it('what left either for the archive is listed; printing an entry or event requires the database’s number, and a payment names it', async () => {
    for (const shard of BOTH) {
      inDatabase(shard, (sqlite) =>
        sqlite.exec(`INSERT INTO archived_ranges (kind, first_sequence, last_sequence, entries, object, bytes, sha256, last_hash, archived_at_ms)
          VALUES ('events', 1, 9, 9, 'events/${shard}/x', 1, '${'0'.repeat(64)}', NULL, 1),
            ('transactions', ${DELIVERED_MS}, ${DELIVERED_MS}, 1, 'transactions/${shard}/x', 1, '${'1'.repeat(64)}', NULL, 1)`),
      );
    }
    const objects = (await run('archive list')).stdout.split('\n').flatMap((line) => line.split(' ')[0] ?? []);
    expect(objects).toEqual(['events/0/x', 'transactions/0/x', 'events/1/x', 'transactions/1/x', '']);
    expect(await run('archive print events 1')).toMatchObject({
      exitCode: 2,
      stderr: 'There are 2 databases: choose one with --database, from 0 to 1\n',
    });
    const read = async (line: string) => (await run(line)).stderr.split(' ')[0];
    // There is no bucket to read it from.
    expect(await read('archive print events 1 --database 1')).toBe('events/1/x');
    expect(await read(`archive print transactions TXN-${ulid(DELIVERED_MS)}-1`)).toBe('transactions/1/x');
  });
});
