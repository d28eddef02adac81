/**
 * The names that gateways have in the ledger. A payment belongs to the account that charged it, so where a provider's key does not
 * contain its account, the provider is asked, once for each key, and the answer is stored. A look-up with a key of another account
 * would not find this account's charges, and would treat them as charges that never happened.
 */
import { gatewayKind } from '../domain/gateway-kind.ts';
import type { Gateway, Unreachable } from './gateway.ts';

/** `unreachable`: the provider did not return the account of the configured key. */
export type NameInLedger = { kind: 'named'; name: string } | Unreachable;

/** `not_configured`: there is no such gateway any more, or only with the key of another account. */
export type NamedGateway = { kind: 'configured'; gateway: Gateway } | { kind: 'not_configured' } | Unreachable;

/** The account behind the configured key, and the one that rows without an account in their name belong to. */
type Accounts = { kind: 'known'; current: string; former: string };
/** There is no account to ask for: the gateway's name is complete. */
type NoAccount = { kind: 'none' };

/** What is remembered of the accounts behind keys, and behind the names of former versions. */
export interface AccountMemory {
  find(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Answers with what is remembered from now on: of a name that is known already, what it was. */
  keep(names: readonly string[], account: string): Promise<ReadonlyMap<string, string>>;
}

/** Milliseconds for a provider to return the account of a key. It is asked once for each key. */
const ACCOUNT_DEADLINE_MS = 3_000;

export async function nameInLedger(gateway: Gateway, accounts: AccountMemory): Promise<NameInLedger> {
  const known = await accountsOf(gateway, accounts);
  switch (known.kind) {
    case 'none':
      return { kind: 'named', name: gateway.name };
    case 'known':
      return { kind: 'named', name: nameWith(gateway, known.current) };
    case 'unreachable':
      return known;
  }
}

/** `stripe:test` and an account are `stripe:acct_…`: an account's id differs between test and live mode as well. */
function nameWith(gateway: Gateway, account: string): string {
  return `${gatewayKind(gateway.name)}:${account}`;
}

export async function gatewayNamed(
  name: string,
  all: readonly Gateway[],
  accounts: AccountMemory,
): Promise<NamedGateway> {
  for (const gateway of all) {
    if (gatewayKind(gateway.name) !== gatewayKind(name)) continue;
    const known = await accountsOf(gateway, accounts);
    if (known.kind === 'unreachable') return known;
    if (isNamed(gateway, known, name)) return { kind: 'configured', gateway };
  }
  return { kind: 'not_configured' };
}

function isNamed(gateway: Gateway, known: Accounts | NoAccount, name: string): boolean {
  if (known.kind === 'none') return gateway.name === name;
  return nameWith(gateway, known.current) === name || (gateway.name === name && known.former === known.current);
}

async function accountsOf(gateway: Gateway, accounts: AccountMemory): Promise<Accounts | NoAccount | Unreachable> {
  if (gateway.account === undefined) return { kind: 'none' };
  const keyName = `key:${await gateway.account.keyName()}`;
  const names = [keyName, gateway.name];
  let known = await accounts.find(names);
  if (known.get(keyName) === undefined) {
    const asked = await gateway.account.ask(AbortSignal.timeout(ACCOUNT_DEADLINE_MS));
    if (asked.kind === 'unreachable') return asked;
    known = await accounts.keep(names, asked.account);
  }
  const [current, former] = names.map((name) => known.get(name));
  if (current === undefined || former === undefined)
    throw new Error(`the account of ${gateway.name} was not remembered`);
  return { kind: 'known', current, former };
}
