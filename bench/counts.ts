/** What the counting Worker reports: the calls of one operation to the platform. */

export type Phase = 'request' | 'queue' | 'cron';

export interface CountedStatement {
  sql: string;
  rowsRead: number;
  rowsWritten: number;
}

export interface Calls {
  /** Requests, queue batches and cron runs. */
  invocations: number;
  durableObjectCalls: number;
  /** Of each batch that was sent to D1, its statements. */
  batches: CountedStatement[][];
  queueMessages: number;
}

export interface Counts {
  phases: Record<Phase, Calls>;
  /** Lines that were logged by any of them. */
  logLines: number;
  /** Invocations that have not ended yet, with what they do behind their answers. */
  running: number;
  /** Messages that were sent to queues and have not been consumed yet. */
  queued: number;
}

/** Paths of the counting Worker's own. */
export const COUNTS_PATH = '/bench/counts';
export const RESET_PATH = '/bench/reset';
export const VARIABLES_PATH = '/bench/variables';
export const PLANS_PATH = '/bench/plans';

/** Of a statement, the lines of EXPLAIN QUERY PLAN. */
export type Plans = Record<string, string[]>;
