/** One payment's story: all that is recorded of it, in order of time, with who did it by the audit log. */
import type { HistoryType } from '../../contract/search-responses.ts';
import { gatewayKind } from '../domain/gateway-kind.ts';
import { decimalAmount } from '../domain/money.ts';
import { isIdentifier, shownStatus } from '../domain/transaction.ts';
import type { BlockCodec } from '../ledger/audit/hash-chain.ts';
import { audit } from '../ledger/audit/insert-entry.ts';
import type { Database, Statements } from '../ledger/database.ts';
import { findRefunds } from '../ledger/read-payment-records.ts';
import { auditEntriesNumbered, readPaymentStory, type StoryRows } from '../ledger/read-payment-story.ts';

export interface HistoryEntry {
  atMs: number;
  type: HistoryType;
  /** The payment, refund, dispute, event or webhook that it happened to. */
  id: string;
  /** Null where the audit log does not say, or has left for the archive. */
  actor: string | null;
  requestId: string | null;
  auditEntry: number | null;
  /** Under the names of the API, amounts as decimals. */
  detail: Readonly<Record<string, string | number | null>>;
}

export interface PaymentStory extends StoryRows {
  /** Oldest first. */
  history: HistoryEntry[];
}

export interface StoryReading {
  /** Null: of whichever organisation it is. */
  tenant: string | null;
  nowMs: number;
  unpack: BlockCodec['unpack'];
}

/**
 * @param db in which the payment has its place
 * @param id of a payment, or of one of its refunds
 * @returns null where there is no such payment
 * @throws LedgerUnavailable
 */
export async function readStory(
  db: Database,
  id: string,
  { tenant, nowMs, unpack }: StoryReading,
): Promise<PaymentStory | null> {
  const transactionId = await paymentOf(db, id);
  if (transactionId === null) return null;
  const rows = await readPaymentStory(db, tenant, transactionId, readAudit(db, tenant, transactionId, nowMs));
  if (rows === null) return null;
  const facts = factsOf(rows);
  const numbers = facts.flatMap(({ entry }) => entry ?? []);
  const entries = await auditEntriesNumbered(db, numbers, unpack);
  const history = facts.map(({ entry, ...fact }): HistoryEntry => {
    const audited = entry === null ? undefined : entries.get(entry);
    return {
      ...fact,
      actor: fact.actor ?? audited?.actor ?? null,
      requestId: audited?.request_id ?? null,
      auditEntry: entry,
    };
  });
  return { ...rows, history };
}

async function paymentOf(db: Database, id: string): Promise<string | null> {
  if (isIdentifier(id, 'TXN-')) return id;
  if (!isIdentifier(id, 'REF-')) return null;
  const [refund] = await findRefunds(db, [id]);
  return refund?.transactionId ?? null;
}

/** Reads of an admin are audited, in the batch that reads. */
function readAudit(db: Database, tenant: string | null, transactionId: string, nowMs: number): Statements {
  if (!db.author.isAdmin) return {};
  const entry = { atMs: nowMs, action: 'payment.read', subject: transactionId, outcome: 'read' } as const;
  return { audited: audit(db, tenant ?? '*', entry) };
}

/** Something that a row says. `entry` is the number of the entry in the audit log that reports it. */
interface Fact extends Pick<HistoryEntry, 'atMs' | 'type' | 'id' | 'detail'> {
  entry: number | null;
  actor: string | null;
}

/**
 * In order of time; what happened within one millisecond, in the order in which it is written. A provider's times are whole seconds, rounded
 * down: a dispute is not before what it is about.
 */
function factsOf(rows: StoryRows): Fact[] {
  const { createdAtMs, processedAtMs } = rows.payment;
  const orderMs = ({ type, atMs }: Fact) =>
    type.startsWith('dispute.') ? Math.max(atMs, processedAtMs ?? createdAtMs) : atMs;
  const facts = [
    ...factsOfPayment(rows),
    ...rows.refunds.flatMap((refund) => factsOfRefund(refund, rows.payment.currency)),
    ...factsOfOthers(rows),
    ...factsOfEvents(rows),
  ];
  return facts.toSorted((a, b) => orderMs(a) - orderMs(b));
}

/** None where it has not happened, so that it has no time. */
function fact(
  atMs: number | null,
  type: HistoryType,
  id: string,
  entry: number | null = null,
  detail: Fact['detail'] = {},
): Fact[] {
  return atMs === null ? [] : [{ atMs, type, id, entry, detail, actor: null }];
}

