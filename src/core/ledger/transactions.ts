/** Payments in D1: claim a booking, record how it ended, find one again. */

import { lateRefundId, type Outcome, type OwedCharge, type Refund, type Transaction } from '../domain/transaction.ts';
import { auditAttempt, auditChange } from './audit.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Result } from './d1.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, runBatch, type Statements } from './database.ts';
import { hasEvent, newPaymentEvent } from './events.ts';
import {
  CLAIMED_ID,
  claimKey,
  type FoundKey,
  findKey,
  isExpired,
  type KeyClaim,
  releaseUnusedKey,
} from './idempotency.ts';
import { auditedOutcome, outcomeParameters } from './outcome.ts';
import { requireSchema } from './schema.ts';
import {
  countAttempt,
  countDecline,
  countsParameter,
  exceededOf,
  findExceeded,
  type VelocityCount,
  WITHIN_VELOCITY,
} from './velocity.ts';

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
  /** From when on the gateway may be asked for an outcome that never came. */
  nextLookupAtMs: number;
};

// Invariants 1 and 3: the partial unique indexes let one live payment of a booking in, and one of each order that a payer
// approved, before the gateway is called.
const claimWhere = (condition: 'true' | 'changes() = 1') => `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, sealed_email, status, currency, amount_minor,
    payment_method, card_brand, card_last4, gateway, gateway_intent, created_at_ms, next_lookup_at_ms)
  SELECT ?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
  WHERE ${condition} AND ${WITHIN_VELOCITY}
  ON CONFLICT DO NOTHING`;
const CLAIM_BOOKING = claimWhere('true');
/** Right behind the statement that claims the key. */
const CLAIM_BOOKING_WITH_KEY = claimWhere('changes() = 1');

const FIND_STANDING = `
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t
  WHERE t.tenant = ?1 AND t.booking_id = ?2 AND t.status IN ('pending', 'completed')`;
/** The payment of the booking, else the one that the order has paid for, whoever's that is. */
const FIND_STANDING_OF_INTENT = `
  ${FIND_STANDING}
  UNION ALL
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t
  WHERE t.gateway = ?3 AND t.gateway_intent = ?4
    AND t.status IN ('pending', 'completed', 'refunded')
  LIMIT 1`;

