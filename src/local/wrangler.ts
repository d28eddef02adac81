/** Wrangler, as scripts and operators' commands run it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from './project.ts';

export const WRANGLER = join(PROJECT, 'node_modules/wrangler/bin/wrangler.js');
/** What it starts. It itself ends with 0 where that was killed. */
const WRANGLER_CLI = join(PROJECT, 'node_modules/wrangler/wrangler-dist/cli.js');
/** For wrangler on this machine: no question to a host for request.cf, which the service does not read, no telemetry. */
export const WRANGLER_ENV = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' };

export const NOT_LOGGED_IN =
  'Not logged in to Cloudflare: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID';
/** Without a terminal, wrangler asks for a token; here and there it suggests a throw-away account. */
const LOGGED_OUT = /necessary to set a CLOUDFLARE_API_TOKEN|not logged in|could not authenticate/i;

export interface WranglerRun {
  status: number;
  stdout: string;
  /** Standard output and error, or why it did not run. */
  output: string;
}

/**
 * Runs wrangler to its end. Without a terminal it neither asks nor writes into wrangler.toml.
 *
 * @param output `shown`: as it comes, with the terminal
 */
export function runWrangler(
  args: string[],
  timeoutMs: number,
  output: 'kept' | 'shown' = 'kept',
  cli = WRANGLER_CLI,
): WranglerRun {
  const finished = spawnSync(process.execPath, ['--no-warnings', cli, ...args], {
    cwd: PROJECT,
    stdio: output === 'shown' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  const stdout = finished.stdout ?? '';
  const said = `${stdout}${finished.stderr ?? ''}${finished.error ? `\n${finished.error.message}` : ''}`.trim();
  // Null: it was killed, as it is at the deadline.
  return { status: finished.status ?? 1, stdout, output: said };
}

/** What to say of a run that failed. */
export function whyWranglerFailed({ output }: WranglerRun): string {
  return LOGGED_OUT.test(output) ? NOT_LOGGED_IN : output;
}

/** Wrangler's arguments for the directory of the local state; null is its own place, .wrangler/state. */
export function persistence(persistTo: string | null): string[] {
  return persistTo === null ? [] : ['--persist-to', persistTo];
}
