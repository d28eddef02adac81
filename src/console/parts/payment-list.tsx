/** Payments, as a search lists them. */
import type { FoundTransaction } from '../../contract/search-responses.ts';
import { amountText } from '../text/amount.ts';
import { addressOfPayment } from '../text/route.ts';
import { cardText, failureName, gatewayText, methodText, paymentStatus } from '../text/words.ts';
import { Amount, Id, Pill, Time } from './basics.tsx';
import { type Column, Table } from './table.tsx';

const COLUMNS: readonly Column<FoundTransaction>[] = [
  {
    name: 'Booking',
    leads: true,
    cell: (payment) => (
      <>
        <a href={addressOfPayment(payment.transaction_id)}>
          <Id>{payment.booking_id}</Id>
        </a>
        <span class="below">{payment.transaction_id}</span>
      </>
    ),
  },
  {
    name: 'Amount',
    numeric: true,
    cell: ({ amount, currency, refunded_amount, status }) => (
      <>
        <Amount of={amount} currency={currency} />
        {refunded_amount > 0 && status !== 'refunded' && (
          <span class="below">{amountText(refunded_amount, currency)} refunded</span>
        )}
      </>
    ),
  },
  {
    name: 'Status',
    cell: (payment) => (
      <>
        <Pill {...paymentStatus(payment)} />
        {payment.error_code && <span class="below">{failureName(payment.error_code)}</span>}
      </>
    ),
  },
  {
    name: 'Method',
    cell: (payment) => (
      <>
        {cardText(payment) ?? methodText(payment.payment_method)}
        <span class="below">{gatewayText(payment.gateway)}</span>
      </>
    ),
  },
  { name: 'User', cell: ({ user_id }) => <Id>{user_id}</Id> },
  { name: 'Created', cell: ({ created_at }) => <Time at={created_at} /> },
];

export function PaymentList({ payments, caption }: { payments: readonly FoundTransaction[]; caption: string }) {
  return <Table caption={caption} columns={COLUMNS} rows={payments} keyOf={({ transaction_id }) => transaction_id} />;
}
