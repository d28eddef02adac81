/** Reads objects of the archive, and checks that they are what was archived. */
import { createHash } from 'node:crypto';
import type { ArchiveBucket, ArchivedRange } from '../core/ledger/archive/archive-bucket.ts';
import type { ExportReading } from '../core/ledger/audit/export-audit-log.ts';
import { unpack } from '../core/ledger/audit/packed-lines.ts';

const ENTRIES_PER_STEP = 1_000;

/** An object is missing, or was altered. */
export class ArchiveBroken extends Error {
  override name = 'ArchiveBroken';
  readonly object: string;
  readonly what: string;

  constructor(object: string, what: string) {
    super(`${object}: ${what}`);
    this.object = object;
    this.what = what;
  }
}

/** The lines of an object. @throws ArchiveBroken, or Error where there is no archive to read it from */
export async function readArchived(
  archive: ArchiveBucket | null,
  { object, sha256 }: ArchivedRange,
): Promise<string[]> {
  if (archive === null) {
    throw new Error(
      `${object} is in the archive, and wrangler.toml binds no bucket: uncomment its [[r2_buckets]] section, with the bucket of the Worker`,
    );
  }
  const found = await archive.get(object);
  if (found === null) throw new ArchiveBroken(object, 'it is not in the archive any more');
  const bytes = new Uint8Array(await found.arrayBuffer());
  const is = createHash('sha256').update(bytes).digest('hex');
  if (is !== sha256) throw new ArchiveBroken(object, `it was altered: its SHA-256 is ${is}, not ${sha256}`);
  return unpack(bytes);
}

/** How the audit log is read, wherever its parts are. */
export function auditReading(archive: ArchiveBucket | null): ExportReading {
  return {
    unpack,
    readArchived: (range) => readArchived(archive, range),
    entriesAtOnce: ENTRIES_PER_STEP,
  };
}
