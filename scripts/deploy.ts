/**
 * `npm run deploy`: creates what the Worker needs on Cloudflare and is missing there, applies the migrations, then deploys. In this
 * order, because migrations need the database and the new Worker needs the tables. A migration named `….after-deployment.sql` takes away
 * what only the version before needs, and is applied when the new Worker is there. Where there is more than one database, each gets its place
 * before the Worker is there. Everything that can be checked is checked before anything is changed; `--dry-run` ends there. The Deploy to
 * Cloudflare button runs this too, after it has created the database and the queues under names that its user chose: names come from
 * wrangler.toml. `--finish-later` leaves the migrations that follow to `--finish`, so that a smoke test can come between.
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { PLACE_AND_USE, type Place, placing } from '../src/core/ledger/database-place.ts';
import { RELAY_BINDING } from '../src/core/settings/start-up-guard.ts';
import { GENERATED_SECRETS } from '../src/core/settings/variables.ts';
import { installationDatabases } from '../src/core/shards.ts';
import { EXIT_FAILED } from '../src/local/command.ts';
import { type EnvironmentSource, findEnvironment } from '../src/local/environments.ts';
import { fileProblem } from '../src/local/file-problem.ts';
import { PROJECT } from '../src/local/project.ts';
import { runWrangler, type WranglerRun, whyWranglerFailed } from '../src/local/wrangler.ts';
import { type FoundDatabase, whyMisplaced } from './database-places.ts';
import { BadDeployArguments, type DeployArguments, readDeployArguments } from './deploy-arguments.ts';

const AFTER_DEPLOYMENT = '.after-deployment.sql';
const STEP_DEADLINE_MS = 5 * 60_000;
/** Of a database that does not exist yet. */
const NEW = { place: null, isUsed: false };
/** Where a former version left something, whatever it was used for. */
const USED_TABLES = ['transactions', 'audit_entries'];

/** What of wrangler.toml matters here; wrangler's own type for it is not among those that it publishes. */
interface Config {
  name?: string | undefined;
  account_id?: string | undefined;
  compatibility_date?: string | undefined;
  d1_databases: DatabaseConfig[];
  durable_objects: { bindings: { name: string }[] };
  r2_buckets: BucketConfig[];
  vars?: Record<string, unknown>;
  queues: {
    producers?: { binding: string; queue: string }[];
    consumers?: { queue: string; dead_letter_queue?: string }[];
  };
}
interface DatabaseConfig {
  binding: string;
  database_name?: string | undefined;
  database_id?: string | undefined;
  migrations_dir?: string | undefined;
  migrations_table?: string | undefined;
}

interface BucketConfig {
  binding: string;
  bucket_name?: string | undefined;
  jurisdiction?: string | undefined;
}

interface ListedDatabase {
  name: string;
  uuid: string;
  jurisdiction?: string | null;
}
interface Database extends DatabaseConfig {
  database_name: string;
  /** Null: there is none yet, or none that the account lists. */
  found: ListedDatabase | null;
}

/** One step of a deployment before the last one. */
interface Step {
  /** What a dry run prints, such as `Queue payment-events: would be created`. */
  wouldDo: string;
  run(): void;
}

const args = argumentsOrStop();
if (args.help) process.exit(0);
// Loaded late, because loading takes seconds: a wrong argument is reported at once.
const { unstable_readConfig } = await import('wrangler');
const environment = await findEnvironment(args.env).catch((error: Error) => stop(error.message));
const config = configOf(environment);
const queues = queuesOf(config);
const databases = databasesOf(config);
const migrations = migrationSteps(databases);
if (args.part === 'the end') finish();
const places = placeSteps(installationOf(databases));
const steps = [
  ...databaseSteps(databases),
  ...queueSteps(queues),
  ...bucketSteps(config),
  ...migrations.before,
  ...places,
];
checkSecrets(args);

