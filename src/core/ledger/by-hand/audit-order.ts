/** Records what an operator orders, before it is ordered: the service's own entries have the same request id, and a key as their actor. */

import { audit } from '../audit/insert-entry.ts';
import { type Database, runBatch } from '../database.ts';

export interface Order {
  atMs: number;
  action: 'refund.ordered' | 'capture.ordered' | 'void.ordered' | 'outcome.resolved';
  /** The id of the payment or the refund. */
  subject: string;
  detail: Readonly<Record<string, string | number | null>>;
}

/** @param tenant whose payment it is */
export async function auditOrder(db: Database, tenant: string, order: Order): Promise<void> {
  await runBatch(db, { audited: audit(db, tenant, { ...order, outcome: 'asked' }) });
}
