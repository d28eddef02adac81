/**
 * A schema that is only partly there: requests that arrive while migrations are being applied, or a new Worker on the tables of
 * an older version. In a file of its own, because it builds the tables anew, one statement of the migrations at a time.
 */
import { applyD1Migrations, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExternalRefund } from '../../src/core/gateways/gateway.ts';
import type { Dispute, Notice } from '../../src/core/gateways/webhook.ts';
import { listApiKeys } from '../../src/core/ledger/api-keys/list-api-keys.ts';
import { auditExport, auditLogAfter } from '../../src/core/ledger/audit/export-audit-log.ts';
import { LedgerNotMigrated, runBatch } from '../../src/core/ledger/database.ts';
import { eventsStatus } from '../../src/core/ledger/outbox/events-status.ts';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { erasePersonalData } from '../../src/core/ledger/personal-data/erase-personal-data.ts';
import { personalRecords } from '../../src/core/ledger/personal-data/find-personal-data.ts';
import { resealEmails } from '../../src/core/ledger/personal-data/reseal-emails.ts';
import { BEFORE_ALL } from '../../src/core/ledger/personal-data/steps.ts';
import { readPaymentRecords } from '../../src/core/ledger/read-payment-records.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { makeApiKey, type NewKey } from '../../src/core/security/api-key.ts';
import { SCOPES } from '../../src/core/security/credential.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { bearer } from './credentials.ts';
import { database } from './operation.ts';
import { consumeMessages, lookUpMessage, runCron } from './queue.ts';
import { payment, refundOf, sendWith } from './request.ts';
import { APPROVED, newWorld } from './scripted-gateway.ts';

const DEADLINE_MS = 300_000;
/** After each statement of the newest migrations the answers are judged; of those before them, which are applied everywhere, after the last one. */
const NEWEST = env.TEST_MIGRATIONS.slice(-2).map(({ name }) => name);
const STATEMENTS = env.TEST_MIGRATIONS.flatMap(({ name, queries }) =>
  queries.map((sql, index) => ({ name, sql, isJudged: NEWEST.includes(name) || index === queries.length - 1 })),
);

/** Stored before the later statements are applied. */
const PAID = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-paid-before' };
const PENDING = { transaction_id: 'TXN-01J00000000000000000000001', booking_id: 'BOOK-pending-before' };
const USER = { tenant: 'default', userId: 'user_123' };

const VARIABLES = {
  VELOCITY_PER_CARD: '1000',
  VELOCITY_PER_USER: '1000',
  VELOCITY_DECLINE_PERCENT: '80',
};
const NEW_KEY: NewKey = { tenant: 'default', scopes: SCOPES.filter((scope) => scope !== 'admin'), expiresAtMs: null };

let key: Awaited<ReturnType<typeof makeApiKey>>;

beforeAll(async () => {
  key = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', NEW_KEY);
});
beforeEach(reset);

describe('a schema that is not complete', { timeout: DEADLINE_MS }, () => {
  it('gets the right answer or a 503 NOT_CONFIGURED after each statement of the migrations, and never half a payment', async () => {
    const atFirst = await everyAnswer();
    expect(new Set(atFirst.map(({ is }) => is))).toEqual(new Set(['right', 'not configured']));
    expect(atFirst.filter(({ is }) => is === 'right').map(({ to }) => to)).toEqual(['GET /payment/methods']);

    const wrong: unknown[] = [];
    for (const [index, { name, sql, isJudged }] of STATEMENTS.entries()) {
      await env.DB.prepare(sql).run();
      await storeRowsOfBefore();
      if (!isJudged) continue;
      const answers = await everyAnswer();
      const after = `${index + 1} statements, the last of them of ${name}`;
      wrong.push(...answers.filter(({ is }) => is === 'wrong').map((answer) => ({ after, ...answer })));
    }
    expect(wrong).toEqual([]);
    expect((await everyAnswer()).filter(({ is }) => is !== 'right')).toEqual([]);
  });

  it('gets the same where one index, trigger or view is missing', async () => {
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
    await storeRowsOfBefore();
    const parts = await env.DB.prepare(
      "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL ORDER BY rowid",
    ).all<{ type: string; name: string; sql: string }>();
    expect(parts.results.length).toBeGreaterThan(0);

    const wrong: unknown[] = [];
    for (const { type, name, sql } of parts.results) {
      await env.DB.prepare(`DROP ${type} "${name}"`).run();
      const answers = await everyAnswer();
      wrong.push(...answers.filter(({ is }) => is === 'wrong').map((answer) => ({ without: name, ...answer })));
      // With a view go its triggers; those that follow in the list are then missing as well.
      if (type !== 'view') await env.DB.prepare(sql).run();
      else break;
    }
    expect(wrong).toEqual([]);
  });
});

