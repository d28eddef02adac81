/** What a background invocation of the Worker did, as bench/workers/counting-worker.ts reports it. */
export interface Invocation {
  /** `cron`, a job, or the kinds of the messages. */
  of: string;
  messages: number;
  /** Sent to D1. */
  statements: number;
  roundTrips: number;
  durationMs: number;
  failed: boolean;
}
