/**
 * `npm run keys`: makes, lists and revokes API keys, and has what is stored of persons sealed under the current ENCRYPTION_KEY. Exit
 * code 0: done; 2: it could not be done.
 */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { type ApiKey, insertApiKey, listApiKeys, revokeApiKey } from '../core/ledger/api-keys.ts';
import { auditRotation, BEFORE_ALL, type Resealed, resealEmails, type Step } from '../core/ledger/personal-data.ts';
import { makeApiKey } from '../core/security/api-key.ts';
import { DEFAULT_TENANT, isScope, isTenant, SCOPES, type Scope } from '../core/security/credential.ts';
import { type Ledger, ledgerProblem, openLedger } from './ledger-access.ts';
import {
  BadArguments,
  type LedgerPlace,
  type OperatorArguments,
  readArguments,
  runCommand,
  timeMs,
} from './operator-arguments.ts';

const USAGE = `Usage: npm run --silent keys -- create NAME --scopes payments:write,payments:read [--tenant default] [--expires 2027-12-31]
         makes an API key and prints it, once: KEY=$(npm run --silent keys -- create …) keeps it in a variable
       npm run keys -- list
         whose keys there are, and what they may do; not the keys themselves
       npm run keys -- revoke key_…
         from now on, no request is let in by this key
       npm run keys -- rotate
         seals the stored addresses of payers under the current ENCRYPTION_KEY. Before it, the Worker gets the new key as
         ENCRYPTION_KEY and the former one as ENCRYPTION_KEY_PREVIOUS
each with [--remote [--secrets-file FILE] | --persist-to DIR]. Without --remote, it is the database of this machine.
Scopes: ${SCOPES.join(', ')}; admin includes the others.`;
const VERBS = ['create', 'list', 'revoke', 'rotate'];
const NAME_MAX_LENGTH = 100;
/** Looked at in one step of a rotation. Sealed twice over, the longest addresses of so many fit into one parameter of D1, 2 MB. */
const PAYMENTS_PER_STEP = 500;

type Command = (ledger: Ledger) => Promise<void>;

process.exitCode = await runCommand(USAGE, async () => {
  const read = readArguments(process.argv.slice(2), ['scopes', 'tenant', 'expires']);
  const command = commandOf(read);
  const ledger = await openLedger(read.place);
  try {
    await command(ledger);
  } catch (error) {
    throw ledgerProblem(error, read.place);
  } finally {
    await ledger.close();
  }
  return 0;
});

function commandOf({ words, scopes, tenant, expires, place }: OperatorArguments): Command {
  const [verb, subject, ...others] = words;
  if (verb === undefined || !VERBS.includes(verb)) {
    throw new BadArguments(verb === undefined ? 'create, list, revoke or rotate?' : `"${verb}" is no command`);
  }
  if (others.length > 0) throw new BadArguments(`"${others[0]}" is one argument too many`);
  if (verb === 'create') {
    const key = {
      name: readName(subject),
      scopes: readScopes(scopes),
      tenant: readTenant(tenant),
      expiresAtMs: expires === undefined ? null : readExpiry(expires),
    };
    return (ledger) => create(ledger, key, place);
  }
  if (scopes !== undefined || tenant !== undefined || expires !== undefined) {
    throw new BadArguments('--scopes, --tenant and --expires are of create');
  }
  if (verb === 'revoke') {
    if (subject === undefined || !subject.startsWith('key_')) throw new BadArguments('revoke which key? See list');
    return (ledger) => revoke(ledger, subject);
  }
  if (subject !== undefined) throw new BadArguments(`"${subject}" is one argument too many`);
  return verb === 'list' ? list : rotate;
}

function readName(name: string | undefined): string {
  if (name === undefined) throw new BadArguments('create a key for what? Give it a name');
  if (!/^[\w .:@/-]+$/.test(name) || name.length > NAME_MAX_LENGTH) {
    throw new BadArguments(`a name has up to ${NAME_MAX_LENGTH} letters, digits, spaces and . : @ / - _`);
  }
  return name;
}

function readScopes(list: string | undefined): Scope[] {
  const named = (list ?? '').split(/[\s,]+/).filter(Boolean);
  if (named.length === 0) throw new BadArguments('create a key with which --scopes?');
  const unknown = named.find((scope) => !isScope(scope));
  if (unknown !== undefined) throw new BadArguments(`"${unknown}" is no scope`);
  return SCOPES.filter((scope) => named.includes(scope));
}