if (args.dryRun) {
  for (const { wouldDo } of steps) console.log(wouldDo);
  console.log(
    `Worker ${config.name}: would be deployed${args.secretsFile === null ? '' : ', with the secrets of the file'}`,
  );
  for (const { wouldDo } of migrations.after) console.log(wouldDo);
  nothingWasChanged();
}
for (const step of steps) step.run();
console.log('Deploying the Worker');
const secrets = args.secretsFile === null ? [] : ['--secrets-file', args.secretsFile];
// Shown as it comes, and with the terminal: wrangler may ask for a workers.dev subdomain.
const deployed = run(['deploy', ...secrets], 'shown').status;
if (deployed === 0 && args.part === 'all') for (const step of migrations.after) step.run();
process.exit(deployed);

/** The end of a deployment that was left to later. */
function finish(): never {
  if (databases.some(isNew) || migrations.before.some(({ isDone }) => !isDone)) {
    stop('The migrations that come before the Worker are not applied: run `npm run deploy` first');
  }
  if (migrations.after.length === 0) console.log('No migration follows the deployment');
  for (const step of migrations.after) args.dryRun ? console.log(step.wouldDo) : step.run();
  if (args.dryRun) nothingWasChanged();
  process.exit(0);
}

function nothingWasChanged(): never {
  console.log('Nothing was changed');
  process.exit(0);
}

function argumentsOrStop(): DeployArguments {
  try {
    return readDeployArguments(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof BadDeployArguments)) throw error;
    console.error(error.message);
    process.exit(EXIT_FAILED);
  }
}

/** Of a section of wrangler.toml, wrangler inherits no bindings, so what is missing there would be missing at work. */
function configOf({ config: file, section }: EnvironmentSource): Config {
  const own = readConfig(file, section);
  if (section === '') return own;
  const bindingsOf = ({ d1_databases, queues, durable_objects, r2_buckets }: Config) => [
    // An environment is an installation of its own, with as many databases as it has.
    ...d1_databases.map(({ binding }) => binding).filter((binding) => !/^DB_\d+$/.test(binding)),
    ...(queues.producers ?? []).map(({ binding }) => binding),
    ...durable_objects.bindings.map(({ name }) => name),
    ...r2_buckets.map(({ binding }) => binding),
  ];
  const present = bindingsOf(own);
  const missing = bindingsOf(readConfig(file, '')).filter((binding) => !present.includes(binding));
  if (missing.length > 0) {
    stop(`[env.${section}] of wrangler.toml has no binding ${missing.join(', ')}: an environment inherits none`);
  }
  return own;
}

function readConfig(config: string, env: string): Config {
  try {
    return unstable_readConfig({ config, env });
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error));
  }
}

/** Those of wrangler.toml, each with what Cloudflare has under its id or name. */
function databasesOf({ d1_databases }: Config): Database[] {
  checkBindings(d1_databases);
  const named = d1_databases.map((database) => {
    const { database_name, binding } = database;
    if (database_name === undefined) stop(`wrangler.toml names no database for the binding ${binding}`);
    return { ...database, database_name };
  });
  const listed: ListedDatabase[] = JSON.parse(mustSucceed(['d1', 'list', '--json']));
  return named.map((database) => {
    const { database_name, database_id } = database;
    const isIt = ({ name, uuid }: ListedDatabase) =>
      database_id === undefined ? name === database_name : uuid === database_id;
    return { ...database, found: listed.find(isIt) ?? null };
  });
}

/** Two bindings of one database would be two places of it. */
function checkBindings(bound: readonly DatabaseConfig[]): void {
  const ids = installationOf(bound).map(({ database_id, database_name }) => database_id ?? database_name);
  const twice = ids.find((id, index) => id !== undefined && ids.indexOf(id) < index);
  if (twice !== undefined) stop(`wrangler.toml binds the database ${twice} twice`);
}

function installationOf<Bound extends DatabaseConfig>(bound: readonly Bound[]): readonly Bound[] {
  try {
    return installationDatabases(bound);
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error));
  }
}

