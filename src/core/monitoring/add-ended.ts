/** Adds what has ended to the counts of each metric that it concerns. */

import { add } from '../ledger/metrics/add-counts.ts';
import type { Counted, Counts } from '../ledger/metrics/measured.ts';
import type { Ended } from '../ledger/metrics/read-ended.ts';

/** What one group of rows adds: a number to a metric, with the values of its labels in their order. */
type Added = [metric: Counted, labels: readonly string[], number: number];

export function addEnded(counts: Counts, ended: Ended): void {
  for (const [metric, labels, number] of addedBy(ended)) add(counts, metric, labels, number);
}

function addedBy(ended: Ended): Added[] {
  const { what, gateway, count, amountMinor } = ended;
  switch (what) {
    case 'payment.success':
    case 'payment.failed':
      return gateway === null ? [] : addedByPayment(ended, gateway);
    case 'payment.refund':
      if (gateway === null) return [];
      return [
        ['refunds', ['completed', gateway, ''], count],
        ['refunded_minor', [ended.currency ?? '', gateway], amountMinor ?? 0],
        ...gatewayTime(ended, gateway, 'refund'),
      ];
    case 'refund.failed':
      if (gateway === null) return [];
      return [['refunds', ['failed', gateway, ended.errorCode ?? ''], count], ...gatewayTime(ended, gateway, 'refund')];
    case 'dispute.reported':
      return [['disputes', [ended.provider ?? '', ended.status ?? ''], count]];
    case 'payment.dispute':
      // The event of a report that has an entry of its own.
      return [];
  }
}

function addedByPayment(ended: Ended, gateway: string): Added[] {
  const { count, processingLe, challenge } = ended;
  const hasCompleted = ended.what === 'payment.success';
  const labels = [hasCompleted ? 'completed' : 'failed', ended.paymentMethod ?? '', gateway, ended.errorCode ?? ''];
  const added: Added[] = [['payments', labels, count], ...gatewayTime(ended, gateway, 'charge')];
  if (hasCompleted) added.push(['captured_minor', [ended.currency ?? '', gateway], ended.amountMinor ?? 0]);
  if (challenge !== null) added.push(['challenges', [challenge], count]);
  if (processingLe !== null) {
    added.push(['processing_ms', [gateway, processingLe], count]);
    added.push(['processing_ms_sum', [gateway], ended.processingMs ?? 0]);
  }
  return added;
}

function gatewayTime({ count, gatewayLe, gatewayMs }: Ended, gateway: string, operation: 'charge' | 'refund'): Added[] {
  if (gatewayLe === null) return [];
  return [
    ['gateway_ms', [gateway, operation, gatewayLe], count],
    ['gateway_ms_sum', [gateway, operation], gatewayMs ?? 0],
  ];
}