const FIND_KEYED = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ${CLAIMED_ID}`;

export type Claim =
  /** The booking's live payment is this one now. */
  | { kind: 'claimed'; transaction: Transaction }
  /** The key stands for an earlier request, and for its payment. */
  | { kind: 'replayed'; fingerprint: string; transaction: Transaction }
  /** The booking has another live payment, or the order that the payer approved has paid for something else; null: another tenant's. */
  | { kind: 'duplicate'; standing: Transaction | null }
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
  const sealedEmail = claim.userEmail === null ? null : await db.cipher.seal(claim.userEmail, claim.transactionId);
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
    countsParameter(counts),
  ];
  // Both right behind the claim, and in this order.
  const behindClaim = {
    counted: counts.length > 0 ? countAttempt(db, counts) : null,
    audited: auditAttempt(db, claim.tenant, attemptOf(claim)),
  };
  const exceeded = counts.length > 0 ? findExceeded(db, counts) : null;
  const standing =
    claim.gatewayIntent === null
      ? db.d1.prepare(FIND_STANDING).bind(claim.tenant, claim.bookingId)
      : db.d1.prepare(FIND_STANDING_OF_INTENT).bind(claim.tenant, claim.bookingId, claim.gateway, claim.gatewayIntent);
  const schema = requireSchema(db.d1);
  if (key === null) {
    const claimed = db.d1.prepare(CLAIM_BOOKING).bind(...parameters);
    return standingClaim(claim, await runBatch(db, { schema, claimed, ...behindClaim, standing, exceeded }));
  }
  const results = await runBatch(db, {
    schema,
    ...claimKey(db.d1, key, claim.transactionId, claim.createdAtMs),
    claimed: db.d1.prepare(CLAIM_BOOKING_WITH_KEY).bind(...parameters),
    ...behindClaim,
    releasedKey: releaseUnusedKey(db.d1, key, claim.transactionId),
    key: findKey(db.d1, key),
    keyed: db.d1.prepare(FIND_KEYED).bind(key.tenant, key.path, key.key),
    standing,
    exceeded,
  });
  const found = rowOf<FoundKey>(results.key);
  if (found !== null && found.claimedId !== claim.transactionId) return replay(found, rowOf(results.keyed));
  return standingClaim(claim, results);
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

function standingClaim(claim: NewTransaction, results: { standing: D1Result; exceeded?: D1Result }): Claim {
  const standing = rowOf<Transaction>(results.standing);
  if (standing === null) {
    const exceeded = results.exceeded === undefined ? null : exceededOf(results.exceeded);
    if (exceeded === null) throw new Error('a claim left neither its own payment nor another one standing');
    return { kind: 'too_many', subject: exceeded.subject, untilMs: exceeded.windowEndMs };
  }
  return standing.transactionId === claim.transactionId
    ? { kind: 'claimed', transaction: standing }
    : { kind: 'duplicate', standing: standing.tenant === claim.tenant ? standing : null };
}

function replay({ fingerprint }: FoundKey, transaction: Transaction | null): Extract<Claim, { kind: 'replayed' }> {
  if (transaction === null) throw new Error('an idempotency key stands for no payment');
  return { kind: 'replayed', fingerprint, transaction };
}

/** What a key stands for, or null; nothing is claimed. */
export async function findKeyedTransaction(db: Database, key: KeyClaim, nowMs: number) {
  const results = await runBatch(db, {
    key: findKey(db.d1, key),
    keyed: db.d1.prepare(FIND_KEYED).bind(key.tenant, key.path, key.key),
  });
  const found = rowOf<FoundKey>(results.key);
  return found === null || isExpired(found, nowMs) ? null : replay(found, rowOf(results.keyed));
}

// Invariant 6: only a pending payment can end, and it ends once.
const RECORD_OUTCOME = `
  UPDATE transactions SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5,
    failure_cause = ?6, processed_at_ms = ?7, next_lookup_at_ms = ?8
  WHERE transaction_id = ?1 AND status = 'pending'`;

// Invariant 1: a charge of a payment that has failed is owed back. It is written down with the first word of it. The payment's
// amount, unless another one was captured.
const OWE_LATE_CHARGE = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, kind, status, amount_minor, reason, created_at_ms,
    next_lookup_at_ms, created_by)
  SELECT ?2, tenant, transaction_id, 'late_charge', 'pending', coalesce(?4, amount_minor), ?5, ?3, ?3, ?6
  FROM transactions WHERE transaction_id = ?1 AND status = 'failed'
  ON CONFLICT DO NOTHING`;
const KEEP_LATE_REFERENCE = `
  UPDATE transactions SET gateway_reference = ?2, next_lookup_at_ms = NULL
  WHERE transaction_id = ?1 AND status = 'failed'`;
const FIND_LATE_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;
const HAS_OWED = 'SELECT 1 FROM refunds WHERE refund_id = ?1 AND created_by = ?2';

const CHARGED_LATE = 'Charged after the payment had failed';
const CHARGED_WRONGLY = 'Another amount was captured than the payment has';

