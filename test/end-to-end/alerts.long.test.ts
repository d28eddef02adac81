/**
 * Each alert by a real cause: it is posted once when it begins and once when it is over. Minutes do not pass here: rows are made older instead, in
 * the database of the Worker.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../scripts/rabbitmq.ts';
import { ALERT_TITLES } from '../../src/core/monitoring/alert-text.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { until } from '../support/child.ts';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';
import { card, newAddress, pay, type Stack, startStack } from '../support/stack.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** So long, an answer of GET /ready is kept. */
const READY_KEPT_MS = 1_100;
const PAYMENTS_RATED = 20;
const PAYMENTS_PENDING = 5;
/** An empty database has some 400 KB. */
const MAX_GB = '0.001';
/** Of a webhook that is remembered, some 300 bytes each. */
const FILLING_ROWS = 2_000;

/** Posted by the Worker, in their order. */
const posted: string[] = [];
let refusals = 1;
let webhook: Server;
let gateway: PaymentGatewayServer;
let broker: Broker;
let stack: Stack;

beforeAll(async () => {
  rabbitmqUrl(); // which fails with what to do where no broker can be had
  webhook = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      refusals -= 1;
      if (refusals >= 0) return response.writeHead(500).end();
      posted.push(JSON.parse(Buffer.concat(chunks).toString()).text);
      return response.end('ok');
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  gateway = await startPaymentGateway();
  const started = await startBroker({ directory: runDirectory('alerting-broker') });
  if (started === null) throw new Error('no RabbitMQ can be started on this machine');
  broker = started;
  stack = await startStack('alerts', broker.url, {
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/services/SECRET`,
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    DATABASE_MAX_GB: MAX_GB,
  });
});

afterAll(async () => {
  await stack?.stop();
  await broker?.stop();
  await gateway?.stop();
  webhook?.close();
});

const write = (sql: string, ...values: (string | number)[]) => writeLocalDatabase(stack.directory, sql, ...values);

function count(sql: string): number {
  const database = localDatabase(stack.directory);
  try {
    return database.count(sql);
  } finally {
    database.close();
  }
}

/** Fires the Cron Trigger, and waits for the jobs that it wakes, but not for one that hangs. */
async function cron(): Promise<void> {
  const response = await fetch(`${stack.worker.url}/cdn-cgi/handler/scheduled`);
  if (!response.ok) throw new Error(`the cron failed: ${await response.text()}`);
  await sleep(300);
  await until(
    'the jobs are done',
    async () =>
      count(`SELECT count(*) FROM job_slots WHERE leased_until_ms > ${Date.now()} AND lease_id <> 'hung'`) === 0,
    { child: stack.worker.child },
  );
}

/** Episodes become older, as if so many minutes had passed since the last run of the cron. */
function pass(minutes: number): void {
  write(
    'UPDATE alert_episodes SET started_at_ms = started_at_ms - ?1, clear_since_ms = clear_since_ms - ?1 WHERE ended_at_ms IS NULL',
    minutes * MINUTE_MS,
  );
}

async function ready(): Promise<{ status: number; alerts: string[] }> {
  await sleep(READY_KEPT_MS);
  const response = await fetch(`${stack.worker.url}/ready`, { headers: { 'CF-Connecting-IP': newAddress() } });
  const { problems } = (await response.json()) as { problems: { alert: string }[] };
  return { status: response.status, alerts: problems.map(({ alert }) => alert).toSorted() };
}

/** Of the last 24 hours, as a person orders it. */
async function reconcileNow(): Promise<void> {
  const nowMs = Date.now();
  write(
    `INSERT INTO reconciliations (from_ms, to_ms, compared_until_ms, started_at_ms, next_step_at_ms, patient_until_ms)
     VALUES (?1, ?2, ?1, ?2, ?2, ?2)`,
    nowMs - DAY_MS,
    nowMs,
  );
  await cron();
  await until(
    'the reconciliation has ended',
    async () => count('SELECT count(*) FROM reconciliations WHERE ended_at_ms IS NULL') === 0,
    {
      child: stack.worker.child,
    },
  );
}

const titlesIn = (texts: readonly string[]) =>
  texts.map((text) => Object.values(ALERT_TITLES).find((title) => text.includes(`: ${title}.`))).toSorted();
const OF_THE_CRON = Object.entries(ALERT_TITLES)
  .filter(([alert]) => alert !== 'cron_not_run')
  .map(([, title]) => title)
  .toSorted();

describe('alerts', () => {
  it('are none where all is well', async () => {
    expect((await pay(stack.worker.url)).code).toBe(200);
    await cron();
    await cron();
    expect([await ready(), posted]).toEqual([{ status: 200, alerts: [] }, []]);
  });

  it('begin once, each by its cause: also where the webhook refuses at first', async () => {
    // The bridge is killed, and events wait.
    await stack.bridge.child.kill();
    // The gateway declines.
    const declined = { card_details: card(TEST_CARDS.visaDeclined) };
    const answers = await Promise.all(Array.from({ length: PAYMENTS_RATED }, () => pay(stack.worker.url, declined)));
    expect(new Set(answers.map(({ body }) => body.error_code))).toEqual(new Set(['CARD_DECLINED']));
    write(`UPDATE events SET created_at_ms = created_at_ms - ${6 * MINUTE_MS} WHERE delivered_at_ms IS NULL`);
    // It charges what is in no ledger.
    await fetch(`${gateway.url}/charges`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'idempotency-key': 'TXN-LOST' },
      body: JSON.stringify({
        ...{ id: 'TXN-LOST', booking_id: 'BOOK-LOST', amount_minor: 100, currency: 'USD' },
        instrument: { type: 'token', token: 'tok_1' },
      }),
    });
    // Then it loses payments, and answers no look-up; of one it cannot say how it ended.
    let undeterminedId = '';
    gateway.fault = ({ kind, id }) => {
      if (kind === 'charge') return { kind: 'drop' };
      if (kind !== 'lookup_charge') return { kind: 'normal' };
      return { kind: 'answer', status: id === undeterminedId ? 422 : 503 };
    };
    const pending = await Promise.all(Array.from({ length: PAYMENTS_PENDING }, () => pay(stack.worker.url)));
    undeterminedId = String(pending[0]?.body.transaction_id);
    write(
      `UPDATE transactions SET created_at_ms = created_at_ms - ${16 * MINUTE_MS}, next_lookup_at_ms = 1 WHERE status = 'pending'`,
    );
    // A job hangs.
    write(
      `INSERT INTO job_slots (job, slot, lease_id, leased_until_ms, ended_at_ms) VALUES ('seal', 0, 'hung', ?1, ?2)
       ON CONFLICT DO UPDATE SET lease_id = 'hung', leased_until_ms = ?1, ended_at_ms = ?2`,
      Date.now() + DAY_MS,
      Date.now() - 16 * MINUTE_MS,
    );
    // The database fills with what webhooks leave.
    write(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${FILLING_ROWS})
       INSERT INTO provider_events (tenant, provider, event_id, event_type, received_at_ms)
       SELECT 'default', 'stripe', 'evt_' || n, hex(zeroblob(100)), ?1 FROM n`,
      Date.now(),
    );

    await reconcileNow();
    await until(
      'the look-ups have ended',
      () => count('SELECT count(*) FROM transactions WHERE undetermined_at_ms > 0') === 1,
      {
        child: stack.worker.child,
      },
    );
    await cron();
    expect(posted).toEqual([]);
    pass(10);
    await cron();
    expect(posted).toEqual([]); // refused
    await cron();
    expect(titlesIn(posted)).toEqual(OF_THE_CRON);
    const text = posted.join('\n');
    expect(text).toContain('The bridge does not answer at BRIDGE_URL');
    expect(text).toMatch(/\d+ events wait for delivery, the oldest for [67] minutes/);
    expect(text).toMatch(/4 % of 21 payments .* 20 failed with CARD_DECLINED/);
    expect(text).toMatch(/5 payments and refunds have waited .* the oldest for 1[67] minutes/);
    expect(text).toMatch(/Database 0 holds \d+ % of DATABASE_MAX_GB/);
    expect(text).toContain('1 case needs a person');
    expect(text).toMatch(/The job seal last ran \d+ minutes ago/);
    expect(text).toMatch(/found \d+ differences? between gateway, ledger and events/);
    expect(text).not.toMatch(/TXN-|BOOK-|user_123/);

    await cron();
    expect(posted).toHaveLength(OF_THE_CRON.length);
    const { status, alerts } = await ready();
    expect([status, alerts.length]).toEqual([503, OF_THE_CRON.length]);
  });

  it('are over once, each when its cause is gone', async () => {
    posted.length = 0;
    gateway.fault = () => ({ kind: 'normal' });
    const lost = gateway.charge('TXN-LOST');
    if (lost !== undefined) lost.state = { status: 'cancelled' };
    await stack.startBridge();
    write('UPDATE transactions SET next_lookup_at_ms = 1 WHERE next_lookup_at_ms IS NOT NULL');
    write(`UPDATE job_slots SET leased_until_ms = 0 WHERE lease_id = 'hung'`);
    write('UPDATE provider_events SET received_at_ms = 1');
    await cron();
    // Their payments became older, so a follow-up may be due as well.
    await until(
      'all is resolved and delivered',
      async () => {
        write('UPDATE events SET next_attempt_at_ms = 1 WHERE delivered_at_ms IS NULL');
        await cron();
        return (
          count(`SELECT (SELECT count(*) FROM transactions WHERE status = 'pending')
          + (SELECT count(*) FROM events WHERE delivered_at_ms IS NULL)`) === 0
        );
      },
      { child: stack.worker.child },
    );
    write(`UPDATE metric_minutes SET minute_ms = minute_ms - ${20 * MINUTE_MS}`);
    await reconcileNow();
    await cron();
    expect(posted).toEqual([]);
    pass(5);
    await cron();
    expect(titlesIn(posted)).toEqual(OF_THE_CRON);
    expect(posted.every((text) => text.includes('resolved after'))).toBe(true);
    await cron();
    expect(posted).toHaveLength(OF_THE_CRON.length);
    expect(await ready()).toEqual({ status: 200, alerts: [] });
  });

  it('say of a broker that is stopped that it is not the bridge', async () => {
    posted.length = 0;
    await broker.stop();
    await cron();
    pass(1);
    await cron();
    expect(posted).toEqual([expect.stringContaining('no connection to RabbitMQ')]);
    expect(await ready()).toEqual({ status: 503, alerts: ['bridge_away'] });

    await broker.start();
    await until('the bridge is connected', async () => (await fetch(`${stack.bridge.url}/readyz`)).ok, {
      child: stack.bridge.child,
    });
    await cron();
    pass(5);
    await cron();
    expect(posted.slice(1)).toEqual([expect.stringContaining('resolved after')]);
    expect(await ready()).toEqual({ status: 200, alerts: [] });
  });

  it('do not come where the cron has stopped, which an uptime monitor sees', async () => {
    write(`UPDATE metric_totals SET written_at_ms = written_at_ms - ${6 * MINUTE_MS}`);
    expect(await ready()).toEqual({ status: 503, alerts: ['cron_not_run'] });
    await cron();
    expect(await ready()).toEqual({ status: 200, alerts: [] });
  });
});
