/** Records how a pending payment ended, or that a failed one was charged after all. */
import type { Outcome, Transaction } from '../domain/transaction.ts';
import { recordPayment } from '../outcomes/record-payment.ts';
import { type Asking, type Resolution, WAITS } from './resolution.ts';

export async function endPayment({ context }: Asking, transaction: Transaction, outcome: Outcome): Promise<Resolution> {
  const recorded = await recordPayment(context, transaction, outcome);
  if (recorded.transaction.status === 'pending') return WAITS;
  return { kind: 'ended', event: recorded.event, lateRefundId: recorded.lateRefund?.refundId ?? null };
}
