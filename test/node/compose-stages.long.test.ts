/** compose.yaml, as `docker compose up --build` runs it: the stages of the Dockerfile as plain commands, and their processes with its settings. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { COMPOSE_SIGNING_SECRET } from '../../src/contract/secret.ts';
import { type Child, startChild, until } from '../support/child.ts';
import {
  type BuiltStage,
  basicEnvironment,
  buildStage,
  composeServices,
  filesBelow,
  stagesOf,
} from '../support/docker-stages.ts';
import { type Listener, listen, type Received, removeTopology } from '../support/exchange.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const DEADLINE_MS = 240_000;
/** What a busy machine does not deliver at once, the cron of the next minute does. */
const DELIVERED_WITHIN_MS = 90_000;
/** Docker's, after which it kills. */
const STOP_DEADLINE_MS = 10_000;
const sh = promisify(execFile);

const exchange = `test.compose.${randomBytes(4).toString('hex')}`;
const queue = `${exchange}.processing_queue`;
const directory = runDirectory('compose');
/** Not among what the run is searched for card data in: the sandbox's cards are in the sources. What the service stores is copied there. */
const images = mkdtempSync(join(tmpdir(), 'images-'));
const stages = stagesOf('Dockerfile');
const services = composeServices('compose.yaml', { RABBITMQ_EXCHANGE: exchange, RABBITMQ_QUEUE: queue });

describe('the images', () => {
  it('run as a user of their own, and tell whether they are healthy', () => {
    for (const name of ['service', 'bridge']) {
      const keywords = stages.find((stage) => stage.name === name)?.instructions ?? [];
      expect(keywords).toContainEqual({ keyword: 'USER', text: 'node' });
      expect(keywords.map(({ keyword }) => keyword)).toContain('HEALTHCHECK');
    }
  });

  it('are those that compose.yaml builds, read-only, with a volume for what is stored, and without a file of settings', () => {
    const { 'payment-service': service, bridge } = services;
    expect(service).toMatchObject({
      build: { target: 'service' },
      env_file: [{ path: 'payment-service.env', required: false }],
      ports: ['127.0.0.1:8003:8003'],
      volumes: ['payment-service:/data'],
    });
    expect(bridge).toMatchObject({ build: { target: 'bridge' } });
    for (const one of [service, bridge]) {
      expect(one).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(one?.environment?.BRIDGE_SIGNING_SECRET).toBe(COMPOSE_SIGNING_SECRET);
    }
    // `docker build .` makes the last one.
    expect(stages.at(-1)?.name).toBe('bridge');
  });
});

