/**
 * The hash chain over the audit log: each hash is of the one before it and of the entry, so that one hash proves
 * that nothing up to it has been altered, removed or moved.
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

/** What the first entry follows. */
export const CHAIN_START = '0'.repeat(64);

/** The hash of an entry that follows the one with the hash before it. */
export type ChainHash = (previousHash: string, entry: AuditRow) => Promise<string>;

/** SHA-256, as hexadecimal digits, of the entry's columns in this order, as a JSON array behind the hash before it. */
export async function chainHash(previousHash: string, entry: AuditRow): Promise<string> {
  const { sequence, at_ms, tenant, actor, request_id, address, action, subject, outcome, detail } = entry;
  const text = JSON.stringify([
    previousHash,
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
  ]);
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
