import { audit } from '../audit/insert-entry.ts';
import { type Database, runBatch } from '../database.ts';

/** Records that all addresses are encrypted under the current key. */
export async function auditRotation(db: Database, rewritten: number, nowMs: number): Promise<void> {
  const subject = await db.cipher.keyName();
  await runBatch(db, {
    audited: audit(db, '*', {
      atMs: nowMs,
      action: 'encryption.rotated',
      subject,
      outcome: 'done',
      detail: { rewritten },
    }),
  });
}
