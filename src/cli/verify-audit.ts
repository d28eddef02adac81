/**
 * Verifies an export of the audit log, entry by entry. Pure, so that an auditor can read the checks. Delayed sealing and seals
 * removed from the end look the same: only a hash from the Worker's log distinguishes them.
 */
import { type AuditRow, CHAIN_START, type ChainHash } from '../core/ledger/audit/hash-chain.ts';

export interface Verdict {
  sealed: number;
  /** Entries at the end that the cron had not sealed when the export was made. */
  unsealed: number;
  /** How long the oldest of them had waited by then, in milliseconds: the last entry is that of the export itself. */
  unsealedForMs: number;
  /** The hash of the last sealed entry. */
  head: string;
  /** The first error; null if there is none. */
  broken: { where: string; what: string } | null;
}

/** The cron seals each minute: after so long, something keeps it from doing so, or seals were taken away. */
export const SEALING_LAGS_AFTER_MS = 10 * 60_000;

type Entry = AuditRow & { hash: string | null };

/** @param expectedHead a hash that was logged earlier and must be in the chain; null if none is available */
export async function verifyAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  chainHash: ChainHash,
  expectedHead: string | null,
): Promise<Verdict> {
  const verdict: Verdict = { sealed: 0, unsealed: 0, unsealedForMs: 0, head: CHAIN_START, broken: null };
  const broken = (where: string, what: string): Verdict => ({ ...verdict, broken: { where, what } });
  let headSeen = expectedHead === null;
  let [expected, number] = [1, 0];
  let firstUnsealed: Entry | null = null;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const entry = entryOf(line);
    if (entry === null) return broken(`line ${number}`, notAnEntry(line));
    const where = `entry ${entry.sequence}`;
    if (entry.sequence > expected) return broken(where, `entry ${expected} is missing before it, or was moved`);
    if (entry.sequence < expected)
      return broken(where, `it comes after entry ${expected - 1}, where it does not belong`);
    expected += 1;
    if (entry.hash === null) {
      firstUnsealed ??= entry;
      verdict.unsealed += 1;
      verdict.unsealedForMs = Math.max(verdict.unsealedForMs, entry.at_ms - firstUnsealed.at_ms);
      continue;
    }
    if (verdict.unsealed > 0) return broken(where, 'it is sealed, and the entry before it is not');
    if ((await chainHash(verdict.head, entry)) !== entry.hash) {
      return broken(where, 'its hash does not match: this entry or its seal was altered');
    }
    verdict.head = entry.hash;
    verdict.sealed += 1;
    headSeen ||= entry.hash === expectedHead;
  }
  // The export itself is an entry.
  if (expected === 1) return broken('the start', 'it has no entries; every export has at least one');
  if (!headSeen) {
    const what = `no entry has the hash ${expectedHead}: the end was cut off, its seals were removed, or the whole log was rebuilt`;
    return broken('the end', what);
  }
  return verdict;
}

/** Of an entry as it is exported: no more, and no less. */
const NAMES = [
  ...['sequence', 'at_ms', 'tenant', 'actor', 'request_id', 'address', 'action', 'subject', 'outcome', 'detail'],
  'hash',
].toSorted();

function entryOf(line: string): Entry | null {
  try {
    const entry: Partial<Entry> = JSON.parse(line);
    if (Object.keys(entry).toSorted().join() !== NAMES.join()) return null;
    // With a duplicate name or another spelling of a number, a reader would see something else than was hashed.
    if (JSON.stringify(entry) !== line.trim()) return null;
    const isEntry = Number.isInteger(entry.sequence) && (entry.hash === null || typeof entry.hash === 'string');
    return isEntry ? (entry as Entry) : null;
  } catch {
    return null;
  }
}

function notAnEntry(line: string): string {
  const hint = line.startsWith('> ') ? ': npm printed it; remove the lines before the first entry' : '';
  return `not an entry of an audit log${hint}`;
}
