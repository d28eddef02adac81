/**
 * What an archive gets of a transaction: as an erasure would leave it. So no object has to be found and rewritten when a user is erased, and
 * none needs a key of encryption that was replaced since.
 */

import { FAILURE_REASONS } from '../../domain/failure.ts';
import type { ArchivedTransaction, StoredRow } from './archive-transactions.ts';

/** In place of the user's id. */
const ARCHIVED_USER = 'archived';

export function withoutPersonalData(archived: ArchivedTransaction): ArchivedTransaction {
  const { transaction, refunds, disputes, dispute_reports, unbooked_refunds } = archived;
  return {
    transaction: {
      ...transaction,
      user_id: ARCHIVED_USER,
      user_email: null,
      sealed_email: null,
      sealed_action_url: null,
      sealed_return_url: null,
      failure_reason: ourWords(transaction.failure_reason),
      gateway_intent: code(transaction.gateway_intent) || null,
    },
    refunds: refunds.map((refund) => ({ ...refund, reason: '', failure_reason: ourWords(refund.failure_reason) })),
    disputes: disputes.map(asCodes),
    dispute_reports: dispute_reports.map(asCodes),
    unbooked_refunds,
  };
}

/** Words of a gateway or a provider can have anything in them. */
function ourWords(reason: StoredRow[string] | undefined): string | null {
  return FAILURE_REASONS.includes(String(reason)) ? String(reason) : null;
}

function code(text: StoredRow[string] | undefined): string {
  return typeof text === 'string' && /^[A-Za-z0-9_.-]*$/.test(text) ? text : '';
}

function asCodes(row: StoredRow): StoredRow {
  return { ...row, status: code(row.status), reason: code(row.reason) };
}