/** Every queue that has to exist. A queue without a consumer keeps its messages until they expire. */
function queuesOf({ queues: { producers = [], consumers = [] } }: Config): string[] {
  const produced = new Set(producers.map(({ queue }) => queue));
  const consumed = new Set(consumers.map(({ queue }) => queue));
  for (const { binding, queue } of producers) {
    // A pull consumer has no place in wrangler.toml.
    if (binding !== RELAY_BINDING && !consumed.has(queue))
      stop(`wrangler.toml has no consumer of the queue ${queue}: nobody would receive its messages`);
  }
  for (const queue of consumed) {
    if (!produced.has(queue)) stop(`wrangler.toml has no producer of the queue ${queue}: nobody would send to it`);
  }
  const deadLetters = consumers.flatMap(({ dead_letter_queue }) => dead_letter_queue ?? []);
  return [...new Set([...produced, ...consumed, ...deadLetters])];
}

function databaseSteps(wanted: readonly Database[]): Step[] {
  return wanted.map(({ database_name: name, database_id: id, found }) => {
    if (found === null && id === undefined) return creation(`Database ${name}`, ['d1', 'create', name]);
    checkJurisdiction(`Database ${name}`, found?.jurisdiction ?? null);
    return nothingToDo(`Database ${name}: there`);
  });
}

function queueSteps(names: readonly string[]): Step[] {
  return names.map((name) => {
    const { status, output } = run(['queues', 'info', name]);
    if (status !== 0) {
      if (!output.includes(`Queue "${name}" does not exist`)) stop(output);
      return creation(`Queue ${name}`, ['queues', 'create', name]);
    }
    checkJurisdiction(`Queue ${name}`, /^Jurisdiction: (\S+)/m.exec(output)?.[1] ?? null);
    return nothingToDo(`Queue ${name}: there`);
  });
}

/** A bucket is found by its name and its jurisdiction together, so the binding has to name both. */
function bucketSteps({ r2_buckets }: Config): Step[] {
  return r2_buckets.map(({ binding, bucket_name: name, jurisdiction = null }) => {
    if (name === undefined) stop(`wrangler.toml names no bucket for the binding ${binding}`);
    if (args.jurisdiction !== null && args.jurisdiction !== jurisdiction) {
      stop(
        `wrangler.toml binds the bucket ${name} ${jurisdiction === null ? 'without a jurisdiction' : `in ${jurisdiction}`}: write jurisdiction = "${args.jurisdiction}" into its [[r2_buckets]]`,
      );
    }
    const listed = mustSucceed(['r2', 'bucket', 'list', ...inJurisdiction(jurisdiction)]);
    const isThere = [...listed.matchAll(/^name:\s+(\S+)$/gm)].some(([, listedName]) => listedName === name);
    return isThere
      ? nothingToDo(`Bucket ${name}: there`)
      : creation(`Bucket ${name}`, ['r2', 'bucket', 'create', name], jurisdiction);
  });
}

/** Without the option, what is added later goes where the first database is. */
function creation(
  what: string,
  command: string[],
  jurisdiction = args.jurisdiction ?? databases[0]?.found?.jurisdiction ?? null,
): Step {
  return {
    wouldDo: `${what}: would be created${jurisdiction === null ? '' : ` in ${jurisdiction}`}`,
    run() {
      console.log(`${what}: creating it`);
      mustSucceed([...command, ...inJurisdiction(jurisdiction)]);
    },
  };
}

function inJurisdiction(jurisdiction: string | null): string[] {
  return jurisdiction === null ? [] : ['--jurisdiction', jurisdiction];
}

function nothingToDo(said: string): Step {
  return { wouldDo: said, run: () => console.log(said) };
}

/** It is chosen when a database or a queue is created, and never changes. */
function checkJurisdiction(what: string, is: string | null): void {
  if (args.jurisdiction === null || args.jurisdiction === is) return;
  stop(
    `${what} exists, and its jurisdiction is ${is ?? 'none'}, not ${args.jurisdiction}: it cannot be changed any more`,
  );
}

