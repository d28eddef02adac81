/**
 * Opens the ledger for an operator's command: the databases of a running `npm run dev`, else this machine's local ones, or with
 * `--remote` those on Cloudflare. Cloudflare's login authorizes operators; the Worker has no API for them.
 */

import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { backgroundCaller, type Caller } from '../core/caller.ts';
import type { ArchiveBucket } from '../core/ledger/archive/archive-bucket.ts';
import type { D1Database } from '../core/ledger/d1.ts';
import { type Database, LedgerNotMigrated, LedgerUnavailable } from '../core/ledger/database.ts';
import { type Place, readPlace } from '../core/ledger/database-place.ts';
import { createLog, type Log } from '../core/log.ts';
import { type Cipher, createCipher } from '../core/security/cipher.ts';
import { isEncryptionKey } from '../core/settings/forms.ts';
import { readSettings } from '../core/settings/settings.ts';
import type { Variables } from '../core/settings/start-up-guard.ts';
import { SECRETS } from '../core/settings/variables.ts';
import {
  bindingOf,
  databasesIn,
  installationDatabases,
  type Shards,
  shardOfBooking,
  shardOfId,
} from '../core/shards.ts';
import { emulatorUrl, settingsFor } from '../emulator/service-settings.ts';
import {
  EMULATED_STATE,
  lastInstanceOn,
  runningInstances,
  runningOn,
  shownPath,
  stateDirectory,
} from '../local/dev-instance.ts';
import { readDevVars } from '../local/dev-vars.ts';
import { findEnvironment } from '../local/environments.ts';
import { withProgress } from '../local/progress.ts';
import { runWrangler, WRANGLER_ENV, whyWranglerFailed } from '../local/wrangler.ts';
import type { LedgerPlace } from './arguments.ts';
import { readSecretsFile } from './secrets-file.ts';
import { unusedSettings } from './unused-settings.ts';

const ARCHIVE_BINDING = 'ARCHIVE';
const WRANGLER_DEADLINE_MS = 60_000;
/** The relevant part of wrangler.toml. */
interface Config {
  name?: string | undefined;
  account_id?: string | undefined;
  compatibility_date?: string | undefined;
  vars: Variables;
  d1_databases: DatabaseConfig[];
  r2_buckets: BucketConfig[];
}
interface BucketConfig {
  binding: string;
  bucket_name?: string | undefined;
}
type OwnBindings = { DB: D1Database; ARCHIVE?: ArchiveBucket } & { [name: `DB_${number}`]: D1Database | undefined };
interface DatabaseConfig {
  binding: string;
  database_name?: string | undefined;
  database_id?: string | undefined;
  remote?: boolean;
}

/** In the order of their numbers. */
export type Databases = readonly [Database, ...Database[]];

/** The database that has this payment or refund. */
export function databaseOfId(databases: Databases, id: string): Database {
  return databases[shardOfId(id, databases.length)] ?? databases[0];
}

export async function databaseOfBooking(databases: Databases, tenant: string, bookingId: string): Promise<Database> {
  return databases[await shardOfBooking(tenant, bookingId, databases.length)] ?? databases[0];
}

export interface Ledger {
  databases: Databases;
  /** What wrangler.toml calls them. */
  databaseNames: readonly string[];
  /** Null where wrangler.toml binds none. */
  archive: ArchiveBucket | null;
  /** The Worker's secrets, as far as they are available. */
  secrets: Variables;
  /** With those of wrangler.toml. */
  variables: Variables;
  /** Whether the Worker of this ledger is one in production. */
  production: boolean;
  /** Where `npm run dev` serves this ledger; null where none runs on it, and with --remote. */
  servicePort: number | null;
  /** What the Worker's operations are done with. Throws if the settings do not describe a gateway. */
  shards(): Promise<Shards>;
  close(): Promise<void>;
}

/** The local state that is meant, and the gateways that its payments were made with. */
interface LocalState {
  directory: string;
  /** Of the `npm run dev` that runs on it; null where none does. */
  servicePort: number | null;
  gateways: 'of .dev.vars' | { emulatorPort: number } | 'an emulator that has ended';
}

