/**
 * Records the outcome that a person has found at the provider, of a payment or refund whose outcome the gateway cannot determine: with its
 * event, and guarded as any other outcome. It is recorded once, whoever comes first. A charge that turns up of a payment which was recorded as
 * failed is refunded like any late charge (invariant 1): the gateway is asked for it again, in case the person was wrong.
 */
import { failureBecause } from '../domain/failure.ts';
import { isWaiting, type Outcome, type Refund, type Transaction } from '../domain/transaction.ts';
import { auditOrder } from '../ledger/by-hand/audit-order.ts';
import type { FoundPayment, FoundRefund } from '../ledger/by-hand/find-by-id.ts';
import { keepReason } from '../ledger/by-hand/resolutions.ts';
import type { D1PreparedStatement } from '../ledger/d1.ts';
import type { Database } from '../ledger/database.ts';
import { recordPaymentOutcome } from '../ledger/payments/record-payment-outcome.ts';
import { recordRefundOutcome } from '../ledger/refunds/record-refund-outcome.ts';
import { asDecidedHere } from '../outcomes/decided-outcome.ts';
import { failedChargeFollowUpMs, paidRefundFollowUpMs } from '../outcomes/look-up-schedule.ts';

/** What the person has found. `reference` is the provider's name for the charge or the refund. */
export type Verdict = { as: 'completed'; reference: string } | { as: 'failed' };

export type RecordedByHand =
  /** `eventId`: null where such an outcome has no event. */
  | { kind: 'recorded'; row: Transaction | Refund; eventId: string | null }
  /** It had ended before, or ended meanwhile, and stays what it is. */
  | { kind: 'ended_before'; row: Transaction | Refund }
  /** What the payment waits for has been found out meanwhile: whoever decides has to look again. */
  | { kind: 'changed' }
  /** The gateway may still answer: a look-up decides. */
  | { kind: 'not_undetermined' };

export interface ByHand {
  verdict: Verdict;
  reason: string;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  nowMs: number;
}

export async function recordByHand(
  db: Database,
  found: FoundPayment | FoundRefund,
  byHand: ByHand,
): Promise<RecordedByHand> {
  const row = found.kind === 'payment' ? found.transaction : found.refund;
  if (row.status !== 'pending') return { kind: 'ended_before', row };
  // It stays undetermined until it has ended, or is found to wait: then it is captured or voided.
  const waits = found.kind === 'payment' && isWaiting(found.transaction);
  if (found.undeterminedAtMs === null || waits) return { kind: 'not_undetermined' };
  const { verdict, reason, eventId, nowMs } = byHand;
  const id = found.kind === 'payment' ? found.transaction.transactionId : found.refund.refundId;
  await auditOrder(db, row.tenant, {
    atMs: nowMs,
    action: 'outcome.resolved',
    subject: id,
    detail: { as: verdict.as, ...(verdict.as === 'completed' && { gateway_reference: verdict.reference }) },
  });
  const why = keepReason(db, { id, reason, atMs: nowMs }, eventId);
  return found.kind === 'payment'
    ? recordPaymentByHand(db, found.transaction, byHand, why)
    : recordRefundByHand(db, found.refund, byHand, why);
}

async function recordPaymentByHand(
  db: Database,
  pending: Transaction,
  { verdict, eventId, nowMs }: ByHand,
  why: D1PreparedStatement,
): Promise<RecordedByHand> {
  const { transaction, wroteEvent } = await recordPaymentOutcome(db, {
    transactionId: pending.transactionId,
    eventId,
    result: asDecidedHere(pending, outcomeOf(verdict)),
    decidedBy: pending,
    processedAtMs: nowMs,
    nextLookupAtMs: verdict.as === 'failed' ? failedChargeFollowUpMs(nowMs, nowMs) : null,
    byHand: why,
  });
  if (transaction.status === 'pending') return { kind: 'changed' };
  return wroteEvent ? { kind: 'recorded', row: transaction, eventId } : { kind: 'ended_before', row: transaction };
}

async function recordRefundByHand(
  db: Database,
  pending: Refund,
  { verdict, eventId, nowMs }: ByHand,
  why: D1PreparedStatement,
): Promise<RecordedByHand> {
  const { refund, wrote, wroteEvent } = await recordRefundOutcome(db, {
    refund: pending,
    eventId,
    result: outcomeOf(verdict),
    processedAtMs: nowMs,
    nextLookupAtMs: verdict.as === 'completed' ? paidRefundFollowUpMs(nowMs, nowMs) : null,
    byHand: why,
  });
  return wrote
    ? { kind: 'recorded', row: refund, eventId: wroteEvent ? eventId : null }
    : { kind: 'ended_before', row: refund };
}

/** A failure of which only a person knows more: callers may try again. */
function outcomeOf(verdict: Verdict): Outcome {
  return verdict.as === 'completed'
    ? { status: 'completed', gatewayReference: verdict.reference }
    : { status: 'failed', failure: failureBecause('gateway_error') };
}
