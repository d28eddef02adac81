/**
 * How fast the recovery jobs work through what an outage leaves: 5,000 pending payments and refunds, and 20,000 follow-ups that have
 * been due for longer. The Worker is a real one, with its local D1 and queues (`wrangler dev`); the gateway and the bridge answer
 * here. `npm run bench:recovery` prints when the last pending row has been asked about; figures of a shared machine are for
 * comparison only. The local queue runs one invocation at a time, so this is the speed of one slot: Cloudflare runs four.
 */
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { freePort } from '../scripts/free-port.ts';
import { endedByPerson } from '../scripts/processes.ts';
import { EXIT_FAILED, optionsOf, readWholeNumber } from '../src/local/command.ts';
import { withProgress } from '../src/local/progress.ts';
import { LOCAL_VARIABLES } from '../test/data/local-variables.ts';
import { writeLocalDatabase } from '../test/support/local-database.ts';
import { runDirectory } from '../test/support/run.ts';
import { migrate, startWorker } from '../test/support/worker.ts';

const PENDING_PAYMENTS = 4_000;
const PENDING_REFUNDS = 1_000;
const FOLLOW_UPS = 20_000;
const CRON_EVERY_MS = 60_000;
const ENDS_AFTER_MS = 230_000;
const PENDING_DEADLINE_MS = 120_000;

const program = new Command('npm run bench:recovery --')
  .description('Measures how fast the recovery jobs process 5,000 pending rows and 20,000 follow-ups, on one slot.')
  .option(
    // Providers take 100 to 300 ms; with four slots, six look-ups at once in each, that is as fast or faster.
    '--gateway-ms <ms>',
    'milliseconds that the gateway takes for each look-up',
    readWholeNumber,
    20,
  );
const options = optionsOf<{ gatewayMs: number }>(program, {
  examples: [
    ['', 'the figure to compare with'],
    ['--gateway-ms 200', 'with a gateway as slow as most are'],
  ],
  exitCodes: [
    [0, `the pending rows were asked about within ${PENDING_DEADLINE_MS / 1_000} s`],
    [1, 'they were not'],
    [EXIT_FAILED, 'an argument was refused'],
  ],
});
// What has been started ends with this, also when it is ended early.
const ended = endedByPerson();

const pendingAskedMs: number[] = [];
let followUpsAsked = 0;
let mostAtOnce = 0;
let atOnce = 0;
let events = 0;
const asked = new Set<string>();
let startedAtMs = 0;

const gateway = await serve((path, answer) => {
  const id = path.split('/').at(-1) ?? '';
  atOnce += 1;
  mostAtOnce = Math.max(mostAtOnce, atOnce);
  setTimeout(() => {
    atOnce -= 1;
    if (!asked.has(id)) {
      asked.add(id);
      if (id.includes('FFP')) pendingAskedMs.push(Date.now() - startedAtMs);
      else followUpsAsked += 1;
    }
    answer({ status: 'approved', reference: `ref_${id}` });
  }, options.gatewayMs);
});
const bridge = await serve((_, answer, body) => {
  const batch = (JSON.parse(body) as { events: { event_id: string }[] }).events;
  events += batch.length;
  answer({ results: batch.map(({ event_id }) => ({ event_id, delivered: true })) });
});

const directory = runDirectory('bench-recovery');
await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
await migrate(directory);
const nowMs = Date.now();
const gatewayName = `http:127.0.0.1:${portOf(gateway)}`;
insertBacklog();
const worker = await startWorker({
  port: await freePort(),
  directory,
  variables: {
    ...LOCAL_VARIABLES,
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: `http://127.0.0.1:${portOf(gateway)}/`,
    PAYMENT_GATEWAY_API_KEY: 'bench',
    BRIDGE_URL: `http://127.0.0.1:${portOf(bridge)}/`,
  },
});
try {
  await measure();
} finally {
  await worker.child.stop();
  gateway.close();
  bridge.close();
  await rm(directory, { recursive: true, force: true });
}
process.exit();

async function measure(): Promise<void> {
  startedAtMs = Date.now();
  const pending = PENDING_PAYMENTS + PENDING_REFUNDS;
  let nextCronMs = startedAtMs;
  await withProgress('Rows', async (progress) => {
    while (asked.size < pending + FOLLOW_UPS && Date.now() - startedAtMs < ENDS_AFTER_MS && !ended.aborted) {
      if (Date.now() >= nextCronMs) {
        nextCronMs += CRON_EVERY_MS;
        await worker.sweep();
      }
      await sleep(200);
      progress.at(asked.size, pending + FOLLOW_UPS);
      if (pendingAskedMs.length === pending && process.exitCode === undefined) {
        const lastMs = Math.max(...pendingAskedMs);
        const [last, middle] = [seconds(lastMs), seconds(median())];
        progress.pause(() =>
          console.log(`${pending} pending rows asked about after ${last} s, the median after ${middle} s`),
        );
        process.exitCode = lastMs <= PENDING_DEADLINE_MS ? 0 : 1;
      }
    }
  });
  const tookMs = Date.now() - startedAtMs;
  console.log(
    `${asked.size} of ${pending + FOLLOW_UPS} rows asked about in ${seconds(tookMs)} s (${followUpsAsked} follow-ups), ` +
      `${Math.round((asked.size * 1_000) / tookMs)} a second, at most ${mostAtOnce} at once; ${events} events delivered`,
  );
  process.exitCode ??= 1;
}

/** Past the service: 25,000 payments would take longer than what is measured. */
function insertBacklog(): void {
  const numbers = (count: number) =>
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;
  const id = (prefix: string, series: string) => `'${prefix}01ARZ3NDEKTSV4RRFF${series}' || printf('%07d', n)`;
  const payments = (series: string, count: number, status: string, columns: string, values: string) =>
    `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
       gateway, created_at_ms, ${columns})
     ${numbers(count)} SELECT ${id('TXN-', series)}, 'default', '${series}-' || n, 'user', '${status}', 'USD', 2550,
       'credit_card', '${gatewayName}', ${nowMs - 3_600_000}, ${values} FROM numbers`;
  const refunds = (series: string, count: number, status: string, dueAtMs: number) =>
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms,
       next_lookup_at_ms)
     ${numbers(count)} SELECT ${id('REF-', series)}, 'default', ${id('TXN-', series)}, '${status}', 100, 'bench',
       ${nowMs - 3_600_000}, ${status === 'pending' ? 'NULL' : nowMs - 3_600_000}, ${dueAtMs} + n % 1000 FROM numbers`;
  const write = (sql: string) => writeLocalDatabase(directory, sql);
  const paid = 'processed_at_ms, gateway_reference, reserved_minor, refunded_minor';
  write(payments('PA', PENDING_PAYMENTS, 'pending', 'next_lookup_at_ms', `${nowMs - 60_000} + n % 1000`));
  write(payments('PB', PENDING_REFUNDS, 'completed', paid, `${nowMs}, 'ref', 100, 0`));
  write(refunds('PB', PENDING_REFUNDS, 'pending', nowMs - 60_000));
  write(payments('F', FOLLOW_UPS, 'completed', paid, `${nowMs}, 'ref', 0, 100`));
  write(refunds('F', FOLLOW_UPS, 'completed', nowMs - 600_000));
}

async function serve(handle: (path: string, answer: (body: unknown) => void, body: string) => void): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    void text(request).then((body) => handle(request.url ?? '', answer, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

function median(): number {
  return pendingAskedMs.toSorted((a, b) => a - b)[Math.floor(pendingAskedMs.length / 2)] ?? 0;
}