function factsOfPayment({ payment, otherAttempts }: StoryRows): Fact[] {
  const { transactionId: id, currency, amountMinor, step, stepAtMs, status } = payment;
  return [
    ...fact(payment.createdAtMs, 'payment.attempted', id, payment.attemptedEntry, {
      amount: decimalAmount(amountMinor, currency),
      payment_method: payment.paymentMethod,
      gateway: gatewayKind(payment.gateway),
    }),
    ...fact(payment.challengedAtMs, 'payment.challenged', id, payment.challengedEntry),
    ...fact(payment.authorizedAtMs, 'payment.authorized', id, payment.substateEntry, {
      authorization_reference: payment.authorizationReference,
    }),
    ...(step === null ? [] : fact(stepAtMs, `payment.${step}_begun`, id, payment.stepEntry)),
    ...fact(payment.undeterminedAtMs, 'payment.outcome_undetermined', id),
    // The reference of a payment that has failed is that of a charge that turned up later.
    ...(status === 'failed'
      ? fact(payment.processedAtMs, 'payment.failed', id, payment.endedEntry, failureOf(payment))
      : fact(payment.processedAtMs, 'payment.completed', id, payment.endedEntry, {
          gateway_reference: payment.gatewayReference,
        })),
    ...otherAttempts.flatMap((attempt) =>
      fact(attempt.createdAtMs, 'booking.attempted', attempt.transactionId, null, { status: shownStatus(attempt) }),
    ),
  ];
}

function factsOfRefund(refund: StoryRows['refunds'][number], currency: string): Fact[] {
  const { refundId: id, status, shownKind: kind, gatewayReference: gateway_reference } = refund;
  const isReversed = status === 'reversed';
  const asked = { amount: decimalAmount(refund.amountMinor, currency), kind };
  // The provider reported it: nobody has asked for it here.
  const isExternal = kind === 'external';
  // The row has the entry of its last status.
  const endedEntry = isReversed ? null : refund.writtenEntry;
  return [
    ...(isExternal ? [] : fact(refund.createdAtMs, 'refund.attempted', id, refund.createdEntry, asked)),
    ...fact(refund.undeterminedAtMs, 'refund.outcome_undetermined', id),
    ...(status === 'failed'
      ? fact(refund.processedAtMs, 'refund.failed', id, endedEntry, {
          ...failureOf(refund),
          // The gateway has paid it after all.
          ...(gateway_reference !== null && { paid_as: gateway_reference }),
        })
      : fact(refund.processedAtMs, 'refund.completed', id, endedEntry, {
          ...(isExternal && asked),
          gateway_reference,
        })),
    // Former versions have not written the time.
    ...(isReversed
      ? fact(refund.reversedAtMs ?? refund.processedAtMs, 'refund.reversed', id, refund.writtenEntry, failureOf(refund))
      : []),
  ];
}

function failureOf({ errorCode, failureReason }: { errorCode: string | null; failureReason: string | null }) {
  return { error_code: errorCode, error_message: failureReason };
}

function factsOfOthers({
  payment,
  unbookedRefunds,
  disputes,
  disputeReports,
  webhooks,
  resolutions,
}: StoryRows): Fact[] {
  return [
    ...unbookedRefunds.flatMap(({ reference, amountMinor, foundAtMs }) =>
      fact(foundAtMs, 'refund.unbooked', reference, null, { amount: decimalAmount(amountMinor, payment.currency) }),
    ),
    ...disputes.flatMap(({ disputeId, provider, reason, status, openedAtMs, reportedAtMs, ...dispute }) => [
      ...fact(openedAtMs, 'dispute.opened', disputeId, null, {
        provider,
        reason,
        amount: decimalAmount(dispute.amountMinor, dispute.currency),
      }),
      ...fact(reportedAtMs, 'dispute.reported', disputeId, dispute.toldEntry, { status }),
    ]),
    // The newest status is in the dispute itself.
    ...disputeReports
      .filter((report) => !disputes.some((dispute) => isNewestReport(dispute, report)))
      .flatMap(({ disputeId, status, reportedAtMs }) =>
        fact(reportedAtMs, 'dispute.reported', disputeId, null, { status }),
      ),
    ...webhooks.flatMap(({ provider, eventId, type, subject, receivedAtMs }) =>
      fact(receivedAtMs, 'webhook.handled', eventId, null, { provider, type, about: subject }),
    ),
    ...resolutions.flatMap(({ subject, reason, resolvedBy, resolvedAtMs }) =>
      fact(resolvedAtMs, 'resolution.recorded', subject, null, { reason }).map((one) => ({
        ...one,
        actor: resolvedBy,
      })),
    ),
  ];
}

function isNewestReport(
  dispute: StoryRows['disputes'][number],
  { disputeId, status, reportedAtMs }: StoryRows['disputeReports'][number],
): boolean {
  return dispute.disputeId === disputeId && dispute.status === status && dispute.reportedAtMs === reportedAtMs;
}

function factsOfEvents({ events }: StoryRows): Fact[] {
  return events.flatMap(({ eventId, eventType, createdAtMs, replayedAtMs, deliveredAtMs, attempts, refundId }) => [
    ...fact(createdAtMs, 'event.written', eventId, null, {
      event_type: eventType,
      ...(refundId && { refund: refundId }),
    }),
    ...fact(replayedAtMs, 'event.replayed', eventId),
    ...fact(deliveredAtMs, 'event.delivered', eventId, null, { attempts }),
  ]);
}
