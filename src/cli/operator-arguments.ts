/** What the operator's commands can be told. Bad arguments are one line that says what is wrong, and the usage. */
import { parseArgs } from 'node:util';
import { keptByNpm, keptMessage } from '../../scripts/kept-by-npm.ts';

/** Of all of them. */
export const EXIT_CANNOT_BE_DONE = 2;

export class BadArguments extends Error {
  override name = 'BadArguments';
}

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  type: { type: 'string' },
  scopes: { type: 'string' },
  tenant: { type: 'string' },
  expires: { type: 'string' },
  head: { type: 'string' },
  'persist-to': { type: 'string' },
  'secrets-file': { type: 'string' },
  remote: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;
type Option = keyof typeof OPTIONS;

export interface OperatorArguments {
  words: string[];
  from?: string;
  to?: string;
  type?: string;
  scopes?: string;
  tenant?: string;
  expires?: string;
  head?: string;
  json: boolean;
  place: LedgerPlace;
}

/** Which database is meant. */
export interface LedgerPlace {
  remote: boolean;
  /** The directory of the local state; null is wrangler's own place, .wrangler/state. */
  persistTo: string | null;
  /** With `remote`: a file with secrets of the Worker, which the environment need not have then. */
  secretsFile: string | null;
}

/** @throws BadArguments for what is not among the command's own options, and for options that npm kept for itself */
export function readArguments(
  args: string[],
  own: readonly Option[],
  environment: NodeJS.ProcessEnv = process.env,
): OperatorArguments {
  const allowed = [...own, 'remote', 'persist-to', 'secrets-file'] as const;
  // `json` is also a setting of npm's own, and decides nothing but the output.
  const [kept] = keptByNpm(allowed, environment).filter((name) => name !== 'json');
  if (kept !== undefined) throw new BadArguments(keptMessage(kept, environment));
  const options = Object.fromEntries(allowed.map((name) => [name, OPTIONS[name]])) as typeof OPTIONS;
  const { values, positionals } = parsed(args, options);
  const { remote = false, json = false, ...others } = values;
  const { 'persist-to': persistTo = null, 'secrets-file': secretsFile = null, ...rest } = others;
  if (remote && persistTo !== null) throw new BadArguments('--remote has no local state: leave out --persist-to');
  if (!remote && secretsFile !== null)
    throw new BadArguments('--secrets-file is of --remote; secrets of this machine are in .dev.vars');
  return { words: positionals, json, place: { remote, persistTo, secretsFile }, ...rest };
}

function parsed(args: string[], options: typeof OPTIONS) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new BadArguments((error instanceof Error ? error.message : String(error)).split('. ')[0]);
  }
}

const ISO_8601 = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** Milliseconds of an ISO 8601 time. A date is its midnight, and a time without a zone is one, in UTC. */
export function timeMs(option: 'from' | 'to' | 'expires', text: string): number {
  const [, date = '', time = 'T00:00', , , zone = 'Z'] = ISO_8601.exec(text) ?? [];
  const ms = Date.parse(`${date}${time}${zone}`);
  // A 30th of February would be a day in March.
  const isDay = Number.isFinite(ms) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  if (date === '' || !isDay) {
    throw new BadArguments(`--${option} must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z, and is "${text}"`);
  }
  return ms;
}

/** Runs a command, and answers with its exit code; whatever prevents it is said on standard error, in one line if it can be. */
export async function runCommand(usage: string, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof BadArguments) console.error(usage);
    return EXIT_CANNOT_BE_DONE;
  }
}