/** Those before the Worker is deployed, and those after it. A database without any has no former version to wait for. */
function migrationSteps(wanted: readonly Database[]): { before: (Step & { isDone: boolean })[]; after: Step[] } {
  const plans = wanted.map((database) => {
    const missing = missingMigrations(database);
    const isEmpty = missing.length === migrationsIn(migrationsDirectory(database)).length;
    const later = isEmpty ? [] : missing.filter((name) => name.endsWith(AFTER_DEPLOYMENT));
    return { database, sooner: missing.filter((name) => !later.includes(name)), later };
  });
  const before = plans.map(({ database, sooner, later }) => ({
    isDone: sooner.length === 0,
    wouldDo: `Migrations of ${database.database_name}: ${sooner.length === 0 ? 'none would be applied' : `would be applied: ${sooner.join(', ')}`}`,
    run() {
      console.log(`Applying the migrations${wanted.length === 1 ? '' : ` of ${database.database_name}`}`);
      if (later.length === 0) applyMigrations(database);
      else applyMigrationsBut(database, later);
    },
  }));
  const after = plans.flatMap(({ database, later }) => {
    if (later.length === 0) return [];
    const wouldDo = `Migrations of ${database.database_name}: would be applied then: ${later.join(', ')}`;
    return [
      {
        wouldDo,
        run() {
          const of = wanted.length === 1 ? '' : ` of ${database.database_name}`;
          console.log(`Applying the migrations that follow the deployment${of}`);
          applyMigrations(database);
        },
      },
    ];
  });
  return { before, after };
}

/**
 * None where there is one database: it takes its place by itself. The first one is placed first, and decides how many there are: whatever
 * step a deployment ends at, the next one goes on from there, or refuses another number.
 */
function placeSteps(wanted: readonly Database[]): Step[] {
  const count = wanted.length;
  const found = wanted.map((database) => ({
    ...database,
    name: database.database_name,
    ...(isNew(database) ? NEW : placeAndUse(database, count)),
  }));
  const why = whyMisplaced(found);
  if (why !== null) stop(`${why} Nothing was changed. See docs/scaling.md.`);
  if (count === 1) return [];
  return found.map((database, shard) => {
    const what = `Place of ${database.name}`;
    const shown = `number ${shard} of ${count}`;
    if (database.place !== null) return nothingToDo(`${what}: ${shown}`);
    return {
      wouldDo: `${what}: would be ${shown}`,
      run() {
        console.log(`${what}: ${shown}`);
        query(database, placing({ shard, shards: count }));
        const { place } = placeAndUse(database, count);
        if (place?.shard !== shard || place.shards !== count) {
          stop(`${what}: it was not given. Is another deployment at work? Run this again`);
        }
      },
    };
  });
}

function placeAndUse(database: Database, count: number): Pick<FoundDatabase, 'place' | 'isUsed'> {
  const rows = query<{ [Column in keyof Place]: number | null } & { used: number }>(database, PLACE_AND_USE);
  if (rows !== null) {
    const [{ shard, shards, used } = { shard: null, shards: null, used: 0 }] = rows;
    return { place: shard === null || shards === null ? null : { shard, shards }, isUsed: used === 1 };
  }
  // It lacks migrations: the one that adds places, or all of them.
  const isUsed = count > 1 && USED_TABLES.some((table) => query(database, `SELECT 1 FROM ${table} LIMIT 1`)?.length);
  return { place: null, isUsed };
}

function isNew({ found, database_id }: Database): boolean {
  return found === null && database_id === undefined;
}

function applyMigrations({ binding }: Database): void {
  mustSucceed(['d1', 'migrations', 'apply', binding, '--remote']);
}

