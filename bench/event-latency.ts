/**
 * How long after the answer the event is in RabbitMQ, with everything on this machine: `wrangler dev`, local D1 and
 * queue, the bridge, a RabbitMQ. `npm run bench` prints one line; figures of a shared machine are for comparison only.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { whenNpmIsGone } from '../scripts/processes.ts';
import { startBroker } from '../scripts/rabbitmq.ts';
import { runDirectory } from '../test/support/run.ts';
import { newBooking, pay, type Stack, startStack } from '../test/support/stack.ts';

const PAYMENTS_PER_SECOND = 20;
const WARM_UP_PAYMENTS = 40;
const MEASURED_PAYMENTS = 400;

// What has been started ends with this, also when it is ended early.
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopping.abort());
whenNpmIsGone(() => stopping.abort());
const directory = runDirectory('bench-broker');
const broker = await startBroker({ directory, signal: stopping.signal });
if (broker === null) {
  console.error('A RabbitMQ is needed: start Docker, or install rabbitmq-server.');
  process.exit(1);
}
const answeredAtMs = new Map<string, number>();
const answerMs: number[] = [];
try {
  const stack = await startStack('bench', broker.url);
  try {
    await measure(stack);
  } finally {
    await stack.stop();
    await rm(stack.directory, { recursive: true, force: true });
  }
} finally {
  await broker.remove();
}

async function measure(stack: Stack): Promise<void> {
  const payments: Promise<void>[] = [];
  for (let n = 0; n < WARM_UP_PAYMENTS + MEASURED_PAYMENTS; n += 1) {
    if (stopping.signal.aborted) return;
    const payment = payOnce(stack, n >= WARM_UP_PAYMENTS);
    payment.catch(() => {}); // waited for below; until then a failure must not end the process
    payments.push(payment);
    await sleep(1_000 / PAYMENTS_PER_SECOND);
  }
  await Promise.all(payments);
  await stack.listener.waitFor(payments.length, 60_000);

  const latenciesMs = stack.listener.received.flatMap(({ body, atMs }) => {
    const answered = answeredAtMs.get(body.booking_id);
    return answered === undefined ? [] : [atMs - answered];
  });
  console.log(
    `${latenciesMs.length} payments at ${PAYMENTS_PER_SECOND}/s: ` +
      `answer ${quantile(answerMs, 0.5)} ms median, ${quantile(answerMs, 0.95)} ms p95; ` +
      `event in RabbitMQ ${quantile(latenciesMs, 0.5)} ms after the answer median, ${quantile(latenciesMs, 0.95)} ms p95`,
  );
}

async function payOnce(stack: Stack, measured: boolean): Promise<void> {
  const booking = newBooking();
  const startedAtMs = Date.now();
  const { code } = await pay(stack.worker.url, { booking_id: booking });
  const nowMs = Date.now();
  if (code !== 200) throw new Error(`a payment was answered with ${code}`);
  if (!measured) return;
  answeredAtMs.set(booking, nowMs);
  answerMs.push(nowMs - startedAtMs);
}

function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
