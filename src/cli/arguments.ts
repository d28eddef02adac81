/** Arguments that the commands share: the options that choose a database, and parsers of values. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isoTimeMs } from '../contract/iso-time.ts';
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isIdentifier } from '../core/domain/transaction.ts';
import { isTenant } from '../core/security/credential.ts';
import { type Documentation, EXIT_FAILED } from '../local/command.ts';
import { environmentName } from '../local/environments.ts';

export const DONE_OR_FAILED: Documentation['exitCodes'] = [
  [0, 'done'],
  [EXIT_FAILED, 'not done, or an argument was refused'],
];

/** Which database is meant. */
export interface LedgerPlace {
  remote: boolean;
  /** With `remote`: see src/local/environments.ts; the empty string is production. */
  env: string;
  /** The directory of the local state; null is the one of the running `npm run dev`, or else wrangler's own, .wrangler/state. */
  persistTo: string | null;
  /** With `remote`: a file with secrets of the Worker, which the environment need not have then. */
  secretsFile: string | null;
}

/** As commander reads them. */
export interface PlaceOptions {
  remote?: boolean;
  env?: string;
  persistTo?: string;
  secretsFile?: string;
}

/** The options of each command that works on a database. */
export function addPlaceOptions(command: Command): Command {
  const heading = 'Database (the local one unless --remote is given):';
  const remote = new Option('--remote', 'the database on Cloudflare; requires `npx wrangler login`, or an API token');
  const persistTo = new Option('--persist-to <dir>', 'the local database in this directory, as for `npm run dev`');
  const env = new Option('--env <name>', 'with --remote: the database of this environment, such as staging');
  const secretsFile = new Option('--secrets-file <file>', 'with --remote: secrets of the Worker, as NAME=value lines');
  return command
    .addOption(remote.conflicts('persistTo').helpGroup(heading))
    .addOption(env.helpGroup(heading))
    .addOption(persistTo.helpGroup(heading))
    .addOption(secretsFile.helpGroup(heading));
}

/** Refuses a file of secrets for a local database, whose secrets are in .dev.vars. */
export function placeOf({ remote = false, env, persistTo, secretsFile }: PlaceOptions, command: Command): LedgerPlace {
  if (!remote && env !== undefined) command.error('error: --env requires --remote');
  if (!remote && secretsFile !== undefined) {
    command.error('error: --secrets-file requires --remote; the secrets of a local database are in .dev.vars');
  }
  return {
    remote,
    env: remote ? environmentName(env) : '',
    persistTo: persistTo ?? null,
    secretsFile: secretsFile ?? null,
  };
}

export function addJsonOption(command: Command, what = 'print JSON'): Command {
  return command.option('--json', what);
}

export function readPaymentId(text: string): string {
  if (!isIdentifier(text, 'TXN-')) throw invalidId(text, 'the id of a payment (TXN-…)');
  return text;
}

export function readPaymentOrRefundId(text: string): string {
  if (!isIdentifier(text, 'TXN-') && !isIdentifier(text, 'REF-')) {
    throw invalidId(text, 'the id of a payment (TXN-…) or of a refund (REF-…)');
  }
  return text;
}

/** @param text what was typed: often a booking, or the provider's reference, for which there is `payctl find` */
export function invalidId(text: string, expected: string): InvalidArgumentError {
  const hint = isIdentifier(text, 'REF-')
    ? `npx payctl show ${text} shows the payment of this refund.`
    : `npx payctl find ${mayBeRepeated(text) ? text : 'BOOKING'} lists the payments of a booking or of a provider's reference.`;
  return new InvalidArgumentError(`It must be ${expected}. ${hint}`);
}

/** A card number has 12 digits or more, and must not be in a command that somebody copies. */
const CARD_MIN_DIGITS = 12;

/** In a command line as it is: no blanks, nothing that a shell reads, no option, and no id that is damaged. */
function mayBeRepeated(text: string): boolean {
  const isWord = /^(?!TXN-|REF-|evt_)\w[\w.:@-]{0,99}$/.test(text);
  return isWord && text.replace(/\D/g, '').length < CARD_MIN_DIGITS;
}

const DAY_MS = 24 * 60 * 60_000;
/** Days before today. */
const DAYS: Readonly<Record<string, number>> = { today: 0, yesterday: 1 };

/** Milliseconds of an ISO 8601 time, or of the midnight in UTC with which `today` or `yesterday` began. */
export function readTimeMs(text: string): number {
  const daysAgo = DAYS[text];
  const ms = daysAgo === undefined ? isoTimeMs(text) : (Math.floor(Date.now() / DAY_MS) - daysAgo) * DAY_MS;
  if (ms === null) {
    throw new InvalidArgumentError('It must be a time such as 2026-11-22, 2026-11-22T18:30:00Z, today or yesterday.');
  }
  return ms;
}

/** Refuses a range of time that nothing is in. Either end may be open. */
export function refuseEmptyRange(
  { from, to }: { from?: number | undefined; to?: number | undefined },
  command: Command,
): void {
  if (from !== undefined && to !== undefined && from >= to) {
    command.error(`error: --from (${isoSeconds(from)}) must be before --to (${isoSeconds(to)})`);
  }
}

export function readFutureTimeMs(text: string): number {
  const ms = readTimeMs(text);
  if (ms <= Date.now()) throw new InvalidArgumentError(`${isoSeconds(ms)} is in the past.`);
  return ms;
}

export function readTenant(text: string): string {
  if (!isTenant(text)) throw new InvalidArgumentError('A tenant has up to 64 letters, digits and . : - _');
  return text;
}

/** Of an installation's databases, the first of which is number 0. */
export function readDatabaseNumber(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError('It must be the number of a database, from 0 on.');
  return Number(text);
}

/** @param number may be absent where there is only one */
export function databaseNumbered<Database>(databases: readonly Database[], number: number | undefined): Database {
  const database = databases[number ?? (databases.length === 1 ? 0 : -1)];
  if (database !== undefined) return database;
  throw new Error(
    `There ${databases.length === 1 ? 'is 1 database' : `are ${databases.length} databases`}: choose one with --database, from 0 to ${databases.length - 1}`,
  );
}
