/**
 * A database that fills up in the middle of payments (invariant 10): what the gateway has charged is recorded, nothing new is begun, and
 * when the archive has taken what it may, payments go on.
 */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fullFigures } from '../data/figures.ts';
import { localDatabase, localDatabaseFile } from '../support/local-database.ts';
import { type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newBooking, pay, post, type Stack, startStack, statusOf } from '../support/stack.ts';

/** An empty database has some 230 KB. */
const MAX_GB = '0.0006';
const CALLERS = 12;
/** So long the gateway works on a charge: many are under way when the database is full. */
const CHARGE_MS = 300;
const FULL_WITHIN_MS = 90_000;
const DRAINED_WITHIN_MS = 60_000;
const ROOM_WITHIN_MS = 60_000;
const HOUR_MS = 60 * 60_000;

let gateway: PaymentGatewayServer;
let stack: Stack;

beforeAll(async () => {
  gateway = await startPaymentGateway();
  gateway.fault = ({ kind }) => ({ kind: 'commit_then_delay', ms: kind === 'charge' ? CHARGE_MS : 0 });
  const variables = {
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_HOLDS: 'true',
    DATABASE_MAX_GB: MAX_GB,
  };
  stack = await startStack('full', rabbitmqUrl(), variables, { archive: true });
});

afterAll(async () => {
  await stack?.stop();
  await gateway?.stop();
});

it('records what was charged, begins nothing new, and goes on when there is room', async () => {
  const held = await pay(stack.worker.url, { booking_id: newBooking(), capture_method: 'manual' });
  expect(held.code).toBe(200);
  const answers = await payUntilFull();
  expect(answers.has(200)).toBe(true);
  expect([...answers.keys()].toSorted()).toEqual([200, 503]);

  // What is under way goes on.
  const { booking_id, transaction_id } = held.body;
  const capture = { booking_id, transaction_id, user_id: 'user_123' };
  expect((await post(stack.worker.url, '/payment/capture', capture)).code).toBe(200);
  await drained();
  const charged = gateway.charges().map(({ id }) => id);
  expect(charged.length).toBe((answers.get(200) ?? 0) + 1);
  expect(column(`SELECT transaction_id FROM transactions WHERE status = 'completed'`).toSorted()).toEqual(
    charged.toSorted(),
  );
  expect(new Set(stack.listener.received.map(({ body }) => body.transaction_id))).toEqual(new Set(charged));

  const refused = { booking_id: newBooking() };
  expect((await pay(stack.worker.url, refused)).code).toBe(503);
  expect(gateway.charges().length).toBe(charged.length);
  const [first = ''] = charged;
  expect(await statusOf(stack.worker.url, first)).toMatchObject({ status: 'completed' });

  const full = bytesUsed();
  letTimePass(2 * HOUR_MS);
  await untilThereIsRoom(refused);
  console.log(fullFigures(charged.length, answers.get(503) ?? 0, { full, after: bytesUsed() }));
  expect(column('SELECT object FROM archived_ranges').length).toBeGreaterThan(0);
  expect(await statusOf(stack.worker.url, first)).toMatchObject({ status: 'completed' });
}, 300_000);

/** As D1 counts them: without free pages. */
function bytesUsed(): number {
  const database = new DatabaseSync(localDatabaseFile(stack.directory), { readOnly: true });
  const value = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
  const bytes = (value('page_count') - value('freelist_count')) * value('page_size');
  database.close();
  return bytes;
}

/** How often each code was answered, until each caller has been refused. */
async function payUntilFull(): Promise<Map<number, number>> {
  const answers = new Map<number, number>();
  const untilMs = Date.now() + FULL_WITHIN_MS;
  const payOn = async () => {
    for (let code = 200; code === 200; ) {
      if (Date.now() > untilMs) throw new Error('the database did not fill up');
      ({ code } = await pay(stack.worker.url, { booking_id: newBooking() }));
      answers.set(code, (answers.get(code) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, payOn));
  return answers;
}

async function drained(): Promise<void> {
  const waiting = `SELECT (SELECT count(*) FROM transactions WHERE status = 'pending')
    + (SELECT count(*) FROM events WHERE delivered_at_ms IS NULL)`;
  const untilMs = Date.now() + DRAINED_WITHIN_MS;
  while (Number(column(waiting)[0]) > 0) {
    if (Date.now() > untilMs) throw new Error(`${column(waiting)[0]} rows still wait`);
    await sleep(500);
    await stack.worker.sweep();
  }
  await sleep(1_000); // for what the exchange has taken and the listener has not got yet
}

async function untilThereIsRoom(request: { booking_id: string }): Promise<void> {
  const untilMs = Date.now() + ROOM_WITHIN_MS;
  for (;;) {
    await stack.worker.sweep();
    const { code } = await pay(stack.worker.url, request);
    if (code === 200) return;
    expect(code).toBe(503);
    if (Date.now() > untilMs) throw new Error('there is still no room');
    letTimePass(2 * HOUR_MS);
  }
}

/** Makes all that is stored older: of what leaves the database, nothing is younger than an hour. */
function letTimePass(ms: number): void {
  const database = new DatabaseSync(localDatabaseFile(stack.directory), { timeout: 5_000 });
  const guards = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  database.exec('BEGIN IMMEDIATE');
  for (const { name } of guards) database.exec(`DROP TRIGGER "${name}"`);
  database.exec(`UPDATE events SET created_at_ms = created_at_ms - ${ms}, delivered_at_ms = delivered_at_ms - ${ms}`);
  database.exec(`UPDATE audit_blocks SET at_ms = at_ms - ${ms}`);
  for (const { sql } of guards) database.exec(String(sql));
  database.exec('COMMIT');
  database.close();
}

function column(sql: string): string[] {
  const database = localDatabase(stack.directory);
  try {
    return database.column(sql);
  } finally {
    database.close();
  }
}
