/** All entries of the audit log about one payment, refund, API key or dispute: wherever they are, in order of time. */
import { decodeTime } from 'ulid';
import { isIdentifier } from '../core/domain/transaction.ts';
import type { ArchivedTransaction } from '../core/ledger/archive/archive-transactions.ts';
import { type ExportedEntry, type ExportReading, exportAuditLog } from '../core/ledger/audit/export-audit-log.ts';
import { firstEntrySince, type KnownSubject, knownSubject, pageOfEntry } from '../core/ledger/audit/find-entries.ts';
import type { Database } from '../core/ledger/database.ts';
import { CLOCK_SLACK_MS } from '../core/ledger/id-range.ts';

/** Entries are in the order in which they were committed; their times are those at which requests began, by many clocks. */
const OUT_OF_ORDER_MS = 10 * CLOCK_SLACK_MS;
const ID_LENGTH = 'TXN-'.length;
const ULID_LENGTH = 26;

/** Which entries are looked for. Times in milliseconds; null: as far as the id and its rows say, or to the end. */
export interface Search {
  id: string;
  fromMs: number | null;
  toMs: number | null;
  /** Only those that rows name by their numbers, without a search. */
  namedOnly: boolean;
}

export interface SearchParts {
  reading: ExportReading;
  /** The archived transactions that may be this one, as the archive has them. */
  archivedOf(transactionId: string, madeAtMs: number): AsyncIterable<ArchivedTransaction>;
  /** How many entries have been looked through, and of how many. */
  onRead(done: number, total: number): void;
}

/**
 * The entries in one database.
 *
 * @param last the number of the last entry
 */
export async function entriesAbout(
  db: Database,
  search: Search,
  last: number,
  parts: SearchParts,
): Promise<ExportedEntry[]> {
  const known = await knownSubject(db, search.id);
  const madeAtMs = timeIn(search.id);
  const isPayment = isIdentifier(search.id, 'TXN-');
  const subjects = new Set([search.id, ...(isPayment ? known.subjects : [])]);
  if (isPayment && madeAtMs !== null && known.subjects.length === 0) {
    for (const refundId of await archivedRefundIds(search.id, madeAtMs, parts)) subjects.add(refundId);
  }
  const found = search.namedOnly
    ? await named(db, known, parts)
    : await searched(db, search, known.sinceMs ?? madeAtMs, last, subjects, parts);
  return found
    .filter((entry) => !isOwn(db, entry) && isAbout(entry, search.id, subjects) && isInTime(entry, search))
    .toSorted((a, b) => a.at_ms - b.at_ms || a.sequence - b.sequence);
}

/** When a payment or refund was made, by its id. */
function timeIn(id: string): number | null {
  if (!/^(TXN|REF)-/.test(id)) return null;
  try {
    return decodeTime(id.slice(ID_LENGTH, ID_LENGTH + ULID_LENGTH));
  } catch {
    return null; // never issued here, and so found in no entry
  }
}

async function archivedRefundIds(id: string, madeAtMs: number, { archivedOf }: SearchParts): Promise<string[]> {
  for await (const { refunds } of archivedOf(id, madeAtMs)) return refunds.map((refund) => String(refund.refund_id));
  return [];
}

/** Where the rows of the ledger say that they are. */
async function named(db: Database, { entries }: KnownSubject, parts: SearchParts): Promise<ExportedEntry[]> {
  const found: ExportedEntry[] = [];
  for (const [index, sequence] of entries.toSorted((a, b) => a - b).entries()) {
    const behind = (await pageOfEntry(db, sequence)) - 1;
    for await (const { lines } of exportAuditLog(db, { ...parts.reading, entriesAtOnce: 1 }, behind)) {
      found.push(...lines.flatMap(entryOf).filter((entry) => entry.sequence === sequence));
      break;
    }
    parts.onRead(index + 1, entries.length);
  }
  return found;
}

async function searched(
  db: Database,
  { id, fromMs, toMs }: Search,
  sinceMs: number | null,
  last: number,
  subjects: Set<string>,
  { reading, onRead }: SearchParts,
): Promise<ExportedEntry[]> {
  const startMs = Math.max(fromMs ?? 0, sinceMs ?? 0);
  const first = startMs === 0 ? 1 : await firstEntrySince(db, startMs - CLOCK_SLACK_MS);
  const behind = (await pageOfEntry(db, first)) - 1;
  const found: ExportedEntry[] = [];
  for await (const { lines, until } of exportAuditLog(db, reading, behind)) {
    onRead(until - behind, last - behind);
    for (const line of lines) {
      // Parsing all of them would take most of the time.
      if (![...subjects].some((subject) => line.includes(subject))) continue;
      for (const entry of entryOf(line)) {
        // A refund is first heard of with the payment that it is of.
        if (detailOf(entry).transaction_id === id) subjects.add(entry.subject);
        found.push(entry);
      }
    }
    const [oldest] = lines.slice(0, 1).flatMap(entryOf);
    if (toMs !== null && oldest !== undefined && oldest.at_ms >= toMs + OUT_OF_ORDER_MS) break;
  }
  return found;
}

/** None where the line is a seal. */
function entryOf(line: string): ExportedEntry[] {
  const parsed: ExportedEntry | { block: unknown } = JSON.parse(line);
  return 'block' in parsed ? [] : [parsed];
}

function isAbout(entry: ExportedEntry, id: string, subjects: ReadonlySet<string>): boolean {
  const isDispute = !/^(TXN-|REF-|key_)/.test(id);
  return isDispute
    ? detailOf(entry).dispute_id === id || entry.subject === id
    : subjects.has(entry.subject) || subjects.has(ownerOf(entry.subject));
}

/** What has a name in it that the ledger did not give, such as an external refund: `TXN-…/re_1`. */
export function ownerOf(subject: string): string {
  return subject.split('/', 1)[0] ?? subject;
}

function isInTime({ at_ms }: ExportedEntry, { fromMs, toMs }: Search): boolean {
  return (fromMs === null || at_ms >= fromMs) && (toMs === null || at_ms < toMs);
}

/** What this command has written itself. */
function isOwn({ author }: Database, { action, request_id }: ExportedEntry): boolean {
  return action === 'audit.read' && request_id === author.requestId;
}

export function detailOf({ detail }: Pick<ExportedEntry, 'detail'>): Readonly<Record<string, unknown>> {
  return detail === null ? {} : JSON.parse(detail);
}