/** Wrangler applies all that it finds, so it is given a directory without those that come later. */
function applyMigrationsBut(database: Database, later: readonly string[]): void {
  const { binding, database_name, database_id, found, migrations_table } = database;
  const directory = mkdtempSync(join(tmpdir(), 'payment-migrations-'));
  try {
    const from = migrationsDirectory(database);
    for (const name of migrationsIn(from))
      if (!later.includes(name)) copyFileSync(join(from, name), join(directory, name));
    const { name, account_id, compatibility_date } = config;
    const own = {
      binding,
      database_name,
      database_id: database_id ?? found?.uuid,
      migrations_table,
      migrations_dir: '.',
    };
    const path = join(directory, 'wrangler.json');
    writeFileSync(path, JSON.stringify({ name, account_id, compatibility_date, d1_databases: [own] }));
    const finished = runWrangler(
      ['d1', 'migrations', 'apply', binding, '--remote', '--config', path, '--env', ''],
      STEP_DEADLINE_MS,
    );
    if (finished.status !== 0) stop(whyWranglerFailed(finished));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function migrationsDirectory({ migrations_dir }: Database): string {
  return join(PROJECT, migrations_dir ?? 'migrations');
}

function migrationsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
}

/** Read from the table itself: `wrangler d1 migrations list` creates it where it is missing. */
function missingMigrations(database: Database): string[] {
  const { migrations_table } = database;
  const all = migrationsIn(migrationsDirectory(database));
  if (isNew(database)) return all;
  const rows = query<{ name: string }>(database, `SELECT name FROM ${migrations_table ?? 'd1_migrations'}`);
  // Without the table, nothing has been applied to it yet.
  const applied = new Set((rows ?? []).map(({ name }) => name));
  return all.filter((name) => !applied.has(name));
}

/** The rows of a statement; null where the database lacks a table. */
function query<Row>({ binding }: Database, sql: string): Row[] | null {
  const { status, stdout, output } = run(['d1', 'execute', binding, '--remote', '--json', '--command', sql]);
  if (status === 0) {
    const [{ results }]: [{ results: Row[] }] = JSON.parse(stdout);
    return results;
  }
  return output.includes('no such table') ? null : stop(output);
}

/** A Worker that is at work must not stop because a new version needs a secret that it does not have yet. */
function checkSecrets({ secretsFile }: DeployArguments): void {
  const secretsOfFile = secretsFile === null ? {} : parseEnv(textOf(secretsFile));
  const given = Object.keys(secretsOfFile);
  const others = given.filter((name) => process.env[name] !== undefined && process.env[name] !== secretsOfFile[name]);
  if (others.length > 0) {
    // Wrangler would deploy those of the environment.
    stop(`${others.join(', ')}: the environment has another value than ${secretsFile}. Unset it there first`);
  }
  const { status, stdout, output } = run(['secret', 'list', '--format', 'json']);
  const isNew = status !== 0 && /Worker "[^"]*".* not found/.test(output);
  if (status !== 0 && !isNew) stop(output);
  const stored = isNew ? [] : (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  const present = new Set([...stored, ...given]);
  const { AUTH_MODE, JWT_JWKS_URL } = config.vars ?? {};
  const takesTokens = AUTH_MODE === 'jwt' || AUTH_MODE === 'both';
  const needed = [
    ...GENERATED_SECRETS,
    ...(takesTokens && !JWT_JWKS_URL ? ['JWT_SECRET_KEY'] : []),
    // Where only tokens are taken, there are no keys.
  ].filter((name) => name !== 'API_KEY_SECRET' || AUTH_MODE !== 'jwt');
  const missing = needed.filter((name) => !present.has(name));
  // A new Worker reports its missing settings itself; no running service is interrupted.
  if (missing.length === 0 || isNew || missing.length === needed.length) return;
  const { name } = config;
  stop(
    `The Worker has no ${missing.join(', ')}, which this version needs: set it first, or it answers nothing any more.\n` +
      missing.map((secret) => `  npx wrangler secret put ${secret} --name ${name}`).join('\n'),
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const problem = fileProblem(error, file, 'read');
    return stop(`--secrets-file: ${problem instanceof Error ? problem.message : problem}`);
  }
}

function mustSucceed(command: string[]): string {
  const finished = run(command);
  if (finished.status !== 0) stop(whyWranglerFailed(finished));
  return finished.stdout;
}

/** Runs wrangler in the environment that is deployed. */
function run(command: string[], output?: 'shown'): WranglerRun {
  const { config: file, section } = environment;
  return runWrangler([...command, '--config', file, '--env', section], STEP_DEADLINE_MS, output);
}

/** Exits with wrangler's output, or with the error. */
function stop(why: string): never {
  console.error(why);
  process.exit(1);
}
