/**
 * `npm run chaos`: pays, holds, captures, voids and refunds under load while the Worker, and now and then the bridge, is killed, at moments
 * that chance picks, and then holds the gateway, the database and RabbitMQ against each other, transaction by transaction. The gateway is one of
 * this script's own, with faults; everything else is real.
 */
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { endedByPerson } from '../../scripts/processes.ts';
import { startBroker } from '../../scripts/rabbitmq.ts';
import { EXIT_FAILED, optionsOf, readWholeNumber } from '../../src/local/command.ts';
import { type Progress, withProgress } from '../../src/local/progress.ts';
import { localDatabase } from '../support/local-database.ts';
import {
  type CallKind,
  type Fault,
  type PaymentGatewayServer,
  startPaymentGateway,
} from '../support/payment-gateway.ts';
import { runDirectory } from '../support/run.ts';
import { type HttpAnswer, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';

const CALLERS = 8;
/** Between two kills, while callers pay. */
const UP_MIN_MS = 200;
const UP_MAX_MS = 2_500;
/** With each of so many kills, the bridge is killed too. */
const BRIDGE_EACH = 4;
const GATEWAY_DEADLINE_MS = 1_000;
/** Of a hundred calls that move money, so many go wrong in some way. */
const FAULTY_PERCENT = 20;
const DRAIN_DEADLINE_MS = 180_000;
const MOVES_MONEY: ReadonlySet<CallKind> = new Set(['charge', 'capture', 'release', 'refund']);

const program = new Command('npm run chaos --')
  .description('Kills the Worker again and again under load, then compares the gateway, the database and RabbitMQ.')
  .option('--kills <count>', 'how often the Worker is killed', readWholeNumber, 50)
  .option('--databases <count>', 'how many databases the Worker has', readWholeNumber, 1);
const { kills, databases } = optionsOf<{ kills: number; databases: number }>(program, {
  examples: [
    ['', 'fifty kills, some minutes'],
    ['--kills 5', 'a short run'],
    ['--databases 4', 'on four databases'],
  ],
  exitCodes: [
    [0, 'all three have the same'],
    [1, 'they differ, or not everything ended'],
    [EXIT_FAILED, 'not run: there is no RabbitMQ, or an argument was refused'],
  ],
});

// What has been started ends with this, also when it is ended early.
const ended = endedByPerson();

const broker = await startBroker({ directory: runDirectory('chaos-broker'), signal: ended });
if (broker === null) {
  console.error('A RabbitMQ is needed: start Docker, or install rabbitmq-server.');
  process.exit(EXIT_FAILED);
}
const gateway = await startPaymentGateway();
let agrees = false;
try {
  const variables = {
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_TIMEOUT_MS: String(GATEWAY_DEADLINE_MS),
    PAYMENT_GATEWAY_HOLDS: 'true',
  };
  const stack = await startStack('chaos', broker.url, variables, databases > 1 ? { databases } : undefined);
  try {
    agrees = await wreak(stack);
  } finally {
    await stack.stop();
    if (agrees) await rm(stack.directory, { recursive: true, force: true });
    else console.log(`The logs and the database are in ${stack.directory}`);
  }
} finally {
  await gateway.stop();
  await broker.remove();
}
process.exit(agrees ? 0 : 1);

async function wreak(stack: Stack): Promise<boolean> {
  const startedAtMs = performance.now();
  let over = false;
  let requests = 0;
  gateway.fault = ({ kind }) => (MOVES_MONEY.has(kind) ? someFault(kind) : { kind: 'normal' });

  const callers = Array.from({ length: CALLERS }, async () => {
    while (!over) {
      const sent = await oneBooking(stack, () => over);
      requests += sent;
    }
  });
  await withProgress('Kills', async (progress) => {
    for (let kill = 0; kill < kills && !ended.aborted; kill += 1) {
      await sleep(randomInt(UP_MIN_MS, UP_MAX_MS));
      await stack.worker.child.kill();
      if (kill % BRIDGE_EACH === 0) {
        await stack.bridge.child.kill();
        await stack.startBridge();
      }
      await stack.startWorker();
      progress.at(kill + 1, kills);
    }
  });
  await sleep(UP_MAX_MS);
  over = true;
  await Promise.all(callers);
  gateway.fault = () => ({ kind: 'normal' });
  if (ended.aborted) return false;

  const loadSeconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
  console.log(`${kills} kills in ${loadSeconds} s, under ${requests} requests that were answered or broken off`);
  const drainedAfterMs = await withProgress('Rows left to end', (progress) => drain(stack, progress));
  console.log(
    drainedAfterMs === null
      ? `Not everything had ended ${DRAIN_DEADLINE_MS / 1_000} s later`
      : `Everything had ended and was told ${(drainedAfterMs / 1_000).toFixed(0)} s later`,
  );
  return compare(stack, gateway) && drainedAfterMs !== null;
}

/** One booking's life: paid at once, or held first. */
function oneBooking(stack: Stack, over: () => boolean): Promise<number> {
  return randomInt(2) === 0 ? paidAtOnce(stack, over) : heldFirst(stack, over);
}

/**
 * Held, and then captured or voided, or both at once, or forgotten. What breaks off is sent again, as a shop would: both are safe to
 * repeat. A forgotten hold expires after a minute.
 */
async function heldFirst({ worker }: Stack, over: () => boolean): Promise<number> {
  const booking = newBooking();
  const request = { booking_id: booking, amount: 20, capture_method: 'manual', hold_minutes: 1 };
  let requests = 0;
  let held: HttpAnswer | null = null;
  for (let attempt = 0; attempt < 20 && !over() && held?.code !== 200; attempt += 1) {
    requests += 1;
    held = await pay(worker.url, request, { 'Idempotency-Key': booking }).catch(() => null);
    if (held !== null && held.code !== 200 && held.code !== 409 && held.code !== 503) return requests;
    if (held?.code !== 200) await sleep(300);
  }
  if (held?.code !== 200) return requests;
  const hold = { booking_id: booking, transaction_id: held.body.transaction_id, user_id: 'user_123' };
  const end = async (path: string) => {
    for (let attempt = 0; attempt < 5 && !over(); attempt += 1) {
      requests += 1;
      const answer = await post(worker.url, path, hold).catch(() => null);
      if (answer !== null && answer.code !== 503) return;
      await sleep(300);
    }
  };
  const ends = [['/payment/capture'], ['/payment/void'], ['/payment/capture', '/payment/void'], []][randomInt(4)] ?? [];
  await Promise.all(ends.map(end));
  return requests;
}

/** Paid, perhaps with the same key again where the connection broke, and perhaps refunded. */
async function paidAtOnce({ worker }: Stack, over: () => boolean): Promise<number> {
  const booking = newBooking();
  const headers = { 'Idempotency-Key': booking };
  let requests = 0;
  for (let attempt = 0; attempt < 20 && !over(); attempt += 1) {
    requests += 1;
    const paid = await pay(worker.url, { booking_id: booking, amount: 20 }, headers).catch(() => null);
    if (paid === null || paid.code === 409 || paid.code === 503) {
      await sleep(300);
      continue;
    }
    if (paid.code !== 200 || randomInt(2) === 0) break;
    const refund = {
      booking_id: booking,
      original_transaction_id: paid.body.transaction_id,
      refund_amount: randomInt(1, 21),
      reason: 'Customer cancellation',
      user_id: 'user_123',
    };
    requests += 1;
    await post(worker.url, '/payment/refund', refund, { 'Idempotency-Key': `refund ${booking}` }).catch(() => null);
    break;
  }
  return requests;
}

/** A bank can decline a charge; what it holds, it pays and releases. */
function someFault(kind: CallKind): Fault {
  if (randomInt(100) >= FAULTY_PERCENT) return { kind: 'commit_then_delay', ms: randomInt(50) };
  const faults: Fault[] = [
    { kind: 'drop' },
    { kind: 'commit_then_drop' },
    { kind: 'commit_then_delay', ms: 2 * GATEWAY_DEADLINE_MS },
    { kind: 'land_late', afterMs: randomInt(10_000), meanwhile: 'hold' },
    { kind: 'answer', status: 500, committed: true },
    ...(kind === 'release' ? [] : [{ kind: 'decline', code: 'CARD_DECLINED' } as const]),
  ];
  return faults[randomInt(faults.length)] as Fault;
}

/** Lets time pass as Cloudflare's clock does, only faster, until nothing waits; null where it takes too long. */
async function drain(stack: Stack, progress: Progress): Promise<number | null> {
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < DRAIN_DEADLINE_MS && !ended.aborted) {
    await stack.worker.sweep();
    const database = localDatabase(stack.directory);
    const waiting = database.count(
      `SELECT (SELECT count(*) FROM transactions WHERE status = 'pending')
         + (SELECT count(*) FROM refunds WHERE status = 'pending')
         + (SELECT count(*) FROM events WHERE delivered_at_ms IS NULL)`,
    );
    database.close();
    progress.at(waiting);
    if (waiting === 0) {
      await sleep(1_000); // for what the exchange has taken and the listener has not got yet
      return performance.now() - startedAtMs;
    }
    await sleep(1_000);
  }
  return null;
}

