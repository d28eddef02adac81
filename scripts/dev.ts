/**
 * `npm run dev`: the whole service on one's own machine. RabbitMQ, bridge and database are started side by side, the Worker when
 * the database has its tables, and one Ctrl-C ends them all. An error is one line, with exit code 1 and no process
 * left running. With `--gateway emulator`, Stripe and PayPal are there as well, emulated.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { brokerEndpoint } from '../src/bridge/broker-address.ts';
import { whatToAsk } from '../src/emulator/control-commands.ts';
import { emulatorUrl, settingsFor } from '../src/emulator/service-settings.ts';
import { claimState, shownPath, stateDirectory } from '../src/local/dev-instance.ts';
import { PROJECT } from '../src/local/project.ts';
import { askBroker } from './ask-broker.ts';
import { bridgeLines, createOutput, emulatorLines, wantsColours, workerLines } from './dev-output.ts';
import { type DevSettings, portProblems, readDevOptions, readDevSettings } from './dev-settings.ts';
import { prepareLocalDatabases } from './local-database.ts';
import {
  CRON_INTERVAL_MS,
  fireCron,
  PROBE_INTERVAL_MS,
  probe,
  startLocalWorker,
  untilWorkerAnswers,
} from './local-worker.ts';
import { paymentsToTry } from './payments-to-try.ts';
import { type Running, startProcess, whenNpmIsGone, whyPortIsTaken } from './processes.ts';
import { type Broker, HOW_TO_GET_A_BROKER, startBroker } from './rabbitmq.ts';
import { shownBroker, watchCommand } from './watch-command.ts';

/** 0 where a person ends it, 1 with the reason where something broke. */
type Ending = { exitCode: 0 } | { exitCode: 1; because: string };

interface FoundBroker {
  url: string;
  /** How it came to run, or why there is none. */
  how: string;
  /** The one that was started here, and ends with this. */
  own: Broker | null;
}

// A terminal that has gone takes no output any more, which must not keep the rest from being ended.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const options = readDevOptions();
const output = createOutput({ json: options.json ?? false, colours: wantsColours() });
// Colours are put on here: of a child they would only have to be taken off, and Node warns of both variables.
delete process.env.FORCE_COLOR;
process.env.NO_COLOR = '1';

const read = readDevSettings(options, process.env);
if (read.kind === 'invalid') failToStart(read.problems);
for (const warning of read.settings.warnings) console.error(`Warning: ${warning}`);
const surroundings = await examineSurroundings(read.settings);
if (surroundings.kind === 'blocked') failToStart(surroundings.problems);
const notPrepared = prepareLocalDatabases(read.settings.persistTo);
if (notPrepared !== null) failToStart([notPrepared]);
process.exit(await runUntilEnded(read.settings, surroundings.brokerRuns));

function failToStart(problems: string[]): never {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}

/** What is in the way: another one on this database, a port that is taken, a broker that does not let us in. */
async function examineSurroundings(
  settings: DevSettings,
): Promise<{ kind: 'clear'; brokerRuns: boolean } | { kind: 'blocked'; problems: string[] }> {
  const { persistTo, servicePort, emulatorPort, bridge } = settings;
  const state = stateDirectory(persistTo);
  const other = claimState({ pid: process.pid, state, servicePort, emulatorPort });
  if (other !== null) {
    const who = other === 'unknown' ? '' : ` (process ${other.pid}, service on port ${other.servicePort})`;
    const what = `Another \`npm run dev\`${who} works on the database ${shownPath(state)}`;
    return { kind: 'blocked', problems: [`${what}: end it, or choose another database with --persist-to DIR`] };
  }
  const [problems, broker] = await Promise.all([portProblems(settings), askBroker(bridge.rabbitmqUrl)]);
  if (broker.state === 'refuses') {
    const shown = shownBroker(bridge.rabbitmqUrl);
    problems.push(`The broker at ${shown} refuses the connection (${broker.reason}): check RABBITMQ_URL`);
  }
  return problems.length > 0
    ? { kind: 'blocked', problems }
    : { kind: 'clear', brokerRuns: broker.state === 'answers' };
}

