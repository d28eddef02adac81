/** A payment that was refunded in part, as the service with the sandbox answers a search and shows its story. */
import type { FoundTransaction, StoryResponse } from '../../contract/search-responses.ts';
import { EXAMPLE_TIME } from '../answer.ts';
import { PAYMENT, PAYMENT_ID, REFUND_ID, USER_ID } from '../examples.ts';

const CHARGE = `sandbox_charge_${PAYMENT_ID}`;
const REFUND = `sandbox_refund_${REFUND_ID}`;
const REFUNDED_AT = '2026-11-28T17:04:12Z';
const PAID_EVENT = 'evt_01M84N7ZP0Q5V5V0C0N7T3W5XG';
const REFUND_EVENT = 'evt_01M84N7ZR4T0M5B8K2D9F3H7JQ';

export const FOUND: FoundTransaction = {
  ...PAYMENT,
  status: 'completed',
  user_id: USER_ID,
  currency: 'USD',
  gateway: 'sandbox',
  gateway_reference: CHARGE,
  card_brand: 'visa',
  card_last4: '1111',
  refunded_amount: 10,
  error_code: null,
  error_message: null,
  created_at: EXAMPLE_TIME,
  processed_at: EXAMPLE_TIME,
};

const PAY_REQUEST = { actor: 'key:key_7f3a5b0c9d12', request_id: '643a098d-631b-4e52-9e2f-882d53826f91' };
const REFUND_REQUEST = { actor: 'key:key_7f3a5b0c9d12', request_id: '712c1628-ee7d-41e9-a938-817776cb40b5' };
/** Of what has no entry of its own in the audit log. */
const NOT_AUDITED = { actor: null, request_id: null, audit_entry: null };

const HISTORY: StoryResponse['history'] = [
  {
    at: '2026-11-28T16:31:31.204Z',
    type: 'payment.attempted',
    id: PAYMENT_ID,
    ...PAY_REQUEST,
    audit_entry: 5,
    detail: { amount: PAYMENT.amount, payment_method: PAYMENT.payment_method, gateway: 'sandbox' },
  },
  {
    at: '2026-11-28T16:31:31.241Z',
    type: 'payment.completed',
    id: PAYMENT_ID,
    ...PAY_REQUEST,
    audit_entry: 6,
    detail: { gateway_reference: CHARGE },
  },
  {
    at: '2026-11-28T16:31:31.241Z',
    type: 'event.written',
    id: PAID_EVENT,
    ...NOT_AUDITED,
    detail: { event_type: 'payment.success' },
  },
  {
    at: '2026-11-28T16:31:31.309Z',
    type: 'event.delivered',
    id: PAID_EVENT,
    ...NOT_AUDITED,
    detail: { attempts: 1 },
  },
  {
    at: '2026-11-28T17:04:12.430Z',
    type: 'refund.attempted',
    id: REFUND_ID,
    ...REFUND_REQUEST,
    audit_entry: 7,
    detail: { amount: 10, kind: 'requested' },
  },
  {
    at: '2026-11-28T17:04:12.478Z',
    type: 'refund.completed',
    id: REFUND_ID,
    ...REFUND_REQUEST,
    audit_entry: 8,
    detail: { gateway_reference: REFUND },
  },
  {
    at: '2026-11-28T17:04:12.478Z',
    type: 'event.written',
    id: REFUND_EVENT,
    ...NOT_AUDITED,
    detail: { event_type: 'payment.refund', refund: REFUND_ID },
  },
  {
    at: '2026-11-28T17:04:12.551Z',
    type: 'event.delivered',
    id: REFUND_EVENT,
    ...NOT_AUDITED,
    detail: { attempts: 1 },
  },
];

export const STORY: StoryResponse = {
  transaction: {
    ...FOUND,
    capture_method: 'automatic',
    hold_minutes: null,
    refundable_amount: 15.5,
    pending_refund_amount: 0,
    expires_at: null,
    gateway_intent: null,
    next_look_up_at: null,
    look_ups: 0,
  },
  refunds: [
    {
      refund_transaction_id: REFUND_ID,
      kind: 'requested',
      status: 'completed',
      refund_amount: 10,
      reason: 'One of two seats',
      gateway_reference: REFUND,
      error_code: null,
      error_message: null,
      created_at: REFUNDED_AT,
      processed_at: REFUNDED_AT,
    },
  ],
  events: [
    {
      event_id: PAID_EVENT,
      event_type: 'payment.success',
      created_at: EXAMPLE_TIME,
      delivered_at: EXAMPLE_TIME,
      attempts: 1,
      last_error: null,
    },
    {
      event_id: REFUND_EVENT,
      event_type: 'payment.refund',
      created_at: REFUNDED_AT,
      delivered_at: REFUNDED_AT,
      attempts: 1,
      last_error: null,
    },
  ],
  disputes: [],
  is_complete: true,
  history: HISTORY,
};
