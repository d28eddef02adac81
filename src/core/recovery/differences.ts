/** Compares what the gateway, the ledger and the events say about the same money. Pure: no I/O, no clock. */
import type { EventType } from '../../contract/events.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import { isNoOutcome, type LookUp, type Movement } from '../gateways/gateway.ts';
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';
import { ROW_SLACK_MS, type TimeRange, wasMadeBy } from '../ledger/id-range.ts';
import type { PaymentRecord, RecordedEvent } from '../ledger/read-payment-records.ts';
import { GATEWAY_TIMEOUT_MAX_MS } from '../settings/variables.ts';

/** After so long, retries should have succeeded. */
const PATIENCE_MS = 10 * 60_000;
/** From a row's creation: until its first look-up at the latest, and then the time for more of them. */
export const UNRESOLVED_AFTER_MS = GATEWAY_TIMEOUT_MAX_MS + BATCH_DEADLINE_MS + PATIENCE_MS;
/** From an event's creation, or from its replay. */
export const EVENT_WAITS_TOO_LONG_MS = PATIENCE_MS;

/** An amount in minor units. */
export interface Money {
  amountMinor: number;
  currency: string;
}

export type Difference =
  /** The gateway charged or paid back under an id that no row has. */
  | { kind: 'unknown_charge' | 'unknown_refund'; id: string; reference: string; money: Money; movedAtMs: number }
  /** The gateway moved the money more than once under one id. */
  | { kind: 'moved_twice'; id: string; references: string[] }
  | { kind: 'amount_differs'; id: string; ledger: Money; gateway: Money }
  /** A charge without a payment (invariant 1), which its late refund has not paid back. */
  | { kind: 'charge_of_failed_payment'; transactionId: string; reference: string; money: Money }
  /** The gateway has paid a refund that the ledger has as failed or reversed. */
  | { kind: 'refund_of_failed_row'; refundId: string; status: 'failed' | 'reversed'; reference: string; money: Money }
  /** Pending for too long; `moved` where the gateway lists the money as moved. */
  | { kind: 'unresolved'; id: string; createdAtMs: number; moved: boolean }
  /** Paid back by the ledger; the gateway, or the payer's bank, took it back. */
  | { kind: 'refund_taken_back'; refundId: string; transactionId: string }
  /** Moved by the ledger; `gatewaySays` is what a look-up answered, null where only its list was asked. */
  | { kind: 'charge_missing' | 'refund_missing'; id: string; gatewaySays: LookUp['kind'] | null }
  /** The gateway did not answer. `id` is null where it did not answer for the whole time. */
  | { kind: 'not_compared'; id: string | null; gateway: string; reason: string }
  /** A payment's balance is not the sum of its refunds (invariant 2). */
  | { kind: 'balance_differs'; transactionId: string; currency: string; balance: Balance; refunds: Balance }
  /** An outcome without its event (invariant 4). */
  | { kind: 'event_missing'; id: string; eventType: EventType }
  /** An event that no outcome asks for, or one too many. */
  | { kind: 'event_unfounded'; eventId: string; eventType: EventType; id: string }
  | {
      kind: 'event_waiting';
      eventId: string;
      eventType: EventType;
      createdAtMs: number;
      /** From when it has waited: its creation, or the last time an operator had it sent again. */
      waitingSinceMs: number;
      attempts: number;
      lastError: string | null;
    };

interface Balance {
  refundedMinor: number;
  reservedMinor: number;
}

/** What is compared. */
export interface Evidence {
  /** The movements are those of this time, and of what was made in it. Rows that were made outside of it are expected in no list. */
  range: TimeRange;
  records: readonly PaymentRecord[];
  movements: readonly Movement[];
  /** What the gateway answered about rows that are not among the movements, by their ids. */
  lookUps: ReadonlyMap<string, LookUp>;
  /** Events that were made up to then may have left the database of this payment: that they are not in it is no difference. */
  eventsLeftMs: (transactionId: string) => number;
  /** The same of the payments themselves. */
  transactionsLeftMs: (id: string) => number;
  nowMs: number;
}

