/**
 * Opens the ledger for an operator's command: the database of a running `npm run dev`, else this machine's local one, or with
 * `--remote` the one on Cloudflare. Cloudflare's login authorizes operators; the Worker has no API for them.
 */

import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { backgroundCaller, type Caller } from '../core/caller.ts';
import type { ArchiveBucket } from '../core/ledger/archive/archive-bucket.ts';
import type { D1Database } from '../core/ledger/d1.ts';
import { type Database, LedgerNotMigrated } from '../core/ledger/database.ts';
import { createLog, type Log } from '../core/log.ts';
import { type Cipher, createCipher } from '../core/security/cipher.ts';
import { isEncryptionKey } from '../core/settings/forms.ts';
import { readSettings } from '../core/settings/settings.ts';
import type { Variables } from '../core/settings/start-up-guard.ts';
import { SECRETS } from '../core/settings/variables.ts';
import type { Shards } from '../core/shards.ts';
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
import { withProgress } from '../local/progress.ts';
import { PROJECT } from '../local/project.ts';
import { runWrangler, WRANGLER_ENV, whyWranglerFailed } from '../local/wrangler.ts';
import type { LedgerPlace } from './arguments.ts';
import { composeForOperator } from './compose.ts';
import { unusedSettings } from './unused-settings.ts';

const DATABASE_BINDING = 'DB';
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
interface DatabaseConfig {
  binding: string;
  database_name?: string | undefined;
  database_id?: string | undefined;
  remote?: boolean;
}

export interface Ledger {
  db: Database;
  /** Null where wrangler.toml binds none. */
  archive: ArchiveBucket | null;
  /** The Worker's secrets, as far as they are available. */
  secrets: Variables;
  /** Whether the Worker of this ledger is one in production. */
  production: boolean;
  /** What the Worker's operations are done with. Throws if the settings do not describe a gateway. */
  shards(): Shards;
  close(): Promise<void>;
}

/** The local state that is meant, and the gateways that its payments were made with. */
interface LocalState {
  directory: string;
  gateways: 'of .dev.vars' | { emulatorPort: number } | 'an emulator that has ended';
}

/**
 * Does the work on the ledger, and closes it.
 *
 * @throws Error with instructions, if the ledger cannot be opened or lacks a migration; else the errors of the work
 */
export async function withLedger<Result>(
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
  const config: Config = unstable_readConfig({ config: join(PROJECT, 'wrangler.toml') });
  const database = config.d1_databases.find(({ binding }) => binding === DATABASE_BINDING);
  if (database === undefined) throw new Error(`wrangler.toml has no database with the binding ${DATABASE_BINDING}`);

  // First, so that an unreadable file is reported before any prompt.
  const secrets = local === null ? remoteSecrets(place) : localSecrets(local);
  const { d1, archive, close } =
    local === null
      ? await openDatabase(config, remoteDatabase(database), false)
      : await openDatabase(config, database, persistedIn(local, place.persistTo));
  const { author } = operator();
  const db = { d1, log: errorLog(), cipher: cipherOf(secrets), author };
  return {
    db,
    archive,
    secrets,
    production: { ...config.vars, ...secrets }.ENVIRONMENT !== 'development',
    shards() {
      if (local?.gateways === 'an emulator that has ended') {
        throw new Error(
          `The payments in ${shownPath(local.directory)} were made with the gateway emulator, which has ended and remembers nothing: there is nothing to compare them with`,
        );
      }
      return shardsOver(db, { ...config.vars, ...secrets });
    },
    close,
  };
}

