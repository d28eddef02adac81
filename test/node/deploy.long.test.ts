/** `npm run deploy`, with the real wrangler against a stand-in of Cloudflare's API. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDeployArguments } from '../../scripts/deploy-arguments.ts';
import { ACCOUNT, type CloudflareApi, startCloudflareApi } from '../support/cloudflare-api.ts';
import { copyProject, type ProjectCopy, withDatabases } from '../support/project-copy.ts';

/** Wrangler is started up to six times in a deployment, and twice that in a test. */
const DEADLINE_MS = 240_000;
const MIGRATIONS = readdirSync('migrations').toSorted();
const QUEUES = [...new Set(readFileSync('wrangler.toml', 'utf8').match(/(?<=^queue = ").+(?="$)/gm))];
const SECRETS = [
  'BRIDGE_SIGNING_SECRET',
  'FINGERPRINT_KEY',
  'CARD_FINGERPRINT_KEY',
  'ENCRYPTION_KEY',
  'API_KEY_SECRET',
];

let api: CloudflareApi;
let project: ProjectCopy;
/** Where npm and wrangler keep their logs, and wrangler its login: those of whoever runs this are none of a test's business. */
let home: string;

beforeEach(async () => {
  api = await startCloudflareApi();
  project = copyProject();
  home = mkdtempSync(join(tmpdir(), 'home-'));
});

