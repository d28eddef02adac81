/** What a log line about the outcome of a payment says of it. A claim logs nothing: the audit log has the attempt. */

import type { Transaction } from '../domain/transaction.ts';
import type { LogFields } from '../log.ts';

export function loggedPayment(transaction: Transaction): LogFields {
  return {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    amount_minor: transaction.amountMinor,
    currency: transaction.currency,
    payment_method: transaction.paymentMethod,
    gateway: transaction.gateway,
  };
}