describe('a statement that was written for another schema', () => {
  it.each([
    ['a table', 'SELECT 1 FROM nowhere'],
    ['a column that is read', 'SELECT nowhere FROM events'],
    ['a column that is written', 'INSERT INTO events (event_id, nowhere) VALUES (1, 2)'],
    ['a column that is set', 'UPDATE events SET nowhere = 1'],
    ['an index that it names', 'SELECT 1 FROM events INDEXED BY nowhere'],
    ['the unique index of its ON CONFLICT', 'INSERT INTO disputes (status) VALUES (1) ON CONFLICT (status) DO NOTHING'],
    ['the trigger of its view', 'UPDATE presented_keys SET key_hash = 1'],
  ])('is LedgerNotMigrated at once where it lacks %s', async (_, sql) => {
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
    const logged: unknown[] = [];
    const db = { ...database, log: (...line: unknown[]) => void logged.push(line) };
    await expect(runBatch(db, { statement: env.DB.prepare(sql) })).rejects.toThrow(LedgerNotMigrated);
    expect(logged).toHaveLength(1);
  });
});

/** As the version of that time left them, as far as their tables are there. */
async function storeRowsOfBefore(): Promise<void> {
  const rows = [
    `INSERT OR IGNORE INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor,
       payment_method, card_brand, card_last4, gateway, gateway_reference, created_at_ms, processed_at_ms)
     VALUES ('${PAID.transaction_id}', 'default', '${PAID.booking_id}', '${USER.userId}', 'completed', 'USD', 10000000,
       'credit_card', 'visa', '1111', 'sandbox', 'reference', 1795000000000, 1795000000000)`,
    `INSERT OR IGNORE INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor,
       payment_method, card_brand, card_last4, gateway, created_at_ms, next_lookup_at_ms)
     VALUES ('${PENDING.transaction_id}', 'default', '${PENDING.booking_id}', '${USER.userId}', 'pending', 'USD', 100,
       'credit_card', 'visa', '1111', 'sandbox', 1795000000000, 1)`,
    `INSERT OR IGNORE INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms)
     VALUES ('${key.keyId}', 'default', 'of a test', '', '${key.keyHash}', 1)`,
  ];
  for (const sql of rows) {
    await env.DB.prepare(sql)
      .run()
      .catch((error: Error) => expect(error.message).toContain('no such table'));
  }
}

interface Judged {
  to: string;
  is: 'right' | 'not configured' | 'wrong';
  answer?: string;
}

async function everyAnswer(): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const AUTH_MODE of ['none', 'api_key']) {
    const auth = AUTH_MODE === 'none' ? {} : bearer(key.key);
    for (const idempotency of [{}, { 'Idempotency-Key': crypto.randomUUID() }]) {
      judged.push(await judge('POST', '/payment/process', { AUTH_MODE }, { ...auth, ...idempotency }, payment()));
      const refund = refundOf(PAID, { refund_amount: 0.5 });
      judged.push(await judge('POST', '/payment/refund', { AUTH_MODE }, { ...auth, ...idempotency }, refund));
    }
    judged.push(await judge('GET', `/payment/status/${PAID.transaction_id}`, { AUTH_MODE }, auth));
    judged.push(await judge('GET', '/payment/methods', { AUTH_MODE }, auth));
  }
  for (const [to, work] of Object.entries(BACKGROUND)) judged.push(await judgeWork(to, work));
  return judged;
}

