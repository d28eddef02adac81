/** How events get to the bridge: it is called, or it takes them from a queue. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RelayLease } from '../../contract/pull.ts';
import type { RelayResult, RequestIds } from '../../contract/relay.ts';

/** Under which each event is sent, by the event's id. */
export type RelayLeases = ReadonlyMap<string, RelayLease>;

export type Relay = (events: PaymentEvent[], requestIds: RequestIds, leases: RelayLeases) => Promise<RelayAnswer>;

export type RelayAnswer =
  | { kind: 'results'; results: RelayResult[] }
  /** The batch as a whole was not accepted: no connection, no answer in time, or an unreadable answer. */
  | { kind: 'refused'; reason: string }
  /** The bridge reports the results. Until then, or to their leases' end, the events stay leased. */
  | { kind: 'queued' }
  /** The queue gave no answer, or an error. It may have the events all the same, so they stay leased. */
  | { kind: 'not_queued'; reason: string };
