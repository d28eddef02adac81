/** What a bridge reports of the events that it has taken from its queue. */
import type { Delivery } from '../../contract/pull.ts';
import type { Context } from '../context.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import type { LeasedEvent } from '../ledger/outbox/lease-events.ts';
import { errorFields } from '../log.ts';
import type { Shards } from '../shards.ts';
import { deliverInTurn, recordResults } from './deliver.ts';
import { inOwnWords } from './relay-client.ts';

export interface TakenDeliveries {
  /** The ids of the events whose results are in D1. Those of a database that does not answer are not. */
  recorded: string[];
  /** Sends the events for which the delivered ones made way. Never throws: the sweep sends what this does not. */
  sendNext: () => Promise<void>;
}

/**
 * Records the results, each in its event's database. A result that is recorded already changes nothing. Without any, it asks the first database
 * whether it would record some.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated where no database has recorded anything
 */
export async function takeDeliveries(shards: Shards, deliveries: readonly Delivery[]): Promise<TakenDeliveries> {
  const recorded: string[] = [];
  const next: { context: Context; leased: LeasedEvent[] }[] = [];
  const failures: LedgerFailure[] = [];
  // Of databases that this installation has: others are not ours to acknowledge.
  const ours = deliveries.filter(({ lease }) => lease.shard < shards.count);
  const byShard = Map.groupBy(ours, ({ lease }) => lease.shard);
  if (deliveries.length === 0) byShard.set(0, []);
  await Promise.all(
    [...byShard].map(async ([shard, some]) => {
      const context = shards.at(shard);
      const recording = await orLater(context, 'deliveries.not_recorded', record(context, some));
      if (recording.kind === 'failed') {
        failures.push(recording.error);
        return;
      }
      recorded.push(...some.map(({ result }) => result.event_id));
      next.push({ context, leased: recording.result });
    }),
  );
  const [first] = failures;
  if (first !== undefined && next.length === 0) throw first;
  return {
    recorded,
    async sendNext() {
      for (const { context, leased } of next) {
        await orLater(context, 'events.left_to_sweep', deliverInTurn(context, leased));
      }
    },
  };
}

function record(context: Context, deliveries: readonly Delivery[]): Promise<LeasedEvent[]> {
  const sent = deliveries.map(({ lease, result }) => ({
    eventId: result.event_id,
    leaseId: lease.id,
    attempts: lease.attempts,
  }));
  const results = deliveries.map(({ result }) => inOwnWords(result));
  return recordResults(context, sent, results, { noResult: 'the bridge gave no result', takeNext: true });
}

type LedgerFailure = LedgerUnavailable | LedgerNotMigrated;

/** The result, or why the database did not do it, which is logged. */
async function orLater<Result>(
  { log }: Context,
  event: string,
  work: Promise<Result>,
): Promise<{ kind: 'done'; result: Result } | { kind: 'failed'; error: LedgerFailure }> {
  try {
    return { kind: 'done', result: await work };
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    log('error', error instanceof LedgerNotMigrated ? error.alarm : event, errorFields(error));
    return { kind: 'failed', error };
  }
}
