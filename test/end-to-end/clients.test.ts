/** The clients and consumers in clients/, as a shop runs them, against the Worker, the bridge and RabbitMQ. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import createClient from 'openapi-fetch';
import { Connection, type Envelope } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { paths } from '../../clients/typescript/payment-api.d.ts';
import { OutcomePending, PaymentClient, PaymentError } from '../../clients/typescript/payment-client.ts';
import { PYTHON, PYTHON_PACKAGES, pythonClientsOfMachine } from '../../scripts/python-clients.ts';
import { publishedDocument } from '../../src/api-document/document.ts';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { type Child, startChild, until } from '../support/child.ts';
import { callInPython } from '../support/client-calls.ts';
import { localDatabase } from '../support/local-database.ts';
import { startLosingProxy } from '../support/losing-proxy.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const EXAMPLE_DEADLINE_MS = 60_000;
/** Of the sandbox: the answer comes after the deadline, and some seconds later the payment is completed. */
const LATE = '4000000000000408';
/** What an example prints. */
const DONE = [
  'pay: success once',
  'status: completed',
  'refund: success 10.25',
  'capture: authorized success',
  'void: failed PAYMENT_VOIDED',
  'decline: CARD_DECLINED',
  'another card: success',
  '',
].join('\n');

interface Language {
  name: string;
  isThere: boolean;
  command: string;
  directory: string;
  example: string;
  consumer: string;
}

const LANGUAGES: Language[] = [
  {
    ...{ name: 'TypeScript', isThere: true, command: process.execPath, directory: resolve('clients/typescript') },
    ...{ example: 'example.ts', consumer: 'event-consumer.ts' },
  },
  {
    name: `Python, which needs ${PYTHON_PACKAGES.join(' and ')}: npm run install:python-clients`,
    ...{ isThere: pythonClientsOfMachine() !== null, command: PYTHON, directory: resolve('clients/python') },
    ...{ example: 'example.py', consumer: 'event_consumer.py' },
  },
];

let stack: Stack;

beforeAll(async () => {
  const unlimited = { RATE_LIMIT_PER_MINUTE: '1000', RATE_LIMIT_BURST: '1000' };
  stack = await startStack('clients', rabbitmqUrl(), { ...unlimited, PAYMENT_GATEWAY_TIMEOUT_MS: '1000' });
});
afterAll(() => stack?.stop());

function payment(overrides: Record<string, unknown> = {}) {
  return {
    user_id: 'user_123',
    booking_id: newBooking(),
    amount: 25.5,
    payment_method: 'credit_card' as const,
    card_details: { ...card('4111111111111111') } as Card,
    ...overrides,
  };
}
type Card = Record<'card_number' | 'expiry_month' | 'expiry_year' | 'cvv' | 'cardholder_name', string>;

describe.each(LANGUAGES)('the client in $name', ({ isThere, command, directory, example }) => {
  const run = async (baseUrl: string, apiKey = ''): Promise<string> => {
    const { stdout } = await promisify(execFile)(command, [example], {
      cwd: directory,
      env: { PATH: process.env.PATH, PAYMENT_SERVICE: baseUrl, PAYMENT_API_KEY: apiKey, PYTHONDONTWRITEBYTECODE: '1' },
      timeout: EXAMPLE_DEADLINE_MS,
    });
    return stdout;
  };

  it.skipIf(!isThere)(
    'pays once with a key, refunds, captures, voids, asks for a status, and takes another card after a decline',
    async () => {
      expect(await run(stack.worker.url)).toBe(DONE);
    },
  );

  it.skipIf(!isThere)('does each of it once, although first answers are lost and a proxy is in the way', async () => {
    const before = rowCounts();
    const proxy = await startLosingProxy(stack.worker.url);
    try {
      expect(await run(proxy.url, 'psk_test_of_the_shop')).toBe(DONE);
    } finally {
      await proxy.close();
    }
    // Of its five payments, one is declined, and one of the others is refunded in part.
    const after = rowCounts();
    expect(after.map((count, table) => count - (before[table] ?? 0))).toEqual([5, 1]);
    for (const { headers } of proxy.posts) expect(headers.authorization).toBe('Bearer psk_test_of_the_shop');
    for (const { path, body } of proxy.posts) {
      const sent = proxy.posts.filter((one) => one.path === path && one.body === body);
      expect(sent.length).toBeGreaterThanOrEqual(3);
      expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    }
  });
});