/** Prints what each of the three has, and every transaction of which they do not say the same. */
function compare(
  { directory, listener }: Stack,
  { charges, held, refunds, contradictions }: PaymentGatewayServer,
): boolean {
  const database = localDatabase(directory);
  const ids = (sql: string) => new Set(database.column(sql));
  const told = (type: string, field: string) =>
    new Set(listener.received.flatMap(({ routingKey, body }) => (routingKey === type ? [String(body[field])] : [])));
  const eventIds = new Set(listener.received.map(({ body }) => String(body.event_id)));

  const rows: [what: string, gateway: Set<string> | null, ledger: Set<string>, told: Set<string>][] = [
    [
      'payments',
      new Set(charges().map(({ id }) => id)),
      ids(`SELECT transaction_id FROM transactions WHERE status IN ('completed', 'refunded')`),
      told('payment.success', 'transaction_id'),
    ],
    [
      'refunds',
      new Set(refunds().map(({ id }) => id)),
      ids(`SELECT refund_id FROM refunds WHERE status = 'completed' AND kind = 'requested'`),
      told('payment.refund', 'refund_transaction_id'),
    ],
    [
      'failed payments',
      null,
      ids(`SELECT event_id FROM transactions JOIN events USING (transaction_id)
           WHERE status = 'failed' AND event_type = 'payment.failed'`),
      told('payment.failed', 'event_id'),
    ],
  ];
  const failedRows = database.count(`SELECT count(*) FROM transactions WHERE status = 'failed'`);
  const ended = database.column('SELECT step FROM transactions WHERE step IS NOT NULL');
  const standing = database.column(`SELECT booking_id FROM transactions WHERE status IN ('pending', 'completed')`);
  const written = database.column(`SELECT booking_id || ' ' || event_id FROM events ORDER BY booking_id, sequence`);
  const shares = database.column('SELECT count(*) FROM transactions');
  database.close();

  console.log(`\n${'what'.padEnd(18)}${'gateway'.padStart(10)}${'ledger'.padStart(10)}${'told'.padStart(10)}`);
  const differences: string[] = [];
  for (const [what, atGateway, inLedger, inExchange] of rows) {
    const counts = [atGateway?.size ?? '', inLedger.size, inExchange.size];
    console.log(`${what.padEnd(18)}${counts.map((count) => String(count).padStart(10)).join('')}`);
    for (const id of inLedger.symmetricDifference(inExchange))
      differences.push(`${what}: ${id} in ledger or exchange only`);
    for (const id of atGateway?.symmetricDifference(inLedger) ?? []) {
      differences.push(`${what}: ${id} at the gateway or in the ledger only`);
    }
  }
  if (failedRows !== rows[2]?.[2].size) differences.push(`${failedRows} payments have failed, not all with an event`);
  const steps = [...Map.groupBy(ended, (step) => step)].map(([step, { length }]) => `${step} ${length}`);
  console.log(`holds by how they ended: ${steps.toSorted().join(', ')}`);
  const outcomes = rows.reduce((sum, [, , inLedger]) => sum + inLedger.size, 0);
  if (eventIds.size !== outcomes) differences.push(`${eventIds.size} event ids for ${outcomes} outcomes`);
  for (const [booking, { length }] of Map.groupBy(standing, (one) => one)) {
    if (length > 1) differences.push(`the booking ${booking} is paid ${length} times`);
  }
  const arrived = inOrderOf(listener.received.map(({ body }) => `${body.booking_id} ${body.event_id}`));
  for (const [booking, events] of inOrderOf(written)) {
    if (arrived.get(booking)?.join() !== events.join())
      differences.push(`the events of ${booking} came in another order`);
  }
  if (shares.length > 1) console.log(`payments in each database: ${shares.join(', ')}`);
  for (const { id } of held()) differences.push(`the gateway still holds the money of ${id}`);
  for (const id of contradictions) differences.push(`the gateway was asked for ${id} twice, for different things`);
  for (const difference of differences) console.log(difference);
  console.log(
    `\n${listener.received.length} messages with ${eventIds.size} event ids; ${differences.length} differences`,
  );
  return differences.length === 0 && outcomes > 0;
}

/** @param lines each with a booking and an event; answers with the events of each booking, as they came first */
function inOrderOf(lines: readonly string[]): Map<string, string[]> {
  const byBooking = Map.groupBy(new Set(lines), (line) => line.split(' ')[0] ?? '');
  return new Map([...byBooking].map(([booking, own]) => [booking, own.map((line) => line.split(' ')[1] ?? '')]));
}
