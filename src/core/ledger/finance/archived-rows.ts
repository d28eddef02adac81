/** The same rows from the archive, where they are as the tables had them. */

import type { PaymentMethod } from '../../../contract/requests.ts';
import type { RefundKind, RefundStatus } from '../../domain/transaction.ts';
import type { ArchivedTransaction, StoredRow } from '../archive/archive-transactions.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import type { ExportedPayment, ExportedRefund } from './exported-rows.ts';

export function archivedPayment({ transaction: row }: ArchivedTransaction): ExportedPayment {
  return {
    ...ofPayment(row),
    status: text(row, 'status') as ExportedPayment['status'],
    gatewayReference: textOrNull(row, 'gateway_reference'),
    errorCode: textOrNull(row, 'error_code'),
    amountMinor: number(row, 'amount_minor'),
    refundedMinor: number(row, 'refunded_minor'),
    createdAtMs: number(row, 'created_at_ms'),
    processedAtMs: number(row, 'processed_at_ms'),
  };
}

export function archivedRefunds({ transaction, refunds }: ArchivedTransaction): ExportedRefund[] {
  return refunds.map((row) => {
    const kind = text(row, 'kind') as RefundKind;
    return {
      ...ofPayment(transaction),
      refundId: text(row, 'refund_id'),
      kind: kind === 'requested' && textOrNull(row, 'created_by') !== null ? 'external' : kind,
      status: text(row, 'status') as RefundStatus,
      gatewayReference: textOrNull(row, 'gateway_reference'),
      errorCode: textOrNull(row, 'error_code'),
      reason: text(row, 'reason'),
      amountMinor: number(row, 'amount_minor'),
      createdAtMs: number(row, 'created_at_ms'),
      processedAtMs: numberOrNull(row, 'processed_at_ms'),
      reversedAtMs: numberOrNull(row, 'reversed_at_ms'),
    };
  });
}

function ofPayment(row: StoredRow) {
  return {
    transactionId: text(row, 'transaction_id'),
    tenant: text(row, 'tenant'),
    bookingId: text(row, 'booking_id'),
    gateway: text(row, 'gateway'),
    paymentMethod: text(row, 'payment_method') as PaymentMethod,
    currency: text(row, 'currency'),
  };
}

/** Columns that a migration has added since are missing. */
function textOrNull(row: StoredRow, column: string): string | null {
  const value = row[column] ?? null;
  return value === null ? null : String(value);
}

function numberOrNull(row: StoredRow, column: string): number | null {
  const value = row[column] ?? null;
  if (value !== null && typeof value !== 'number') throw new Error(`${column} of an archived row is not a number`);
  return value;
}

function text(row: StoredRow, column: string): string {
  const value = textOrNull(row, column);
  if (value === null) throw new Error(`an archived row has no ${column}`);
  return value;
}

function number(row: StoredRow, column: string): number {
  const value = numberOrNull(row, column);
  if (value === null) throw new Error(`an archived row has no ${column}`);
  return value;
}

const THERE = 'SELECT transaction_id AS id FROM transactions WHERE transaction_id IN (SELECT value FROM json_each(?1))';

/** Which of these transactions the database has, although the archive has them too: they were restored. */
export async function transactionsThere(db: Database, ids: readonly string[]): Promise<Set<string>> {
  const { there } = await runBatch(db, { there: db.d1.prepare(THERE).bind(JSON.stringify(ids)) });
  return new Set(rowsOf<{ id: string }>(there).map(({ id }) => id));
}
