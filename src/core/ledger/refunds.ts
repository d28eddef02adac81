/** Refunds in D1: reserve an amount, settle it, give it back or take it back, find one again. */

import type { Failure } from '../domain/failure.ts';
import type { Outcome, Refund, Transaction } from '../domain/transaction.ts';
import { auditAttempt, auditChange } from './audit.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Database, D1PreparedStatement, D1Result } from './d1.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, rowsOf, runBatch, type Statements } from './database.ts';
import { hasEvent, newRefundEvent } from './events.ts';
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
import { FIND_TRANSACTION } from './transactions.ts';

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

// Invariant 2: what is refunded and what is promised stay within what was captured, however many ask at once.
const insertRefundWhere = (condition: 'true' | 'changes() = 1') => `
  INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, next_lookup_at_ms)
  SELECT ?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7 FROM transactions
  WHERE transaction_id = ?3 AND tenant = ?2 AND booking_id = ?8 AND user_id = ?9 AND currency = ?10
    AND status = 'completed' AND reserved_minor + refunded_minor + ?4 <= amount_minor AND ${condition}
  ON CONFLICT DO NOTHING`;
const INSERT_REFUND = insertRefundWhere('true');
/** Right behind the statement that claims the key. */
const INSERT_REFUND_WITH_KEY = insertRefundWhere('changes() = 1');

// Right after INSERT_REFUND: a repeated batch inserts nothing, and so reserves nothing twice.
const RESERVE = `UPDATE transactions SET reserved_minor = reserved_minor + ?2 WHERE transaction_id = ?1 AND changes() = 1`;

const FIND_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;
const FIND_KEYED_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ${CLAIMED_ID}`;
const FIND_KEYED_PAYMENT = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id)
  WHERE r.refund_id = ${CLAIMED_ID}`;

export type ReplayedRefund = { kind: 'replayed'; fingerprint: string; refund: Refund; transaction: Transaction };

export type Reservation =
  | { kind: 'reserved'; refund: Refund; transaction: Transaction }
  /** The key stands for an earlier request, and for its refund. */
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
  ];
  const { refundId, transactionId, bookingId, amountMinor, currency, createdAtMs } = claim;
  // Both right behind the insert, and in this order.
  const behindInsert = {
    reserved: d1.prepare(RESERVE).bind(transactionId, amountMinor),
    audited: auditAttempt(db, claim.tenant, {
      atMs: createdAtMs,
      action: 'refund.attempted',
      subject: refundId,
      detail: { transaction_id: transactionId, booking_id: bookingId, amount_minor: amountMinor, currency },
    }),
  };
  const asItStands = {
    refund: d1.prepare(FIND_REFUND).bind(claim.refundId),
    transaction: d1.prepare(`${FIND_TRANSACTION} AND t.tenant = ?2`).bind(claim.transactionId, claim.tenant),
  };
  const schema = requireSchema(d1);
  if (key === null) {
    const results = await runBatch(db, {
      schema,
      inserted: d1.prepare(INSERT_REFUND).bind(...parameters),
      ...behindInsert,
      ...asItStands,
    });
    return reservation(rowOf(results.refund), rowOf(results.transaction));
  }
  const results = await runBatch(db, {
    schema,
    ...claimKey(d1, key, claim.refundId, claim.createdAtMs),
    inserted: d1.prepare(INSERT_REFUND_WITH_KEY).bind(...parameters),
    ...behindInsert,
    releasedKey: releaseUnusedKey(d1, key, claim.refundId),
    ...keyedStatements(d1, key),
    ...asItStands,
  });
  const found = rowOf<FoundKey>(results.key);
  if (found !== null && found.claimedId !== claim.refundId) return replay(found, results);
  return reservation(rowOf(results.refund), rowOf(results.transaction));
}

function reservation(refund: Refund | null, transaction: Transaction | null): Reservation {
  if (transaction === null) return { kind: 'not_found' };
  return refund === null ? { kind: 'refused', transaction } : { kind: 'reserved', refund, transaction };
}

function keyedStatements(d1: D1Database, key: KeyClaim) {
  const scope = [key.tenant, key.path, key.key];
  return {
    key: findKey(d1, key),
    keyedRefund: d1.prepare(FIND_KEYED_REFUND).bind(...scope),
    keyedPayment: d1.prepare(FIND_KEYED_PAYMENT).bind(...scope),
  };
}

function replay({ fingerprint }: FoundKey, results: { keyedRefund: D1Result; keyedPayment: D1Result }): ReplayedRefund {
  const refund = rowOf<Refund>(results.keyedRefund);
  const transaction = rowOf<Transaction>(results.keyedPayment);
  if (refund === null || transaction === null) throw new Error('an idempotency key stands for no refund');
  return { kind: 'replayed', fingerprint, refund, transaction };
}

