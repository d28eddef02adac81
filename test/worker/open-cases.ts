/** What needs a person, of each kind, written past the service. */
import { env } from 'cloudflare:workers';
import { ulid } from 'ulid';
import { newBooking } from './request.ts';

export interface OpenCaseOfTest {
  /** As the list names it. */
  subject: string;
  transactionId: string;
  bookingId: string;
}

const LATER_MS = 4_000_000_000_000;

async function insert(table: string, row: Record<string, string | number | null>): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `?${index + 1}`);
  await env.DB.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places.join(', ')})`)
    .bind(...Object.values(row))
    .run();
}

async function payment(row: Record<string, string | number | null>): Promise<OpenCaseOfTest> {
  const [transactionId, bookingId] = [`TXN-${ulid()}`, newBooking()];
  await insert('transactions', {
    transaction_id: transactionId,
    tenant: 'default',
    booking_id: bookingId,
    user_id: 'user_123',
    currency: 'USD',
    amount_minor: 2_550,
    payment_method: 'credit_card',
    gateway: 'sandbox',
    created_at_ms: Date.now() - 3_600_000,
    ...row,
  });
  return { subject: transactionId, transactionId, bookingId };
}

const PENDING = { status: 'pending', next_lookup_at_ms: LATER_MS };

/** Pending, and the gateway cannot say how it ended. */
export const undeterminedPayment = (tenant = 'default') =>
  payment({ tenant, ...PENDING, undetermined_at_ms: Date.now() - 60_000 });

/** Pending, and the gateway can still say how it ended. */
export const pendingPayment = () => payment(PENDING);

/** Of which the money is held. */
export const waitingPayment = () =>
  payment({ ...PENDING, capture_method: 'manual', substate: 'authorized', expires_at_ms: LATER_MS });

async function refund(
  row: Record<string, string | number | null>,
  payment_: Record<string, string | number | null> = {},
): Promise<OpenCaseOfTest> {
  const tenant = row.tenant ?? 'default';
  const of = await payment({
    ...{ tenant, status: 'completed', processed_at_ms: Date.now(), gateway_reference: `ch_${ulid()}` },
    ...payment_,
  });
  const refundId = `REF-${ulid()}`;
  await insert('refunds', {
    refund_id: refundId,
    tenant,
    transaction_id: of.transactionId,
    kind: 'requested',
    amount_minor: 1_000,
    reason: 'Customer cancellation',
    created_at_ms: Date.now() - 3_600_000,
    ...row,
  });
  return { ...of, subject: refundId };
}

export const undeterminedRefund = (tenant = 'default') =>
  refund({ tenant, ...PENDING, undetermined_at_ms: Date.now() - 60_000 }, { reserved_minor: 1_000 });

export const reversedRefund = (tenant = 'default') =>
  refund({
    ...{ tenant, status: 'reversed', processed_at_ms: Date.now(), gateway_reference: `re_${ulid()}` },
    ...{ error_code: 'REFUND_NOT_ALLOWED', failure_reason: 'The bank returned it' },
  });

export const lateChargeKept = (tenant = 'default') =>
  refund(
    {
      ...{ tenant, kind: 'late_charge', status: 'failed', processed_at_ms: Date.now() },
      ...{ error_code: 'REFUND_NOT_ALLOWED', failure_reason: 'The gateway refuses it' },
    },
    { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR', gateway_reference: null },
  );

export async function unbookedRefund(tenant = 'default'): Promise<OpenCaseOfTest> {
  const of = await payment({
    tenant,
    status: 'completed',
    processed_at_ms: Date.now(),
    gateway_reference: `ch_${ulid()}`,
  });
  const reference = `re_${ulid()}`;
  await insert('unbooked_refunds', {
    transaction_id: of.transactionId,
    gateway_reference: reference,
    amount_minor: 500,
    found_at_ms: Date.now(),
    found_by: 'att_1',
  });
  return { ...of, subject: `${of.transactionId}/${reference}` };
}
