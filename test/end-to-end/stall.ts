/**
 * `npm run stall`: pays, refunds and asks for statuses while D1 stalls, and prints what payers, the booking service and the operator
 * saw of it. Worker, D1, queues, bridge and RabbitMQ are real; the gateway is a server of this script that answers at once.
 */
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { bundleWorker, type LocalWorker, startLocalWorker } from '../../bench/local-worker.ts';
import { freePort } from '../../scripts/free-port.ts';
import { endedByPerson } from '../../scripts/processes.ts';
import { startBroker } from '../../scripts/rabbitmq.ts';
import { EXIT_FAILED, optionsOf, readWholeNumber } from '../../src/local/command.ts';
import { withProgress } from '../../src/local/progress.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../data/local-variables.ts';
import { startBridge } from '../support/bridge.ts';
import { type DatabaseLine, startDatabaseLine } from '../support/database-line.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { localDatabase } from '../support/local-database.ts';
import { type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { runDirectory } from '../support/run.ts';
import { type HttpAnswer, newAddress, newBooking, pay, post } from '../support/stack.ts';

/** What must hold. */
const ANSWER_MAX_MS = 7_000;
const RESOLVED_WITHIN_MS = 120_000;

const PAYMENTS_EVERY_MS = 330;
const STATUSES_EVERY_MS = 500;
const REFUNDED_PERCENT = 40;
const KEYED_PERCENT = 75;
/** After an answer that says neither yes nor no, a caller asks again; so often at most. */
const ATTEMPTS_MAX = 4;
const AGAIN_AFTER_MS = 3_000;
const CRON_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 500;

const program = new Command('npm run stall --')
  .description('Stalls D1 under load, and prints what payers, the booking service and the operator saw.')
  .option('--seconds <count>', 'how long D1 stalls', readWholeNumber, 80)
  .option('--load <seconds>', 'how long callers pay before the stall, and after it', readWholeNumber, 30);
const { seconds, load } = optionsOf<{ seconds: number; load: number }>(program, {
  examples: [
    ['', 'a stall of 80 seconds, five minutes at most'],
    ['--seconds 5 --load 10', 'a short one'],
  ],
  exitCodes: [
    [0, 'no charge without its row, none twice, every answer in time, everything resolved in time'],
    [1, 'one of these does not hold'],
    [EXIT_FAILED, 'not run: there is no RabbitMQ, or an argument was refused'],
  ],
});

type Phase = 'before' | 'during' | 'after';
const PHASES: readonly Phase[] = ['before', 'during', 'after'];

interface Seen {
  call: 'pay' | 'refund' | 'status';
  /** The HTTP status, and the error's code where there is one. */
  answer: string;
  fromMs: number;
  toMs: number;
}

interface Run {
  service: LocalWorker;
  line: DatabaseLine;
  gateway: PaymentGatewayServer;
  listener: Listener;
  directory: string;
  seen: Seen[];
  log: { event: string; level: string; atMs: number }[];
}

// What has been started ends with this, also when it is ended early.
const ended = endedByPerson();
const broker = await startBroker({ directory: runDirectory('stall-broker'), signal: ended });
if (broker === null) {
  console.error('A RabbitMQ is needed: start Docker, or install rabbitmq-server.');
  process.exit(EXIT_FAILED);
}
let holds = false;
try {
  holds = await withEverything(broker.url, stallUnderLoad);
} finally {
  await broker.remove();
}
process.exit(holds ? 0 : 1);

async function withEverything(rabbitmqUrl: string, work: (run: Run) => Promise<boolean>): Promise<boolean> {
  const directory = runDirectory('stall');
  const exchange = 'test.stall';
  const queue = `${exchange}.processing_queue`;
  const signingSecret = LOCAL_SECRETS.BRIDGE_SIGNING_SECRET;
  const releases: (() => Promise<unknown>)[] = [];
  try {
    const gateway = await startPaymentGateway();
    releases.push(() => gateway.stop());
    const line = await startDatabaseLine();
    releases.push(() => line.stop());
    const bridge = await startBridge({
      port: await freePort(),
      rabbitmqUrl,
      exchange,
      queue,
      signingSecret,
      directory,
    });
    releases.push(() => bridge.child.stop());
    const listener = await listen(rabbitmqUrl, exchange, directory);
    releases.push(() => listener.close().then(() => removeTopology(rabbitmqUrl, exchange, queue)));
    const log: Run['log'] = [];
    const service = await startLocalWorker({
      script: await bundleWorker('test/worker/stalled-worker.ts', `${directory}/bundle`, ended),
      directory,
      variables: {
        ...LOCAL_VARIABLES,
        BRIDGE_URL: bridge.url,
        PAYMENT_GATEWAY: 'http',
        PAYMENT_GATEWAY_URL: gateway.url,
        PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
        LINE_URL: line.url,
        LINE_PATH: line.path,
      },
      onLog: (text) => log.push({ ...parsed(text), atMs: Date.now() }),
    });
    releases.push(() => service.stop());
    line.leadTo(service.url);
    return await work({ service, line, gateway, listener, directory, seen: [], log });
  } finally {
    for (const release of releases.reverse()) await release();
    if (holds) await rm(directory, { recursive: true, force: true });
  }
}

function parsed(text: string): { level: string; event: string } {
  try {
    const { level, event } = JSON.parse(text) as { level: string; event: string };
    return { level, event };
  } catch {
    return { level: 'other', event: text.split('\n')[0]?.slice(0, 60) ?? '' };
  }
}

async function stallUnderLoad(run: Run): Promise<boolean> {
  const { line, service } = run;
  const crons = { ran: 0, failed: 0 };
  const cron = setInterval(() => {
    service.runCron().then(
      () => (crons.ran += 1),
      (error: unknown) => {
        crons.failed += 1;
        console.log(`The cron failed: ${error}`);
      },
    );
  }, CRON_EVERY_MS);
  const callers = startCallers(run);
  let stallAtMs = 0;
  let endMs = 0;
  let caughtUpAtMs = 0;
  let resolvedAfterMs: number | null = null;
  try {
    await withProgress('Load, then a stall, then load', async () => {
      await sleep(load * 1_000);
      stallAtMs = Date.now();
      line.stall();
      await sleep(seconds * 1_000);
      endMs = Date.now();
      console.log(`${line.waiting} batches wait at the end of the stall`);
      line.goOn();
      void line.caughtUp().then(() => {
        caughtUpAtMs = Date.now();
      });
      await sleep(load * 1_000);
    });
    await callers.stop();
    resolvedAfterMs = await withProgress('Rows left to resolve', () => resolved(run, endMs));
  } finally {
    await callers.stop();
    clearInterval(cron);
  }
  console.log(
    `\nStall of ${seconds} s: the longest wait of a batch ${(line.longestMs / 1_000).toFixed(1)} s, ` +
      `${line.abandoned} batches carried out with nobody waiting; cron runs: ${crons.ran} done, ${crons.failed} failed`,
  );
  if (line.errors.length > 0) console.log(`D1 answered with an error: ${countsOf(line.errors)}`);
  const oks = run.seen.filter(({ answer, toMs }) => answer === '200' && toMs > endMs).map(({ toMs }) => toMs);
  const afterEnd = (atMs: number) => `${((atMs - endMs) / 1_000).toFixed(1)} s after the end`;
  console.log(
    `D1 had caught up ${caughtUpAtMs === 0 ? 'not yet' : afterEnd(caughtUpAtMs)}; the first caller got 200 ` +
      `${oks.length === 0 ? 'not yet' : afterEnd(Math.min(...oks))}; ` +
      `load of the machine: ${loadavg()[0]?.toFixed(1)} on ${cpus().length} processors`,
  );
  const phaseOf = (fromMs: number, toMs: number): Phase =>
    toMs < stallAtMs ? 'before' : fromMs < endMs ? 'during' : 'after';
  const wrongs = [
    ...whatPayersSaw(run, phaseOf),
    ...whatBookingServiceSaw(run, phaseOf, endMs),
    ...whatOperatorSaw(run, phaseOf),
    ...compare(run),
  ];
  if (resolvedAfterMs === null)
    wrongs.push(`not everything was resolved ${RESOLVED_WITHIN_MS / 1_000} s after the stall`);
  else console.log(`\nEverything was resolved ${(resolvedAfterMs / 1_000).toFixed(0)} s after the end of the stall`);
  for (const wrong of wrongs) console.log(`WRONG: ${wrong}`);
  return wrongs.length === 0;
}

/** Callers who come at a steady pace, however long each waits. */
function startCallers({ service, seen }: Run): { stop(): Promise<void> } {
  const known: string[] = [];
  const busy = new Set<Promise<void>>();
  let isOver = false;

  const start = (work: Promise<void>) => {
    const tracked = work.finally(() => busy.delete(tracked));
    busy.add(tracked);
  };
  async function noted(call: Seen['call'], asking: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const fromMs = Date.now();
    const answer = await asking();
    const error = answer.body.error as { code?: string } | undefined;
    const code = error?.code ?? answer.body.error_code ?? answer.body.code;
    seen.push({ call, answer: [answer.code, code].filter(Boolean).join(' '), fromMs, toMs: Date.now() });
    return answer;
  }
  async function again(asking: () => Promise<HttpAnswer>, call: Seen['call']): Promise<HttpAnswer> {
    let answer = await noted(call, asking);
    for (let attempt = 1; attempt < ATTEMPTS_MAX && isUndecided(answer) && !isOver; attempt += 1) {
      await sleep(AGAIN_AFTER_MS);
      answer = await noted(call, asking);
    }
    return answer;
  }
  async function book(): Promise<void> {
    const booking = newBooking();
    const headers = randomInt(100) < KEYED_PERCENT ? { 'Idempotency-Key': booking } : {};
    const paid = await again(() => pay(service.url, { booking_id: booking, amount: 20 }, headers), 'pay');
    const id = paid.body.transaction_id;
    if (typeof id === 'string') known.push(id);
    if (paid.code !== 200 || randomInt(100) >= REFUNDED_PERCENT) return;
    const refund = {
      booking_id: booking,
      original_transaction_id: id,
      refund_amount: randomInt(1, 21),
      reason: 'Customer cancellation',
      user_id: 'user_123',
    };
    const key = { 'Idempotency-Key': `refund ${booking}` };
    await again(() => post(service.url, '/payment/refund', refund, key), 'refund');
  }
  async function askStatus(): Promise<void> {
    const id = known[randomInt(Math.max(1, known.length))];
    if (id === undefined) return;
    await noted('status', async () => {
      const response = await fetch(`${service.url}/payment/status/${id}`, {
        headers: { 'CF-Connecting-IP': newAddress() },
      });
      const body = (await response.json()) as Record<string, unknown>;
      return { code: response.status, headers: response.headers, body };
    });
  }
  const timers = [
    setInterval(() => start(book()), PAYMENTS_EVERY_MS),
    setInterval(() => start(askStatus()), STATUSES_EVERY_MS),
  ];
  return {
    async stop() {
      isOver = true;
      for (const timer of timers) clearInterval(timer);
      await Promise.all(busy);
    },
  };
}

function isUndecided({ code }: HttpAnswer): boolean {
  return code === 409 || code === 502 || code === 503;
}

/** How long after the end of the stall nothing waited any more; null where that took too long. */
async function resolved({ directory, line }: Run, endMs: number): Promise<number | null> {
  for (; Date.now() - endMs < RESOLVED_WITHIN_MS && !ended.aborted; await sleep(LOOK_EVERY_MS)) {
    const database = localDatabase(directory);
    const waiting = database.count(
      `SELECT (SELECT count(*) FROM transactions WHERE status = 'pending')
         + (SELECT count(*) FROM refunds WHERE status = 'pending')
         + (SELECT count(*) FROM events WHERE delivered_at_ms IS NULL)`,
    );
    database.close();
    if (waiting === 0 && line.waiting === 0) return Date.now() - endMs;
  }
  return null;
}

type PhaseOf = (fromMs: number, toMs: number) => Phase;

function whatPayersSaw({ seen }: Run, phaseOf: PhaseOf): string[] {
  console.log(
    `\n${'payers and shops'.padEnd(18)}${'count'.padStart(7)}${'p50'.padStart(8)}${'p99'.padStart(8)}${'max'.padStart(8)}  answers`,
  );
  for (const phase of PHASES) {
    for (const call of ['pay', 'refund', 'status'] as const) {
      const some = seen.filter((one) => one.call === call && phaseOf(one.fromMs, one.toMs) === phase);
      if (some.length === 0) continue;
      const times = some.map(({ fromMs, toMs }) => toMs - fromMs).sort((a, b) => a - b);
      const figures = [some.length, ...[0.5, 0.99, 1].map((share) => times[Math.ceil(share * times.length) - 1] ?? 0)];
      const columns = figures.map((figure, index) => String(figure).padStart(index === 0 ? 7 : 8)).join('');
      console.log(`${`${phase} ${call}`.padEnd(18)}${columns}  ${countsOf(some.map(({ answer }) => answer))}`);
    }
  }
  const late = seen.filter(({ fromMs, toMs }) => toMs - fromMs > ANSWER_MAX_MS);
  const bugs = seen.filter(({ answer }) => answer.startsWith('500'));
  return [
    ...(late.length > 0 ? [`${late.length} answers took longer than ${ANSWER_MAX_MS} ms`] : []),
    ...(bugs.length > 0 ? [`${bugs.length} answers were 500`] : []),
  ];
}

function whatBookingServiceSaw({ listener }: Run, phaseOf: PhaseOf, endMs: number): string[] {
  const times = new Map<string, number>();
  const lastOf = new Map<string, string>();
  const wrongs: string[] = [];
  for (const { body, routingKey } of listener.received) {
    times.set(body.event_id, (times.get(body.event_id) ?? 0) + 1);
    if (times.get(body.event_id) !== 1) continue;
    if (routingKey === 'payment.refund' && lastOf.get(body.booking_id) === undefined) {
      wrongs.push(`the refund of ${body.booking_id} was published before its payment`);
    }
    lastOf.set(body.booking_id, routingKey);
  }
  console.log(`\n${'booking service'.padEnd(18)} events`);
  for (const phase of PHASES) {
    const some = listener.received.filter(({ atMs }) => phaseOf(atMs, atMs) === phase);
    console.log(`${phase.padEnd(18)} ${countsOf(some.map(({ routingKey }) => routingKey)) || 'none'}`);
  }
  const doubled = [...times.values()].filter((count) => count > 1).length;
  const last = Math.max(...listener.received.map(({ atMs }) => atMs));
  console.log(
    `${times.size} events, ${doubled} of them more than once, ${wrongs.length} out of order; ` +
      `the last ${((last - endMs) / 1_000).toFixed(1)} s after the end of the stall`,
  );
  return wrongs;
}

function whatOperatorSaw({ log }: Run, phaseOf: PhaseOf): string[] {
  console.log(`\n${'log lines'.padEnd(44)}${PHASES.map((phase) => phase.padStart(8)).join('')}`);
  const names = [...new Set(log.map(({ level, event }) => `${level} ${event}`))].sort();
  for (const name of names) {
    const counts = PHASES.map(
      (phase) =>
        log.filter((one) => `${one.level} ${one.event}` === name && phaseOf(one.atMs, one.atMs) === phase).length,
    );
    console.log(`${name.padEnd(44)}${counts.map((count) => String(count).padStart(8)).join('')}`);
  }
  return log.some(({ event }) => event === 'http.bug') ? ['the log has http.bug'] : [];
}

/** The gateway, the ledger and the exchange, one against the other. */
function compare({ directory, gateway, listener }: Run): string[] {
  const database = localDatabase(directory);
  const ids = (sql: string) => new Set(database.column(sql));
  const published = (type: string, field: string) =>
    new Set(listener.received.flatMap(({ routingKey, body }) => (routingKey === type ? [String(body[field])] : [])));
  const rows: [what: string, gateway: Set<string> | null, ledger: Set<string>, exchange: Set<string>][] = [
    [
      'payments',
      new Set(gateway.charges().map(({ id }) => id)),
      ids(`SELECT transaction_id FROM transactions WHERE status IN ('completed', 'refunded')`),
      published('payment.success', 'transaction_id'),
    ],
    [
      'refunds',
      new Set(gateway.refunds().map(({ id }) => id)),
      ids(`SELECT refund_id FROM refunds WHERE status = 'completed' AND kind = 'requested'`),
      published('payment.refund', 'refund_transaction_id'),
    ],
    [
      'failed payments',
      null,
      ids(`SELECT event_id FROM transactions JOIN events USING (transaction_id)
           WHERE status = 'failed' AND event_type = 'payment.failed'`),
      published('payment.failed', 'event_id'),
    ],
  ];
  const causes = database.column(
    `SELECT coalesce(failure_cause, error_code) || ' ' || count(*) FROM transactions WHERE status = 'failed'
     GROUP BY coalesce(failure_cause, error_code)`,
  );
  database.close();
  console.log(`\n${'compared'.padEnd(18)}${['gateway', 'ledger', 'events'].map((name) => name.padStart(9)).join('')}`);
  const wrongs: string[] = [];
  for (const [what, atGateway, inLedger, inExchange] of rows) {
    const counts = [atGateway?.size ?? '', inLedger.size, inExchange.size];
    console.log(`${what.padEnd(18)}${counts.map((count) => String(count).padStart(9)).join('')}`);
    for (const id of inLedger.symmetricDifference(inExchange)) wrongs.push(`${what}: ${id} in ledger or exchange only`);
    for (const id of atGateway?.symmetricDifference(inLedger) ?? [])
      wrongs.push(`${what}: ${id} at the gateway or in the ledger only`);
  }
  if (causes.length > 0) console.log(`why payments failed: ${causes.join(', ')}`);
  const charged = Map.groupBy(gateway.charges(), ({ bookingId }) => bookingId);
  for (const [booking, charges] of charged) {
    if (charges.length > 1) wrongs.push(`${booking} was charged ${charges.length} times`);
  }
  for (const id of gateway.contradictions) wrongs.push(`the gateway was asked for ${id} twice, for different things`);
  if (charged.size === 0) wrongs.push('nothing was charged');
  return wrongs;
}

function countsOf(names: readonly string[]): string {
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, same]) => [name, same.length] as const);
  return counts
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}
