/** Reads each database of an installation, also while some of them do not answer. */
import type { Context } from '../context.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import { allContexts, type Shards } from '../shards.ts';

export type ReadOne<Value> =
  | { kind: 'read'; value: Value }
  | { kind: 'failed'; error: LedgerUnavailable | LedgerNotMigrated };

/** What each answers, in their order. @throws what is no failure of a database, such as a refused key */
export async function readEach<Value>(
  shards: Shards,
  read: (context: Context) => Promise<Value>,
): Promise<ReadOne<Value>[]> {
  const answers = await Promise.allSettled(allContexts(shards).map(read));
  return answers.map((answer) => {
    if (answer.status === 'fulfilled') return { kind: 'read', value: answer.value };
    const error: unknown = answer.reason;
    if (error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated) return { kind: 'failed', error };
    throw error;
  });
}

/** The answers of those that answered, with the numbers of the others. @throws LedgerUnavailable, LedgerNotMigrated where none did */
export function answersOf<Value>(all: readonly ReadOne<Value>[]): { answers: Value[]; notRead: number[] } {
  const answers = all.flatMap((one) => (one.kind === 'read' ? [one.value] : []));
  const [first] = all;
  if (answers.length === 0 && first?.kind === 'failed') throw first.error;
  return { answers, notRead: all.flatMap(({ kind }, number) => (kind === 'failed' ? number : [])) };
}
