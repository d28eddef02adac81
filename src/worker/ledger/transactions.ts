/** Payments in D1: claim a booking, record how it ended, find one again. */
import type { Outcome, Transaction } from '../../payments/transaction.ts';
import { TRANSACTION_COLUMNS } from './columns.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowsOf, runBatch } from './database.ts';
import { hasEvent, newPaymentEvent } from './events.ts';
import { outcomeParameters } from './outcome.ts';

/** What is known of a payment before any money moves. */
export type NewTransaction = Pick<
  Transaction,
  | 'transactionId'
  | 'tenant'
  | 'bookingId'
  | 'userId'
  | 'userEmail'
  | 'currency'
  | 'amountMinor'
  | 'paymentMethod'
  | 'cardBrand'
  | 'cardLast4'
  | 'gateway'
  | 'createdAtMs'
> & {
  /** From when on the gateway may be asked for an outcome that never came. */
  nextLookupAtMs: number;
};

// Invariants 1 and 3: the partial unique index lets one live payment of a booking in, before the gateway is called.
const CLAIM_BOOKING = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, status, currency, amount_minor,
    payment_method, card_brand, card_last4, gateway, created_at_ms, next_lookup_at_ms)
  VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
  ON CONFLICT DO NOTHING`;

const FIND_STANDING = `
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t
  WHERE t.tenant = ?1 AND t.booking_id = ?2 AND t.status IN ('pending', 'completed')`;

/**
 * Makes the booking's one live payment this one. Answers with the row that stands: the new one, or the one that was
 * there before, which has another `transactionId`.
 */
export async function claimBooking(db: Database, claim: NewTransaction): Promise<Transaction> {
  const results = await runBatch(db, [
    db.d1
      .prepare(CLAIM_BOOKING)
      .bind(
        claim.transactionId,
        claim.tenant,
        claim.bookingId,
        claim.userId,
        claim.userEmail,
        claim.currency,
        claim.amountMinor,
        claim.paymentMethod,
        claim.cardBrand,
        claim.cardLast4,
        claim.gateway,
        claim.createdAtMs,
        claim.nextLookupAtMs,
      ),
    db.d1.prepare(FIND_STANDING).bind(claim.tenant, claim.bookingId),
  ]);
  const standing = rowsOf<Transaction>(results, 1)[0];
  if (standing === undefined) throw new Error('a claim left neither its own payment nor another one standing');
  return standing;
}

// Invariant 6: only a pending payment can end, and it ends once.
const RECORD_OUTCOME = `
  UPDATE transactions SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5,
    processed_at_ms = ?6, next_lookup_at_ms = NULL
  WHERE transaction_id = ?1 AND status = 'pending'`;

/** By its id, whoever's it is. */
export const FIND_TRANSACTION = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ?1`;

/**
 * Writes an outcome and its event as one (invariant 4). Where the payment has ended before, nothing is written. Answers
 * with the row as it stands now, and with whether this event is the one that tells of it.
 */
export async function recordPaymentOutcome(
  db: Database,
  outcome: { transactionId: string; eventId: string; result: Outcome; processedAtMs: number },
): Promise<{ transaction: Transaction; told: boolean }> {
  const { result } = outcome;
  const results = await runBatch(
    db,
    [
      db.d1.prepare(RECORD_OUTCOME).bind(outcome.transactionId, ...outcomeParameters(result), outcome.processedAtMs),
      newPaymentEvent(db.d1, {
        eventId: outcome.eventId,
        eventType: result.status === 'completed' ? 'payment.success' : 'payment.failed',
        transactionId: outcome.transactionId,
        createdAtMs: outcome.processedAtMs,
      }),
      db.d1.prepare(FIND_TRANSACTION).bind(outcome.transactionId),
      hasEvent(db.d1, outcome.eventId),
    ],
    RETRY_OUTCOME_FOR_MS,
  );
  const transaction = rowsOf<Transaction>(results, 2)[0];
  if (transaction === undefined) throw new Error('an outcome was recorded for a payment that was never claimed');
  return { transaction, told: rowsOf(results, 3).length === 1 };
}

/** A tenant's payment, or null: another tenant's is as unknown as none. */
export async function findTransaction(
  db: Database,
  tenant: string,
  transactionId: string,
): Promise<Transaction | null> {
  const results = await runBatch(db, [
    db.d1.prepare(`${FIND_TRANSACTION} AND t.tenant = ?2`).bind(transactionId, tenant),
  ]);
  return rowsOf<Transaction>(results, 0)[0] ?? null;
}