/** Every difference, payment by payment, and then the movements that the ledger does not have. */
export function differencesBetween(evidence: Evidence): Difference[] {
  const { range, records, movements, lookUps, eventsLeftMs, transactionsLeftMs, nowMs } = evidence;
  const moved = movementsById(movements);
  const differences: Difference[] = [];
  for (const { transaction, refunds, events, disputeReports } of records) {
    const { transactionId } = transaction;
    const charge = {
      movements: moved.get(transactionId) ?? [],
      lookUp: lookUps.get(transactionId),
      expected: isInRange(transaction, range),
    };
    moved.delete(transactionId);
    differences.push(...ofCharge(transaction, refunds, charge, nowMs));
    for (const refund of refunds) {
      const { refundId, gatewayReference } = refund;
      // An external refund is listed under the provider's own name for it.
      const listedAs = moved.has(refundId) ? refundId : (gatewayReference ?? refundId);
      const payment = {
        movements: moved.get(listedAs) ?? [],
        lookUp: lookUps.get(refundId),
        expected: isInRange(refund, range),
      };
      moved.delete(listedAs);
      differences.push(...ofRefund(refund, transaction, payment, nowMs));
    }
    differences.push(...ofBalance(transaction, refunds));
    differences.push(...ofEvents({ transaction, refunds, events, disputeReports }, eventsLeftMs(transactionId)));
    differences.push(...ofDelivery(events, nowMs));
  }
  for (const [id, [movement]] of moved) {
    if (movement === undefined || movement.status === 'reversed') continue;
    if (mayBeArchived(movement, transactionsLeftMs)) continue;
    const { kind, reference, movedAtMs } = movement;
    differences.push({ kind: `unknown_${kind}`, id, reference, money: moneyOf(movement), movedAtMs });
  }
  return differences;
}

/** Whether the movement may be of a transaction that has left. */
export function mayBeArchived({ id, transactionId }: Movement, transactionsLeftMs: (id: string) => number): boolean {
  const leftMs = transactionsLeftMs(transactionId ?? id);
  return leftMs > 0 && wasMadeBy(transactionId ?? id, leftMs);
}

/** Whether a list of the time's movements should have the row, if its money has moved. */
export function isInRange({ createdAtMs }: Transaction | Refund, { fromMs, toMs }: TimeRange): boolean {
  return createdAtMs >= fromMs - ROW_SLACK_MS && createdAtMs < toMs + ROW_SLACK_MS;
}

/** One for each reference: a movement that is listed twice has moved once, but may have been reversed meanwhile. */
function movementsById(movements: readonly Movement[]): Map<string, Movement[]> {
  const byId = new Map<string, Movement[]>();
  for (const movement of movements) {
    const known = byId.get(movement.id) ?? [];
    const same = known.findIndex(({ reference }) => reference === movement.reference);
    if (same === -1) byId.set(movement.id, [...known, movement]);
    else if (movement.status === 'reversed') known[same] = movement;
  }
  return byId;
}

/** The gateway's account of one row. */
interface Said {
  movements: readonly Movement[];
  /** Of a row that is not among the movements, if it was asked about. */
  lookUp: LookUp | undefined;
  /** Whether the movements should have it. */
  expected: boolean;
}

function ofCharge(transaction: Transaction, refunds: readonly Refund[], said: Said, nowMs: number): Difference[] {
  const { transactionId: id, status, currency, amountMinor, gateway } = transaction;
  const standing = said.movements.filter((movement) => movement.status === 'succeeded');
  const recorded = status === 'completed' || status === 'refunded' ? transaction.gatewayReference : null;
  const found = ofMovements(id, standing, { amountMinor, currency }, said.expected ? null : recorded);
  const reference = referenceOf(standing, said.lookUp);
  switch (status) {
    case 'pending':
      return [...found, ...ofPending(id, transaction, standing, nowMs)];
    case 'failed':
      if (reference !== null && !isPaidBack(refunds, nowMs)) {
        const money = moneyOf(standing[0] ?? transaction);
        found.push({ kind: 'charge_of_failed_payment', transactionId: id, reference, money });
      }
      return [...found, ...ofSilence(id, gateway, said.lookUp)];
    case 'completed':
    case 'refunded':
      return [...found, ...ofSilence(id, gateway, said.lookUp), ...ofAbsence('charge_missing', id, standing, said)];
  }
}

