/** Reads all databases of an installation, even if some of them do not answer. Those are logged here. */
import type { Context } from '../context.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { allContexts, forEachDatabase, type Shards } from '../shards.ts';

type ReadOne<Value> = { kind: 'read'; value: Value } | { kind: 'failed'; error: LedgerUnavailable | LedgerNotMigrated };

/** The answer of each database, in their order. @throws any error that is no failure of a database */
export async function readEach<Value>(
  shards: Shards,
  read: (context: Context) => Promise<Value>,
): Promise<ReadOne<Value>[]> {
  const answers: ReadOne<Value>[] = [];
  await forEachDatabase(allContexts(shards), async (context) => {
    answers[context.shard] = await readOne(context, read);
  });
  return answers;
}

async function readOne<Value>(context: Context, read: (context: Context) => Promise<Value>): Promise<ReadOne<Value>> {
  try {
    return { kind: 'read', value: await read(context) };
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    const event = error instanceof LedgerNotMigrated ? error.alarm : 'ledger.unavailable';
    context.log('error', event, errorFields(error));
    return { kind: 'failed', error };
  }
}

/** The answers, and the numbers of the databases that failed. @throws LedgerUnavailable, LedgerNotMigrated if all of them failed */
export function answersOf<Value>(all: readonly ReadOne<Value>[]): { answers: Value[]; notRead: number[] } {
  const answers = all.flatMap((one) => (one.kind === 'read' ? [one.value] : []));
  const [first] = all;
  if (answers.length === 0 && first?.kind === 'failed') throw first.error;
  return { answers, notRead: all.flatMap(({ kind }, number) => (kind === 'failed' ? number : [])) };
}
