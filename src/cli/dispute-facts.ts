/**
 * What a person should know of a payment's disputes before a refund. The service records disputes and sends a refund all the same: the
 * provider decides, so that these are warnings.
 */
import { refundableMinor, type Transaction } from '../core/domain/transaction.ts';
import { isDecided, type RecordedDispute } from '../core/ledger/payments/record-dispute.ts';
import { moneyText } from './output-of-payments.ts';

type Facts = (readonly [name: string, value: string])[];

export function disputeFacts(disputes: readonly RecordedDispute[]): Facts {
  return disputes.map(({ disputeId, status, reason, amountMinor, currency }) => [
    'dispute',
    `${disputeId} ${status}: ${reason}, ${moneyText(amountMinor, currency)}`,
  ]);
}

/**
 * Why the provider refuses a refund of this amount; null where no dispute prevents it.
 *
 * - Stripe refuses every refund of a disputed charge (`charge_disputed`), also once the dispute is lost. An inquiry, whose status begins with
 *   `warning_`, prevents none: a refund is one way to answer it.
 * - PayPal refuses partial refunds while a case is open (`TRANSACTION_DISPUTED`).
 */
export function whyRefundRefused(
  disputes: readonly RecordedDispute[],
  { amountMinor: paidMinor }: Transaction,
  amountMinor: number,
): string | null {
  for (const { provider, status } of disputes) {
    const state = status.toLowerCase();
    if (state === 'lost') return 'Stripe refuses refunds of a payment whose dispute is lost';
    if (state === 'reversed') return 'PayPal has reversed the payment, so the payer has the money back';
    if (isDecided(state) || state.startsWith('warning_')) continue;
    if (provider === 'stripe') return 'Stripe refuses refunds of a disputed payment';
    if (provider === 'paypal' && amountMinor < paidMinor) return 'PayPal refuses partial refunds of a disputed payment';
  }
  return null;
}

/** What can be refunded of a completed payment, as its disputes leave it. */
export function refundableText(payment: Transaction, disputes: readonly RecordedDispute[]): string {
  const leftMinor = refundableMinor(payment);
  const left = moneyText(leftMinor, payment.currency);
  if (leftMinor === 0) return left;
  const why = whyRefundRefused(disputes, payment, leftMinor);
  if (why !== null) return `nothing: ${why}`;
  const whyNoPart = whyRefundRefused(disputes, payment, 0);
  return whyNoPart === null ? left : `${left}, only in full: ${whyNoPart}`;
}
