/** What `npm run dev` shows of what its children print. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bridgeLines, createOutput, emulatorLines, PROBE_PATH, workerLines } from '../../scripts/dev-output.ts';

const NOON = new Date(2026, 10, 28, 12, 0, 0, 7);

function shown({ json = false, colours = false } = {}) {
  const lines: string[] = [];
  const output = createOutput({ json, colours, write: (line) => lines.push(line), now: () => NOON });
  return { lines, output };
}

function logged(event: string, fields: object = {}, level = 'info'): string {
  return JSON.stringify({ level, event, ...fields });
}

const REQUEST = { request_id: 'req-1' };
const ANSWERED = { ...REQUEST, method: 'POST', path: '/payment/process', status: 200, duration_ms: 21 };
const PAYMENT = [
  logged('gateway.answered', {
    ...{ ...REQUEST, gateway: 'sandbox', call: 'charge', id: 'TXN-1', outcome: 'declined', code: 'CARD_DECLINED' },
    duration_ms: 3,
  }),
  logged('payment.failed', {
    ...{ ...REQUEST, transaction_id: 'TXN-1', booking_id: 'BOOK-1', amount_minor: 2550, currency: 'USD' },
    ...{ payment_method: 'credit_card', gateway: 'sandbox', error_code: 'CARD_DECLINED', duration_ms: 9 },
  }),
  logged('http.answered', { ...ANSWERED, status: 400 }),
  '[wrangler:info] POST /payment/process 400 Bad Request (23ms)',
];

describe('a request', () => {
  it('is one line: how it was answered, what came of it, and its id', () => {
    const { lines, output } = shown();
    const onLine = workerLines(() => true, output);
    for (const line of PAYMENT) onLine(line);
    expect(lines).toEqual([
      '12:00:00.007  worker   400    21 ms  POST /payment/process  payment.failed CARD_DECLINED 25.50 USD BOOK-1 TXN-1' +
        '  gateway=sandbox charge=declined gateway_ms=3 payment_method=credit_card request_id=req-1',
    ]);
  });

  it('of a webhook says what came of the payment, and else that it was handled', () => {
    const { lines, output } = shown();
    const onLine = workerLines(() => true, output);
    const webhook = { ...ANSWERED, path: '/webhooks/stripe' };
    onLine(logged('payment.authorized', { ...REQUEST, transaction_id: 'TXN-1' }));
    onLine(logged('webhook.handled', { ...REQUEST, provider: 'stripe' }));
    onLine(logged('http.answered', webhook));
    onLine(logged('webhook.handled', { request_id: 'req-2', provider: 'stripe' }));
    onLine(logged('http.answered', { ...webhook, request_id: 'req-2' }));
    expect(lines.map((line) => line.slice(37))).toEqual([
      'POST /webhooks/stripe  payment.authorized TXN-1  provider=stripe request_id=req-1',
      'POST /webhooks/stripe  webhook.handled  provider=stripe request_id=req-2',
    ]);
  });

  it('does not take in the lines of another one', () => {
    const { lines, output } = shown();
    const onLine = workerLines(() => true, output);
    onLine(logged('payment.duplicate', { request_id: 'req-2', booking_id: 'BOOK-2' }));
    onLine(logged('payment.refused', { request_id: 'req-1', reason: 'invalid_amount' }));
    onLine(logged('http.answered', ANSWERED));
    onLine(logged('http.answered', { ...ANSWERED, request_id: 'req-2', status: 409 }));
    expect(lines.map((line) => line.slice(13).trim())).toEqual([
      'worker   200    21 ms  POST /payment/process  payment.refused invalid_amount  request_id=req-1',
      'worker   409    21 ms  POST /payment/process  payment.duplicate BOOK-2  request_id=req-2',
    ]);
  });

  it('shows what is wrong at once, and what comes after its answer', () => {
    const { lines, output } = shown();
    const onLine = workerLines(() => true, output);
    onLine(`✘ [ERROR] ${logged('ledger.unavailable', { ...REQUEST, message: 'no answer' }, 'error')}`);
    expect(lines).toEqual(['12:00:00.007  worker   ERROR ledger.unavailable  request_id=req-1 message="no answer"']);
    onLine(logged('http.answered', { ...ANSWERED, status: 503 }));
    expect(lines[1]).toContain('503    21 ms  POST /payment/process  ledger.unavailable');
    onLine(logged('event.later', REQUEST));
    expect(lines[2]).toBe('12:00:00.007  worker   event.later  request_id=req-1');
  });

  it('that only asks whether the Worker is there is not shown', () => {
    const { lines, output } = shown();
    workerLines(() => true, output)(logged('http.answered', { ...ANSWERED, path: PROBE_PATH }));
    expect(lines).toEqual([]);
  });
});

describe('wrangler’s own lines', () => {
  it('are shown where something is wrong with all that belongs to it, and else are not', () => {
    const { lines, output } = shown();
    const onLine = workerLines(() => true, output);
    for (const line of ['⎔ Reloading local server...', '╭─────╮', '✘ [ERROR] Build failed', '', '    src/a.ts:1:2:']) {
      onLine(line);
    }
    expect(lines.map((line) => line.slice(14))).toEqual([
      'worker   reloaded',
      'worker   ERROR Build failed',
      'worker       src/a.ts:1:2:',
    ]);
  });
});

it('the build of the pages is shown where it fails, and else is not', () => {
  const { lines, output } = shown();
  const onLine = workerLines(() => true, output);
  const command = 'node_modules/.bin/node scripts/build-pages.ts';
  for (const line of [
    `[custom build] Running: ${command}`,
    '[custom build]',
    'The file src/pages/index.html changed, restarting build...',
    `[custom build] Running: ${command}`,
    '[custom build] Error: field-descriptions.ts has none for tip of PaymentRequest',
    `✘ [ERROR] Running custom build \`${command}\` failed.`,
  ]) {
    onLine(line);
  }
  expect(lines).toEqual([
    '12:00:00.007  worker   ERROR Error: field-descriptions.ts has none for tip of PaymentRequest',
    `12:00:00.007  worker   ERROR Running custom build \`${command}\` failed.`,
  ]);
});

it('the bridge’s lines have the same shape; one that repeats itself is shown once', () => {
  const { lines, output } = shown();
  const onLine = bridgeLines(output);
  const error = { level: 40, time: 1, service: 'payment-bridge', err: { message: 'connect ECONNREFUSED' } };
  onLine(JSON.stringify({ ...error, msg: 'broker.error' }));
  onLine(JSON.stringify({ ...error, time: 2, msg: 'broker.error' }));
  onLine(JSON.stringify({ level: 30, time: 3, msg: 'relay.batch', delivered: 2, undelivered: 0, duration_ms: 7 }));
  expect(lines).toEqual([
    '12:00:00.007  bridge   WARN broker.error  error="connect ECONNREFUSED"',
    '12:00:00.007  bridge   2 events confirmed by RabbitMQ  7 ms',
  ]);
});

it('the emulator’s calls are requests, too, and webhooks that were taken are the Worker’s lines', () => {
  const { lines, output } = shown();
  const onLine = emulatorLines(output);
  onLine('POST /v1/payment_intents 200 5 ms');
  onLine('webhook charge.succeeded 200');
  onLine('webhook charge.succeeded unanswered');
  expect(lines.map((line) => line.slice(14))).toEqual([
    'gateway  200     5 ms  POST /v1/payment_intents',
    'gateway  webhook charge.succeeded unanswered',
  ]);
});

it('in colours, the text is the same', () => {
  const [plain, coloured] = [shown(), shown({ colours: true })];
  for (const { output } of [plain, coloured]) {
    const onLine = workerLines(() => true, output);
    for (const line of [...PAYMENT, logged('a.b', { n: 1 }, 'error')]) onLine(line);
  }
  expect(coloured.lines.map(stripVTControlCharacters)).toEqual(plain.lines);
  expect(coloured.lines).not.toEqual(plain.lines);
});

it('as JSON, nothing is left out, and each line is an object', () => {
  const { lines, output } = shown({ json: true });
  const onLine = workerLines(() => true, output);
  for (const line of PAYMENT) onLine(line);
  output.tell('dev.ready', 'for people', { service: 'http://localhost:8003' });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { origin: 'worker', event: 'gateway.answered', request_id: 'req-1', code: 'CARD_DECLINED' },
    { origin: 'worker', event: 'payment.failed', level: 'info', time: NOON.toISOString(), amount_minor: 2550 },
    { origin: 'worker', event: 'http.answered', status: 400 },
    { origin: 'dev', event: 'dev.ready', service: 'http://localhost:8003' },
  ]);
});
