import { audit } from '../audit/insert-entry.ts';
import { type Database, runBatch } from '../database.ts';

/** Records that a user's data was exported or erased. The user id is not in the log, where it could not be erased. */
export async function auditPersonalData(
  db: Database,
  tenant: string,
  entry: { atMs: number; action: 'personal_data.exported' | 'personal_data.erased'; subject: string; payments: number },
): Promise<void> {
  const { atMs, action, subject, payments } = entry;
  await runBatch(db, {
    audited: audit(db, tenant, { atMs, action, subject, outcome: 'done', detail: { payments } }),
  });
}
