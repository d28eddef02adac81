/** `npm run dev`, run as a person runs it, in a copy of the project with ports and names of its own. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { whyPortIsTaken } from '../../scripts/processes.ts';
import { shardOfId } from '../../src/core/shards.ts';
import { type Child, startChild, until } from '../support/child.ts';
import { listen, removeTopology } from '../support/exchange.ts';
import { payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy, withDatabases } from '../support/project-copy.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';
import { pay } from '../support/stack.ts';

const run = promisify(execFile);

/** A person has less patience with Ctrl-C, and a busy machine needs more. */
const END_DEADLINE_MS = 15_000;
/** Nobody waits for it, but the next one needs its ports. */
const KILLED_DEADLINE_MS = 20_000;

describe('npm run dev', () => {
  let project: ProjectCopy;
  let env: Record<string, string>;
  let exchange: string;
  let queue: string;
  let started: Child[];

  beforeEach(async () => {
    project = copyProject();
    exchange = `test.dev.${randomBytes(4).toString('hex')}`;
    queue = `${exchange}.processing_queue`;
    started = [];
    env = {
      // Where there is neither Docker nor a rabbitmq-server.
      PATH: dirname(process.execPath),
      HOME: project.directory,
      RABBITMQ_URL: rabbitmqUrl(),
      RABBITMQ_EXCHANGE: exchange,
      RABBITMQ_QUEUE: queue,
      PAYMENT_SERVICE_PORT: String(await freePort()),
      BRIDGE_PORT: String(await freePort()),
    };
  });

  afterEach(async () => {
    for (const child of started) await child.stop();
    project.remove();
    await removeTopology(rabbitmqUrl(), exchange, queue);
  });

  function dev(changes: Record<string, string> = {}, args: string[] = []): Child {
    return startDev(changes, args, 'dev.log');
  }

  function startDev(changes: Record<string, string>, args: string[], logName: string): Child {
    return start(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'scripts/dev.ts', ...args],
      changes,
      logName,
    );
  }

  function npmDev(changes: Record<string, string>): Child {
    return start('npm', ['run', 'dev'], changes, 'dev.log');
  }

  function start(command: string, args: string[], changes: Record<string, string>, logName: string): Child {
    const logFile = join(project.directory, logName);
    writeFileSync(logFile, ''); // it is read before there is anything in it
    const child = startChild(command, args, { cwd: project.directory, env: { ...env, ...changes }, logFile });
    started.push(child);
    return child;
  }

  /** Runs it where it can't come up; what it says, and its exit code. */
  async function failingDev(
    changes: Record<string, string> = {},
  ): Promise<{ output: string; exitCode: number | null }> {
    const child = dev(changes);
    await untilEnded(child);
    return { output: child.output().trim(), exitCode: await child.stop() };
  }

  it('brings all of it up; the payment that it prints is taken and published; Ctrl-C leaves nothing behind', async () => {
    const listener = await listen(rabbitmqUrl(), exchange, runDirectory('dev'));
    try {
      const child = dev();
      await untilUp(child);
      const { stdout } = await run('/bin/sh', ['-c', curlLines(child)[0] ?? '']);
      const answer = JSON.parse(stdout);
      expect(answer).toMatchObject({ status: 'success', amount: 25.5 });

      const [event] = await listener.waitFor(1);
      expect(event?.routingKey).toBe('payment.success');
      expect(event?.body.transaction_id).toBe(answer.transaction_id);
      await until(
        'the request is shown',
        () => /worker +200 .* POST \/payment\/process +payment\.completed/.test(child.output()),
        {
          child,
        },
      );
      expect(child.output()).not.toMatch(/wrangler \d|Your Worker has access|Request\.cf/);
      expect(child.output()).toMatch(
        new RegExp(`to see them: .*RABBITMQ_EXCHANGE=${exchange} npm run watch-events\\n`),
      );

      expect(await processesOf(exchange)).not.toEqual([]);
      process.kill(child.pid, 'SIGINT');
      await untilEnded(child, END_DEADLINE_MS);
      expect(await child.stop()).toBe(0);
      await untilNothingIsLeft();
    } finally {
      await listener.close();
    }
  });

  it('has Stripe and PayPal with it, emulated; the payments that it prints are taken in forints and with a key, or wait for their payers, and reconcile compares them', async () => {
    writeFileSync(join(project.directory, '.dev.vars'), 'PAYMENT_CURRENCY=HUF\nAUTH_MODE=api_key\n');
    const child = dev({ GATEWAY_EMULATOR_PORT: String(await freePort()) }, ['--gateway', 'emulator']);
    await untilUp(child);
    const [, makesKey = ''] = /^ {2}(KEY=.*)$/m.exec(child.output()) ?? [];
    const answers: unknown[] = [];
    for (const line of curlLines(child)) {
      const { stdout } = await run('/bin/sh', ['-c', `${makesKey}\n${line}`], {
        cwd: project.directory,
        env: { ...process.env, HOME: project.directory },
      });
      answers.push(JSON.parse(stdout));
    }
    const taken = { status: 'success', amount: 2550 };
    const waiting = { status: 'pending', amount: 2550, next_action: { url: expect.stringMatching(/^http/) } };
    expect(answers).toMatchObject([taken, waiting, taken, waiting]);
    const takenUp = () => /200 +\d+ ms +POST \/webhooks\/paypal/.test(child.output());
    await until('their webhooks are taken up', takenUp, { child });
    expect(child.output()).toMatch(/200 +\d+ ms +POST \/webhooks\/stripe/);

    const place = { home: project.directory, cwd: project.directory };
    const beside = await payctl(['reconcile'], place);
    expect(beside.stderr).toContain('On .wrangler/emulated, the database of the running `npm run dev`\n');
    expect(beside.stdout).toMatch(/payments +4\n.*movements +[12]\ndifferences +0\n/s);
    expect(beside.exitCode).toBe(0);

    process.kill(child.pid, 'SIGINT');
    await untilEnded(child, END_DEADLINE_MS);
    expect(await child.stop()).toBe(0);
    await untilNothingIsLeft();
    const after = await payctl(['reconcile', '--persist-to', '.wrangler/emulated'], place);
    expect(after).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('emulator, which has ended'),
    });
    // Nine processes, one after the other.
  });

  it('takes payments in four databases, which npm run setup has prepared, and operators see all of them', async () => {
    const config = join(project.directory, 'wrangler.toml');
    writeFileSync(config, withDatabases(readFileSync(config, 'utf8'), ['DB_1', 'DB_2', 'DB_3']));
    const setup = await run(process.execPath, ['scripts/setup.ts'], { cwd: project.directory, env });
    expect(setup.stdout).toContain('The local state has all migrations\n');

    const child = dev();
    await untilUp(child);
    const payments: string[] = [];
    const shards = () => new Set(payments.map((id) => shardOfId(id, 4)));
    while (shards().size < 4) {
      const { code, body } = await pay(`http://127.0.0.1:${env.PAYMENT_SERVICE_PORT}`);
      expect(code).toBe(200);
      payments.push(String(body.transaction_id));
    }

    const place = { home: project.directory, cwd: project.directory };
    const shown = await payctl(['shards', '--json'], place);
    expect(shown.exitCode).toBe(0);
    const found: { in_place: boolean; payments: number }[] = JSON.parse(shown.stdout);
    expect(found.map((one) => one.in_place)).toEqual([true, true, true, true]);
    const counts = [0, 1, 2, 3].map((shard) => payments.filter((id) => shardOfId(id, 4) === shard).length);
    expect(found.map((one) => one.payments)).toEqual(counts);
    const reconciled = await payctl(['reconcile'], place);
    expect(reconciled.stdout).toMatch(new RegExp(`^payments +${payments.length}$.*^differences +0$`, 'ms'));
    expect(reconciled.exitCode).toBe(0);
    // Each of the databases is migrated by a wrangler of its own.
  }, 400_000);

  it('listens when it can serve: whoever calls from the first moment on never meets missing tables', async () => {
    const child = dev();
    const answers = new Set<unknown>();
    while (!child.output().includes('\nevents ')) {
      const payment = pay(`http://127.0.0.1:${env.PAYMENT_SERVICE_PORT}`).then(
        ({ code, body }) => (code === 200 ? code : body),
        (error) => error.cause?.code ?? error,
      );
      answers.add(await payment);
      expect(isRunning(child.pid)).toBe(true);
    }
    // A connection may also be closed, by the check whether the port is free.
    const closed: unknown[] = ['ECONNRESET', 'UND_ERR_SOCKET'];
    expect([...answers].filter((answer) => !closed.includes(answer)).toSorted()).toEqual([200, 'ECONNREFUSED']);
  });

  it.each(['node', 'npm'])(
    'leaves nothing behind when its %s is killed, and its lock is no hindrance',
    async (victim) => {
      const viaNpm = victim === 'npm';
      const path = { PATH: process.env.PATH ?? '' };
      const child = viaNpm ? npmDev(path) : dev();
      await untilUp(child);
      expect((await processesOf(exchange)).length).toBeGreaterThan(3);
      process.kill(child.pid, 'SIGKILL');
      await untilNothingIsLeft(KILLED_DEADLINE_MS);
      await expectPortsFree();

      const next = dev();
      await untilUp(next);
      expect(next.output()).toContain('payment service');
    },
  );

  it('refuses to work on a database on which another one works, and says which one and what to do', async () => {
    const first = dev();
    await untilUp(first);
    const other = { PAYMENT_SERVICE_PORT: String(await freePort()), BRIDGE_PORT: String(await freePort()) };
    const second = startDev(other, [], 'second.log');
    await untilEnded(second);
    expect(second.output()).toBe(
      `Another \`npm run dev\` (process ${first.pid}, service on port ${env.PAYMENT_SERVICE_PORT}) works on the database .wrangler/state: end it, or choose another database with --persist-to DIR\n`,
    );
    expect(await second.stop()).toBe(1);
    expect((await pay(`http://127.0.0.1:${env.PAYMENT_SERVICE_PORT}`)).code).toBe(200);
  });

  it('refuses an option that npm kept for itself, instead of starting without it', async () => {
    const child = dev({ npm_config_gateway: 'emulator', npm_lifecycle_event: 'dev' });
    await untilEnded(child);
    expect(child.output()).toMatch(/^error: npm kept --gateway for itself: write `npm run dev -- … --gateway …`\n/);
  });

  it('knows no other gateway by name', async () => {
    const child = dev({}, ['--gateway', 'stripe']);
    await untilEnded(child);
    expect(child.output()).toMatch(/^error: option '--gateway <name>' .* It can be emulator; other gateways are set/);
    expect(await child.stop()).toBe(2);
  });

  it('makes a .dev.vars that only its owner can read, and keeps what somebody wrote into it', async () => {
    const devVars = join(project.directory, '.dev.vars');
    writeFileSync(devVars, 'PAYMENT_CURRENCY=EUR\nBRIDGE_URL=http://127.0.0.1:1');
    await untilUp(dev());
    expect(readFileSync(devVars, 'utf8')).toMatch(
      /^PAYMENT_CURRENCY=EUR\nBRIDGE_URL=http:\/\/127\.0\.0\.1:1\nENVIRONMENT=development\nBRIDGE_SIGNING_SECRET=[\w+/]{43}=\nFINGERPRINT_KEY=[\w+/]{43}=\nCARD_FINGERPRINT_KEY=[\w+/]{43}=\nENCRYPTION_KEY=[\w+/]{43}=\nAPI_KEY_SECRET=[\w+/]{43}=\nAUTH_MODE=none\nVELOCITY_PER_CARD=0\nVELOCITY_PER_USER=0\nVELOCITY_DECLINE_PERCENT=0\n$/,
    );
    expect(statSync(devVars).mode & 0o777).toBe(0o600);
  });

  it('takes payments without a broker', async () => {
    // A file where a broker of its own would have its directory: none can be started.
    mkdirSync(join(project.directory, '.wrangler'));
    writeFileSync(join(project.directory, '.wrangler/rabbitmq'), '');
    const child = dev({ RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}/` });
    await untilUp(child);
    expect(child.output()).toContain('none answers');
    expect((await pay(`http://127.0.0.1:${env.PAYMENT_SERVICE_PORT}`)).code).toBe(200);
  });

  it('ends with one line where the bridge dies', async () => {
    const child = dev();
    await untilUp(child);
    const bridge = (await processesOf(exchange)).find(({ command }) => command.includes('src/bridge/main.ts'));
    process.kill(Number(bridge?.pid), 'SIGKILL');
    await untilEnded(child, END_DEADLINE_MS);
    expect(await child.stop()).toBe(1);
    expect(child.output()).toContain('The bridge has ended by itself: SIGKILL\n');
    await untilNothingIsLeft();
  });

  it.each(['PAYMENT_SERVICE_PORT', 'BRIDGE_PORT'])(
    'says which port is in use, and that %s changes it',
    async (setting) => {
      const occupant = createServer();
      await once(occupant.listen(Number(env[setting]), '127.0.0.1'), 'listening');
      try {
        const { output, exitCode } = await failingDev();
        expect(output).toBe(`Port ${env[setting]} is in use; ${setting} sets another one`);
        expect(exitCode).toBe(1);
        await untilNothingIsLeft();
      } finally {
        occupant.close();
      }
    },
  );

  it.each([
    ['RABBITMQ_URL', 'http://localhost', 'RABBITMQ_URL must be an address such as amqp://localhost:5672/'],
    ['PAYMENT_SERVICE_PORT', '80a', 'PAYMENT_SERVICE_PORT must be a port'],
    ['BRIDGE_PORT', '0', 'BRIDGE_PORT must be a port'],
  ])('says in one line what is wrong with %s=%s', async (name, value, line) => {
    expect(await failingDev({ [name]: value })).toEqual({ output: line, exitCode: 1 });
  });

  it.each([
    ['another password', 'amqp://guest:wrong@HOST/', /ACCESS_REFUSED/],
    ['a virtual host that it lacks', 'amqp://guest:guest@HOST/nowhere', /vhost nowhere not found/],
    ['TLS that it lacks', 'amqps://guest:guest@HOST/', /amqps: or amqp:/],
  ])('says in one line that the broker refuses %s, and starts no other', async (_, address, reason) => {
    const { host } = new URL(rabbitmqUrl());
    const { output, exitCode } = await failingDev({ RABBITMQ_URL: address.replace('HOST', host) });
    expect(output).toMatch(/^The broker at amqps?:\/\/[\w.:]+\/\w* refuses the connection \(.*\): check RABBITMQ_URL$/);
    expect(output).toMatch(reason);
    expect(output).not.toContain('wrong@');
    expect(exitCode).toBe(1);
    expect(existsSync(join(project.directory, '.wrangler/rabbitmq'))).toBe(false);
  });

  it.each([
    ['PAYMENT_CURENCY=EUR', 'PAYMENT_CURENCY is not a setting: did you mean PAYMENT_CURRENCY? (it is in .dev.vars)'],
    ['RABBITMQ_URL=x', 'RABBITMQ_URL has no effect in .dev.vars: `npm run dev` reads it from its environment'],
  ])('does not start with %s in .dev.vars', async (line, problem) => {
    writeFileSync(join(project.directory, '.dev.vars'), `${line}\n`);
    expect(await failingDev()).toEqual({ output: problem, exitCode: 1 });
  });

  it('warns of a misspelled name in the environment, and of a setting that is not read from there', async () => {
    const { output } = await failingDev({
      RABITMQ_URL: 'x',
      PAYMENT_CURRENCY: 'EUR',
      BRIDGE_PORT: env.PAYMENT_SERVICE_PORT ?? '',
    });
    expect(output.split('\n').slice(0, -1)).toEqual([
      'Warning: RABITMQ_URL is not a setting: did you mean RABBITMQ_URL?',
      'Warning: PAYMENT_CURRENCY has no effect in the environment: `npm run dev` reads it from .dev.vars',
    ]);
  });

  it('says in one line that the secret in .dev.vars is none', async () => {
    writeFileSync(join(project.directory, '.dev.vars'), 'BRIDGE_SIGNING_SECRET=replace-me\n');
    expect(await failingDev()).toEqual({
      output:
        'BRIDGE_SIGNING_SECRET must be at least 24 random bytes in base64, such as openssl rand -base64 32 prints (it is in .dev.vars)',
      exitCode: 1,
    });
  });

  it('ends with the Worker’s own words where a setting of the Worker is wrong', async () => {
    writeFileSync(join(project.directory, '.dev.vars'), 'PAYMENT_CURRENCY=XXXX\n');
    const { output, exitCode } = await failingDev();
    expect(output).toContain('The Worker is not configured: PAYMENT_CURRENCY must be an ISO 4217 code such as USD\n');
    expect(exitCode).toBe(1);
    await untilNothingIsLeft();
  });

  async function untilNothingIsLeft(deadlineMs = 10_000): Promise<void> {
    await until('no process is left', async () => (await processesOf(exchange)).length === 0, { deadlineMs });
  }

  async function expectPortsFree(): Promise<void> {
    const ports = [env.PAYMENT_SERVICE_PORT, env.BRIDGE_PORT].map(Number);
    expect(await Promise.all(ports.map(whyPortIsTaken))).toEqual([null, null]);
  }
});

/** All lines are there, which comes after the service answers and the broker's part is settled. */
async function untilUp(child: Child): Promise<void> {
  await until('it is up', () => child.output().includes('\nevents '), { child, deadlineMs: 50_000 });
}

async function untilEnded({ pid, ...child }: Child, deadlineMs = 50_000): Promise<void> {
  await until('it ends', () => !isRunning(pid), { child: { pid, ...child }, deadlineMs });
  await child.stop(); // all of its output can be read
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Of the payments that it prints to try. */
function curlLines(child: Child): string[] {
  return [...child.output().matchAll(/^ {2}(curl .*\/payment\/process .*)$/gm)].map(([, line = '']) => line);
}

/** Running processes that have `mark` in their environment, as all have that a run of `npm run dev` started. */
async function processesOf(mark: string): Promise<{ pid: string; command: string }[]> {
  const { stdout } = await run('ps', ['axeww', '-o', 'pid=,command='], { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .split('\n')
    .filter((line) => line.includes(`RABBITMQ_EXCHANGE=${mark}`))
    .map((line) => {
      const [pid = '', command = ''] = line.trim().split(/\s+(.*)/s);
      return { pid, command };
    });
}