async function runUntilEnded(settings: DevSettings, brokerRuns: boolean): Promise<number> {
  const { promise: ending, resolve: end } = Promise.withResolvers<Ending>();
  const fail = (because: string) => end({ exitCode: 1, because });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end({ exitCode: 0 }));
  whenNpmIsGone(() => fail('npm has ended'));
  const stopping = new AbortController();

  const emulator = startEmulator(settings);
  void emulator?.ended.then((how) => fail(`The gateway emulator has ended by itself: ${how}`));

  const broker = findBroker(settings, brokerRuns, stopping.signal);
  const bridge = broker.then(({ url }) => {
    if (stopping.signal.aborted) return null;
    const running = startBridge(settings, url);
    void running.ended.then((how) => fail(`The bridge has ended by itself: ${how}`));
    return running;
  });

  let answered = false;
  output.show('dev', { level: 'info', text: 'starting the Worker' });
  const worker = startWorker(settings, () => answered);
  void worker.ended.then((how) => fail(`wrangler dev has ended by itself: ${how}`));
  const answer = untilWorkerAnswers(settings.servicePort, stopping.signal).then((problem) => {
    if (problem !== null) fail(problem);
    answered = true;
  });

  const cron = setInterval(() => void fireCron(settings.servicePort), CRON_INTERVAL_MS);
  const shown = answer.then(async () => {
    if (!stopping.signal.aborted) showService(settings);
    const found = await broker;
    if (!stopping.signal.aborted) showBroker(settings, found);
    await untilBridgeIsReady(settings, stopping.signal);
    // What still waits from last time goes out now, and not only at the next full minute.
    if (!stopping.signal.aborted) await fireCron(settings.servicePort);
  });
  shown.catch((error: unknown) => fail(messageOf(error)));

  const ended = await ending;
  stopping.abort();
  clearInterval(cron);
  if (ended.exitCode === 0) output.tell('dev.ending', '\nEnding …', {});
  else output.show('dev', { level: 'error', text: ended.because });
  // In the order of an event's way, so that each still finds the next one.
  await worker.stop();
  await emulator?.stop();
  await bridge.then((running) => running?.stop());
  await broker
    .then(({ own }) => own?.stop())
    .catch((error: unknown) => output.show('dev', { level: 'error', text: messageOf(error) }));
  return ended.exitCode;
}

function startEmulator({ emulatorPort, servicePort }: DevSettings): Running | null {
  if (emulatorPort === null) return null;
  const webhooksTo = `http://127.0.0.1:${servicePort}`;
  const args = ['--port', String(emulatorPort), '--webhooks-to', webhooksTo, '--quiet'];
  return startProcess([join(PROJECT, 'src/emulator/main.ts'), ...args], {
    cwd: PROJECT,
    onLine: emulatorLines(output),
  });
}

function startBridge({ bridge }: DevSettings, rabbitmqUrl: string): Running {
  return startProcess([join(PROJECT, 'src/bridge/main.ts')], {
    cwd: PROJECT,
    env: {
      BRIDGE_HOST: '127.0.0.1',
      BRIDGE_PORT: String(bridge.port),
      BRIDGE_SIGNING_SECRET: bridge.signingSecret,
      RABBITMQ_URL: rabbitmqUrl,
    },
    onLine: bridgeLines(output),
  });
}