function ofRefund(refund: Refund, transaction: Transaction, said: Said, nowMs: number): Difference[] {
  const { refundId: id, status, amountMinor } = refund;
  const { transactionId, currency, gateway } = transaction;
  const standing = said.movements.filter((movement) => movement.status === 'succeeded');
  const recorded = status === 'completed' ? refund.gatewayReference : null;
  const found = ofMovements(id, standing, { amountMinor, currency }, said.expected ? null : recorded);
  const reference = referenceOf(standing, said.lookUp);
  switch (status) {
    case 'pending':
      return [...found, ...ofPending(id, refund, standing, nowMs)];
    case 'failed':
    case 'reversed':
      if (reference !== null) {
        const money = moneyOf(standing[0] ?? { amountMinor, currency });
        found.push({ kind: 'refund_of_failed_row', refundId: id, status, reference, money });
      }
      return [...found, ...ofSilence(id, gateway, said.lookUp)];
    case 'completed': {
      const takenBack = standing.length === 0 && (said.movements.length > 0 || said.lookUp?.kind === 'declined');
      if (takenBack) return [...found, { kind: 'refund_taken_back', refundId: id, transactionId }];
      return [...found, ...ofSilence(id, gateway, said.lookUp), ...ofAbsence('refund_missing', id, standing, said)];
    }
  }
}

/**
 * @param recorded the reference of what the ledger has as moved, of a row that was made at another time: the list of this time need not have it
 */
function ofMovements(id: string, standing: readonly Movement[], ledger: Money, recorded: string | null): Difference[] {
  const differences: Difference[] = [];
  const listed = standing.map(({ reference }) => reference);
  const references = [...new Set([...(recorded === null || listed.length === 0 ? [] : [recorded]), ...listed])];
  if (references.length > 1) differences.push({ kind: 'moved_twice', id, references });
  for (const movement of standing) {
    if (movement.amountMinor === ledger.amountMinor && movement.currency === ledger.currency) continue;
    differences.push({ kind: 'amount_differs', id, ledger, gateway: moneyOf(movement) });
  }
  return differences;
}

function ofPending(id: string, row: Transaction | Refund, standing: readonly Movement[], nowMs: number): Difference[] {
  const { createdAtMs } = row;
  if (nowMs - unsettledSinceMs(row) <= UNRESOLVED_AFTER_MS) return [];
  return [{ kind: 'unresolved', id, createdAtMs, moved: standing.length > 0 }];
}

/** What waits for its payer, or to be captured, is unsettled only when that time is over, or a step has been begun. */
function unsettledSinceMs(row: Transaction | Refund): number {
  if (!('substate' in row) || row.substate === null) return row.createdAtMs;
  return row.stepAtMs ?? row.expiresAtMs ?? row.createdAtMs;
}

function ofSilence(id: string, gateway: string, lookUp: LookUp | undefined): Difference[] {
  return isNoOutcome(lookUp) ? [{ kind: 'not_compared', id, gateway, reason: lookUp.reason }] : [];
}

/** What the ledger says was moved, and the gateway does not know. */
function ofAbsence(
  kind: 'charge_missing' | 'refund_missing',
  id: string,
  standing: readonly Movement[],
  { lookUp, expected }: Said,
): Difference[] {
  if (standing.length > 0 || lookUp?.kind === 'approved' || isNoOutcome(lookUp)) return [];
  if (lookUp === undefined && !expected) return [];
  return [{ kind, id, gatewaySays: lookUp?.kind ?? null }];
}

