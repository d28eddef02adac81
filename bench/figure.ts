/** What a figure of the benchmark is, and what a run hands from one to the next. */
import type { Progress } from '../src/local/progress.ts';

/** One line of the table. */
export interface Line {
  /** Such as `process` or `rows written a payment, at 1,000,000`. */
  what: string;
  value: number;
  /** Such as `ms`, `rows`, `$`; `×` for a ratio. */
  unit: string;
  /** What it must reach; absent where the figure is only printed. */
  target?: { atLeast: number } | { atMost: number };
  /** What a reader has to know to believe the figure, in a few words. */
  note?: string;
}

/** What was measured; `details` go into results.json, and later figures read those of earlier ones. */
export interface Measured {
  lines: Line[];
  details?: Record<string, unknown>;
}

export interface Measuring {
  /** A shorter run with smaller counts, for CI: the same lines, less exact. */
  quick: boolean;
  progress: Progress;
  /** Aborted when a person ends the run. */
  signal: AbortSignal;
  /** What has been measured before, by the figures' names: in this run, or else what is in the file of results. */
  earlier: ReadonlyMap<string, Measured>;
  /** The address of the run's RabbitMQ, which is started for the first figure that asks. @throws NotMeasurable */
  brokerUrl(): Promise<string>;
}

/** Why a figure cannot be measured here, in a sentence for the person who runs it. */
export class NotMeasurable extends Error {
  override name = 'NotMeasurable';
}

/** A figure starts what it needs, and leaves nothing running. */
export interface Figure {
  /** On the command line, and in results.json. */
  name: string;
  title: string;
  /** Measured in a full run only where it is named: it takes minutes. */
  isLong?: true;
  measure(measuring: Measuring): Promise<Measured>;
}

/** What an operation asks of the platform, counted; `rows` has these in its details as `operations`, by their names. */
export interface CountedOperation {
  requests: number;
  durableObjectCalls: number;
  /** Batches sent to D1. */
  roundTrips: number;
  statements: number;
  rowsRead: number;
  rowsWritten: number;
  /** Messages sent to queues. */
  queueMessages: number;
}
