/** A refund that `payctl` has sent: whatever fails after that, it never ends as if nothing had been ordered. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { type Ended, type Place, payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { prepareDatabase } from '../support/worker.ts';

// Each command is a process that starts wrangler.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const PAID = 'TXN-01M80ASY80ZZZZZZZZZZZZZZZA';
const REFUND = 'REF-01M80ASY80ZZZZZZZZZZZZZZZA';
const [OTHER, REFUND_OF_OTHER] = ['TXN-01M80ASY80ZZZZZZZZZZZZZZZB', 'REF-01M80ASY80ZZZZZZZZZZZZZZZB'] as const;
const MADE_MS = Date.UTC(2026, 10, 22);

type Service = (response: ServerResponse, headers: IncomingHttpHeaders) => void;

let project: ProjectCopy;
let state: string;
let server: Server;
let serve: Service;

beforeAll(async () => {
  project = copyProject();
  state = mkdtempSync(join(tmpdir(), 'state-'));
  prepareDatabase(state);
  for (const id of [PAID, OTHER]) {
    writeLocalDatabase(
      state,
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, status, currency, amount_minor,
         payment_method, gateway, gateway_reference, created_at_ms, processed_at_ms, refunded_minor)
       VALUES (?1, 'default', 'BOOK-' || ?1, 'user_123', 'ada@example.com', 'completed', 'USD', 2550, 'credit_card', 'stripe', 'ch_1', ?2, ?2, 0)`,
      ...[id, MADE_MS],
    );
  }
  server = createServer((request, response) => {
    request.resume().once('end', () => serve(response, request.headers));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server?.closeAllConnections();
  server?.close();
  project?.remove();
  rmSync(state, { recursive: true, force: true });
});

function refund(service: Service, place: Partial<Place> = {}, options: readonly string[] = []): Promise<Ended> {
  serve = service;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [
    'refund',
    PAID,
    '--amount',
    '5',
    '--yes',
    '--wait',
    '1',
    '--url',
    url,
    '--persist-to',
    state,
    ...options,
  ];
  return payctl(args, { home: state, cwd: project.directory, ...place });
}

/** What the service writes of a refund that is done. */
function book(refundId: string, transactionId: string, key: string): void {
  writeLocalDatabase(
    state,
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms)
     VALUES (?1, 'default', ?2, 'completed', 500, '', ?3, ?3)`,
    ...[refundId, transactionId, MADE_MS],
  );
  writeLocalDatabase(
    state,
    `INSERT INTO idempotency_keys (tenant, path, idempotency_key, fingerprint, claimed_id, created_at_ms)
     VALUES ('default', '/payment/refund', ?, 'a fingerprint', ?, ?)`,
    ...[key, refundId, MADE_MS],
  );
}

function succeed(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ status: 'success', refund_transaction_id: REFUND }));
}

/** The idempotency key with which a person can go on. */
function keyOf(stderr: string): string {
  const [, key = ''] =
    /To go on waiting, without ordering it twice: .* --idempotency-key (payctl-\S+)/.exec(stderr) ?? [];
  return key;
}

function keysInAuditLog(): string[] {
  const database = localDatabase(state);
  try {
    return database.column(
      `SELECT detail ->> 'idempotency_key' FROM audit_entries WHERE action = 'refund.ordered' AND subject = '${PAID}'`,
    );
  } finally {
    database.close();
  }
}

it('is of unknown outcome where the database cannot be read any more, with the key that is in the audit log', async () => {
  const rename = (from: string, to: string) => writeLocalDatabase(state, `ALTER TABLE ${from} RENAME TO ${to}`);
  const { exitCode, stdout, stderr } = await refund((response) => {
    rename('idempotency_keys', 'unreadable');
    succeed(response);
  });
  rename('unreadable', 'idempotency_keys');
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
  expect(stderr).toContain('The database could not be read: ');
  expect(keyOf(stderr)).toMatch(/^payctl-/);
  expect(keysInAuditLog()).toContain(keyOf(stderr));
});

it.each(['SIGTERM', 'SIGHUP'] as const)('is of unknown outcome after %s, and says how to go on', async (signal) => {
  let end: () => void = () => {};
  const { exitCode, stdout, stderr } = await refund(() => end(), {
    onStart: (child) => {
      end = () => child.kill(signal);
    },
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
  expect(stderr).toContain('Interrupted. It may have been carried out.');
  expect(keyOf(stderr)).toMatch(/^payctl-/);
});

it('is done where nobody reads what the command prints, and standard error has it', async () => {
  const { exitCode, stderr } = await refund(
    (response, headers) => {
      book(REFUND, PAID, String(headers['idempotency-key']));
      succeed(response);
    },
    { onStart: (child) => child.stdout?.destroy() },
  );
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringMatching(/The output could not be written: .*EPIPE.*\nRefunded 5\.00 USD\n$/),
  });
});

it('is not done because another payment has a refund under its key', async () => {
  book(REFUND_OF_OTHER, OTHER, 'payctl-of-another');
  const underWay = { code: 'IDEMPOTENCY_IN_PROGRESS', message: 'There is no outcome yet', details: {} };
  const { exitCode, stdout } = await refund(
    (response) => {
      response.writeHead(409, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ error: underWay, timestamp: '2026-11-22T10:00:00Z' }));
    },
    {},
    ['--idempotency-key', 'payctl-of-another'],
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
});