/** The operator for the audit log: the user name on this machine, and an id for each command. */
function operator(): Caller {
  return backgroundCaller(`operator:${userInfo().username}`, randomUUID());
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

/** An error of an open ledger, as a message with instructions. */
function ledgerProblem(error: unknown, { remote, persistTo }: LedgerPlace): unknown {
  if (!(error instanceof LedgerNotMigrated)) return error;
  const command = remote ? '`npm run deploy`' : migratesLocal(persistTo);
  return new Error(`The database lacks tables or columns (${error.message}): run ${command}`);
}

/** The command that makes the local database, and gives it what it lacks. */
function migratesLocal(persistTo: string | null): string {
  return persistTo === null ? '`npm run setup`' : `\`npm run dev -- --persist-to ${persistTo}\``;
}

/** By a configuration that has the database, the archive and nothing else: no queue to listen to, no secrets, no Durable Object. */
async function openDatabase(
  { name, account_id, compatibility_date, r2_buckets }: Config,
  database: DatabaseConfig,
  persist: { path: string } | false,
): Promise<{ d1: D1Database; archive: ArchiveBucket | null; close: () => Promise<void> }> {
  // Wrangler's messages must not mix with the command's output.
  Object.assign(process.env, WRANGLER_ENV, { WRANGLER_LOG: process.env.WRANGLER_LOG ?? 'error' });
  const directory = mkdtempSync(join(tmpdir(), 'payment-ledger-'));
  // However the command ends: where its output cannot be written, it ends at once.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const configPath = join(directory, 'wrangler.json');
  const remote = database.remote === true;
  const buckets = r2_buckets
    .filter(({ binding }) => binding === ARCHIVE_BINDING)
    .map((bucket) => ({ ...bucket, remote }));
  const own = {
    name: `${name}-operator`,
    account_id,
    compatibility_date,
    d1_databases: [database],
    r2_buckets: buckets,
  };
  writeFileSync(configPath, JSON.stringify(own));
  const { getPlatformProxy } = await import('wrangler');
  const proxy = await getPlatformProxy<{ DB: D1Database; ARCHIVE?: ArchiveBucket }>({
    configPath,
    persist,
    remoteBindings: remote,
  });
  return { d1: proxy.env.DB, archive: proxy.env.ARCHIVE ?? null, close: () => proxy.dispose() };
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
  const { emulatorPort = null } = running ?? lastInstanceOn(directory) ?? {};
  if (emulatorPort === null) return { directory, gateways: directory === EMULATED_STATE ? ENDED : 'of .dev.vars' };
  return { directory, gateways: running === null ? ENDED : { emulatorPort } };
}
const ENDED = 'an emulator that has ended';

/** @throws Error where there is no database: it would be made, empty, wherever a mistyped path points */
function persistedIn({ directory }: LocalState, persistTo: string | null): { path: string } {
  const path = join(directory, 'v3');
  if (!existsSync(join(path, 'd1'))) {
    throw new Error(`There is no local database in ${path}: ${migratesLocal(persistTo)} creates it`);
  }
  return { path };
}

function remoteDatabase({ binding, database_name, database_id }: DatabaseConfig) {
  return { binding, database_name, database_id: database_id ?? remoteId(database_name), remote: true };
}

/** The id by which Cloudflare has the database: wrangler.toml may know its name only. */
function remoteId(name: string | undefined): string {
  const listed = runWrangler(['d1', 'list', '--json'], WRANGLER_DEADLINE_MS);
  if (listed.status !== 0) throw new Error(whyWranglerFailed(listed));
  const databases: { name: string; uuid: string }[] = JSON.parse(listed.stdout);
  const found = databases.find((database) => database.name === name);
  if (found === undefined) throw new Error(`Cloudflare has no database ${name}: \`npm run deploy\` creates it`);
  return found.uuid;
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
function remoteSecrets({ secretsFile }: LedgerPlace): Variables {
  const given = secretsFile === null ? {} : parseEnv(readFileSync(secretsFile, 'utf8'));
  return Object.fromEntries(SECRETS.map((name) => [name, given[name] ?? process.env[name]]));
}

function shardsOver(db: Database, variables: Variables): Shards {
  const read = readSettings({ ...variables, ...unusedSettings() });
  if (read.kind === 'invalid') {
    throw new Error(
      `${read.problems.join('; ')} (a secret comes from --secrets-file or the environment, or locally from .dev.vars)`,
    );
  }
  return composeForOperator([db], read.settings, operator());
}

/** Logs errors only, to standard error; the command's output is its result. */
function errorLog(): Log {
  const log = createLog({});
  return (level, event, fields) => {
    if (level === 'error') log(level, event, fields);
  };
}
