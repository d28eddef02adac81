/** What a dispute says of a refund before it is ordered: only what the provider really refuses. */
import { expect, it } from 'vitest';
import { refundableText, whyRefundRefused } from '../../src/cli/dispute-facts.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';

const payment = (refundedMinor = 0) =>
  ({ status: 'completed', currency: 'USD', amountMinor: 2550, refundedMinor, reservedMinor: 0 }) as Transaction;

const dispute = (provider: string, status: string) => ({
  ...{ provider, status, disputeId: 'du_1', transactionId: 'TXN-1', reason: 'fraudulent' },
  ...{ currency: 'USD', amountMinor: 2550, openedAtMs: 0, reportedAtMs: 0 },
});

it.each([
  ['stripe', 'needs_response', 'nothing: Stripe refuses refunds of a disputed payment'],
  ['stripe', 'under_review', 'nothing: Stripe refuses refunds of a disputed payment'],
  ['stripe', 'lost', 'nothing: Stripe refuses refunds of a payment whose dispute is lost'],
  ['stripe', 'warning_needs_response', '25.50 USD'],
  ['stripe', 'won', '25.50 USD'],
  ['paypal', 'OPEN', '25.50 USD, only in full: PayPal refuses partial refunds of a disputed payment'],
  ['paypal', 'REVERSED', 'nothing: PayPal has reversed the payment, so the payer has the money back'],
  ['paypal', 'RESOLVED', '25.50 USD'],
])('a dispute of %s that is %s leaves to refund: %s', (provider, status, shown) => {
  expect(refundableText(payment(), [dispute(provider, status)])).toBe(shown);
});

it('after a partial refund, what is left is a part as well', () => {
  expect(refundableText(payment(1000), [dispute('paypal', 'OPEN')])).toBe(
    'nothing: PayPal refuses partial refunds of a disputed payment',
  );
});

it('an open dispute counts beside a decided one, and without any nothing is refused', () => {
  const disputes = [dispute('stripe', 'won'), dispute('stripe', 'needs_response')];
  expect(whyRefundRefused(disputes, payment(), 100)).toBe('Stripe refuses refunds of a disputed payment');
  expect(whyRefundRefused([], payment(), 100)).toBeNull();
});
