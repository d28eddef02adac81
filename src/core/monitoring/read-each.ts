/** Reads all databases of an installation, even if some of them do not answer. */
import type { Context } from '../context.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import { allContexts, type Shards } from '../shards.ts';

export type ReadOne<Value> =
  | { kind: 'read'; value: Value }
  | { kind: 'failed'; error: LedgerUnavailable | LedgerNotMigrated };

/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;

/** The answer of each database, in their order. @throws any error that is no failure of a database */
export async function readEach<Value>(
  shards: Shards,
  read: (context: Context) => Promise<Value>,
): Promise<ReadOne<Value>[]> {
  const answers: ReadOne<Value>[] = [];
  const waiting = allContexts(shards).values();
  const readOneByOne = async () => {
    for (const context of waiting) answers[context.shard] = await readOne(context, read);
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, readOneByOne));
  return answers;
}

async function readOne<Value>(context: Context, read: (context: Context) => Promise<Value>): Promise<ReadOne<Value>> {
  try {
    return { kind: 'read', value: await read(context) };
  } catch (error) {
    if (error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated) return { kind: 'failed', error };
    throw error;
  }
}

/** The answers, and the numbers of the databases that failed. @throws LedgerUnavailable, LedgerNotMigrated if all of them failed */
export function answersOf<Value>(all: readonly ReadOne<Value>[]): { answers: Value[]; notRead: number[] } {
  const answers = all.flatMap((one) => (one.kind === 'read' ? [one.value] : []));
  const [first] = all;
  if (answers.length === 0 && first?.kind === 'failed') throw first.error;
  return { answers, notRead: all.flatMap(({ kind }, number) => (kind === 'failed' ? number : [])) };
}