/** The broker at RABBITMQ_URL, else one of our own, else none: the bridge then goes on trying. Never rejects. */
async function findBroker(
  { bridge, persistTo }: DevSettings,
  brokerRuns: boolean,
  signal: AbortSignal,
): Promise<FoundBroker> {
  const url = bridge.rabbitmqUrl;
  if (brokerRuns) return { url, how: 'it was running', own: null };
  const none = `none answers at ${shownBroker(url)}`;
  output.show('dev', { level: 'info', text: `no RabbitMQ answers at ${shownBroker(url)}: starting one` });
  try {
    const directory = join(persistTo ?? join(PROJECT, '.wrangler'), 'rabbitmq');
    const own = await startBroker({ directory, signal, ...(await portOf(url)) });
    if (own !== null) return { url: own.url, how: `${own.how}; ${none}`, own };
    return { url, how: `none answers: ${HOW_TO_GET_A_BROKER}; or set RABBITMQ_URL`, own: null };
  } catch (error) {
    return { url, how: `none answers, and ours does not start: ${messageOf(error)}`, own: null };
  }
}

/** The port where RABBITMQ_URL expects a broker, if ours can be there. */
async function portOf(rabbitmqUrl: string): Promise<{ port?: number }> {
  const { host, port, tls } = brokerEndpoint(rabbitmqUrl);
  if (tls || !['localhost', '127.0.0.1', '::1'].includes(host)) return {};
  return (await whyPortIsTaken(port)) === null ? { port } : {};
}

function startWorker(settings: DevSettings, answered: () => boolean): Running {
  const { servicePort, persistTo, bridge, bridgeUrl } = settings;
  const here = `http://127.0.0.1:${bridge.port}`;
  const variables = {
    ...(bridgeUrl?.replace(/\/$/, '') !== here && { BRIDGE_URL: here }),
    ...(settings.emulatorPort !== null && settingsFor(emulatorUrl(settings.emulatorPort))),
  };
  const args = Object.entries(variables).flatMap(([name, value]) => ['--var', `${name}:${value}`]);
  return startLocalWorker({ port: servicePort, persistTo, args, onLine: workerLines(answered, output) });
}

async function untilBridgeIsReady({ bridge }: DevSettings, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if ((await probe(`http://127.0.0.1:${bridge.port}/readyz`))?.status === 200) return;
    await delay(PROBE_INTERVAL_MS);
  }
}

function showService(settings: DevSettings): void {
  const { servicePort, persistTo, bridge, emulatorPort } = settings;
  const state = shownPath(stateDirectory(persistTo));
  const seconds = process.uptime().toFixed(1);
  const service = `http://localhost:${servicePort}`;
  const docs = `${service}/docs`;
  const demo = `${service}/demo`;
  const consolePages = `${service}/console`;
  const toTry = paymentsToTry({ ...settings, persistTo: persistTo === null ? null : state });
  const emulator = emulatorPort === null ? null : emulatorUrl(emulatorPort);
  const lines = [
    '',
    `payment service  ${service}, after ${seconds} s`,
    `API pages        ${docs}`,
    `checkout demo    ${demo}`,
    `console          ${consolePages}`,
    `bridge           http://127.0.0.1:${bridge.port}`,
    `database         ${state}`,
    ...(emulator === null ? [] : [`gateways         Stripe and PayPal, emulated at ${emulator}`]),
    ...(emulator === null ? [] : ['', 'To play the payer, the bank and the merchant (docs/emulator.md):']),
    ...(emulator === null ? [] : ['', ...whatToAsk(emulator).map((line) => line && `  ${line}`)]),
    ...['', toTry.length === 1 ? 'A payment to try:' : 'To try:', ''],
    ...toTry.map((line) => `  ${line}`),
    '',
  ];
  const fields = { service, docs, demo, console: consolePages, bridge_port: bridge.port, database: state, emulator };
  output.tell('dev.ready', lines.join('\n'), fields);
}

function showBroker({ bridge }: DevSettings, { url, how }: FoundBroker): void {
  const { exchange, queue } = bridge;
  const toSee = watchCommand(url, exchange, process.env);
  const text = `RabbitMQ         ${shownBroker(url)} (${how})\nevents           exchange ${exchange}, queue ${queue}; to see them: ${toSee}\n`;
  output.tell('dev.broker', text, { broker: shownBroker(url), how, exchange, queue });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
