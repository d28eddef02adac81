/** Reserves the amount of a refund, with its idempotency key, before the gateway is asked (invariants 2, 3 and 8). */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { auditAttempt, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import {
  claimKey,
  type FoundKey,
  isExpired,
  type KeyClaim,
  keyIsFree,
  keyParameters,
} from '../idempotency-keys/claim-key.ts';
import { FIND_TRANSACTION } from '../payments/find-payment.ts';
import { requireSchema } from '../schema.ts';
import { FIND_REFUND, keyedRefundStatements, type ReplayedRefund, replayedRefund } from './find-refund.ts';
import { setBalance } from './set-balance.ts';

export interface NewRefund {
  refundId: string;
  tenant: string;
  transactionId: string;
  bookingId: string;
  userId: string;
  /** Of which currency the amount is: the payment's must be the same. */
  currency: string;
  amountMinor: number;
  reason: string;
  createdAtMs: number;
  nextLookupAtMs: number;
}

// Invariant 2: what is refunded and what is promised stay within what was captured, however many ask at once. Invariant 8: nothing is
// inserted while another attempt holds the key.
const INSERT_REFUND = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, next_lookup_at_ms,
    created_entry)
  SELECT ?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ${NEXT_ENTRY} FROM transactions
  WHERE transaction_id = ?3 AND tenant = ?2 AND booking_id = ?8 AND user_id = ?9 AND currency = ?10
    AND status = 'completed' AND reserved_minor + refunded_minor + ?4 <= amount_minor
    AND ${keyIsFree({ tenant: '?2', path: '?11', key: '?12', id: '?1', expiredMs: '?13' })}
  ON CONFLICT DO NOTHING`;

export type Reservation =
  | { kind: 'reserved'; refund: Refund; transaction: Transaction }
  /** An earlier request with the key has claimed this refund. */
  | ReplayedRefund
  /** The payment does not allow it, and shows why. */
  | { kind: 'refused'; transaction: Transaction }
  /** There is no such payment. */
  | { kind: 'not_found' };

/** Reserves the amount with a pending refund, if the payment allows it. A key that is known outranks the balance. */
export async function reserveRefund(db: Database, claim: NewRefund, key: KeyClaim | null = null): Promise<Reservation> {
  const { d1 } = db;
  const parameters = [
    claim.refundId,
    claim.tenant,
    claim.transactionId,
    claim.amountMinor,
    claim.reason,
    claim.createdAtMs,
    claim.nextLookupAtMs,
    claim.bookingId,
    claim.userId,
    claim.currency,
    ...keyParameters(key, claim.createdAtMs),
  ];
  const { refundId, transactionId, bookingId, amountMinor, currency, createdAtMs } = claim;
  const results = await runBatch(db, {
    schema: requireSchema(d1),
    // First the row. The others are facts of it, in any order; what is read comes last.
    inserted: d1.prepare(INSERT_REFUND).bind(...parameters),
    reserved: setBalance(d1, transactionId),
    claimedKey: key && claimKey(d1, key, refundId, createdAtMs),
    audited: auditAttempt(db, claim.tenant, {
      atMs: createdAtMs,
      action: 'refund.attempted',
      subject: refundId,
      detail: { transaction_id: transactionId, booking_id: bookingId, amount_minor: amountMinor, currency },
    }),
    refund: d1.prepare(FIND_REFUND).bind(refundId),
    transaction: d1.prepare(`${FIND_TRANSACTION} AND t.tenant = ?2`).bind(transactionId, claim.tenant),
    ...keyedRefundStatements(d1, key),
  });
  const found = key && rowOf<FoundKey>(results.key);
  if (found !== null && found.claimedId !== refundId && !isExpired(found, createdAtMs)) {
    return replayedRefund(found, results);
  }
  return reservation(rowOf(results.refund), rowOf(results.transaction));
}

function reservation(refund: Refund | null, transaction: Transaction | null): Reservation {
  if (transaction === null) return { kind: 'not_found' };
  return refund === null ? { kind: 'refused', transaction } : { kind: 'reserved', refund, transaction };
}
