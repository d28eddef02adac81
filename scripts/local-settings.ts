/**
 * What the service needs on one's own machine: a .dev.vars with the local settings, and a local database with its
 * tables. Both can be made any number of times; what a person wrote into .dev.vars stays as it is.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { GENERATED_SECRETS } from '../src/core/settings/variables.ts';
import { runProcess } from './processes.ts';

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..');
export const WRANGLER = join(PROJECT, 'node_modules/wrangler/bin/wrangler.js');
/** For wrangler on this machine: no question to a host for request.cf, which the service does not read, no telemetry. */
export const WRANGLER_ENV = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' };

/** The binding, because a deployer may choose another name for the database. */
const DATABASE = 'DB';
const DEV_VARS = join(PROJECT, '.dev.vars');
const DEV_VARS_HEADING = '# Settings of this machine, made by `npm run setup`. Change what you like.\n';
const SECRET_BYTES = 32;
const VELOCITY_LIMITS = ['VELOCITY_PER_CARD', 'VELOCITY_PER_USER', 'VELOCITY_DECLINE_PERCENT'];
const MIGRATIONS_DEADLINE_MS = 60_000;

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64');
}

/** Writes into .dev.vars what it lacks, and returns the names of that. */
export function completeDevVars(): string[] {
  const defaults: [name: string, value: string][] = [
    ['ENVIRONMENT', 'development'],
    ['BRIDGE_URL', 'http://127.0.0.1:8004'],
    ...GENERATED_SECRETS.map((name): [string, string] => [name, newSecret()]),
    // What a desk does without: everybody may call, and the same test card pays as often as you like.
    ['AUTH_MODE', 'none'],
    ...VELOCITY_LIMITS.map((name): [string, string] => [name, '0']),
  ];
  const text = existsSync(DEV_VARS) ? readFileSync(DEV_VARS, 'utf8') : DEV_VARS_HEADING;
  const present = parseEnv(text);
  const missing = defaults.filter(([name]) => present[name] === undefined);
  if (missing.length === 0) return [];

  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  const lines = missing.map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(DEV_VARS, `${text}${separator}${lines.join('')}`, { mode: 0o600 });
  chmodSync(DEV_VARS, 0o600); // there is a secret in it now, and the mode above is for new files only
  return missing.map(([name]) => name);
}

export function readDevVars(): Record<string, string | undefined> {
  return parseEnv(readFileSync(DEV_VARS, 'utf8'));
}

/**
 * Applies the migrations that the local database lacks.
 *
 * @param persistTo the directory of the local state; null is wrangler's own place, .wrangler/state
 * @returns null, or what wrangler said when it failed
 */
export async function applyLocalMigrations(persistTo: string | null, signal?: AbortSignal): Promise<string | null> {
  const deadline = AbortSignal.timeout(MIGRATIONS_DEADLINE_MS);
  const { succeeded, ended, output } = await runProcess(
    [WRANGLER, 'd1', 'migrations', 'apply', DATABASE, '--local', ...persistence(persistTo)],
    {
      cwd: PROJECT,
      env: { ...WRANGLER_ENV, CI: 'true' },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    },
  );
  return succeeded ? null : output.trim() || ended;
}

/** Wrangler's arguments for the place of the local state. */
export function persistence(persistTo: string | null): string[] {
  return persistTo === null ? [] : ['--persist-to', persistTo];
}