/**
 * Does the work on the ledger, and closes it.
 *
 * @param evenIfUnreachable the work itself reports databases that do not answer; without it, nothing is begun then
 * @throws Error with instructions, if the ledger cannot be opened, lacks a migration, or has a database that is not in its place; else the
 *   errors of the work
 */
export function withLedger<Result>(
  place: LedgerPlace,
  work: (ledger: Ledger) => Promise<Result>,
  { evenIfUnreachable = false } = {},
): Promise<Result> {
  return withAnyLedger(place, async (ledger) => {
    await requirePlaces(ledger, place, evenIfUnreachable);
    return work(ledger);
  });
}

/** The same wherever its databases are: for looking at them only. */
export async function withAnyLedger<Result>(
  place: LedgerPlace,
  work: (ledger: Ledger) => Promise<Result>,
): Promise<Result> {
  const ledger = await withProgress('Opening the database', () => openLedger(place));
  try {
    return await work(ledger);
  } catch (error) {
    throw ledgerProblem(error, place);
  } finally {
    await ledger.close();
  }
}

async function openLedger(place: LedgerPlace): Promise<Ledger> {
  const local = place.remote ? null : findLocalState(place.persistTo);
  // Loaded late, because loading takes seconds: a wrong argument is reported at once.
  const { unstable_readConfig } = await import('wrangler');
  const { config: file, section } = await findEnvironment(place.env);
  const config: Config = unstable_readConfig({ config: file, env: section });
  const bound = installationDatabases(config.d1_databases);

  // First, so that an unreadable file is reported before any prompt.
  const secrets = local === null ? remoteSecrets(place) : localSecrets(local);
  const { opened, archive, close } =
    local === null
      ? await openDatabases(config, remoteDatabases(bound), false)
      : await openDatabases(config, bound, persistedIn(local, place.persistTo));
  const { author } = operator();
  const shared = { log: errorLog(), cipher: cipherOf(secrets), author };
  const [first, ...others] = opened;
  const databases: Databases = [{ d1: first, ...shared }, ...others.map((d1) => ({ d1, ...shared }))];
  const variables = { ...config.vars, ...secrets };
  return {
    databases,
    databaseNames: bound.map(({ database_name, binding }) => database_name ?? binding),
    archive,
    secrets,
    variables,
    production: variables.ENVIRONMENT !== 'development',
    servicePort: local?.servicePort ?? null,
    async shards() {
      if (local?.gateways === 'an emulator that has ended') {
        throw new Error(
          `The payments in ${shownPath(local.directory)} were made with the gateway emulator, which has ended and remembers nothing: there is nothing to compare them with`,
        );
      }
      return shardsOver(databases, variables);
    },
    close,
  };
}

/** The operator for the audit log: the user name on this machine, and an id for each command. */
function operator(): Caller {
  const { author, ...caller } = backgroundCaller(`operator:${userInfo().username}`, randomUUID());
  return { ...caller, author: { ...author, isAdmin: true } };
}

/** The Worker's cipher, if its key is available. Most commands decrypt nothing. */
function cipherOf(secrets: Variables): Cipher {
  const textOf = (name: string) => String(secrets[name] ?? '').trim();
  const key = textOf('ENCRYPTION_KEY');
  const previousKeys = textOf('ENCRYPTION_KEY_PREVIOUS')
    .split(/[\s,]+/)
    .filter(Boolean);
  if (isEncryptionKey(key) && previousKeys.every(isEncryptionKey)) return createCipher({ key, previousKeys });
  const name = isEncryptionKey(key) ? 'ENCRYPTION_KEY_PREVIOUS' : 'ENCRYPTION_KEY';
  const unusable = async () => {
    throw new Error(`${name} is ${key === '' ? 'missing' : 'not a valid key'}: set it to the Worker's`);
  };
  return { keyName: unusable, seal: unusable, open: unusable };
}

