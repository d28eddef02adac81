/** Where the archive is, as much of it as the service works with. Cloudflare's R2 binding has it. */
export interface ArchiveBucket {
  put(key: string, bytes: Uint8Array): Promise<unknown>;
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer> } | null>;
}

/** Audit entries and events have numbers in sequence. The number of a transaction is the millisecond in which it was made. */
export type ArchivedKind = 'audit' | 'events' | 'transactions';

/** A range that has left the database, and the object that has it: JSON lines in gzip. */
export interface ArchivedRange {
  kind: ArchivedKind;
  firstSequence: number;
  lastSequence: number;
  entries: number;
  object: string;
  bytes: number;
  /** Of the object's bytes. */
  sha256: string;
  /** Of the audit log: the hash of its last block. */
  lastHash: string | null;
  archivedAtMs: number;
}

const SEQUENCE_DIGITS = 12;
const HASH_DIGITS = 8;

/**
 * The name of an object: ranges sort by it, and a part of its hash is in it, so that two attempts that differ never write the same object.
 *
 * @param shard the place of the database among those of the installation
 */
export function objectName(
  shard: number,
  {
    kind,
    firstSequence,
    lastSequence,
    sha256,
  }: Pick<ArchivedRange, 'kind' | 'firstSequence' | 'lastSequence' | 'sha256'>,
): string {
  const [first, last] = [firstSequence, lastSequence].map((number) => String(number).padStart(SEQUENCE_DIGITS, '0'));
  return `${kind}/${shard}/${first}-${last}-${sha256.slice(0, HASH_DIGITS)}.jsonl.gz`;
}