async function judge(
  method: string,
  path: string,
  variables: Record<string, string>,
  headers: Record<string, string>,
  body?: Record<string, unknown>,
): Promise<Judged> {
  const answer = await sendWith({ ...VARIABLES, ...variables }, method, path, { body, headers });
  const to = `${method} ${path}${headers.Authorization ? ' with a key' : ''}`;
  if (answer.status === 200) return { to, is: 'right' };
  const isNew = path === '/payment/process';
  const didNothing = !isNew || (await paymentsOf(body?.booking_id)) === 0;
  if (answer.body.error.code === 'NOT_CONFIGURED' && answer.status === 503 && didNothing) {
    return { to, is: 'not configured' };
  }
  return { to, is: 'wrong', answer: `${answer.status} ${answer.text}` };
}

async function paymentsOf(bookingId: unknown): Promise<number> {
  const counted = env.DB.prepare('SELECT count(*) AS rows FROM transactions WHERE booking_id = ?1').bind(bookingId);
  return (await counted.first<number>('rows').catch(() => 0)) ?? 0;
}

const EXTERNAL_REFUND: Omit<ExternalRefund, 'movedAtMs'> = {
  reference: 're_1',
  refundId: null,
  chargeReference: 'reference',
  transactionId: PAID.transaction_id,
  amountMinor: 100,
  currency: 'USD',
  state: 'moved',
  reason: 'Refunded at Stripe',
};

const DISPUTE: Dispute = {
  disputeId: 'dp_1',
  chargeReference: 'reference',
  transactionId: PAID.transaction_id,
  status: 'needs_response',
  reason: 'fraudulent',
  amountMinor: 100,
  currency: 'USD',
  openedAtMs: 1_795_000_000_000,
  reportedAtMs: 1_795_000_000_000,
};

/** A new event of a provider, which is then asked. */
async function notify(notice: Notice): Promise<void> {
  const world = newWorld(
    { lookUpCharge: APPROVED },
    {
      gateway: {
        name: 'sandbox',
        findExternalRefund: async () => ({ kind: 'found', refund: { ...EXTERNAL_REFUND, movedAtMs: Date.now() } }),
      },
    },
  );
  await handleWebhook(world.context, world.gateway, {
    provider: 'stripe',
    eventId: `evt_${crypto.randomUUID()}`,
    type: notice.about,
    notice,
  });
}

/** What runs without a request: it is right where it succeeds, and not configured where the ledger says so. */
const BACKGROUND: Record<string, () => Promise<unknown>> = {
  'the cron': () => runCron(VARIABLES),
  'the queue': async () => {
    const [fate] = await consumeMessages([lookUpMessage(PENDING.transaction_id)], VARIABLES);
    if (fate === 'again in 10 s') throw new LedgerNotMigrated('the message is put back');
  },
  'a webhook about a payment': () => notify({ about: 'payment', transactionId: PENDING.transaction_id, charged: true }),
  'a webhook about a refund': () => notify({ about: 'refund', refundId: 'REF-01J00000000000000000000000' }),
  'a webhook about a refund of the dashboard': () => notify({ about: 'external_refund', reference: 're_1' }),
  'a webhook about a dispute': () => notify({ about: 'dispute', dispute: DISPUTE }),
  'keys list': () => listApiKeys(database, Date.now()),
  'keys rotate': () => resealEmails(database, BEFORE_ALL, 10),
  'events status': () => eventsStatus(database, Date.now()),
  'events replay': () =>
    replayEvents(
      database,
      { kind: 'range', fromMs: 0, toMs: Date.now(), eventType: null, afterId: null },
      10,
      Date.now(),
    ),
  'audit export': async () => {
    await auditExport(database, Date.now());
    await auditLogAfter(database, 0, 10);
  },
  'personal-data export': () => personalRecords(database, USER, BEFORE_ALL, 10),
  'personal-data erase': () =>
    erasePersonalData(database, { tenant: 'default', userId: 'nobody', pseudonym: 'erased_0' }, BEFORE_ALL, 10),
  reconcile: () => readPaymentRecords(database, [PAID.transaction_id]),
};

async function judgeWork(to: string, work: () => Promise<unknown>): Promise<Judged> {
  try {
    await work();
    return { to, is: 'right' };
  } catch (error) {
    const errors = error instanceof AggregateError ? error.errors : [error];
    if (errors.every((one) => one instanceof LedgerNotMigrated)) return { to, is: 'not configured' };
    return { to, is: 'wrong', answer: errors.map(String).join('; ') };
  }
}