/** Whether a database has the place that its binding says. The only one of an installation takes its place by itself. */
export function isInPlace(place: Place | null, shard: number, shards: number): boolean {
  return place === null ? shards === 1 : place.shard === shard && place.shards === shards;
}

/** Only asks. @throws Error where a database is not the one that its binding says */
async function requirePlaces(
  { databases, databaseNames }: Ledger,
  { remote, persistTo }: LedgerPlace,
  evenIfUnreachable: boolean,
): Promise<void> {
  const unlessTolerated = (error: unknown) => {
    if (evenIfUnreachable && error instanceof LedgerUnavailable) return 'unreachable' as const;
    throw error;
  };
  const places = await Promise.all(databases.map((db) => readPlace(db).catch(unlessTolerated)));
  const problems = places.flatMap((place, shard) => {
    if (place === 'unreachable' || isInPlace(place, shard, databases.length)) return [];
    const bound = `and is bound as number ${shard} of ${databases.length}`;
    const is = place === null ? 'has no place yet' : `is number ${place.shard} of ${place.shards}, ${bound}`;
    return [`${bindingOf(shard)} (${databaseNames[shard]}) ${is}`];
  });
  if (problems.length === 0) return;
  const todo = places.includes(null)
    ? `${remote ? '`npm run deploy`' : preparesLocal(persistTo)} gives new databases their place, or says why not.`
    : 'Correct the bindings DB, DB_1, … in wrangler.toml.';
  throw new Error(`${problems.join('; ')}. Nothing was done. ${todo} \`npx payctl shards\` shows which is which.`);
}

/** An error of an open ledger, as a message with instructions. */
export function ledgerProblem(error: unknown, { remote, persistTo }: LedgerPlace): unknown {
  if (!(error instanceof LedgerNotMigrated)) return error;
  const command = remote ? '`npm run deploy`' : preparesLocal(persistTo);
  return new Error(`The database lacks tables or columns (${error.message}): run ${command}`);
}

/** The command that makes the local database, and gives it what it lacks. */
function preparesLocal(persistTo: string | null): string {
  return persistTo === null ? '`npm run setup`' : `\`npm run dev -- --persist-to ${persistTo}\``;
}

/** By a configuration that has the databases, the archive and nothing else: no queue to listen to, no secrets, no Durable Object. */
async function openDatabases(
  { name, account_id, compatibility_date, r2_buckets }: Config,
  databases: readonly [DatabaseConfig, ...DatabaseConfig[]],
  persist: { path: string } | false,
): Promise<{ opened: [D1Database, ...D1Database[]]; archive: ArchiveBucket | null; close: () => Promise<void> }> {
  // Wrangler's messages must not mix with the command's output.
  Object.assign(process.env, WRANGLER_ENV, { WRANGLER_LOG: process.env.WRANGLER_LOG ?? 'error' });
  const directory = mkdtempSync(join(tmpdir(), 'payment-ledger-'));
  // However the command ends: where its output cannot be written, it ends at once.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const configPath = join(directory, 'wrangler.json');
  const remote = databases[0].remote === true;
  const buckets = r2_buckets
    .filter(({ binding }) => binding === ARCHIVE_BINDING)
    .map((bucket) => ({ ...bucket, remote }));
  const own = {
    name: `${name}-operator`,
    account_id,
    compatibility_date,
    d1_databases: databases,
    r2_buckets: buckets,
  };
  writeFileSync(configPath, JSON.stringify(own));
  const { getPlatformProxy } = await import('wrangler');
  const proxy = await getPlatformProxy<OwnBindings>({ configPath, persist, remoteBindings: remote });
  const opened = databasesIn<D1Database>(proxy.env);
  return { opened, archive: proxy.env.ARCHIVE ?? null, close: () => proxy.dispose() };
}

/**
 * The state that --persist-to names; without it the one that `npm run dev` works on, or else wrangler's own place.
 *
 * @throws Error where several run and none is named
 */
