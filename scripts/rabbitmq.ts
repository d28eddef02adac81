/**
 * A RabbitMQ of one's own, for development and for tests: in Docker where a daemon runs, else the `rabbitmq-server` of
 * the machine, started beside whatever runs there already, as the current user, on ports and in a directory of its own.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { askBroker } from './ask-broker.ts';
import { freePort } from './free-port.ts';
import { whenThisProcessIsGone } from './processes.ts';
import { programInPath } from './program-in-path.ts';

const run = promisify(execFile);

const DOCKER_DEADLINE_MS = 2_000;
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const COMMAND_DEADLINE_MS = 60_000;
/** An image may have to be fetched first. */
const DOCKER_RUN_DEADLINE_MS = 300_000;
const IMAGE = 'rabbitmq:4.2.9-alpine';
const PID_FILE = 'pid';
const EPMD_PORT_FILE = 'epmd_port';
/** Debian's start script would change to another user; the one behind it does not. */
const DEBIAN_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** What to do where `startBroker` finds nothing to start. */
export const HOW_TO_GET_A_BROKER =
  'start Docker, or install rabbitmq-server (on Debian, `npm run install:rabbitmq` does that, as root)';

export interface Broker {
  url: string;
  /** How it came to run, for a person to read. */
  how: string;
  start(signal?: AbortSignal): Promise<void>;
  /** Keeps what is in its queues. */
  stop(): Promise<void>;
  /** Stops it and deletes all that it kept. */
  remove(): Promise<void>;
  /** Runs `rabbitmqctl` on it. */
  control(args: string[]): Promise<void>;
}

/**
 * Starts a broker and waits until it answers; null where the machine has neither Docker nor a `rabbitmq-server`.
 *
 * @throws Error if it does not start
 */
export async function startBroker(options: {
  directory: string;
  port?: number;
  /** Ends the start, and with it what has been started. */
  signal?: AbortSignal;
}): Promise<Broker | null> {
  const port = options.port ?? (await freePort());
  const directory = resolve(options.directory);
  const server = serverOfMachine();
  const broker = (await dockerRuns())
    ? brokerInDocker(port)
    : server === null
      ? null
      : brokerOfMachine(server, directory, port, await freePort(), await freePort());
  try {
    await broker?.start(options.signal);
  } catch (error) {
    // Rather than leave half of it running; the error that prevented the start is reported.
    await broker?.stop().catch(() => {});
    throw error;
  }
  return broker;
}

/** The `rabbitmq-server` of the machine, or null. */
export function serverOfMachine(): string | null {
  if (existsSync(DEBIAN_SERVER)) return DEBIAN_SERVER;
  return programInPath(['rabbitmq-server'], ['/opt/homebrew/sbin', '/usr/local/sbin']);
}

async function dockerRuns(): Promise<boolean> {
  return run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: DOCKER_DEADLINE_MS }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false,
  );
}

/** As `stop` does it: the broker's process id is in the file $1, its script leads the group $2, its epmd listens on the port $3. */
const STOP_BROKER = `
kill -TERM "$(cat "$1")" || kill -TERM "-$2"
tries=0
while kill -0 "$2" && [ $tries -lt ${STOP_DEADLINE_MS / 100} ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "-$2"
epmd -port "$3" -kill`;

function brokerInDocker(port: number): Broker {
  const url = `amqp://guest:guest@127.0.0.1:${port}/`;
  const name = `payment-service-rabbitmq-${port}`;
  const docker = (args: string[], signal?: AbortSignal) =>
    run('docker', args, { timeout: DOCKER_RUN_DEADLINE_MS, ...(signal && { signal }) });
  let release = () => {};
  return {
    url,
    how: `Docker container ${name}`,
    async start(signal) {
      release = whenThisProcessIsGone('docker stop "$1"', [name]);
      // One that an earlier run has left behind goes on, with what is in its queues.
      const exists = await docker(['container', 'inspect', name], signal).then(
        () => true,
        () => false,
      );
      if (exists) await docker(['start', name], signal);
      else await docker(['run', '--detach', '--name', name, '--publish', `127.0.0.1:${port}:5672`, IMAGE], signal);
      await untilItAnswers(url, () => null, signal);
    },
    async stop() {
      await docker(['stop', name]);
      release();
    },
    async remove() {
      await docker(['rm', '--force', '--volumes', name]);
      release();
    },
    control: async (args) => void (await docker(['exec', name, 'rabbitmqctl', ...args])),
  };
}