/** What a key stands for, or null; nothing is reserved. */
export async function findKeyedRefund(db: Database, key: KeyClaim, nowMs: number): Promise<ReplayedRefund | null> {
  const results = await runBatch(db, keyedStatements(db.d1, key));
  const found = rowOf<FoundKey>(results.key);
  return found === null || isExpired(found, nowMs) ? null : replay(found, results);
}

const RECORD_OUTCOME = `
  UPDATE refunds SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5, failure_cause = ?6,
    processed_at_ms = ?7, next_lookup_at_ms = ?8, written_by = ?9
  WHERE refund_id = ?1 AND status = 'pending'`;

// Right after RECORD_OUTCOME and its audit entry, which is there if the outcome was recorded: the amount moves from reserved to
// refunded, or back, once. The payment of a late charge has failed: nothing was reserved, nothing moves, and so no event follows.
const MOVE_TO_REFUNDED = `
  UPDATE transactions SET reserved_minor = reserved_minor - ?2, refunded_minor = refunded_minor + ?2,
    status = CASE WHEN refunded_minor + ?2 = amount_minor THEN 'refunded' ELSE status END
  WHERE transaction_id = ?1 AND status = 'completed' AND changes() = 1`;
const GIVE_BACK = `
  UPDATE transactions SET reserved_minor = reserved_minor - ?2
  WHERE transaction_id = ?1 AND status = 'completed' AND changes() = 1`;

// The gateway has paid a refund that failed here. The row keeps its status (invariant 6) and gets the reference, once.
const NOTE_PAID = `
  UPDATE refunds SET gateway_reference = ?2, written_by = ?3
  WHERE refund_id = ?1 AND status = 'failed' AND gateway_reference IS NULL`;

/** Finds a row if this attempt wrote what stands, in this batch or in an earlier try of it. */
const HAS_WRITTEN = 'SELECT 1 FROM refunds WHERE refund_id = ?1 AND written_by = ?2';

// The provider has paid back more than the ledger knows of: its refunds of the charge are to be listed.
const LOOK_FOR_EXTERNAL_REFUNDS = `
  UPDATE transactions SET next_lookup_at_ms = ?2, lookups = 0
  WHERE transaction_id = ?1 AND status = 'completed'
    AND EXISTS (SELECT 1 FROM refunds WHERE refund_id = ?3 AND written_by = ?4)`;

export interface RefundOutcome {
  refund: Refund;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  result: Outcome;
  processedAtMs: number;
  /** When to look again, although it has ended; null: never. */
  nextLookupAtMs: number | null;
  /** Whether the outcome proves that the provider has refunds which the ledger does not know: the payment becomes due for a look at them. */
  provesExternalRefund?: boolean;
}

/**
 * Writes how a refund ended, its effect on the payment, and the event of a refund that was paid, as one (invariant 4).
 * Where it has ended before, nothing is written. Answers with the rows as they stand now, with whether this event is the one that
 * tells of it, and with whether this attempt `wrote` what stands.
 */
