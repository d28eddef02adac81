/** `payctl keys`: creates, lists and revokes API keys, and encrypts stored addresses under the current ENCRYPTION_KEY. */
import { type Command, InvalidArgumentError } from 'commander';
import {
  type AskedKey,
  isIncomplete,
  isKeyName,
  KEY_NAME_MAX_LENGTH,
  type KeyMade,
  listKeys,
  makeKey,
  revokeKey,
  type StoredKey,
} from '../../core/by-hand/api-keys.ts';
import { isoSeconds, timeOrNull } from '../../core/domain/timestamp.ts';
import type { Database } from '../../core/ledger/database.ts';
import { auditRotation } from '../../core/ledger/personal-data/audit-rotation.ts';
import { type Resealed, resealEmails } from '../../core/ledger/personal-data/reseal-emails.ts';
import { BEFORE_ALL, type Step } from '../../core/ledger/personal-data/steps.ts';
import { DEFAULT_TENANT, isScope, SCOPES, type Scope } from '../../core/security/credential.ts';
import { bindingOf } from '../../core/shards.ts';
import { documented } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  type LedgerPlace,
  type PlaceOptions,
  placeOf,
  readFutureTimeMs,
  readTenant,
  readTimeMs,
} from '../arguments.ts';
import { type Databases, type Ledger, withLedger } from '../ledger-access.ts';
import { counted, printJson, printTable } from '../output.ts';

/** Looked at in one step of a rotation. Sealed twice over, the longest addresses of so many fit into one parameter of D1, 2 MB. */
const PAYMENTS_PER_STEP = 500;