/** By its id, whoever's it is. */
export const FIND_TRANSACTION = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ?1`;

export interface PaymentOutcome {
  transactionId: string;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  result: Outcome;
  processedAtMs: number;
  /** When to look again, although it has ended; null: never. */
  nextLookupAtMs: number | null;
  /** Of whom it is a decline. */
  declineOf?: readonly VelocityCount[];
}

export interface RecordedPayment {
  transaction: Transaction;
  /** Whether the event with this id is the one that tells of the outcome. */
  told: boolean;
  /** Where money was charged for a payment that has failed: the refund that gives it back. */
  lateRefund: Refund | null;
  /** Whether this attempt was the first to find that charge, and wrote the refund. */
  owed: boolean;
}

/**
 * Writes an outcome and its event as one (invariant 4). Where the payment has ended before, it stays as it is, and a
 * charge of one that has failed is written down as owed.
 */
export async function recordPaymentOutcome(db: Database, outcome: PaymentOutcome): Promise<RecordedPayment> {
  const { d1 } = db;
  const { transactionId, eventId, result, processedAtMs, declineOf = [] } = outcome;
  const outcomeAndEvent = {
    recorded: d1
      .prepare(RECORD_OUTCOME)
      .bind(transactionId, ...outcomeParameters(result), processedAtMs, outcome.nextLookupAtMs),
    event: newPaymentEvent(d1, {
      eventId,
      eventType: result.status === 'completed' ? 'payment.success' : 'payment.failed',
      transactionId,
      createdAtMs: processedAtMs,
    }),
    audited: auditChange(db, transactionId, {
      atMs: processedAtMs,
      action: 'payment.ended',
      subject: transactionId,
      ...auditedOutcome(result),
    }),
    declined: declineOf.length > 0 ? countDecline(db, declineOf) : null,
  };
  const asItStands = { transaction: d1.prepare(FIND_TRANSACTION).bind(transactionId), told: hasEvent(d1, eventId) };
  const charge: OwedCharge | undefined =
    result.status === 'completed' ? { gatewayReference: result.gatewayReference, amountMinor: null } : result.owed;
  if (charge === undefined) {
    const results = await runBatch(db, { ...outcomeAndEvent, ...asItStands }, RETRY_OUTCOME_FOR_MS);
    return { ...recordedPayment(results), lateRefund: null, owed: false };
  }
  const refundId = lateRefundId(transactionId);
  const reason = result.status === 'completed' ? CHARGED_LATE : CHARGED_WRONGLY;
  const results = await runBatch(
    db,
    {
      ...outcomeAndEvent,
      // Both only of a payment that has failed, with this outcome or before it.
      owed: d1
        .prepare(OWE_LATE_CHARGE)
        .bind(transactionId, refundId, processedAtMs, charge.amountMinor, reason, eventId),
      owedAudited: auditChange(db, transactionId, {
        atMs: processedAtMs,
        action: 'refund.owed',
        subject: refundId,
        outcome: 'pending',
        detail: { transaction_id: transactionId, gateway_reference: charge.gatewayReference },
      }),
      reference: d1.prepare(KEEP_LATE_REFERENCE).bind(transactionId, charge.gatewayReference),
      ...asItStands,
      lateRefund: d1.prepare(FIND_LATE_REFUND).bind(refundId),
      hasOwed: d1.prepare(HAS_OWED).bind(refundId, eventId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  const lateRefund = rowOf<Refund>(results.lateRefund);
  return { ...recordedPayment(results), lateRefund, owed: rowOf(results.hasOwed) !== null };
}

function recordedPayment(results: { transaction: D1Result; told: D1Result }) {
  const transaction = rowOf<Transaction>(results.transaction);
  if (transaction === null) throw new Error('an outcome was recorded for a payment that was never claimed');
  return { transaction, told: rowOf(results.told) !== null };
}

/** Writes down what the gateway calls a payment whose outcome is not known: it is looked up by that. */
export async function keepIntent(db: Database, transactionId: string, intent: string): Promise<void> {
  await runBatch(db, {
    kept: db.d1
      .prepare(
        "UPDATE transactions SET gateway_intent = ?2 WHERE transaction_id = ?1 AND status = 'pending' AND gateway_intent IS NULL",
      )
      .bind(transactionId, intent),
  });
}

/**
 * A tenant's payment, or null: another tenant's is as unknown as none.
 *
 * @param also statements for the same batch
 */
export async function findTransaction(
  db: Database,
  tenant: string,
  transactionId: string,
  also: Statements = {},
): Promise<Transaction | null> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(`${FIND_TRANSACTION} AND t.tenant = ?2`).bind(transactionId, tenant),
    ...also,
  });
  return rowOf<Transaction>(found);
}