function readTenant(tenant: string = DEFAULT_TENANT): string {
  if (!isTenant(tenant)) throw new BadArguments('a tenant has up to 64 letters, digits and . : - _');
  return tenant;
}

function readExpiry(text: string): number {
  const expiresAtMs = timeMs('expires', text);
  if (expiresAtMs <= Date.now()) throw new BadArguments(`--expires (${isoSeconds(expiresAtMs)}) is over already`);
  return expiresAtMs;
}

async function create(
  { db, secrets, production }: Ledger,
  asked: Pick<ApiKey, 'name' | 'scopes' | 'tenant' | 'expiresAtMs'>,
  { remote }: LedgerPlace,
): Promise<void> {
  const secret = secrets.API_KEY_SECRET;
  if (typeof secret !== 'string' || secret === '') {
    const how = remote
      ? 'give a file that has it as --secrets-file, as the Worker has it'
      : '`npm run setup` puts one into .dev.vars';
    throw new Error(`API_KEY_SECRET is missing: ${how}`);
  }
  const { keyId, key, keyHash } = await makeApiKey(secret, production ? 'live' : 'test', asked);
  await insertApiKey(db, { ...asked, keyId, keyHash, createdAtMs: Date.now() });
  const validity = asked.expiresAtMs === null ? 'until it is revoked' : `until ${isoSeconds(asked.expiresAtMs)}`;
  console.error(`${keyId} "${asked.name}" of the tenant ${asked.tenant}: ${asked.scopes.join(', ')}, ${validity}
This is the key. It is shown once, and kept nowhere:`);
  console.log(key);
}

async function list({ db }: Ledger): Promise<void> {
  const nowMs = Date.now();
  const keys = await listApiKeys(db, nowMs);
  if (keys.length === 0) console.log('There are no keys');
  for (const key of keys) {
    const { keyId, tenant, name, scopes, createdAtMs, lastUsedAtMs } = key;
    const used = lastUsedAtMs === null ? 'never used' : `used at ${isoSeconds(lastUsedAtMs)} or up to an hour later`;
    console.log(
      `${keyId}  ${stateOf(key, nowMs)}  ${tenant}  "${name}"  ${scopes.join(',')}  made ${isoSeconds(createdAtMs)}, ${used}`,
    );
  }
}

function stateOf({ revokedAtMs, expiresAtMs }: ApiKey, nowMs: number): string {
  if (revokedAtMs !== null) return `revoked ${isoSeconds(revokedAtMs)}`;
  if (expiresAtMs === null) return 'valid';
  return `${expiresAtMs <= nowMs ? 'expired' : 'valid until'} ${isoSeconds(expiresAtMs)}`;
}

async function revoke({ db }: Ledger, keyId: string): Promise<void> {
  const revoked = await revokeApiKey(db, keyId, Date.now());
  if (revoked === null) throw new Error(`There is no key ${keyId}`);
  console.log(`${keyId} "${revoked.name}" is revoked since ${isoSeconds(revoked.revokedAtMs ?? Date.now())}`);
}

/** Payments that go on meanwhile are sealed under the current key by themselves, if the Worker has it. */
async function rotate({ db }: Ledger): Promise<void> {
  let rewritten = 0;
  const unopened: string[] = [];
  for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
    const step: Step<Resealed> = await resealEmails(db, afterId, PAYMENTS_PER_STEP);
    rewritten += step.found.rewritten;
    unopened.push(...step.found.unopened);
    afterId = step.lastId;
  }
  if (unopened.length > 0) {
    throw new Error(
      `${rewritten} were rewritten, and the addresses of these cannot be opened: ${unopened.join(', ')}. Is the key under which they are sealed in ENCRYPTION_KEY_PREVIOUS?`,
    );
  }
  await auditRotation(db, rewritten, Date.now());
  console.log(`All addresses are sealed under the key ${await db.cipher.keyName()}: ${rewritten} were rewritten.
${
  rewritten > 0
    ? 'If the Worker has this key too, run this once more; at 0, the former one can be taken out of ENCRYPTION_KEY_PREVIOUS.'
    : 'If the Worker has this key too, the former one can be taken out of ENCRYPTION_KEY_PREVIOUS.'
}`);
}