describe('the bridge of a deployment', () => {
  const signingSecret = randomBytes(32).toString('base64');
  const withTunnel = (variables: Record<string, string>) =>
    composeServices('compose.yaml', { TUNNEL_TOKEN: 'token', ...variables });

  it('refuses the events of the service for desks, which everybody may call', () => {
    const { 'payment-service': service, bridge } = withTunnel({ BRIDGE_SIGNING_SECRET: signingSecret });
    expect(bridge?.environment?.BRIDGE_SIGNING_SECRET).toBe(signingSecret);
    expect(service?.environment?.BRIDGE_SIGNING_SECRET).toBe(COMPOSE_SIGNING_SECRET);
  });

  it('publishes to its own RabbitMQ', () => {
    const url = 'amqps://user:password@rabbitmq.example.com:5671/';
    expect(withTunnel({ RABBITMQ_URL: url }).bridge?.environment?.RABBITMQ_URL).toBe(url);
  });

  it('is behind a tunnel only with a secret of its own', () => {
    const tokenOf = (variables: Record<string, string>) => withTunnel(variables).cloudflared?.environment?.TUNNEL_TOKEN;
    expect(tokenOf({ BRIDGE_SIGNING_SECRET: signingSecret })).toBe('token');
    expect([tokenOf({}), tokenOf({ BRIDGE_SIGNING_SECRET: '' })]).toEqual(['', '']);
  });

  it('is started without the service for desks and its broker by each command of the documentation', () => {
    const text = ['compose.yaml', 'docs/deploying.md'].map((file) => readFileSync(file, 'utf8')).join('\n');
    const commands = [...text.matchAll(/docker compose --env-file bridge\.env [^\n#]*/g)].map(([command]) => command);
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) expect(command.trim()).toMatch(/ up --build --no-deps bridge( cloudflared)?$/);
  });
});

describe('docker compose up', { timeout: DEADLINE_MS }, () => {
  let listener: Listener;
  let service: BuiltStage;
  let bridge: BuiltStage;
  let [servicePort, bridgePort] = [0, 0];
  const started: Child[] = [];

  beforeAll(async () => {
    [servicePort, bridgePort] = [await freePort(), await freePort()];
    [service, bridge, listener] = await Promise.all([
      buildStage(stages, 'service', images),
      buildStage(stages, 'bridge', images),
      listen(rabbitmqUrl(), exchange, directory),
    ]);
  }, DEADLINE_MS);
  afterAll(async () => {
    for (const child of started) await child.stop();
    cpSync(join(service.root, 'data'), join(directory, 'data'), { recursive: true });
    rmSync(images, { recursive: true });
    await listener?.close();
    await removeTopology(rabbitmqUrl(), exchange, queue);
  });

  /** On ports of this machine, where Compose has names for addresses. */
  const ports = () => ({ PAYMENT_SERVICE_PORT: String(servicePort), BRIDGE_PORT: String(bridgePort) });
  const environmentOf = (name: string, { env, root }: BuiltStage): Record<string, string> => {
    const settings = Object.entries(services[name]?.environment ?? {}).map(([variable, value]) => [
      variable,
      value.replace('//bridge:8004', `//127.0.0.1:${bridgePort}`).replace('amqp://rabbitmq:5672/', rabbitmqUrl()),
    ]);
    return { ...basicEnvironment(root), ...env, ...Object.fromEntries(settings), ...ports() };
  };

  async function start(name: string, stage: BuiltStage): Promise<Child> {
    const [command = '', ...args] = stage.command;
    const child = startChild(command, args, {
      cwd: stage.workingDirectory,
      env: environmentOf(name, stage),
      logFile: join(directory, `${name}.log`),
    });
    started.push(child);
    await until(`${name} is healthy`, () => isHealthy(stage), { child, deadlineMs: 120_000, everyMs: 300 });
    return child;
  }

  const isHealthy = ({ healthCheck, root }: BuiltStage) =>
    sh('/bin/sh', ['-c', healthCheck], { env: { ...basicEnvironment(root), ...ports() } }).then(
      () => true,
      () => false,
    );

  /** A curl line of README.md, which the contract has as well, with what a person would put into it. */
  async function curl(of: RegExp, transactionId = ''): Promise<Record<string, unknown>> {
    const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```bash\n(.*?)^```/gms)].map(
      ([, block = '']) => block,
    );
    const commands = blocks.flatMap((block) => block.split(/^(?=curl )/m));
    const command = commands.find((text) => of.test(text)) ?? '';
    const { stdout } = await sh('/bin/sh', [
      '-c',
      command.replaceAll(':8003', `:${servicePort}`).replaceAll(/TXN-\w+/g, transactionId),
    ]);
    return JSON.parse(stdout);
  }

  /** A service that is stopped between an event's publishing and its note of that publishes the event once more. */
  async function firstEvent(routingKey: string): Promise<Received | undefined> {
    const find = () => listener.received.find((event) => event.routingKey === routingKey);
    await until(`${routingKey} arrives`, () => find() !== undefined, { deadlineMs: DELIVERED_WITHIN_MS });
    return find();
  }

  async function stop(child: Child): Promise<void> {
    const startMs = performance.now();
    expect(await child.stop()).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(STOP_DEADLINE_MS);
  }

  it('takes a payment, keeps it over a restart, and publishes its events', async () => {
    const files = filesBelow(service.workingDirectory);
    const [first, running] = await Promise.all([start('payment-service', service), start('bridge', bridge)]);
    expect(first.output()).toContain('for development and CI, not for production');
    const { status, transaction_id } = await curl(/^curl -X POST .*\/payment\/process/);
    expect(status).toBe('success');
    const id = String(transaction_id);
    expect(await firstEvent('payment.success')).toMatchObject({ body: { transaction_id: id } });
    await stop(first);

    const second = await start('payment-service', service);
    expect(await curl(/^curl .*\/payment\/status/, id)).toMatchObject({ transaction_id: id, status: 'completed' });
    // The cron, which nothing but the service itself triggers here, seals what the payment has left in the audit log.
    await until('the cron has run', () => second.output().includes('"audit.sealed"'), { child: second });
    expect(await curl(/^curl -X POST .*\/payment\/refund/, id)).toMatchObject({ status: 'success' });
    expect(await firstEvent('payment.refund')).toMatchObject({ body: { original_transaction_id: id } });
    await Promise.all([stop(second), stop(running)]);

    // The rest of the image is read-only.
    const written = filesBelow(service.workingDirectory).filter((name) => !files.includes(name));
    expect(written.filter((name) => !name.startsWith('.wrangler/'))).toEqual([]);
  });
});
