/** What travels in the queues `payment-events` and `payment-work`. It is transport; the truth is in D1. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Job } from '../ledger/jobs/job-names.ts';

/** As much of a queue as sends to it need. */
export interface MessageQueue<Message> {
  send(message: Message, options?: { delaySeconds?: number }): Promise<unknown>;
}

/** Distinguished by `kind`: a queue outlives deployments, so a consumer may meet kinds that it does not know. */
export type QueueMessage =
  /**
   * To be delivered. `shard` is of the database that it is in; absent for the first one. `requestId` is of the HTTP request that caused
   * the event; absent where none did.
   */
  | { kind: 'event'; event: PaymentEvent; shard?: number; requestId?: string }
  /** A payment or a refund, to be looked up at its gateway. */
  | { kind: 'look_up'; id: string };

/** What is to be looked up at its gateway, and when. */
export interface DueLookUp {
  id: string;
  atMs: number;
}

/** Until when gateways that did not answer are left alone, by their names. */
export type SilentGateways = Readonly<Record<string, number>>;

/** Wakes a job that has something due. It carries no rows: the job takes what is due from D1. */
export interface WakeUp {
  kind: 'wake';
  job: Job;
  /** Whose backlog it is; absent for the first database. */
  shard?: number;
  slot: number;
  /** The lease under which the slot is handed on; null where the cron found it free. */
  leaseId: string | null;
  /** Of look-ups: gateways that did not answer the invocation before. */
  silent?: SilentGateways;
}
