/**
 * How long after the answer the event is in RabbitMQ, with everything on this machine: `wrangler dev`, local D1 and
 * queue, the bridge, a RabbitMQ. `npm run bench` prints one line; figures of a shared machine are for comparison only.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { endedByPerson } from '../scripts/processes.ts';
import { startBroker } from '../scripts/rabbitmq.ts';
import { EXIT_FAILED, optionsOf, readWholeNumber } from '../src/local/command.ts';
import { withProgress } from '../src/local/progress.ts';
import { runDirectory } from '../test/support/run.ts';
import { newBooking, pay, type Stack, startStack } from '../test/support/stack.ts';

const WARM_UP_PAYMENTS = 40;

const program = new Command('npm run bench --')
  .description(
    'Measures the time from the answer to a payment to its event in RabbitMQ, with everything on this machine.',
  )
  .option('--payments <count>', 'how many are measured', readWholeNumber, 400)
  .option('--rate <count>', 'payments a second', readWholeNumber, 20);
const options = optionsOf<{ payments: number; rate: number }>(program, {
  examples: [
    ['', 'the figure to compare with'],
    ['--payments 2000 --rate 50', 'more of them, faster'],
  ],
  exitCodes: [
    [0, 'measured'],
    [1, 'a payment or its event did not arrive'],
    [EXIT_FAILED, 'not measured: there is no RabbitMQ, or an argument was refused'],
  ],
});

// What has been started ends with this, also when it is ended early.
const ended = endedByPerson();
const broker = await startBroker({ directory: runDirectory('bench-broker'), signal: ended });
if (broker === null) {
  console.error('A RabbitMQ is needed: start Docker, or install rabbitmq-server.');
  process.exit(EXIT_FAILED);
}
const answeredAtMs = new Map<string, number>();
const answerMs: number[] = [];
try {
  const stack = await withProgress('Starting the service', () => startStack('bench', broker.url));
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
  await withProgress('Paying', async (progress) => {
    const count = WARM_UP_PAYMENTS + options.payments;
    for (let n = 0; n < count && !ended.aborted; n += 1) {
      const payment = payOnce(stack, n >= WARM_UP_PAYMENTS);
      payment.catch(() => {}); // waited for below; until then a failure must not end the process
      payments.push(payment);
      progress.at(n + 1, count);
      await sleep(1_000 / options.rate);
    }
  });
  if (ended.aborted) return;
  await Promise.all(payments);
  await stack.listener.waitFor(payments.length, 60_000);

  const latenciesMs = stack.listener.received.flatMap(({ body, atMs }) => {
    const answered = answeredAtMs.get(body.booking_id);
    return answered === undefined ? [] : [atMs - answered];
  });
  console.log(
    `${latenciesMs.length} payments at ${options.rate}/s: ` +
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
