/** Who asks for something, and for which organisation. */
import type { Author, KeyCheck } from './ledger/database.ts';
import { DEFAULT_TENANT } from './security/credential.ts';

export interface Caller {
  tenant: string;
  author: Author;
  keyCheck?: KeyCheck;
  /** Null where it says nothing: an exempt address is many payers'. */
  network: string | null;
}

/** Of work that nobody waits for: the payment that it is about says whose it is. */
export function backgroundCaller(actor: string, requestId: string | null = null): Caller {
  const author = { actor, requestId, address: null, isAdmin: false };
  return { tenant: DEFAULT_TENANT, author, network: null };
}