afterEach(async () => {
  await api.close();
  project.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('npm run deploy', { timeout: DEADLINE_MS }, () => {
  it('creates what is missing, then migrates, then deploys; the next time it brings what is new, and takes away what is not needed', async () => {
    const newer = MIGRATIONS.filter((name) => name >= '0015');
    const older = MIGRATIONS.filter((name) => !newer.includes(name));
    const added = newer.filter((name) => !name.endsWith('.after-deployment.sql'));
    const later = newer.filter((name) => !added.includes(name));
    expect(later).not.toEqual([]);
    const inProject = (name: string) => join(project.directory, 'migrations', name);
    for (const name of newer) rmSync(inProject(name));

    const dry = await deploy('--dry-run');
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.output).toContain(
      [
        'Database payment-service: would be created',
        ...QUEUES.map((name) => `Queue ${name}: would be created`),
        `Migrations of payment-service: would be applied: ${older.join(', ')}`,
        'Worker payment-service: would be deployed',
        'Nothing was changed',
      ].join('\n'),
    );
    expect(api.writes).toEqual([]);

    const migrated = (names: string[]) => names.map((name) => `migrate ${name}`);
    expect(await deploy('--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      'create database payment-service',
      ...QUEUES.map((name) => `create queue ${name}`),
      ...migrated(older),
      'deploy payment-service',
    ]);
    expect(api.pages).toEqual(expect.arrayContaining(['/docs.html', '/index.html', '/openapi.json']));
    expect(api.pages.filter((page) => page.includes('demo'))).toEqual([]);

    for (const name of newer) copyFileSync(join('migrations', name), inProject(name));
    api.changes.length = 0;
    api.writes.length = 0;
    api.secrets.push(...SECRETS);
    expect((await deploy('--dry-run')).output).toContain(
      [
        `Migrations of payment-service: would be applied: ${added.join(', ')}`,
        'Worker payment-service: would be deployed',
        `Migrations of payment-service: would be applied then: ${later.join(', ')}`,
      ].join('\n'),
    );
    expect(api.writes).toEqual([]);
    expect(await deploy()).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([...migrated(added), 'deploy payment-service', ...migrated(later)]);
    expect((await deploy('--dry-run')).output).toContain('Migrations of payment-service: none would be applied');
  });

  it('takes the names and the id that the Deploy button wrote into wrangler.toml', async () => {
    rewriteConfig((config) =>
      config
        .replaceAll('"payment-', '"their-payment-')
        .replace('"their-payment-service"', '"payment-service"')
        .replace(
          'database_name = "their-payment-service"',
          'database_name = "their-database"\ndatabase_id = "11111111-1111-4111-8111-111111111111"',
        ),
    );
    expect(await deploy()).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      ...QUEUES.map((name) => `create queue their-${name}`),
      ...MIGRATIONS.map((name) => `migrate ${name}`),
      'deploy payment-service',
    ]);
  });

  it('changes nothing where the new version needs a secret that the Worker at work does not have', async () => {
    await fetch(`${api.url}/accounts/${ACCOUNT}/workers/scripts/payment-service`, { method: 'PUT', body: '{}' });
    api.secrets.push('BRIDGE_SIGNING_SECRET');
    api.writes.length = 0;
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain('npx wrangler secret put FINGERPRINT_KEY');
    expect(api.writes).toEqual([]);

    const half = secretsFile(SECRETS.slice(0, -1));
    expect(await deploy('--secrets-file', half)).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('has no API_KEY_SECRET, which'),
    });
    expect(await deploy('--secrets-file', 'nowhere.env')).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('--secrets-file: There is no file nowhere.env'),
    });
    // Wrangler would take the other one.
    const args = ['scripts/deploy.ts', '--secrets-file', secretsFile()];
    expect(await run(process.execPath, args, { FINGERPRINT_KEY: 'of another environment' })).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('FINGERPRINT_KEY: the environment has another value than'),
    });
    expect(api.writes).toEqual([]);
  });

  it('changes nothing where Cloudflare does not say what is there', async () => {
    api.refuse('/queues', 'This token may not see queues');
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain('This token may not see queues');
    api.refuse('/secrets', 'This token may not see secrets');
    expect(await deploy()).toMatchObject({ exitCode: 1, output: expect.stringContaining('may not see secrets') });
    expect(api.writes).toEqual([]);
  });

  it.each([
    [1, 'wrangler.toml has no consumer of the queue their-events: nobody would receive its messages'],
    [2, 'wrangler.toml has no consumer of the queue payment-events: nobody would receive its messages'],
  ])('refuses a queue that is only sent to or only received from: %d', async (which, problem) => {
    let count = 0;
    rewriteConfig((config) =>
      config.replaceAll('queue = "payment-events"', (same) => (++count === which ? 'queue = "their-events"' : same)),
    );
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output.trim()).toBe(problem);
    expect(api.writes).toEqual([]);
  });

  it('would create the queue of a bridge that pulls, which has no consumer in wrangler.toml', async () => {
    rewriteConfig(withRelayQueue);
    const { exitCode, output } = await deploy('--dry-run', '--secrets-file', secretsFile());
    expect([exitCode, output]).toEqual([0, expect.stringContaining('Queue payment-relay: would be created')]);
  });

  it('deploys an environment by its own names, in the jurisdiction that is asked for, at every step', async () => {
    rewriteConfig((config) => `${config}\n${STAGING}`);
    const args = ['--env', 'staging', '--jurisdiction', 'eu'];
    expect(await deploy(...args, '--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      'create database payment-staging in eu',
      'create queue events-staging in eu',
      'create queue work-staging in eu',
      'create queue lost-staging in eu',
      ...MIGRATIONS.map((name) => `migrate ${name}`),
      'deploy payment-service-staging',
    ]);

    api.writes.length = 0;
    expect(await deploy('--env', 'staging', '--jurisdiction', 'us')).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('Database payment-staging exists, and its jurisdiction is eu, not us'),
    });
    expect(await deploy('--env', 'nowhere')).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('There is no environment nowhere: wrangler.toml has no [env.nowhere]'),
    });
    expect(api.writes).toEqual([]);
  });

  it('creates the bucket of the archive where its binding says, and asks for that where it does not', async () => {
    rewriteConfig((config) => config.replace(/# (\[\[r2_buckets\]\])\n# (.*)\n# (.*)\n/, '$1\n$2\n$3\n'));
    expect(await deploy('--jurisdiction', 'eu')).toEqual({
      exitCode: 1,
      output:
        'wrangler.toml binds the bucket payment-archive without a jurisdiction: write jurisdiction = "eu" into its [[r2_buckets]]\n',
    });
    expect(api.writes).toEqual([]);
    rewriteConfig((config) => config.replace('# jurisdiction = "eu"', 'jurisdiction = "eu"'));
    const args = ['--jurisdiction', 'eu', '--secrets-file', secretsFile()];
    expect(await deploy(...args)).toMatchObject({ exitCode: 0 });
    expect(api.changes).toContain('create bucket payment-archive in eu');
    api.secrets.push(...SECRETS);
    expect(await deploy('--jurisdiction', 'eu', '--dry-run')).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('Bucket payment-archive: there'),
    });
    // What is added later, without the option, belongs where the rest is.
    rewriteConfig(withRelayQueue);
    expect(await deploy('--dry-run')).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('Queue payment-relay: would be created in eu'),
    });
  });

  it('refuses an environment where wrangler.toml has none, instead of taking the database of production', async () => {
    expect(await deploy('--env', 'stagign')).toEqual({
      exitCode: 1,
      output:
        'There is no environment stagign: wrangler.toml has no [env.stagign], and there is no environments/stagign.toml\n',
    });
    expect(api.writes).toEqual([]);
  });

  it('says in one line that nobody is logged in', async () => {
    const { exitCode, output } = await run(process.execPath, ['scripts/deploy.ts', '--dry-run'], {
      CLOUDFLARE_API_TOKEN: undefined,
    });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^Not logged in to Cloudflare: .*wrangler login.*\n$/);
    expect(api.writes).toEqual([]);
  });

  it('refuses an environment that lacks what the top level has, since it inherits no bindings', async () => {
    rewriteConfig(
      (config) =>
        `${config}\n${STAGING.replaceAll(/binding = "DB"|name = "RATE_LIMITER"/g, (own) => own.replace('= "', '= "MY_'))}`,
    );
    const { exitCode, output } = await deploy('--env', 'staging');
    expect(exitCode).toBe(1);
    expect(output).toContain(
      '[env.staging] of wrangler.toml has no binding DB, RATE_LIMITER: an environment inherits none',
    );
    expect(api.writes).toEqual([]);
  });

  it.each([
    ['a dry run that npm keeps for itself', ['--dry-run'], 0, 'Nothing was changed'],
    ['a dry run that npm does not know', ['--dryrun'], 0, 'Nothing was changed'],
    ['help', ['--', '--help'], 0, 'Usage: npm run deploy'],
    ['an environment that npm keeps for itself', ['--env=staging'], 2, 'npm kept --env for itself'],
    ['an argument that there is not', ['--', '--stagnig'], 2, "unknown option '--stagnig'"],
    ['an argument without a value', ['--', '--env'], 2, "option '--env <name>' argument missing"],
  ])('changes nothing, in the account or in the project, with %s', async (_, args, exitCode, output) => {
    const before = filesOf(project.directory);
    expect(await npmRunDeploy(args)).toMatchObject({ exitCode, output: expect.stringContaining(output) });
    expect(api.writes).toEqual([]);
    expect(filesOf(project.directory)).toEqual(before);
  });
});