function brokerOfMachine(server: string, directory: string, port: number, distPort: number, epmdPort: number): Broker {
  const url = `amqp://guest:guest@127.0.0.1:${port}/`;
  const env = {
    ...process.env,
    // Erlang keeps its cookie in the home directory, and asks a daemon where its nodes are: both are this node's own.
    HOME: join(directory, 'home'),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `payment_${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: join(directory, PID_FILE),
  };
  let child: ChildProcess | null = null;
  let release = () => {};

  async function stop(): Promise<void> {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((done) => running.once('exit', done));
    // The script's child is the broker itself, which shuts down cleanly on SIGTERM.
    const pid = Number(await readFile(env.RABBITMQ_PID_FILE, 'utf8').catch(() => running.pid));
    process.kill(pid, 'SIGTERM');
    const late = sleep(STOP_DEADLINE_MS, 'late', { ref: false });
    if ((await Promise.race([exited, late])) === 'late') process.kill(pid, 'SIGKILL');
    await exited;
    await killEpmd(env.ERL_EPMD_PORT);
    release();
  }

  return {
    url,
    how: `rabbitmq-server, data in ${directory}`,
    async start(signal) {
      await mkdir(env.HOME, { recursive: true });
      await writeFile(env.RABBITMQ_CONFIG_FILE, `listeners.tcp.default = 127.0.0.1:${port}\n`);
      await writeFile(env.RABBITMQ_ENABLED_PLUGINS_FILE, '[].\n');
      await writeFile(join(directory, EPMD_PORT_FILE), env.ERL_EPMD_PORT);
      // In a session of its own, so that a Ctrl-C in the terminal does not reach it before we stop it in order.
      const started = spawn(server, { env, stdio: 'ignore', detached: true });
      child = started;
      release = whenThisProcessIsGone(STOP_BROKER, [env.RABBITMQ_PID_FILE, String(started.pid), env.ERL_EPMD_PORT]);
      let failure: string | null = null;
      started.once('error', (error) => {
        failure = error.message;
      });
      started.once('exit', () => {
        failure ??= `see ${env.RABBITMQ_LOG_BASE}`;
      });
      await untilItAnswers(url, () => failure, signal);
    },
    stop,
    async control(args) {
      await run(join(dirname(server), 'rabbitmqctl'), args, { env, timeout: COMMAND_DEADLINE_MS });
    },
    async remove() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function killEpmd(port: string): Promise<void> {
  await run('epmd', ['-port', port, '-kill'], { timeout: COMMAND_DEADLINE_MS }).catch(() => {
    // Erlang's daemon has ended already, or serves another node that was given the same port meanwhile.
  });
}

/** Stops this machine's brokers that an interrupted run has left behind below the directory. */
export async function endBrokersBelow(directory: string): Promise<void> {
  for (const epmdPortFile of globSync(`**/${EPMD_PORT_FILE}`, { cwd: directory })) {
    const place = dirname(join(directory, epmdPortFile));
    const pidFile = join(place, PID_FILE); // which a broker that ends in order takes away
    if (existsSync(pidFile)) {
      process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGTERM');
      const deadlineMs = Date.now() + STOP_DEADLINE_MS;
      while (existsSync(pidFile) && Date.now() < deadlineMs) await sleep(200);
    }
    await killEpmd(await readFile(join(directory, epmdPortFile), 'utf8'));
  }
}

async function untilItAnswers(url: string, ended: () => string | null, signal?: AbortSignal): Promise<void> {
  const deadlineMs = Date.now() + START_DEADLINE_MS;
  while ((await askBroker(url)).state !== 'answers') {
    signal?.throwIfAborted();
    const why = ended();
    if (why !== null) throw new Error(`RabbitMQ ended while it was starting: ${why}`);
    if (Date.now() > deadlineMs) throw new Error(`RabbitMQ does not answer at ${url} after ${START_DEADLINE_MS} ms`);
    await sleep(200);
  }
}
