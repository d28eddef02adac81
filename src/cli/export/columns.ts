/** What a row of each export has, in CSV and in JSON. No user ids and no addresses; reasons of refunds, which may name people, on request. */
import { isoSeconds, timeOrNull } from '../../core/domain/timestamp.ts';
import {
  capturedMinor,
  type ExportedPayment,
  type ExportedRefund,
  movementsOf,
} from '../../core/ledger/finance/exported-rows.ts';
import type { TimeRange } from '../../core/ledger/id-range.ts';
import { inSnakeCase } from '../output.ts';
import type { Cell, Columns } from './csv.ts';
import { netMinor, type SettlementLine } from './settlement.ts';

/** Prints the rows of an export either way. */
export interface Layout<Row> {
  columns: Columns<Row>;
  /** As the API would name it, with amounts in minor units. */
  forPrograms(row: Row): unknown;
}

const amount = (minor: number, { currency }: { currency: string }): Cell => ({ minor, currency });

export const PAYMENTS: Layout<ExportedPayment> = {
  columns: [
    ['transaction_id', (row) => row.transactionId],
    ['tenant', (row) => row.tenant],
    ['booking_id', (row) => row.bookingId],
    ['status', (row) => row.status],
    ['payment_method', (row) => row.paymentMethod],
    ['gateway', (row) => row.gateway],
    ['gateway_reference', (row) => row.gatewayReference],
    ['currency', (row) => row.currency],
    ['amount', (row) => amount(row.amountMinor, row)],
    ['captured_amount', (row) => amount(capturedMinor(row), row)],
    ['refunded_amount', (row) => amount(row.refundedMinor, row)],
    ['error_code', (row) => row.errorCode],
    ['created_at', (row) => isoSeconds(row.createdAtMs)],
    ['processed_at', (row) => isoSeconds(row.processedAtMs)],
  ],
  forPrograms: (row) => inSnakeCase({ ...row, capturedMinor: capturedMinor(row) }),
};

export function refundsLayout(range: TimeRange, withReasons: boolean): Layout<ExportedRefund> {
  const moved = (row: ExportedRefund) => {
    const { chargedAtMs, refundedAtMs, reversedAtMs } = movementsOf(row, range);
    const ifMoved = (timeMs: number | null) => (timeMs === null ? 0 : row.amountMinor);
    return {
      chargedMinor: ifMoved(chargedAtMs),
      refundedMinor: ifMoved(refundedAtMs),
      reversedMinor: ifMoved(reversedAtMs),
    };
  };
  return {
    columns: [
      ['refund_id', (row) => row.refundId],
      ['transaction_id', (row) => row.transactionId],
      ['tenant', (row) => row.tenant],
      ['booking_id', (row) => row.bookingId],
      ['kind', (row) => row.kind],
      ['status', (row) => row.status],
      ['payment_method', (row) => row.paymentMethod],
      ['gateway', (row) => row.gateway],
      ['gateway_reference', (row) => row.gatewayReference],
      ['currency', (row) => row.currency],
      ['amount', (row) => amount(row.amountMinor, row)],
      ['charged_amount', (row) => amount(moved(row).chargedMinor, row)],
      ['refunded_amount', (row) => amount(moved(row).refundedMinor, row)],
      ['reversed_amount', (row) => amount(moved(row).reversedMinor, row)],
      ['error_code', (row) => row.errorCode],
      ['created_at', (row) => isoSeconds(row.createdAtMs)],
      ['processed_at', (row) => timeOrNull(row.processedAtMs)],
      ['reversed_at', (row) => timeOrNull(row.reversedAtMs)],
      ...(withReasons ? ([['reason', (row) => row.reason]] as Columns<ExportedRefund>) : []),
    ],
    forPrograms({ reason, ...row }) {
      return inSnakeCase({ ...row, ...moved({ reason, ...row }), ...(withReasons && { reason }) });
    },
  };
}

export const SETTLEMENT: Layout<SettlementLine> = {
  columns: [
    ['date', (line) => line.day],
    ['gateway', (line) => line.gateway],
    ['payment_method', (line) => line.paymentMethod],
    ['currency', (line) => line.currency],
    ['captured_count', (line) => line.captured.count],
    ['captured_amount', (line) => amount(line.captured.minor, line)],
    ['refunded_count', (line) => line.refunded.count],
    ['refunded_amount', (line) => amount(line.refunded.minor, line)],
    ['reversed_count', (line) => line.reversed.count],
    ['reversed_amount', (line) => amount(line.reversed.minor, line)],
    ['late_charged_count', (line) => line.lateCharged.count],
    ['late_charged_amount', (line) => amount(line.lateCharged.minor, line)],
    ['late_refunded_count', (line) => line.lateRefunded.count],
    ['late_refunded_amount', (line) => amount(line.lateRefunded.minor, line)],
    ['net_amount', (line) => amount(netMinor(line), line)],
  ],
  forPrograms: (line) => ({
    date: line.day,
    gateway: line.gateway,
    payment_method: line.paymentMethod,
    currency: line.currency,
    captured_count: line.captured.count,
    captured_minor: line.captured.minor,
    refunded_count: line.refunded.count,
    refunded_minor: line.refunded.minor,
    reversed_count: line.reversed.count,
    reversed_minor: line.reversed.minor,
    late_charged_count: line.lateCharged.count,
    late_charged_minor: line.lateCharged.minor,
    late_refunded_count: line.lateRefunded.count,
    late_refunded_minor: line.lateRefunded.minor,
    net_minor: netMinor(line),
  }),
};