describe('npm run deploy with more than one database', { timeout: 4 * DEADLINE_MS }, () => {
  const NAMES = ['payment-service', 'payment-service-1'];
  const PLACED = [
    { shard: 0, shards: 2 },
    { shard: 1, shards: 2 },
  ];
  const bind = (...bindings: string[]) => rewriteConfig((config) => withDatabases(config, bindings));
  const places = () =>
    NAMES.map((name) => ({ ...api.databaseNamed(name).prepare('SELECT shard, shards FROM database_place').get() }));
  const use = (name: string) =>
    api.databaseNamed(name).exec(`INSERT INTO audit_entries (at_ms, tenant, actor, action, subject, outcome)
      VALUES (1, 'default', 'cron', 'payment.attempted', 'TXN-1', 'claimed')`);

  it('gives each its place when all have their tables, and nothing the second time', async () => {
    bind('DB_1');
    const dry = await deploy('--dry-run');
    expect(dry.output).toContain(
      [
        ...NAMES.map((name) => `Migrations of ${name}: would be applied: ${MIGRATIONS.join(', ')}`),
        'Place of payment-service: would be number 0 of 2',
        'Place of payment-service-1: would be number 1 of 2',
        'Worker payment-service: would be deployed',
      ].join('\n'),
    );
    expect(api.writes).toEqual([]);

    expect(await deploy('--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      ...NAMES.map((name) => `create database ${name}`),
      ...QUEUES.map((name) => `create queue ${name}`),
      ...NAMES.flatMap(() => MIGRATIONS.map((name) => `migrate ${name}`)),
      ...['place 0 of 2', 'place 1 of 2', 'deploy payment-service'],
    ]);
    expect(places()).toEqual(PLACED);

    for (const name of NAMES) use(name);
    api.changes.length = 0;
    api.secrets.push(...SECRETS);
    expect(await deploy()).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('Place of payment-service-1: number 1 of 2'),
    });
    expect(api.changes).toEqual(['deploy payment-service']);
  });

  it('completes an installation whose deployment ended half-way, wherever that was', async () => {
    bind('DB_1');
    const steps = [
      ['creating the second database', '"payment-service-1"'],
      ['in the middle of the migrations', '0010_refund_writers.sql'],
      ['placing the second', 'SELECT 1, 1, 2'],
    ] as const;
    for (const [, part] of steps) {
      api.refuseWritesOf(part);
      const { exitCode, output } = await deploy('--secrets-file', secretsFile());
      expect({ exitCode, output }).toEqual({ exitCode: 1, output: expect.stringContaining('this write is refused') });
    }
    api.refuseWritesOf(null);
    expect(await deploy('--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    expect(places()).toEqual(PLACED);
    expect(api.changes.toSorted()).toEqual(
      [
        ...NAMES.map((name) => `create database ${name}`),
        ...QUEUES.map((name) => `create queue ${name}`),
        ...NAMES.flatMap(() => MIGRATIONS.map((name) => `migrate ${name}`)),
        ...['place 0 of 2', 'place 1 of 2', 'deploy payment-service'],
      ].toSorted(),
    );
  });

  it('refuses another number or order than that of the first deployment, before it changes anything', async () => {
    bind('DB_1');
    expect(await deploy('--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    api.secrets.push(...SECRETS);
    api.writes.length = 0;
    const placed = readFileSync(join(project.directory, 'wrangler.toml'), 'utf8');
    const expectRefused = async (config: string, why: string) => {
      rewriteConfig(() => config);
      expect(await deploy()).toEqual({ exitCode: 1, output: `${why} Nothing was changed. See docs/scaling.md.\n` });
      expect(api.writes).toEqual([]);
    };
    const never = 'The number of databases is chosen before the first deployment, and never changes.';
    const first = 'DB (payment-service) is number 0 of 2';
    await expectRefused(withDatabases(placed, []), `${first}, and wrangler.toml binds 1. ${never}`);
    await expectRefused(withDatabases(placed, ['DB_1', 'DB_2']), `${first}, and wrangler.toml binds 3. ${never}`);
    const swapped = placed.replace('"DB"', '"x"').replace('"DB_1"', '"DB"').replace('"x"', '"DB_1"');
    await expectRefused(swapped, 'DB (payment-service-1) is number 1 of 2: bind it as DB_1.');
    use('payment-service');
    await expectRefused(
      placed.replace('"payment-service-1"', '"another"'),
      'DB_1 (another) is new, and the installation is in use. Bind the database that was number 1 of 2: with an empty one in its place, bookings that are paid could be paid again.',
    );
  });

  it('refuses to make more of an installation that was in use with one database, also by a former version', async () => {
    expect(await deploy('--secrets-file', secretsFile())).toMatchObject({ exitCode: 0 });
    api.secrets.push(...SECRETS);
    use('payment-service');
    bind('DB_1');
    api.writes.length = 0;
    const inUse = 'DB (payment-service) is in use as the only database of an installation, and wrangler.toml binds 2.';
    expect(await deploy()).toMatchObject({ exitCode: 1, output: expect.stringContaining(inUse) });
    const database = api.databaseNamed('payment-service');
    database.exec('DROP VIEW presented_places; DROP TABLE database_place');
    database.exec(`DELETE FROM d1_migrations WHERE name LIKE '0018%'`);
    expect(await deploy()).toMatchObject({ exitCode: 1, output: expect.stringContaining(inUse) });
    expect(api.writes).toEqual([]);
  });

  it.each([
    [['DB_2'], 'wrangler.toml binds DB_2, and no DB_1: '],
    [['DB_01'], 'wrangler.toml binds DB_01, and no DB_1: '],
    [['DB1'], 'wrangler.toml binds DB1, and no DB_1: '],
    [['DB_1', 'DB_3'], 'wrangler.toml binds DB_3, and no DB_2: '],
  ])('refuses bindings that the Worker would not find: %j', async (bindings, problem) => {
    bind(...bindings);
    expect(await deploy()).toMatchObject({ exitCode: 1, output: expect.stringContaining(problem) });
    expect(api.writes).toEqual([]);
  });

  it('refuses one database in two places', async () => {
    rewriteConfig((config) => withDatabases(config, ['DB_1']).replace('"payment-service-1"', '"payment-service"'));
    const { exitCode, output } = await deploy();
    expect({ exitCode, output }).toEqual({
      exitCode: 1,
      output: 'wrangler.toml binds the database payment-service twice\n',
    });
    expect(api.writes).toEqual([]);
  });

  it('deploys an environment with a number of its own', async () => {
    rewriteConfig((config) => `${withDatabases(config, ['DB_1'])}\n${STAGING}`);
    const { exitCode, output } = await deploy('--env', 'staging', '--dry-run');
    expect(exitCode).toBe(0);
    expect(output).toContain('Database payment-staging: would be created');
    expect(output).not.toMatch(/payment-service-1|Place/);
  });
});

describe('the arguments of npm run deploy', () => {
  const read = (args: string[], environment: Record<string, string> = {}) => readDeployArguments(args, environment);
  const NONE = { help: false, dryRun: false, env: '', jurisdiction: null, secretsFile: null, part: 'all' } as const;

  it.each([
    [[], {}, NONE],
    [['--env', 'staging'], {}, { ...NONE, env: 'staging' }],
    [[], { CLOUDFLARE_ENV: 'staging' }, { ...NONE, env: 'staging' }],
    [['--env=production'], { CLOUDFLARE_ENV: 'staging' }, { ...NONE, env: 'production' }],
    [['--jurisdiction', 'eu', '--secrets-file', 'a'], {}, { ...NONE, jurisdiction: 'eu', secretsFile: 'a' }],
    [['--dry-run'], {}, { ...NONE, dryRun: true }],
    [['--finish-later'], {}, { ...NONE, part: 'all but the end' }],
    [['--finish', '--env', 'staging'], {}, { ...NONE, env: 'staging', part: 'the end' }],
    [[], { npm_config_dry_run: 'true' }, { ...NONE, dryRun: true }],
    [[], { npm_config_dry_run: '', npm_config_yes: 'true', npm_config_env: '' }, NONE],
  ])('%j in an environment with %j', (args, environment, expected) => {
    expect(read(args, environment)).toEqual(expected);
  });

  it.each([
    [['staging'], {}, 'staging'],
    [['--jurisdiction', 'mars'], {}, 'eu, fedramp, us'],
    [['--name', 'other'], {}, '--name'],
    [['--dry-run=yes'], {}, '--dry-run'],
    [['--finish', '--finish-later'], {}, "'--finish-later' cannot be used with option '--finish'"],
    [['--finish', '--secrets-file', 'a'], {}, "'--finish' cannot be used with option '--secrets-file <file>'"],
    // As in `npm run deploy --secrets-file FILE`: npm keeps the option and passes on the file.
    [['FILE'], { npm_config_secrets_file: 'true' }, 'npm kept --secrets-file for itself'],
    [['eu'], { npm_config_jurisdiction: 'true' }, 'npm kept --jurisdiction for itself'],
  ])('refuses %j in an environment with %j', (args, environment, problem) => {
    expect(() => read(args, environment)).toThrow(problem);
  });
});

/** A complete environment. Queues: one for each of the top level's bindings, and one for what is given up. */
const STAGING = `
[env.staging]
name = "payment-service-staging"
[env.staging.vars]
ENVIRONMENT = "production"
[[env.staging.d1_databases]]
binding = "DB"
database_name = "payment-staging"
migrations_dir = "migrations"
[[env.staging.durable_objects.bindings]]
name = "RATE_LIMITER"
class_name = "RateLimiter"
[[env.staging.queues.producers]]
binding = "PAYMENT_EVENTS"
queue = "events-staging"
[[env.staging.queues.producers]]
binding = "PAYMENT_WORK"
queue = "work-staging"
[[env.staging.queues.consumers]]
queue = "events-staging"
dead_letter_queue = "lost-staging"
[[env.staging.queues.consumers]]
queue = "work-staging"
`;

/** Every file below, with its size and time, but for the dependencies, to which there is a link. */
function filesOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name): [string, string] => {
    const { size, mtimeMs } = statSync(join(directory, name));
    return [name, `${size} bytes, ${mtimeMs}`];
  });
  return Object.fromEntries(files.filter(([name]) => !name.startsWith('node_modules')));
}

