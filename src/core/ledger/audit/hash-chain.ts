/**
 * The hash chain over the audit log: each hash is computed from the one before it and a block of entries, so that one hash proves that
 * nothing up to it has been altered, removed or moved.
 */

import { hex } from '../../security/hmac.ts';

/** A stored entry, under the names of its columns. */
export interface AuditRow {
  sequence: number;
  at_ms: number;
  tenant: string;
  actor: string;
  request_id: string | null;
  address: string | null;
  action: string;
  subject: string;
  outcome: string;
  detail: string | null;
}

/** The seal of a block of entries that follow each other, under the names of its columns. */
export interface AuditBlock {
  first_sequence: number;
  last_sequence: number;
  entries: number;
  hash: string;
}

/** What the first entry follows. */
export const CHAIN_START = '0'.repeat(64);

/** The hash of a block of entries that follows the hash before it. */
export type BlockHash = (previousHash: string, entries: readonly AuditRow[]) => Promise<string>;

/** SHA-256, as hexadecimal digits, of lines: the hash before it, then each entry's columns in their order, as a JSON array. */
export const blockHash: BlockHash = (previousHash, entries) =>
  sha256OfText([previousHash, ...entries.map((entry) => JSON.stringify(columnsOf(entry)))].join('\n'));

/** The hash of a single entry, as former versions sealed each by itself: of a JSON array of the hash before it and the columns. */
export const entryHash = (previousHash: string, entry: AuditRow): Promise<string> =>
  sha256OfText(JSON.stringify([previousHash, ...columnsOf(entry)]));

function columnsOf({
  sequence,
  at_ms,
  tenant,
  actor,
  request_id,
  address,
  action,
  subject,
  outcome,
  detail,
}: AuditRow) {
  return [sequence, at_ms, tenant, actor, request_id, address, action, subject, outcome, detail];
}

function sha256OfText(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text));
}

export async function sha256(bytes: Uint8Array): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)));
}

/** What blocks are sealed and packed with. The simulator has its own, which takes no time. */
export interface BlockCodec {
  blockHash: BlockHash;
  /** Lines of JSON, compressed. */
  pack(lines: readonly string[]): Promise<Uint8Array>;
  unpack(packed: Uint8Array): Promise<string[]>;
  /** As hexadecimal digits. */
  sha256(bytes: Uint8Array): Promise<string>;
}
