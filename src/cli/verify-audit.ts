/**
 * Verifies an export of the audit log, line by line. Pure, so that an auditor can read the checks. Delayed sealing and seals
 * removed from the end look the same: only a hash from the Worker's log distinguishes them.
 */
import type { ExportedEntry } from '../core/ledger/audit/export-audit-log.ts';
import { type AuditBlock, blockHash, CHAIN_START, entryHash } from '../core/ledger/audit/hash-chain.ts';

export interface Verdict {
  sealed: number;
  /** Entries at the end that had not been sealed when the export was made. */
  unsealed: number;
  /** How long the oldest of them had waited by then, in milliseconds: the last entry is that of the export itself. */
  unsealedForMs: number;
  /** The last hash of the chain. */
  head: string;
  /** The first error; null if there is none. */
  broken: Broken | null;
}

export interface Broken {
  where: string;
  what: string;
}

/** The log is sealed each minute: after so long, something keeps it from being sealed, or seals were taken away. */
export const SEALING_LAGS_AFTER_MS = 10 * 60_000;

type Line = { kind: 'entry'; entry: ExportedEntry } | { kind: 'block'; block: AuditBlock };

/** For the log of one of several databases. */
export interface OneOfSeveral {
  /** Hashes that must be in one of the logs: those that are in this one are taken out. */
  missingHeads?: Set<string>;
  /** Lines of the export that come before this log. */
  linesBefore?: number;
}

/** Of a log of which nothing has been read. */
export const UNREAD = { sealed: 0, unsealed: 0, unsealedForMs: 0, head: CHAIN_START };

/**
 * Verifies the log of one database.
 *
 * @param expectedHead a hash that was logged earlier and must be in the chain; null if none is available
 */
export async function verifyAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  expectedHead: string | null,
  { missingHeads, linesBefore = 0 }: OneOfSeveral = {},
): Promise<Verdict> {
  const verdict: Verdict = { ...UNREAD, broken: null };
  const broken = (where: string, what: string): Verdict => ({ ...verdict, broken: { where, what } });
  let headSeen = expectedHead === null;
  let [expected, number] = [1, linesBefore];
  /** Entries whose seal has not come yet. */
  let open: ExportedEntry[] = [];
  const sealedWith = (hash: string, count: number) => {
    verdict.head = hash;
    verdict.sealed += count;
    headSeen ||= hash === expectedHead;
    missingHeads?.delete(hash);
  };
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const read = lineOf(line);
    if (read === null) return broken(`line ${number}`, notOfAnAuditLog(line));
    if (read.kind === 'block') {
      const { first_sequence, last_sequence, entries, hash } = read.block;
      const where = `block ${first_sequence} to ${last_sequence}`;
      const [first, last] = [open[0]?.sequence, open.at(-1)?.sequence];
      if (first !== first_sequence || last !== last_sequence || open.length !== entries) {
        return broken(where, `it seals other entries than those before it (${first ?? 'none'} to ${last ?? 'none'})`);
      }
      if ((await blockHash(verdict.head, open)) !== hash) {
        return broken(where, 'its hash does not match: one of its entries or the seal was altered');
      }
      sealedWith(hash, open.length);
      open = [];
      continue;
    }
    const { entry } = read;
    const where = `entry ${entry.sequence}`;
    if (entry.sequence > expected) return broken(where, `entry ${expected} is missing before it, or was moved`);
    if (entry.sequence < expected)
      return broken(where, `it comes after entry ${expected - 1}, where it does not belong`);
    expected += 1;
    if (entry.hash === null) {
      open.push(entry);
      continue;
    }
    if (open.length > 0) return broken(where, 'it is sealed, and the entry before it is not');
    if ((await entryHash(verdict.head, entry)) !== entry.hash) {
      return broken(where, 'its hash does not match: this entry or its seal was altered');
    }
    sealedWith(entry.hash, 1);
  }
  verdict.unsealed = open.length;
  const [oldest] = open;
  for (const { at_ms } of open)
    verdict.unsealedForMs = Math.max(verdict.unsealedForMs, at_ms - (oldest?.at_ms ?? at_ms));
  // The export itself is an entry.
  if (expected === 1) return broken('the start', 'it has no entries; every export has at least one');
  if (!headSeen) return broken('the end', notSealedWith(`the hash ${expectedHead}`));
  return verdict;
}

export function notSealedWith(hashes: string): string {
  return `nothing was sealed with ${hashes}: the end was cut off, its seals were removed, or the whole log was rebuilt`;
}

/** Of an entry and of a seal as they are exported: no more, and no less. */
const ENTRY_NAMES = [
  ...['sequence', 'at_ms', 'tenant', 'actor', 'request_id', 'address', 'action', 'subject', 'outcome', 'detail'],
  'hash',
].toSorted();
const BLOCK_NAMES = ['first_sequence', 'last_sequence', 'entries', 'hash'].toSorted();

function lineOf(line: string): Line | null {
  try {
    const value: { block?: AuditBlock } & Partial<ExportedEntry> = JSON.parse(line);
    // With a duplicate name or another spelling of a number, a reader would see something else than was hashed.
    if (JSON.stringify(value) !== line.trim()) return null;
    const { block } = value;
    if (block !== undefined) {
      const { hash, ...numbers } = block;
      const isBlock =
        Object.keys(value).length === 1 && has(block, BLOCK_NAMES) && Object.values(numbers).every(Number.isInteger);
      return isBlock && typeof hash === 'string' ? { kind: 'block', block } : null;
    }
    const isEntry = Number.isInteger(value.sequence) && (value.hash === null || typeof value.hash === 'string');
    return has(value, ENTRY_NAMES) && isEntry ? { kind: 'entry', entry: value as ExportedEntry } : null;
  } catch {
    return null;
  }
}

function has(value: object, names: readonly string[]): boolean {
  return Object.keys(value).toSorted().join() === names.join();
}

function notOfAnAuditLog(line: string): string {
  const hint = line.startsWith('> ') ? ': npm printed it; remove the lines before the first entry' : '';
  return `not a line of an audit log${hint}`;
}