function referenceOf([movement]: readonly Movement[], lookUp: LookUp | undefined): string | null {
  if (movement !== undefined) return movement.reference;
  return lookUp?.kind === 'approved' || lookUp?.kind === 'mischarged' ? lookUp.reference : null;
}

/** Whether a late charge has been paid back, or is about to be (invariant 1). */
function isPaidBack(refunds: readonly Refund[], nowMs: number): boolean {
  const late = refunds.find(({ kind }) => kind === 'late_charge');
  if (late?.status === 'pending') return nowMs - late.createdAtMs <= UNRESOLVED_AFTER_MS;
  return late?.status === 'completed';
}

function moneyOf({ amountMinor, currency }: Money): Money {
  return { amountMinor, currency };
}

function ofBalance(transaction: Transaction, refunds: readonly Refund[]): Difference[] {
  const { transactionId, currency, status, refundedMinor, reservedMinor } = transaction;
  const sumOf = (wanted: Refund['status']) =>
    refunds
      .filter((refund) => refund.kind === 'requested' && refund.status === wanted)
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const paidMinor = sumOf('completed');
  // A payment stays refunded, and its balance with it, when refunds are taken back afterwards; those before were restored.
  const paidAtMostMinor = status === 'refunded' ? paidMinor + sumOf('reversed') : paidMinor;
  const promisedMinor = sumOf('pending');
  if (refundedMinor >= paidMinor && refundedMinor <= paidAtMostMinor && reservedMinor === promisedMinor) return [];
  const balance = { refundedMinor, reservedMinor };
  const sums = { refundedMinor: paidMinor, reservedMinor: promisedMinor };
  return [{ kind: 'balance_differs', transactionId, currency, balance, refunds: sums }];
}

/**
 * One event for each payment that has ended, for each requested refund that was paid, and for each status of a dispute that was to
 * be published, and no other (invariant 4).
 */
function ofEvents({ transaction, refunds, events, disputeReports }: PaymentRecord, eventsLeftMs: number): Difference[] {
  const owed = new Map<string, EventType>();
  const mayHaveLeft = new Set<string>();
  const owe = (id: string, eventType: EventType, madeAtMs: number | null) => {
    owed.set(id, eventType);
    if (madeAtMs !== null && madeAtMs <= eventsLeftMs) mayHaveLeft.add(id);
  };
  if (transaction.status !== 'pending') {
    const eventType = transaction.status === 'failed' ? 'payment.failed' : 'payment.success';
    owe(transaction.transactionId, eventType, transaction.processedAtMs);
  }
  for (const { refundId, kind, status, processedAtMs } of refunds) {
    const isPublished = kind === 'requested' && (status === 'completed' || status === 'reversed');
    if (isPublished) owe(refundId, 'payment.refund', processedAtMs);
  }
  for (const { eventId, reportedAtMs } of disputeReports) owe(eventId, 'payment.dispute', reportedAtMs);
  const differences: Difference[] = [];
  for (const { eventId, eventType, transactionId, refundId } of events) {
    const id = eventType === 'payment.dispute' ? eventId : (refundId ?? transactionId);
    if (owed.get(id) === eventType) owed.delete(id);
    else differences.push({ kind: 'event_unfounded', eventId, eventType, id });
  }
  for (const [id, eventType] of owed) {
    if (!mayHaveLeft.has(id)) differences.push({ kind: 'event_missing', id, eventType });
  }
  return differences;
}

function ofDelivery(events: readonly RecordedEvent[], nowMs: number): Difference[] {
  return events
    .filter(({ deliveredAtMs }) => deliveredAtMs === null)
    .map(({ eventId, eventType, createdAtMs, replayedAtMs, attempts, lastError }) => ({
      kind: 'event_waiting' as const,
      eventId,
      eventType,
      createdAtMs,
      waitingSinceMs: replayedAtMs ?? createdAtMs,
      attempts,
      lastError,
    }))
    .filter(({ waitingSinceMs }) => nowMs - waitingSinceMs > EVENT_WAITS_TOO_LONG_MS);
}