function findLocalState(persistTo: string | null): LocalState {
  if (persistTo !== null) return localState(stateDirectory(persistTo));
  const running = runningInstances();
  if (running.length > 1) {
    const places = running.map(({ state, servicePort }) => `${shownPath(state)} (service on port ${servicePort})`);
    throw new Error(`\`npm run dev\` runs on several databases: choose one with --persist-to, ${places.join(' or ')}`);
  }
  const [only] = running;
  const usual = stateDirectory(null);
  if (only === undefined || only.state === usual) return localState(usual);
  console.error(`On ${shownPath(only.state)}, the database of the running \`npm run dev\``);
  return localState(only.state);
}

function localState(directory: string): LocalState {
  const running = runningOn(directory);
  const servicePort = running?.servicePort ?? null;
  const { emulatorPort = null } = running ?? lastInstanceOn(directory) ?? {};
  if (emulatorPort === null) {
    return { directory, servicePort, gateways: directory === EMULATED_STATE ? ENDED : 'of .dev.vars' };
  }
  return { directory, servicePort, gateways: running === null ? ENDED : { emulatorPort } };
}
const ENDED = 'an emulator that has ended';

/** @throws Error where there is no database: it would be made, empty, wherever a mistyped path points */
function persistedIn({ directory }: LocalState, persistTo: string | null): { path: string } {
  const path = join(directory, 'v3');
  if (!existsSync(join(path, 'd1'))) {
    throw new Error(`There is no local database in ${path}: ${preparesLocal(persistTo)} creates it`);
  }
  return { path };
}

/** With the ids by which Cloudflare has them: wrangler.toml may know their names only. */
function remoteDatabases([first, ...others]: readonly [DatabaseConfig, ...DatabaseConfig[]]): [
  DatabaseConfig,
  ...DatabaseConfig[],
] {
  const isNamedOnly = [first, ...others].some(({ database_id }) => database_id === undefined);
  const listed = isNamedOnly ? listRemote() : [];
  const remote = ({ binding, database_name, database_id }: DatabaseConfig): DatabaseConfig => {
    const id = database_id ?? listed.find(({ name }) => name === database_name)?.uuid;
    if (id === undefined) throw new Error(`Cloudflare has no database ${database_name}: \`npm run deploy\` creates it`);
    return { binding, database_name, database_id: id, remote: true };
  };
  return [remote(first), ...others.map(remote)];
}

function listRemote(): { name: string; uuid: string }[] {
  const listed = runWrangler(['d1', 'list', '--json'], WRANGLER_DEADLINE_MS);
  if (listed.status !== 0) throw new Error(whyWranglerFailed(listed));
  return JSON.parse(listed.stdout);
}

/** Of this machine's .dev.vars, with the emulator's in their place while it runs. */
function localSecrets({ gateways }: LocalState): Variables {
  return {
    // Without the file, wrangler.toml is enough for the sandbox.
    ENVIRONMENT: 'development',
    ...readDevVars(),
    ...(typeof gateways === 'object' && settingsFor(emulatorUrl(gateways.emulatorPort))),
  };
}

/** Of a file or of the environment: Cloudflare does not give secrets back. */
function remoteSecrets(place: LedgerPlace): Variables {
  const given = readSecretsFile(place);
  return Object.fromEntries(SECRETS.map((name) => [name, given[name] ?? process.env[name]]));
}

async function shardsOver(databases: Databases, variables: Variables): Promise<Shards> {
  const read = readSettings({ ...variables, ...unusedSettings() });
  if (read.kind === 'invalid') {
    throw new Error(
      `${read.problems.join('; ')} (a secret comes from --secrets-file or the environment, or locally from .dev.vars)`,
    );
  }
  // Loaded late: all gateways come with it, and few commands need one.
  const { composeForOperator } = await import('./compose.ts');
  return composeForOperator(databases, read.settings, operator());
}

/** Logs errors only, to standard error; the command's output is its result. */
function errorLog(): Log {
  const log = createLog({});
  return (level, event, fields) => {
    if (level === 'error') log(level, event, fields);
  };
}