interface Options extends PlaceOptions {
  json?: true;
}
interface ListOptions extends Options {
  /** A time in milliseconds. */
  createdBefore?: number;
}
interface CreateOptions extends Options {
  scopes?: Scope[];
  tenant: string;
  /** A time in milliseconds. */
  expires?: number;
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('Creates, lists and revokes API keys.');
  addCreate(keys);
  addList(keys);
  addRevoke(keys);
  addRotate(keys);
  documented(keys, {
    examples: [
      ['keys list', 'the keys of the local database'],
      ['keys create --help', 'how to create a key'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addCreate(keys: Command): void {
  const command: Command = keys
    .command('create')
    .description(
      'Creates an API key and prints it. It is not stored and cannot be shown again. Requires API_KEY_SECRET.',
    )
    .argument('<name>', 'name of the caller, for the list and the audit log', readName)
    .option('--scopes <scopes>', `required: what the key may do, separated by commas: ${SCOPES.join(', ')}`, readScopes)
    .option('--tenant <tenant>', 'the organisation that it belongs to', readTenant, DEFAULT_TENANT)
    .option('--expires <time>', 'when it expires, such as 2027-12-31; without it, never', readFutureTimeMs)
    .action(async (name: string, options: CreateOptions) => {
      const place = placeOf(options, command);
      const { scopes, tenant, expires: expiresAtMs = null } = options;
      // Commander's own check comes before that for unknown options, and would hide a misspelled --scopes.
      if (scopes === undefined) command.error("error: required option '--scopes <scopes>' not specified");
      await withLedger(place, (ledger) => create(ledger, { name, scopes, tenant, expiresAtMs }, place, options));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['keys create booking-service --scopes payments:write,payments:read', 'a key for the local service'],
      [
        'keys create desk --scopes refunds:write --expires 2099-12-31 --remote --secrets-file .production-secrets',
        'a key that expires, on Cloudflare',
      ],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addList(keys: Command): void {
  const command = keys
    .command('list')
    .description(
      'Lists the keys, what they may do and, to the hour, when each was last used. The keys themselves are not stored.',
    )
    .option(
      '--created-before <time>',
      'only keys that were created before this time and are still accepted. With the time at which API_KEY_SECRET was replaced: those that depend on API_KEY_SECRET_PREVIOUS',
      readTimeMs,
    )
    .action(async (options: ListOptions) => withLedger(placeOf(options, command), (ledger) => list(ledger, options)));
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['keys list', 'the keys of the local database'],
      ['keys list --remote --json', 'those on Cloudflare, as JSON'],
      [
        'keys list --remote --created-before 2026-11-22T10:00Z',
        'those that are still to be replaced, if API_KEY_SECRET was replaced then',
      ],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addRevoke(keys: Command): void {
  const command = keys
    .command('revoke')
    .description('Revokes a key: it is refused from the next request on.')
    .argument('<key-id>', 'as `keys list` shows it', readKeyId)
    .action(async (keyId: string, options: Options) =>
      withLedger(placeOf(options, command), (ledger) => revoke(ledger, keyId, options), { evenIfUnreachable: true }),
    );
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [['keys revoke key_7f3a --remote', 'a key on Cloudflare']],
    exitCodes: DONE_OR_FAILED,
  });
}

function addRotate(keys: Command): void {
  const command = keys
    .command('rotate')
    .summary('Encrypts the stored addresses of payers under the current ENCRYPTION_KEY.')
    .description(
      'Encrypts the stored addresses of payers under the current ENCRYPTION_KEY. First give the Worker the new key as ENCRYPTION_KEY, and the former one as ENCRYPTION_KEY_PREVIOUS. Requires both.',
    )
    .action(async (options: Options) => withLedger(placeOf(options, command), (ledger) => rotate(ledger, options)));
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [['keys rotate --remote --secrets-file .production-secrets', 'with both keys in the file']],
    exitCodes: DONE_OR_FAILED,
  });
}

function readName(name: string): string {
  if (!isKeyName(name)) {
    throw new InvalidArgumentError(`A name has up to ${KEY_NAME_MAX_LENGTH} letters, digits, spaces and . : @ / - _`);
  }
  return name;
}

function readScopes(list: string): Scope[] {
  const named = list.split(/[\s,]+/).filter(Boolean);
  const unknown = named.find((scope) => !isScope(scope));
  if (unknown !== undefined || named.length === 0) {
    throw new InvalidArgumentError(`"${unknown ?? list}" is not a scope. Scopes are ${SCOPES.join(', ')}.`);
  }
  return SCOPES.filter((scope) => named.includes(scope));
}

function readKeyId(text: string): string {
  if (!text.startsWith('key_')) throw new InvalidArgumentError('The id of a key begins with key_: see `keys list`.');
  return text;
}

async function create(
  { databases, secrets, production }: Ledger,
  asked: AskedKey,
  { remote }: LedgerPlace,
  { json }: Options,
): Promise<void> {
  const secret = secrets.API_KEY_SECRET;
  if (typeof secret !== 'string' || secret === '') {
    const how = remote
      ? 'name a file that has the same one as the Worker with --secrets-file'
      : '`npm run setup` writes one into .dev.vars';
    throw new Error(`API_KEY_SECRET is missing: ${how}`);
  }
  const made = await makeKey(databases, asked, { secret, mode: production ? 'live' : 'test', nowMs: Date.now() });
  if (made.kind === 'not_confirmed') throw databases.length === 1 ? made.error : halfMade(made);
  const { keyId } = made.key;
  const { name, tenant, scopes, expiresAtMs } = asked;
  if (json)
    return printJson({ key_id: keyId, key: made.secret, name, tenant, scopes, expires_at: timeOrNull(expiresAtMs) });
  const validity = expiresAtMs === null ? 'until it is revoked' : `until ${isoSeconds(expiresAtMs)}`;
  console.error(`${keyId} "${name}" of the tenant ${tenant}: ${scopes.join(', ')}, ${validity}
This is the key. It is not stored and cannot be shown again:`);
  console.log(made.secret);
}

/** Nobody has the key, since it was not printed: what is left to do is to make it useless. */
function halfMade({ keyId, shard, error }: Extract<KeyMade, { kind: 'not_confirmed' }>): Error {
  return new Error(
    `${bindingOf(shard)} has not confirmed the key ${keyId} (${messageOf(error)}). The key was not printed, so nobody has it. Run this again for another one, and revoke this one: \`npx payctl keys revoke ${keyId}\``,
    { cause: error },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function list({ databases }: Ledger, { json, createdBefore }: ListOptions): Promise<void> {
  const nowMs = Date.now();
  const all = await listKeys(databases, nowMs);
  const keys =
    createdBefore === undefined ? all : all.filter((key) => key.createdAtMs < createdBefore && isAccepted(key, nowMs));
  if (json) {
    return printJson(
      keys.map(({ keyId, name, tenant, scopes, createdAtMs, expiresAtMs, revokedAtMs, lastUsedAtMs, ...where }) => ({
        key_id: keyId,
        name,
        tenant,
        scopes,
        created_at: isoSeconds(createdAtMs),
        expires_at: timeOrNull(expiresAtMs),
        revoked_at: timeOrNull(revokedAtMs),
        last_used_at: timeOrNull(lastUsedAtMs),
        ...(databases.length > 1 && { missing_in: where.missingIn, valid_in: where.validIn }),
      })),
    );
  }
  if (keys.length === 0) {
    const which =
      createdBefore === undefined ? '' : ` from before ${isoSeconds(createdBefore)} that are still accepted`;
    return console.log(`There are no keys${which}`);
  }
  printTable(
    ['KEY', 'STATE', 'TENANT', 'NAME', 'SCOPES', 'CREATED', 'LAST USED'],
    keys.map((key) => [
      key.keyId,
      stateOf(key, nowMs, databases.length),
      key.tenant,
      key.name,
      key.scopes.join(','),
      isoSeconds(key.createdAtMs),
      timeOrNull(key.lastUsedAtMs) ?? 'never',
    ]),
  );
}

/** In one database at least. */
function isAccepted({ revokedAtMs, expiresAtMs }: StoredKey, nowMs: number): boolean {
  return revokedAtMs === null && (expiresAtMs === null || expiresAtMs > nowMs);
}

function stateOf(key: StoredKey, nowMs: number, databases: number): string {
  const { revokedAtMs, expiresAtMs, validIn } = key;
  if (isIncomplete(key, databases)) {
    return `INCOMPLETE: valid in ${validIn.length} of ${counted(databases, 'database')}, revoke it`;
  }
  if (revokedAtMs !== null) return `revoked ${isoSeconds(revokedAtMs)}`;
  if (expiresAtMs === null) return 'valid';
  return `${expiresAtMs <= nowMs ? 'expired' : 'valid until'} ${isoSeconds(expiresAtMs)}`;
}

async function revoke({ databases }: Ledger, keyId: string, { json }: Options): Promise<void> {
  const revoked = await revokeKey(databases, keyId, Date.now());
  switch (revoked.kind) {
    case 'unknown':
      throw new Error(`There is no key ${keyId}`);
    case 'not_confirmed': {
      const [first] = revoked.failed;
      if (databases.length === 1) throw first?.error;
      const which = revoked.failed.map(({ shard }) => bindingOf(shard)).join(', ');
      throw new Error(
        `${which} did not confirm that ${keyId} is revoked (${messageOf(first?.error)}): requests for bookings there may still be accepted with it. Run this again`,
        { cause: first?.error },
      );
    }
    case 'revoked': {
      const { name, revokedAtMs } = revoked.key;
      if (json) printJson({ key_id: keyId, name, revoked_at: isoSeconds(revokedAtMs) });
      else console.log(`${keyId} "${name}" was revoked at ${isoSeconds(revokedAtMs)}`);
    }
  }
}

/** The Worker encrypts payments that are made meanwhile under the current key itself, if it has it. */
async function rotate({ databases }: Ledger, { json }: Options): Promise<void> {
  const { rewritten, unopened } = await withProgress('Encrypting addresses', (progress) =>
    resealAll(databases, (done) => progress.at(done)),
  );
  if (unopened.length > 0) {
    throw new Error(
      `${rewritten} were re-encrypted. The addresses of these payments cannot be decrypted: ${unopened.join(', ')}. Is their key in ENCRYPTION_KEY_PREVIOUS?`,
    );
  }
  const keyName = await databases[0].cipher.keyName();
  if (json) return printJson({ key_name: keyName, rewritten });
  console.log(`All addresses are encrypted under the key ${keyName} now: ${rewritten} were re-encrypted.
${
  rewritten > 0
    ? 'If the Worker has this key too, run this again until 0 are re-encrypted; then remove ENCRYPTION_KEY_PREVIOUS.'
    : 'If the Worker has this key too, you can remove ENCRYPTION_KEY_PREVIOUS.'
}`);
}

/** One database after the other; the audit log of each that is done says so. */
async function resealAll(databases: Databases, onRewritten: (done: number) => void): Promise<Resealed> {
  const all: Resealed = { rewritten: 0, unopened: [] };
  for (const db of databases) {
    const rewrittenBefore = all.rewritten;
    const own = await resealOne(db, (done) => onRewritten(rewrittenBefore + done));
    all.rewritten += own.rewritten;
    all.unopened.push(...own.unopened);
    if (own.unopened.length === 0) await auditRotation(db, own.rewritten, Date.now());
  }
  return all;
}

async function resealOne(db: Database, onRewritten: (done: number) => void): Promise<Resealed> {
  const all: Resealed = { rewritten: 0, unopened: [] };
  for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
    const step: Step<Resealed> = await resealEmails(db, afterId, PAYMENTS_PER_STEP);
    all.rewritten += step.found.rewritten;
    all.unopened.push(...step.found.unopened);
    afterId = step.lastId;
    onRewritten(all.rewritten);
  }
  return all;
}
