/** What the bare Worker is told of an operation: the calls that it makes, without what the service thinks. */
import type { CountedStatement } from './counts.ts';

export const SHAPED = ['process', 'status', 'refund'] as const;
export type ShapedOperation = (typeof SHAPED)[number];

export interface Shape {
  durableObjectCalls: number;
  /** Of each batch, its statements. */
  batches: Pick<CountedStatement, 'rowsRead' | 'rowsWritten'>[][];
  queueMessages: number;
}

export type Shapes = Record<ShapedOperation, Shape>;

/** The table in which one insert writes so many rows, those of its indexes included. */
export const tableOfRows = (rows: number) => `bare_${rows}`;
