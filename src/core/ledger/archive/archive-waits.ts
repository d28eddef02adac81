/** What has been restored from the archive does not leave again at once: until then, no event and no transaction leaves. */

import { audit } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import type { ArchivedRange } from './archive-bucket.ts';

const WAIT = `UPDATE job_positions SET position = ?1 WHERE job = 'archive_waits' AND position < ?1`;

/** Records in the audit log that a range is restored, before it is, and has the archive wait until then. */
export async function beginRestoring(
  db: Database,
  { kind, object, entries }: Pick<ArchivedRange, 'kind' | 'object' | 'entries'>,
  nowMs: number,
  waitsUntilMs: number,
): Promise<void> {
  await runBatch(db, {
    waits: db.d1.prepare(WAIT).bind(waitsUntilMs),
    audited: audit(db, '*', {
      atMs: nowMs,
      action: 'archive.restored',
      subject: object,
      outcome: 'done',
      detail: { kind, entries },
    }),
  });
}

/** Milliseconds; in the past where nothing waits. */
export async function archiveWaitsUntilMs(db: Database): Promise<number> {
  const { waits } = await runBatch(db, {
    waits: db.d1.prepare("SELECT position AS atMs FROM job_positions WHERE job = 'archive_waits'"),
  });
  return rowOf<{ atMs: number }>(waits)?.atMs ?? 0;
}