// Before the late payments below, whose events would come to their queues, too.
describe.each(LANGUAGES)('the consumer in $name', ({ isThere, command, directory, consumer, name }) => {
  const language = name.split(',')[0] ?? '';
  const file = () => join(stack.directory, `${language}.db`);
  const queue = () => `${stack.exchange}.${language}`;
  const start = async (): Promise<Child> => {
    const logFile = join(stack.directory, `${language}-${Date.now()}.log`);
    writeFileSync(logFile, '');
    const env = {
      ...{ PATH: process.env.PATH, RABBITMQ_URL: rabbitmqUrl(), RABBITMQ_EXCHANGE: stack.exchange },
      ...{ QUEUE: queue(), DATABASE: file(), PYTHONDONTWRITEBYTECODE: '1', NODE_NO_WARNINGS: '1' },
    };
    const child = startChild(command, [consumer], { cwd: directory, env, logFile });
    await until('the consumer is ready', () => child.output().includes('ready'), { child });
    return child;
  };
  /** How many effects there are of a booking's events. */
  const effects = (booking: string): unknown[] => {
    const database = new DatabaseSync(file(), { readOnly: true, timeout: 5_000 });
    try {
      const [table, column] =
        language === 'Python' ? ['mails', 'subject'] : ['bookings', "booking_id || ' ' || refunded"];
      const rows = database.prepare(`SELECT ${column} AS effect FROM ${table} WHERE instr(${column}, ?)`).all(booking);
      return rows.map(({ effect }) => effect);
    } finally {
      database.close();
    }
  };
  const expected = (booking: string) =>
    language === 'Python'
      ? [`Your booking ${booking} is paid`, `Your booking ${booking} was refunded`]
      : [`${booking} 10.25`];

  it.skipIf(!isThere)(
    'stores each event once: of a duplicate, and of one that comes while it is not running',
    async () => {
      const first = await start();
      const booking = newBooking();
      const paid = await pay(stack.worker.url, { booking_id: booking, user_email: 'user@example.com' });
      const line = `payment.success ${booking} request ${paid.headers.get('X-Request-Id')}\n`;
      await untilSwept(stack, 'the payment is consumed', () => first.output().includes(line));

      const connection = new Connection(connectionTo(rabbitmqUrl()));
      const [event] = stack.listener.of(booking);
      const { messageId, type, appId, timestamp, contentType, headers } = event?.message ?? {};
      const publisher = connection.createPublisher({ confirm: true });
      await publisher.send(
        {
          ...{ exchange: stack.exchange, routingKey: 'payment.success', durable: true },
          ...{ messageId, type, appId, timestamp, contentType, headers },
        } as Envelope,
        Buffer.from(event?.text ?? ''),
      );
      await publisher.close();
      await until('the duplicate is recognised', () => first.output().includes('(duplicate)'), { child: first });
      await first.kill();

      await post(stack.worker.url, '/payment/refund', {
        booking_id: booking,
        original_transaction_id: paid.body.transaction_id,
        refund_amount: 10.25,
        reason: 'Customer cancellation',
        user_id: 'user_123',
      });
      await untilSwept(stack, 'the refund is published', () => stack.listener.of(booking).length >= 3);
      const second = await start();
      await until('the refund is consumed', () => second.output().includes(`payment.refund ${booking}`), {
        child: second,
      });
      expect(effects(booking)).toEqual(expected(booking));

      expect(await second.stop()).toBe(0);
      const { messageCount } = await connection.queueDeclare({ queue: queue(), passive: true });
      expect(messageCount).toBe(0);
      await connection.queueDelete(queue());
      await connection.close();
    },
  );
});

describe('the client in TypeScript', () => {
  it('waits for an outcome that is not known yet, and answers with it', async () => {
    const request = payment({ card_details: card(LATE) });
    const answer = await new PaymentClient({ baseUrl: stack.worker.url }).pay(request, request.booking_id);
    expect(answer).toMatchObject({ status: 'success', booking_id: request.booking_id });
  });

  it('reports at its deadline that the outcome is not known, with the id to ask for it; called again, it has it', async () => {
    const request = payment({ card_details: card(LATE) });
    const impatient = new PaymentClient({ baseUrl: stack.worker.url, deadlineMs: 2_500 });
    const error = await impatient.pay(request, request.booking_id).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OutcomePending);
    const { transactionId } = error as OutcomePending;
    expect((await impatient.status(transactionId)).status).toBe('pending');

    const again = await new PaymentClient({ baseUrl: stack.worker.url }).pay(request, request.booking_id);
    expect(again).toMatchObject({ status: 'success', transaction_id: transactionId });
  });

  it('reports what the service refuses, with the code and what is known beside it, and does not send it again', async () => {
    const client = new PaymentClient({ baseUrl: stack.worker.url, headers: { 'X-Request-Id': 'shop-order-17' } });
    const request = payment();
    await client.pay(request, request.booking_id);
    const twice = await client.pay(request, 'another key').catch((reason: unknown) => reason);
    expect(twice).toBeInstanceOf(PaymentError);
    expect(twice).toMatchObject({ code: 'DUPLICATE_TRANSACTION', httpStatus: 409, requestId: 'shop-order-17' });
    await expect(client.status('TXN-NOBODYS')).rejects.toMatchObject({
      code: 'TRANSACTION_NOT_FOUND',
      httpStatus: 404,
    });
    await expect(client.pay(payment({ user_id: '' }), 'a third key')).rejects.toMatchObject({
      ...{ code: 'VALIDATION_ERROR', details: { issues: [{ path: 'user_id' }] } },
    });
  });

  it('reports when to try again, where that is later than its deadline', async () => {
    const proxy = await startLosingProxy(stack.worker.url, 60);
    try {
      const request = payment();
      const paying = new PaymentClient({ baseUrl: proxy.url }).pay(request, request.booking_id);
      await expect(paying).rejects.toMatchObject({ name: 'NoAnswer', httpStatus: 503, retryAfterSeconds: 60 });
      expect(proxy.posts).toHaveLength(2);
    } finally {
      await proxy.close();
    }
  });
});

