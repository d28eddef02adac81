/** Records disputes as providers report them. A dispute changes nothing of its payment: the provider decides, and an operator answers. */

import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { DISPUTE_COLUMNS } from '../columns.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { newDisputeEvent, newDisputeReport } from '../outbox/insert-event.ts';

export interface RecordedDispute {
  provider: string;
  disputeId: string;
  transactionId: string;
  status: string;
  reason: string;
  currency: string;
  amountMinor: number;
  openedAtMs: number;
  /** Of the newest report. */
  reportedAtMs: number;
}

/** In lower case. */
export const DECIDED_STATUSES = ['won', 'lost', 'warning_closed', 'prevented', 'resolved'];

/** Nobody can answer the dispute any more. */
export function isDecided(status: string): boolean {
  return DECIDED_STATUSES.includes(status.toLowerCase());
}

// An older event that comes later changes nothing, and neither does the same event again. Providers date events to the second,
// and a dispute can be updated and decided within one: of the same second, an event that decides nothing comes before one that does.
const RECORD = `
  INSERT INTO disputes (provider, dispute_id, tenant, transaction_id, status, reason, currency, amount_minor, opened_at_ms,
    told_at_ms, written_by, told_by, told_entry)
  SELECT ?1, ?2, tenant, transaction_id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ${NEXT_ENTRY} FROM transactions WHERE transaction_id = ?3
  ON CONFLICT DO UPDATE SET status = excluded.status, reason = excluded.reason, currency = excluded.currency,
    amount_minor = excluded.amount_minor, told_at_ms = excluded.told_at_ms, told_by = excluded.told_by, told_entry = excluded.told_entry,
    written_by = CASE WHEN excluded.status = disputes.status THEN disputes.written_by ELSE excluded.written_by END
  WHERE (excluded.told_at_ms, lower(excluded.status) IN (SELECT value FROM json_each(?11)))
      >= (disputes.told_at_ms, lower(disputes.status) IN (SELECT value FROM json_each(?11)))
    AND (excluded.status, excluded.reason, excluded.currency, excluded.amount_minor, excluded.told_at_ms)
      IS NOT (disputes.status, disputes.reason, disputes.currency, disputes.amount_minor, disputes.told_at_ms)`;
const FIND = `
  SELECT ${DISPUTE_COLUMNS}, d.written_by AS writtenBy FROM disputes d
  WHERE provider = ?1 AND dispute_id = ?2 AND transaction_id = ?3`;

/**
 * Records a report of a dispute. Returns the dispute as it is now and whether this attempt `wrote` its status, or null where the
 * payment is not in the ledger.
 *
 * @param attemptId of this attempt alone
 * @param publish whether a status that this attempt writes gets an event, in the same batch and with the attempt's id (invariant 4)
 */
export async function recordDispute(
  db: Database,
  dispute: RecordedDispute,
  nowMs: number,
  attemptId: string,
  publish = false,
): Promise<{ dispute: RecordedDispute; wrote: boolean } | null> {
  const { provider, disputeId, transactionId, status } = dispute;
  const report = { eventId: attemptId, provider, disputeId, transactionId, createdAtMs: nowMs };
  const { standing } = await runBatch(db, {
    recorded: db.d1
      .prepare(RECORD)
      .bind(
        provider,
        disputeId,
        dispute.transactionId,
        dispute.status,
        dispute.reason,
        dispute.currency,
        dispute.amountMinor,
        dispute.openedAtMs,
        dispute.reportedAtMs,
        attemptId,
        JSON.stringify(DECIDED_STATUSES),
      ),
    report: publish ? newDisputeReport(db.d1, report) : null,
    event: publish ? newDisputeEvent(db.d1, report) : null,
    audited: auditFact(db, 'dispute_reported', attemptId, {
      atMs: nowMs,
      action: 'dispute.reported',
      subject: transactionId,
      outcome: status,
      detail: { provider, dispute_id: disputeId },
    }),
    standing: db.d1.prepare(FIND).bind(provider, disputeId, dispute.transactionId),
  });
  const row = rowOf<RecordedDispute & { writtenBy: string | null }>(standing);
  if (row === null) return null;
  const { writtenBy, ...current } = row;
  return { dispute: current, wrote: writtenBy === attemptId };
}
