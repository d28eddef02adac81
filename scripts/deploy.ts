/**
 * `npm run deploy`: makes what the Worker needs on Cloudflare and is not there yet, brings the tables up to date, and then
 * deploys. In this order, because migrations need the database and the new Worker needs the tables. The Deploy to
 * Cloudflare button runs this too, after it has made the database and the queue under names that its user chose: names
 * come from wrangler.toml. Arguments go to `wrangler deploy`, such as `--secrets-file`.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { unstable_readConfig } from 'wrangler';
import { PROJECT, WRANGLER } from './local-settings.ts';

const DATABASE_BINDING = 'DB';
const STEP_DEADLINE_MS = 5 * 60_000;

/** What of wrangler.toml matters here; wrangler's own type for it is not among those that it publishes. */
interface Config {
  d1_databases: { binding: string; database_name?: string; database_id?: string }[];
  vars?: Record<string, unknown>;
  queues: { producers?: { queue: string }[]; consumers?: { queue: string }[] };
}

const config: Config = unstable_readConfig({ config: join(PROJECT, 'wrangler.toml') });
const database = config.d1_databases.find(({ binding }) => binding === DATABASE_BINDING);
const { producers = [], consumers = [] } = config.queues;
const queues = new Set([...producers, ...consumers].map(({ queue }) => queue));
if (database?.database_name === undefined) stop(`wrangler.toml names no database for the binding ${DATABASE_BINDING}`);
// Events would be sent to one queue and awaited from another.
if (queues.size > 1) stop(`wrangler.toml names different queues: ${[...queues].join(', ')}`);

ensureDatabase(database.database_name, database.database_id);
for (const queue of queues) ensureQueue(queue);
console.log('Applying the migrations');
mustSucceed(['d1', 'migrations', 'apply', DATABASE_BINDING, '--remote']);
requireSecrets();
console.log('Deploying the Worker');
// Shown as it comes, and with the terminal: wrangler may ask for a workers.dev subdomain.
process.exit(run(['deploy', ...process.argv.slice(2)], 'shown').status);

/** @param id known where the Deploy button, or a person, put it into wrangler.toml */
function ensureDatabase(name: string, id: string | undefined): void {
  if (id !== undefined || databaseExists(name)) {
    console.log(`Database ${name}: there`);
  } else {
    console.log(`Database ${name}: creating it`);
    mustSucceed(['d1', 'create', name]);
  }
}

function databaseExists(name: string): boolean {
  const databases: { name: string }[] = JSON.parse(mustSucceed(['d1', 'list', '--json']));
  return databases.some((database) => database.name === name);
}

function ensureQueue(name: string): void {
  const { status, output } = run(['queues', 'info', name]);
  if (status === 0) {
    console.log(`Queue ${name}: there`);
  } else if (output.includes(`Queue "${name}" does not exist`)) {
    console.log(`Queue ${name}: creating it`);
    mustSucceed(['queues', 'create', name]);
  } else {
    stop(output);
  }
}

/** A Worker that is at work must not stop because a new version needs a secret that it does not have yet. */
function requireSecrets(): void {
  if (process.argv.some((argument) => argument.startsWith('--secrets-file'))) return;
  const { status, stdout } = run(['secret', 'list', '--format', 'json']);
  if (status !== 0) return; // there is no Worker yet
  const present = new Set((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name));
  const { AUTH_MODE, JWT_JWKS_URL } = config.vars ?? {};
  const takesTokens = AUTH_MODE === 'jwt' || AUTH_MODE === 'both';
  const needed = [
    ...Object.keys(parseEnv(readFileSync(join(PROJECT, '.dev.vars.example'), 'utf8'))),
    ...(takesTokens && !JWT_JWKS_URL ? ['JWT_SECRET_KEY'] : []),
    // Where only tokens are taken, there are no keys.
  ].filter((name) => name !== 'API_KEY_SECRET' || AUTH_MODE !== 'jwt');
  const missing = needed.filter((name) => !present.has(name));
  if (missing.length === 0 || missing.length === needed.length) return;
  stop(
    `The Worker has no ${missing.join(', ')}, which this version needs: set it first, or it answers nothing any more.\n` +
      missing.map((name) => `  npx wrangler secret put ${name}`).join('\n'),
  );
}

function mustSucceed(args: string[]): string {
  const { status, output, stdout } = run(args);
  if (status !== 0) stop(output);
  return stdout;
}

function run(args: string[], output: 'kept' | 'shown' = 'kept'): { status: number; output: string; stdout: string } {
  const finished = spawnSync(process.execPath, [WRANGLER, ...args], {
    cwd: PROJECT,
    // Without a terminal wrangler neither asks nor writes into wrangler.toml, and applies migrations.
    stdio: output === 'shown' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: STEP_DEADLINE_MS,
  });
  const stdout = finished.stdout ?? '';
  const said = `${stdout}${finished.stderr ?? ''}${finished.error ? `\n${finished.error.message}` : ''}`.trim();
  return { status: finished.status ?? 1, output: said, stdout };
}

/** Ends with what wrangler said, or with what is wrong. */
function stop(why: string): never {
  console.error(why);
  process.exit(1);
}
