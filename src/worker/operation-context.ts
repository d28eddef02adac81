/** Makes what operations work with: the one place where clock and chance come in. */
import { ulid } from 'ulid';
import { DEFAULT_TENANT } from './auth/credential.ts';
import { createCipher } from './cipher.ts';
import { fingerprinter } from './fingerprint.ts';
import type { AccountMemory } from './gateways/account-names.ts';
import { newBreakersOf } from './gateways/circuit-breaker.ts';
import { configuredGateways, namedGateways } from './gateways/configured.ts';
import { type Author, type Database, type KeyCheck, STATEMENTS_PER_INVOCATION } from './ledger/database.ts';
import { findGatewayAccounts, keepGatewayAccount } from './ledger/gateway-accounts.ts';
import type { Log } from './log.ts';
import type { OperationContext } from './operations/context.ts';
import type { Settings } from './settings.ts';

/** One for each gateway, as long as the isolate lives: how a gateway does is nobody's request in particular. */
const breakersOf = newBreakersOf();

/** Whose an API key is, by the key's hash: it never changes, so an isolate asks its database once. */
const knownAccounts = new Map<string, string>();

/** Remembers accounts in the ledger. */
export function accountsIn(db: Database, known = knownAccounts): AccountMemory {
  const noted = (found: ReadonlyMap<string, string>) => {
    for (const [name, account] of found) known.set(name, account);
    return found;
  };
  return {
    async find(names) {
      return names.every((name) => known.has(name)) ? known : noted(await findGatewayAccounts(db, names));
    },
    keep: async (names, account) => noted(await keepGatewayAccount(db, names, account)),
  };
}

/** The same for whoever only reads (invariant 9): what is not known yet is taken for what it would become. */
export function accountsReadFrom(db: Database): AccountMemory {
  const find: AccountMemory['find'] = (names) => findGatewayAccounts(db, names);
  return {
    find,
    async keep(names, account) {
      const found = await find(names);
      return new Map(names.map((name) => [name, found.get(name) ?? account]));
    },
  };
}

/** Who asks for it, and for which organisation. */
export interface Caller {
  tenant: string;
  author: Author;
  keyCheck?: KeyCheck;
  /** Null where it says nothing: an exempt address is many payers'. */
  network: string | null;
}

/** Of work that nobody waits for: what it settles says whose it is. */
export function backgroundCaller(actor: string, requestId: string | null = null): Caller {
  const author = { actor, requestId, address: null, isAdmin: false };
  return { tenant: DEFAULT_TENANT, author, network: null };
}

export function databaseOf(d1: D1Database, settings: Settings, log: Log, { author, keyCheck }: Caller): Database {
  return {
    d1,
    log,
    cipher: createCipher(settings.encryption),
    author,
    budget: { left: STATEMENTS_PER_INVOCATION },
    ...(keyCheck && { keyCheck }),
  };
}

export function operationContext(
  d1: D1Database,
  settings: Settings,
  log: Log,
  caller: Caller,
  accountMemory: (db: Database) => AccountMemory = accountsIn,
): OperationContext {
  const db = databaseOf(d1, settings, log, caller);
  return {
    db,
    gateways: namedGateways(configuredGateways(settings), accountMemory(db)),
    breakersOf,
    settings,
    log,
    tenant: caller.tenant,
    network: caller.network,
    nowMs: Date.now,
    newId: (prefix) => `${prefix}${ulid()}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
    velocityHash: fingerprinter(settings.velocity.cardKey),
  };
}
