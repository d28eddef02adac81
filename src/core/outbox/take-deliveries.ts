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

/** Records the results, each in its event's database. A result that is recorded already changes nothing. */
export async function takeDeliveries(shards: Shards, deliveries: readonly Delivery[]): Promise<TakenDeliveries> {
  const recorded: string[] = [];
  const next: { context: Context; leased: LeasedEvent[] }[] = [];
  // Of databases that this installation has: others are not ours to acknowledge.
  const ours = deliveries.filter(({ lease }) => lease.shard < shards.count);
  await Promise.all(
    [...Map.groupBy(ours, ({ lease }) => lease.shard)].map(async ([shard, some]) => {
      const context = shards.at(shard);
      const leased = await record(context, some);
      if (leased === null) return;
      recorded.push(...some.map(({ result }) => result.event_id));
      next.push({ context, leased });
    }),
  );
  return {
    recorded,
    async sendNext() {
      for (const { context, leased } of next) {
        await orLater(context, 'events.left_to_sweep', deliverInTurn(context, leased));
      }
    },
  };
}

async function record(context: Context, deliveries: readonly Delivery[]): Promise<LeasedEvent[] | null> {
  const sent = deliveries.map(({ lease, result }) => ({
    eventId: result.event_id,
    leaseId: lease.id,
    attempts: lease.attempts,
  }));
  const results = deliveries.map(({ result }) => inOwnWords(result));
  const noResult = 'the bridge gave no result';
  const recording = recordResults(context, sent, results, { noResult, takeNext: true });
  return orLater(context, 'deliveries.not_recorded', recording);
}

/** The result, or null where the database did not do it. */
async function orLater<Result>({ log }: Context, event: string, work: Promise<Result>): Promise<Result | null> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    log('error', error instanceof LedgerNotMigrated ? error.alarm : event, errorFields(error));
    return null;
  }
}
