/** Claims a booking for a payment, with its idempotency key, before any money moves (invariants 1, 3 and 8). */

import type { CaptureMethod } from '../../../contract/requests.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { isPaidByArchived } from '../archive/archive-transactions.ts';
import { auditAttempt, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import type { D1Result } from '../d1.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import {
  claimKey,
  type FoundKey,
  findKey,
  isExpired,
  type KeyClaim,
  keyIsFree,
  keyParameters,
} from '../idempotency-keys/claim-key.ts';
import { requireSchema } from '../schema.ts';
import {
  countAttempt,
  countsParameter,
  exceededOf,
  findExceeded,
  type VelocityCount,
  WITHIN_VELOCITY,
} from '../velocity/count-attempt.ts';
import { returnUrlOf } from './challenge-urls.ts';
import { findKeyed, type ReplayedPayment, replayedPayment } from './find-payment.ts';

/** What is known of a payment before any money moves. */
export type NewTransaction = Pick<
  Transaction,
  | 'transactionId'
  | 'tenant'
  | 'bookingId'
  | 'userId'
  | 'currency'
  | 'amountMinor'
  | 'paymentMethod'
  | 'cardBrand'
  | 'cardLast4'
  | 'gateway'
  | 'gatewayIntent'
  | 'createdAtMs'
> & {
  /** Stored encrypted. */
  userEmail: string | null;
  /** What the caller opted in to; see `TAKEN_AT_ONCE` for what is meant without it. */
  captureMethod?: CaptureMethod;
  holdMinutes?: number | null;
  /** Stored encrypted. */
  returnUrl?: string | null;
  /** From when on the gateway may be asked for an outcome that never came. */
  nextLookupAtMs: number;
};

// Invariants 1 and 3: a trigger lets one live payment of a booking in, and a partial unique index one of each order that a payer
// approved, before the gateway is called.
// Invariant 8: nor while another attempt holds the key. A first try of this one whose answer was lost meets its own row.
const CLAIM_BOOKING = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, sealed_email, status, currency, amount_minor,
    payment_method, card_brand, card_last4, gateway, gateway_intent, created_at_ms, next_lookup_at_ms, capture_method,
    hold_minutes, sealed_return_url, attempted_entry)
  SELECT ?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?19, ?20, ?21, ${NEXT_ENTRY}
  WHERE ${WITHIN_VELOCITY}
    AND ${keyIsFree({ tenant: '?2', path: '?16', key: '?17', id: '?1', expiredMs: '?18' })}
  ON CONFLICT DO NOTHING`;

const FIND_LIVE = `
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t
  WHERE t.tenant = ?1 AND t.booking_id = ?2 AND t.status IN ('pending', 'completed')`;
/** The live payment of the booking, else the one that the order has paid for, of any tenant. */
const FIND_LIVE_OF_INTENT = `
  ${FIND_LIVE}
  UNION ALL
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t
  WHERE t.gateway = ?3 AND t.gateway_intent = ?4
    AND t.status IN ('pending', 'completed', 'refunded')
  LIMIT 1`;

export type Claim =
  /** The booking's live payment is this one now. */
  | { kind: 'claimed'; transaction: Transaction }
  /** An earlier request with the key has claimed this payment. */
  | ReplayedPayment
  /** The booking has another live payment, or the order that the payer approved has paid for something else; null: another tenant's. */
  | { kind: 'duplicate'; standing: Transaction | null }
  /** A transaction that has left for the archive has paid the booking. */
  | { kind: 'paid_by_archived' }
  /** A card, a user or an address has tried too often; `subject` is the keyed hash of it. */
  | { kind: 'too_many'; subject: string; untilMs: number };

/**
 * Makes the booking's one live payment this one. A key that is known outranks a booking that is taken, and that outranks limits.
 *
 * @param counts of whom this attempt is one
 */
export async function claimBooking(
  db: Database,
  claim: NewTransaction,
  key: KeyClaim | null = null,
  counts: readonly VelocityCount[] = [],
): Promise<Claim> {
  const { transactionId, userEmail, returnUrl = null } = claim;
  const sealedEmail = userEmail === null ? null : await db.cipher.seal(userEmail, transactionId);
  const sealedReturnUrl = returnUrl === null ? null : await db.cipher.seal(returnUrl, returnUrlOf(transactionId));
  const counted = countsParameter(counts);
  const parameters = [
    claim.transactionId,
    claim.tenant,
    claim.bookingId,
    claim.userId,
    sealedEmail,
    claim.currency,
    claim.amountMinor,
    claim.paymentMethod,
    claim.cardBrand,
    claim.cardLast4,
    claim.gateway,
    claim.gatewayIntent,
    claim.createdAtMs,
    claim.nextLookupAtMs,
    counted,
    ...keyParameters(key, claim.createdAtMs),
    claim.captureMethod === 'manual' ? 'manual' : null,
    claim.holdMinutes ?? null,
    sealedReturnUrl,
  ];
  const standing =
    claim.gatewayIntent === null
      ? db.d1.prepare(FIND_LIVE).bind(claim.tenant, claim.bookingId)
      : db.d1.prepare(FIND_LIVE_OF_INTENT).bind(claim.tenant, claim.bookingId, claim.gateway, claim.gatewayIntent);
  const results = await runBatch(db, {
    schema: requireSchema(db.d1),
    // First the row. The others are facts of it, in any order; what is read comes last.
    claimed: db.d1.prepare(CLAIM_BOOKING).bind(...parameters),
    claimedKey: key && claimKey(db.d1, key, claim.transactionId, claim.createdAtMs),
    counted: counts.length > 0 ? countAttempt(db, claim.transactionId, counted) : null,
    audited: auditAttempt(db, claim.tenant, attemptOf(claim)),
    key: key && findKey(db.d1, key),
    keyed: key && findKeyed(db, key),
    standing,
    exceeded: counts.length > 0 ? findExceeded(db, counted) : null,
  });
  const found = key && rowOf<FoundKey>(results.key);
  if (found !== null && found.claimedId !== claim.transactionId && !isExpired(found, claim.createdAtMs)) {
    return replayedPayment(found, rowOf(results.keyed));
  }
  const claimed = claimOf(claim, results);
  if (claimed !== null) return claimed;
  if (await isPaidByArchived(db, claim.tenant, claim.bookingId)) return { kind: 'paid_by_archived' };
  throw new Error('a claim left neither its own payment nor another live one');
}

function attemptOf(claim: NewTransaction) {
  const { transactionId, bookingId, amountMinor, currency, paymentMethod, gateway, createdAtMs } = claim;
  return {
    atMs: createdAtMs,
    action: 'payment.attempted',
    subject: transactionId,
    detail: {
      booking_id: bookingId,
      amount_minor: amountMinor,
      currency,
      payment_method: paymentMethod,
      gateway,
    },
  } as const;
}

/** Null where nothing that was read explains why there is no such payment. */
function claimOf(claim: NewTransaction, results: { standing: D1Result; exceeded?: D1Result }): Claim | null {
  const standing = rowOf<Transaction>(results.standing);
  if (standing === null) {
    const exceeded = results.exceeded === undefined ? null : exceededOf(results.exceeded);
    return exceeded && { kind: 'too_many', subject: exceeded.subject, untilMs: exceeded.windowEndMs };
  }
  return standing.transactionId === claim.transactionId
    ? { kind: 'claimed', transaction: standing }
    : { kind: 'duplicate', standing: standing.tenant === claim.tenant ? standing : null };
}
