/** A payment or refund that the ledger does not have, or not any more. */
import type { Context } from '../context.ts';
import { isIdentifier } from '../domain/transaction.ts';
import { mayHaveLeft } from '../ledger/archive/archive-transactions.ts';

export interface NotFound {
  kind: 'not_found';
  /** Whether it is from a time whose payments have left for the archive. */
  archived: boolean;
}

/** @throws LedgerUnavailable */
export async function notFound({ db }: Context, id: string): Promise<NotFound> {
  const isId = isIdentifier(id, 'TXN-') || isIdentifier(id, 'REF-');
  return { kind: 'not_found', archived: isId && (await mayHaveLeft(db, id)) };
}
