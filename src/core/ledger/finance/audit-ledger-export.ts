import { audit } from '../audit/insert-entry.ts';
import { type Database, runBatch } from '../database.ts';
import type { Wanted } from './payments-ended.ts';

/** Records an export of the ledger in the audit log, before it begins. */
export async function auditLedgerExport(
  db: Database,
  what: 'payments' | 'refunds' | 'settlement',
  { fromMs, toMs, tenant }: Wanted,
  nowMs: number,
): Promise<void> {
  await runBatch(db, {
    audited: audit(db, tenant ?? '*', {
      atMs: nowMs,
      action: 'ledger.exported',
      subject: what,
      outcome: 'read',
      detail: { from_ms: fromMs, to_ms: toMs },
    }),
  });
}
