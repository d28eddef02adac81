/**
 * What the service works with: one type for requests, queue batches, the cron, the command line and the simulator. Bindings, clock
 * and chance come in here, so that everything else is a function of what it is given.
 */
import type { PaymentEvent } from '../contract/events.ts';
import type { Redacted } from '../contract/redacted.ts';
import type { RequestIds } from '../contract/relay.ts';
import type { CircuitBreakers } from './circuit-breaker.ts';
import type { Gateways } from './gateways/registry.ts';
import type { ArchiveBucket } from './ledger/archive/archive-bucket.ts';
import type { BlockCodec } from './ledger/audit/hash-chain.ts';
import type { Database } from './ledger/database.ts';
import type { BreakerReport } from './ledger/metrics/record-breaker.ts';
import type { Log } from './log.ts';
import type { PostAlert } from './monitoring/post-alert.ts';
import type { BridgeState } from './outbox/probe-bridge.ts';
import type { MessageQueue, QueueMessage, WakeUp } from './outbox/queue-message.ts';
import type { RelayAnswer } from './outbox/relay-client.ts';
import type { Settings } from './settings/settings.ts';
import type { Shards } from './shards.ts';

export interface Context {
  settings: Settings;
  log: Log;
  /** Which of the installation's databases `db` is. */
  shard: number;
  /** All of them. An operation works with its own; what several have in common is kept in one of them. */
  shards: Shards;
  db: Database;
  gateways: Gateways;
  /** Of the gateway with this name. */
  breakersOf: (gateway: string) => CircuitBreakers;
  /** Writes down that one has opened, stays open or has closed. Nobody waits for it. */
  reportBreaker: (report: BreakerReport) => void;
  /** The organisation whose payments these are. */
  tenant: string;
  /** Where the caller is: an address, or the network that one customer has of its provider. Null where that says nothing. */
  network: string | null;
  nowMs: () => number;
  /**
   * A new identifier: a ULID behind `TXN-`, `REF-`, `evt_`, or, of an attempt to write something, `att_`, or of a lease, `lse_`. That of a
   * payment or refund ends with the mark of `shard`.
   */
  newId: (prefix: 'TXN-' | 'REF-' | 'evt_' | 'att_' | 'lse_') => string;
  /** A keyed hash: shows whether two texts are the same, and nothing else of them. */
  fingerprint: (text: string | Redacted<string>) => Promise<string>;
  /** The same under another key, for what is counted. */
  velocityHash: (text: string | Redacted<string>) => Promise<string>;
  /** Of the audit log's blocks. */
  blockCodec: BlockCodec;
  /** Null: there is none. */
  archive: ArchiveBucket | null;
  /** Sends a batch of events to the bridge. */
  relay: (events: PaymentEvent[], requestIds: RequestIds) => Promise<RelayAnswer>;
  /** What the bridge says of itself. */
  bridgeState: () => Promise<BridgeState>;
  /** Posts a message to those who look after the service. Null: there is no webhook for it. */
  postAlert: PostAlert | null;
  /** `payment-events`. */
  eventQueue: MessageQueue<QueueMessage>;
  /** `payment-work`. */
  workQueue: MessageQueue<WakeUp>;
}