function rewriteConfig(change: (config: string) => string): void {
  const path = join(project.directory, 'wrangler.toml');
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

/** The first deployment of a Worker brings its secrets along. */
function secretsFile(names: readonly string[] = SECRETS): string {
  const path = join(project.directory, 'secrets.env');
  writeFileSync(
    path,
    names.map((name, index) => `${name}=${Buffer.alloc(32, index + 1).toString('base64')}\n`).join(''),
  );
  return path;
}

/** With the commented section of the queue from which a bridge pulls. */
function withRelayQueue(config: string): string {
  const [section = ''] = /^# \[\[queues\.producers\]\]\n(# .+\n)+/m.exec(config) ?? [];
  expect(section).toContain('PAYMENT_RELAY');
  return config.replace(section, section.replace(/^# /gm, ''));
}

const deploy = (...args: string[]) => run(process.execPath, ['scripts/deploy.ts', ...args]);
const npmRunDeploy = (args: string[]) => run('npm', ['run', 'deploy', ...args]);

function run(
  file: string,
  args: string[],
  variables: NodeJS.ProcessEnv = {},
): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      {
        cwd: project.directory,
        timeout: DEADLINE_MS,
        env: {
          PATH: process.env.PATH,
          HOME: home,
          XDG_CONFIG_HOME: home,
          CI: 'true',
          WRANGLER_SEND_METRICS: 'false',
          NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
          CLOUDFLARE_API_BASE_URL: api.url,
          CLOUDFLARE_API_TOKEN: 'token',
          CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
          ...variables,
        },
      },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode, output: `${stdout}${stderr}` }),
    );
  });
}
