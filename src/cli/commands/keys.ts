/** `payctl keys`: creates, lists and revokes API keys, and encrypts stored addresses under the current ENCRYPTION_KEY. */
import { type Command, InvalidArgumentError } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { insertApiKey } from '../../core/ledger/api-keys/insert-api-key.ts';
import { type ApiKey, listApiKeys } from '../../core/ledger/api-keys/list-api-keys.ts';
import { revokeApiKey } from '../../core/ledger/api-keys/revoke-api-key.ts';
import { auditRotation } from '../../core/ledger/personal-data/audit-rotation.ts';
import { type Resealed, resealEmails } from '../../core/ledger/personal-data/reseal-emails.ts';
import { BEFORE_ALL, type Step } from '../../core/ledger/personal-data/steps.ts';
import { makeApiKey } from '../../core/security/api-key.ts';
import { DEFAULT_TENANT, isScope, SCOPES, type Scope } from '../../core/security/credential.ts';
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
} from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { printJson, printTable } from '../output.ts';

const NAME_MAX_LENGTH = 100;
/** Looked at in one step of a rotation. Sealed twice over, the longest addresses of so many fit into one parameter of D1, 2 MB. */
const PAYMENTS_PER_STEP = 500;

interface Options extends PlaceOptions {
  json?: true;
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
    .action(async (options: Options) => withLedger(placeOf(options, command), (ledger) => list(ledger, options)));
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['keys list', 'the keys of the local database'],
      ['keys list --remote --json', 'those on Cloudflare, as JSON'],
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
      withLedger(placeOf(options, command), (ledger) => revoke(ledger, keyId, options)),
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
  if (!/^[\w .:@/-]+$/.test(name) || name.length > NAME_MAX_LENGTH) {
    throw new InvalidArgumentError(`A name has up to ${NAME_MAX_LENGTH} letters, digits, spaces and . : @ / - _`);
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
  { db, secrets, production }: Ledger,
  asked: Pick<ApiKey, 'name' | 'scopes' | 'tenant' | 'expiresAtMs'>,
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
  const { keyId, key, keyHash } = await makeApiKey(secret, production ? 'live' : 'test', asked);
  await insertApiKey(db, { ...asked, keyId, keyHash, createdAtMs: Date.now() });
  const { name, tenant, scopes, expiresAtMs } = asked;
  if (json) return printJson({ key_id: keyId, key, name, tenant, scopes, expires_at: timeOrNull(expiresAtMs) });
  const validity = expiresAtMs === null ? 'until it is revoked' : `until ${isoSeconds(expiresAtMs)}`;
  console.error(`${keyId} "${name}" of the tenant ${tenant}: ${scopes.join(', ')}, ${validity}
This is the key. It is not stored and cannot be shown again:`);
  console.log(key);
}

async function list({ db }: Ledger, { json }: Options): Promise<void> {
  const nowMs = Date.now();
  const keys = await listApiKeys(db, nowMs);
  if (json) {
    return printJson(
      keys.map(({ keyId, name, tenant, scopes, createdAtMs, expiresAtMs, revokedAtMs, lastUsedAtMs }) => ({
        key_id: keyId,
        name,
        tenant,
        scopes,
        created_at: isoSeconds(createdAtMs),
        expires_at: timeOrNull(expiresAtMs),
        revoked_at: timeOrNull(revokedAtMs),
        last_used_at: timeOrNull(lastUsedAtMs),
      })),
    );
  }
  if (keys.length === 0) return console.log('There are no keys');
  printTable(
    ['KEY', 'STATE', 'TENANT', 'NAME', 'SCOPES', 'CREATED', 'LAST USED'],
    keys.map((key) => [
      key.keyId,
      stateOf(key, nowMs),
      key.tenant,
      key.name,
      key.scopes.join(','),
      isoSeconds(key.createdAtMs),
      timeOrNull(key.lastUsedAtMs) ?? 'never',
    ]),
  );
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoSeconds(ms);
}

function stateOf({ revokedAtMs, expiresAtMs }: ApiKey, nowMs: number): string {
  if (revokedAtMs !== null) return `revoked ${isoSeconds(revokedAtMs)}`;
  if (expiresAtMs === null) return 'valid';
  return `${expiresAtMs <= nowMs ? 'expired' : 'valid until'} ${isoSeconds(expiresAtMs)}`;
}

async function revoke({ db }: Ledger, keyId: string, { json }: Options): Promise<void> {
  const revoked = await revokeApiKey(db, keyId, Date.now());
  if (revoked === null) throw new Error(`There is no key ${keyId}`);
  const revokedAt = isoSeconds(revoked.revokedAtMs ?? Date.now());
  if (json) printJson({ key_id: keyId, name: revoked.name, revoked_at: revokedAt });
  else console.log(`${keyId} "${revoked.name}" was revoked at ${revokedAt}`);
}

/** The Worker encrypts payments that are made meanwhile under the current key itself, if it has it. */
async function rotate({ db }: Ledger, { json }: Options): Promise<void> {
  let rewritten = 0;
  const unopened: string[] = [];
  await withProgress('Encrypting addresses', async (progress) => {
    for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
      const step: Step<Resealed> = await resealEmails(db, afterId, PAYMENTS_PER_STEP);
      rewritten += step.found.rewritten;
      unopened.push(...step.found.unopened);
      afterId = step.lastId;
      progress.at(rewritten);
    }
  });
  if (unopened.length > 0) {
    throw new Error(
      `${rewritten} were re-encrypted. The addresses of these payments cannot be decrypted: ${unopened.join(', ')}. Is their key in ENCRYPTION_KEY_PREVIOUS?`,
    );
  }
  await auditRotation(db, rewritten, Date.now());
  const keyName = await db.cipher.keyName();
  if (json) return printJson({ key_name: keyName, rewritten });
  console.log(`All addresses are encrypted under the key ${keyName} now: ${rewritten} were re-encrypted.
${
  rewritten > 0
    ? 'If the Worker has this key too, run this again until 0 are re-encrypted; then remove ENCRYPTION_KEY_PREVIOUS.'
    : 'If the Worker has this key too, you can remove ENCRYPTION_KEY_PREVIOUS.'
}`);
}