describe.skipIf(pythonClientsOfMachine() === null)('the client in Python', () => {
  it('is called by what docs/migrating-from-fastapi.md shows, as before and as now', async () => {
    const page = readFileSync('docs/migrating-from-fastapi.md', 'utf8');
    const [former = '', now = ''] = [...page.matchAll(/^```python\n(.*?)^```$/gms)].map(([, code]) => code);
    const [request = ''] = former.split('answer = ');
    const env = { PAYMENT_SERVICE: stack.worker.url, PAYMENT_API_KEY: 'psk_test_of_the_shop' };
    for (const program of [former, `${request}${now}`]) {
      const shown = program
        .replaceAll('BOOK-789012', newBooking())
        .replace('http://payment-service:8003', stack.worker.url);
      const { stdout } = await promisify(execFile)(PYTHON, ['-c', shown], { env, timeout: EXAMPLE_DEADLINE_MS });
      expect(stdout).toBe('success\n');
    }
  });

  it('waits for an outcome that is not known yet, and answers with it', async () => {
    const request = payment({ card_details: card(LATE) });
    const args = [request, 'late-1'];
    const [ended] = await callInPython({ baseUrl: stack.worker.url, operation: 'pay', args });
    expect(ended?.answer).toMatchObject({ status: 'success', booking_id: request.booking_id });
  });
});

describe('a client that public generators make of the document', () => {
  it('the service answers with the document that it is made of', async () => {
    const response = await fetch(`${stack.worker.url}/openapi.json`);
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(publishedDocument())));
  });

  it('pays, captures, voids and refunds', async () => {
    const api = createClient<paths>({ baseUrl: stack.worker.url });
    const paid = await api.POST('/payment/process', { body: payment() });
    expect(paid.data?.status).toBe('success');

    const body = payment({ capture_method: 'manual' });
    const held = await api.POST('/payment/process', {
      body,
      params: { header: { 'Idempotency-Key': body.booking_id } },
    });
    expect(held.data?.status).toBe('authorized');
    const hold = {
      booking_id: body.booking_id,
      transaction_id: held.data?.transaction_id ?? '',
      user_id: body.user_id,
    };
    expect((await api.POST('/payment/capture', { body: hold })).data?.status).toBe('success');
    const captured = await api.POST('/payment/void', { body: hold });
    expect(captured.error).toMatchObject({ error: { code: 'DUPLICATE_TRANSACTION' } });

    const other = payment({ capture_method: 'manual' });
    const released = await api.POST('/payment/process', { body: other });
    const otherHold = { ...hold, booking_id: other.booking_id, transaction_id: released.data?.transaction_id ?? '' };
    const voided = await api.POST('/payment/void', { body: otherHold });
    expect(voided.data?.error_code).toBe('PAYMENT_VOIDED');

    const refunded = await api.POST('/payment/refund', {
      body: {
        booking_id: body.booking_id,
        original_transaction_id: hold.transaction_id,
        refund_amount: '25.50',
        reason: '',
        user_id: body.user_id,
      },
    });
    expect(refunded.data).toMatchObject({ status: 'success', refund_amount: 25.5 });
    const status = await api.GET('/payment/status/{id}', { params: { path: { id: hold.transaction_id } } });
    expect(status.data?.status).toBe('refunded');
  });
});

/** Of payments and refunds. */
function rowCounts(): number[] {
  const database = localDatabase(stack.directory);
  try {
    return ['transactions', 'refunds'].map((table) => database.count(`SELECT count(*) FROM ${table}`));
  } finally {
    database.close();
  }
}