export async function recordRefundOutcome(
  db: Database,
  outcome: RefundOutcome,
): Promise<{ refund: Refund; transaction: Transaction; told: boolean; wrote: boolean }> {
  const { d1 } = db;
  const { refund, result, eventId, processedAtMs } = outcome;
  const { refundId, transactionId, amountMinor } = refund;
  const recordedAndAudited = {
    recorded: d1
      .prepare(RECORD_OUTCOME)
      .bind(refundId, ...outcomeParameters(result), processedAtMs, outcome.nextLookupAtMs, eventId),
    audited: auditChange(db, transactionId, {
      atMs: processedAtMs,
      action: 'refund.ended',
      subject: refundId,
      ...auditedOutcome(result),
    }),
  };
  const asItStands = { ...bothRows(d1, refund), wrote: hasWritten(d1, refundId, eventId) };
  if (result.status === 'failed') {
    const lookForExternal = d1.prepare(LOOK_FOR_EXTERNAL_REFUNDS).bind(transactionId, processedAtMs, refundId, eventId);
    const results = await runBatch(
      db,
      {
        ...recordedAndAudited,
        givenBack: d1.prepare(GIVE_BACK).bind(transactionId, amountMinor),
        lookForExternal: outcome.provesExternalRefund === true ? lookForExternal : null,
        ...asItStands,
      },
      RETRY_OUTCOME_FOR_MS,
    );
    return { ...rowsThatStand(results), told: false };
  }
  const results = await runBatch(
    db,
    {
      ...recordedAndAudited,
      moved: d1.prepare(MOVE_TO_REFUNDED).bind(transactionId, amountMinor),
      event: newRefundEvent(d1, { eventId, transactionId, refundId, createdAtMs: processedAtMs }),
      noted: d1.prepare(NOTE_PAID).bind(refundId, result.gatewayReference, eventId),
      ...asItStands,
      told: hasEvent(d1, eventId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return { ...rowsThatStand(results), told: rowOf(results.told) !== null };
}

/** An external refund: made at the provider, without being asked for here. */
export interface ExternalRefundBooking {
  refundId: string;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  transactionId: string;
  gatewayReference: string;
  /** The provider's name for the charge that it is of: another charge's is none of this payment's. */
  chargeReference: string;
  currency: string;
  amountMinor: number;
  reason: string;
  movedAtMs: number;
  nowMs: number;
  nextLookupAtMs: number | null;
}

// Invariant 2, and once for each of the provider's refunds, however often it is told of. While a refund of the same amount is
// under way whose name at the provider is not known yet, it may be that one.
const BOOK_EXTERNAL_REFUND = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, gateway_reference, created_at_ms,
    processed_at_ms, next_lookup_at_ms, created_by, written_by)
  SELECT ?1, tenant, transaction_id, 'completed', ?3, ?4, ?5, ?6, ?7, ?8, ?11, ?11 FROM transactions
  WHERE transaction_id = ?2 AND status = 'completed' AND currency = ?9 AND gateway_reference = ?10
    AND reserved_minor + refunded_minor + ?3 <= amount_minor
    AND NOT EXISTS (
      SELECT 1 FROM refunds WHERE transaction_id = ?2
        AND (gateway_reference = ?5 OR (status = 'pending' AND amount_minor = ?3)))`;
// Right after it and its audit entry: nothing of it was promised before.
const TAKE_FROM_BALANCE = `
  UPDATE transactions SET refunded_minor = refunded_minor + ?2,
    status = CASE WHEN refunded_minor + ?2 = amount_minor THEN 'refunded' ELSE status END
  WHERE transaction_id = ?1 AND status = 'completed' AND changes() = 1`;
const FIND_BY_REFERENCE = `
  SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.transaction_id = ?1 AND r.gateway_reference = ?2`;
// One that has not been booked, and that no refund under way makes room for.
const NOTE_UNBOOKED = `
  INSERT INTO unbooked_refunds (transaction_id, gateway_reference, amount_minor, found_at_ms, found_by)
  SELECT transaction_id, ?2, ?3, ?4, ?5 FROM transactions
  WHERE transaction_id = ?1 AND status <> 'pending' AND (status <> 'completed' OR reserved_minor = 0)
    AND NOT EXISTS (SELECT 1 FROM refunds WHERE transaction_id = ?1 AND gateway_reference = ?2)
  ON CONFLICT DO NOTHING`;
const HAS_NOTED = `
  SELECT 1 FROM unbooked_refunds WHERE transaction_id = ?1 AND gateway_reference = ?2 AND found_by = ?3`;

/**
 * Books a refund that the provider has paid without being asked by this service, with its event (invariant 4). Answers with
 * the refund's row, which may have been there before; null where the payment has no room for it, or is not paid. `noted`: whether
 * this attempt was the first to find that there is no room.
 */
export async function writeExternalRefund(
  db: Database,
  booking: ExternalRefundBooking,
): Promise<{ refund: Refund | null; transaction: Transaction | null; told: boolean; noted: boolean }> {
  const { d1 } = db;
  const { refundId, eventId, transactionId, gatewayReference, amountMinor, nowMs } = booking;
  const results = await runBatch(
    db,
    {
      booked: d1
        .prepare(BOOK_EXTERNAL_REFUND)
        .bind(
          refundId,
          transactionId,
          amountMinor,
          booking.reason,
          gatewayReference,
          booking.movedAtMs,
          nowMs,
          booking.nextLookupAtMs,
          booking.currency,
          booking.chargeReference,
          eventId,
        ),
      audited: auditChange(db, transactionId, {
        atMs: nowMs,
        action: 'refund.made_outside',
        subject: refundId,
        outcome: 'completed',
        detail: { amount_minor: amountMinor, currency: booking.currency, gateway_reference: gatewayReference },
      }),
      moved: d1.prepare(TAKE_FROM_BALANCE).bind(transactionId, amountMinor),
      event: newRefundEvent(d1, { eventId, refundId, transactionId, createdAtMs: nowMs }),
      unbooked: d1.prepare(NOTE_UNBOOKED).bind(transactionId, gatewayReference, amountMinor, nowMs, eventId),
      noted: d1.prepare(HAS_NOTED).bind(transactionId, gatewayReference, eventId),
      refund: d1.prepare(FIND_BY_REFERENCE).bind(transactionId, gatewayReference),
      transaction: d1.prepare(FIND_TRANSACTION).bind(transactionId),
      told: hasEvent(d1, eventId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return {
    refund: rowOf<Refund>(results.refund),
    transaction: rowOf<Transaction>(results.transaction),
    told: rowOf(results.told) !== null,
    noted: rowOf(results.noted) !== null,
  };
}

const FIND_REFERENCES = `
  SELECT gateway_reference AS reference FROM refunds WHERE transaction_id = ?1 AND gateway_reference IS NOT NULL
  UNION SELECT gateway_reference FROM unbooked_refunds WHERE transaction_id = ?1`;

/** The provider's names for the refunds of a payment that the ledger has, or that it had no room for. */
export async function findRefundReferences(db: Database, transactionId: string): Promise<Set<string>> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_REFERENCES).bind(transactionId) });
  return new Set(rowsOf<{ reference: string }>(found).map(({ reference }) => reference));
}

/** The refund of a payment that the provider has under this name, or null. */
export async function findRefundByReference(
  db: Database,
  transactionId: string,
  gatewayReference: string,
): Promise<Refund | null> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(FIND_BY_REFERENCE).bind(transactionId, gatewayReference),
  });
  return rowOf<Refund>(found);
}

const REVERSE = `
  UPDATE refunds SET status = 'reversed', error_code = ?2, failure_reason = ?3, failure_cause = ?4,
    next_lookup_at_ms = NULL, written_by = ?5
  WHERE refund_id = ?1 AND status = 'completed'`;

// Right after REVERSE and its audit entry. A payment that is refunded stays so (invariant 6), and a person has to be told.
const RESTORE_BALANCE = `
  UPDATE transactions SET refunded_minor = refunded_minor - ?2
  WHERE transaction_id = ?1 AND status = 'completed' AND changes() = 1`;

/**
 * Writes that the gateway took a refund back after it had been paid: its amount can be refunded again, unless all of
 * the payment had been. Answers with the rows as they stand, and with whether this attempt `wrote` it.
 *
 * @param attemptId of this attempt alone
 */
export async function reverseRefund(
  db: Database,
  refund: Refund,
  failure: Failure,
  nowMs: number,
  attemptId: string,
): Promise<{ refund: Refund; transaction: Transaction; wrote: boolean }> {
  const results = await runBatch(
    db,
    {
      reversed: db.d1.prepare(REVERSE).bind(refund.refundId, failure.code, failure.reason, failure.cause, attemptId),
      audited: auditChange(db, refund.transactionId, {
        atMs: nowMs,
        action: 'refund.reversed',
        subject: refund.refundId,
        outcome: 'reversed',
        detail: { error_code: failure.code },
      }),
      restored: db.d1.prepare(RESTORE_BALANCE).bind(refund.transactionId, refund.amountMinor),
      ...bothRows(db.d1, refund),
      wrote: hasWritten(db.d1, refund.refundId, attemptId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return rowsThatStand(results);
}

function bothRows(d1: D1Database, { refundId, transactionId }: Refund) {
  return {
    refund: d1.prepare(FIND_REFUND).bind(refundId),
    transaction: d1.prepare(FIND_TRANSACTION).bind(transactionId),
  };
}

function hasWritten(d1: D1Database, refundId: string, attemptId: string): D1PreparedStatement {
  return d1.prepare(HAS_WRITTEN).bind(refundId, attemptId);
}

function rowsThatStand(results: Record<'refund' | 'transaction' | 'wrote', D1Result>) {
  const refund = rowOf<Refund>(results.refund);
  const transaction = rowOf<Transaction>(results.transaction);
  if (refund === null || transaction === null) throw new Error('an outcome was recorded for no refund');
  return { refund, transaction, wrote: rowOf(results.wrote) !== null };
}

/** A tenant's refund and the payment that it belongs to, or null; `also` are statements for the same batch. */
export async function findRefund(
  db: Database,
  tenant: string,
  refundId: string,
  also: Statements = {},
): Promise<{ refund: Refund; transaction: Transaction } | null> {
  const results = await runBatch(db, {
    refund: db.d1.prepare(`${FIND_REFUND} AND r.tenant = ?2`).bind(refundId, tenant),
    transaction: db.d1
      .prepare(
        `SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id)
         WHERE r.refund_id = ?1 AND r.tenant = ?2`,
      )
      .bind(refundId, tenant),
    ...also,
  });
  const refund = rowOf<Refund>(results.refund);
  const transaction = rowOf<Transaction>(results.transaction);
  return refund === null || transaction === null ? null : { refund, transaction };
}
