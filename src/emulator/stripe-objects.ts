/** Stripe's objects as answers and events show them: the published examples' keys, with an account's own values. */
import { readFileSync } from 'node:fs';
import {
  type AuthenticationRow,
  type ChargeRow,
  type DisputeRow,
  type IntentRow,
  type PaymentMethodRow,
  type RefundRow,
  type StripeBooks,
  seconds,
} from './stripe-books.ts';

type Shown = Record<string, unknown>;

const FIXTURES: Readonly<Record<string, Shown>> = JSON.parse(
  readFileSync(new URL('./published-apis/stripe-fixtures.json', import.meta.url), 'utf8'),
);

const NO_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };
const NO_BILLING = { address: NO_ADDRESS, email: null, name: null, phone: null, tax_id: null };

export function showMethod(method: PaymentMethodRow): Shown {
  const { brand, last4, funding } = method.card;
  return {
    ...FIXTURES.payment_method,
    id: method.id,
    billing_details: { ...NO_BILLING, ...method.billing },
    card: {
      // The example's expiry: the card's own is kept nowhere.
      ...(FIXTURES.payment_method?.card as Shown),
      brand,
      display_brand: brand,
      funding,
      last4,
      generated_from: null,
      networks: { available: [brand], preferred: null },
      wallet: null,
    },
    created: seconds(method.createdAtMs),
    metadata: method.metadata,
  };
}

export function showIntent(intent: IntentRow): Shown {
  return {
    ...FIXTURES.payment_intent,
    id: intent.id,
    allowed_payment_method_types: intent.allowedMethodTypes,
    amount: intent.amount,
    amount_capturable: intent.status === 'requires_capture' ? intent.amount : 0,
    amount_received: intent.latestCharge?.amountCaptured ?? 0,
    automatic_payment_methods: intent.automaticMethods,
    canceled_at: intent.canceledAtMs === null ? null : seconds(intent.canceledAtMs),
    cancellation_reason: intent.cancellationReason,
    capture_method: intent.captureMethod,
    client_secret: intent.clientSecret,
    created: seconds(intent.createdAtMs),
    currency: intent.currency,
    description: intent.description,
    last_payment_error: intent.lastError,
    latest_charge: intent.latestCharge?.id ?? null,
    managed_payments: { enabled: false },
    metadata: intent.metadata,
    next_action: intent.status === 'requires_action' ? nextAction(intent.authentication as AuthenticationRow) : null,
    payment_method: intent.method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    },
    payment_method_types: intent.allowedMethodTypes ?? ['card'],
    payment_record: null,
    processing: intent.status === 'processing' ? { type: 'card', card: {} } : null,
    receipt_email: intent.receiptEmail,
    shipping: null,
    statement_descriptor: intent.statementDescriptor,
    statement_descriptor_suffix: intent.statementDescriptorSuffix,
    status: intent.status,
    transfer_data: null,
  };
}

function nextAction({ url, returnUrl }: AuthenticationRow): Shown {
  if (returnUrl !== null) return { type: 'redirect_to_url', redirect_to_url: { return_url: returnUrl, url } };
  return { type: 'use_stripe_sdk', use_stripe_sdk: { stripe_js: url, type: 'three_d_secure_redirect' } };
}

/** The example's `refunds` and `source` are from before 2022-11-15; since then they are returned only on request. */
const { refunds: _refunds, source: _source, ...CHARGE } = FIXTURES.charge as Shown;

export function showCharge(books: StripeBooks, charge: ChargeRow): Shown {
  const { intent, method, failure, status } = charge;
  const refunded = books.refundedOf(charge);
  const details = FIXTURES.charge?.payment_method_details as { card: Shown };
  const { brand, last4, funding } = method.card;
  return {
    ...CHARGE,
    id: charge.id,
    amount: intent.amount,
    amount_captured: charge.amountCaptured,
    amount_refunded: refunded,
    balance_transaction: charge.amountCaptured > 0 ? `txn_${charge.id.slice(3)}` : null,
    billing_details: { ...NO_BILLING, ...method.billing },
    captured: charge.amountCaptured > 0,
    created: seconds(charge.createdAtMs),
    currency: intent.currency,
    description: intent.description,
    disputed: charge.disputed,
    failure_code: failure?.code ?? null,
    failure_message: failure?.message ?? null,
    metadata: intent.metadata,
    outcome: outcomeOf(charge),
    paid: status === 'succeeded',
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: {
      card: {
        ...details.card,
        amount_authorized: intent.amount,
        brand,
        last4,
        funding,
        network: brand,
        three_d_secure: charge.authenticated ? AUTHENTICATED : null,
        wallet: null,
        ...(charge.captureBeforeMs !== null && { capture_before: seconds(charge.captureBeforeMs) }),
      },
      type: 'card',
    },
    receipt_email: intent.receiptEmail,
    receipt_url: null,
    refunded: status === 'succeeded' && refunded === intent.amount,
    shipping: null,
    statement_descriptor: intent.statementDescriptor,
    statement_descriptor_suffix: intent.statementDescriptorSuffix,
    status,
    transfer_data: null,
  };
}

const AUTHENTICATED = {
  authentication_flow: 'challenge',
  electronic_commerce_indicator: '05',
  exemption_indicator: null,
  result: 'authenticated',
  result_reason: null,
  transaction_id: null,
  version: '2.2.0',
};

function outcomeOf({ failure, status }: ChargeRow): Shown | null {
  if (status === 'pending') return null;
  const none = { advice_code: null, network_advice_code: null, network_decline_code: null };
  if (failure === null) {
    const approved = { network_status: 'approved_by_network', reason: null, type: 'authorized' };
    return { ...none, ...approved, seller_message: 'Payment complete.' };
  }
  return {
    ...none,
    network_status: failure.blocked ? 'not_sent_to_network' : 'declined_by_network',
    reason: failure.blocked ? 'highest_risk_level' : failure.declineCode,
    seller_message: failure.blocked ? 'Stripe blocked this payment as too risky.' : 'The bank declined this payment.',
    type: failure.blocked ? 'blocked' : 'issuer_declined',
  };
}

export function showRefund(refund: RefundRow): Shown {
  const { charge, status, isRelease } = refund;
  const reference = { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' };
  return {
    ...FIXTURES.refund,
    id: refund.id,
    amount: refund.amount,
    balance_transaction: status === 'pending' || isRelease ? null : `txn_${refund.id.slice(3)}`,
    charge: charge.id,
    created: seconds(refund.createdAtMs),
    currency: charge.intent.currency,
    destination_details: { card: isRelease ? { type: 'reversal' } : reference, type: 'card' },
    metadata: refund.metadata,
    payment_intent: charge.intent.id,
    payment_method: charge.method.id,
    reason: refund.reason,
    status,
    ...(status === 'pending' && { pending_reason: 'processing' }),
    ...(status === 'failed' && {
      failure_reason: 'lost_or_stolen_card',
      failure_balance_transaction: `txn_${refund.id.slice(3)}f`,
    }),
  };
}

/** The published examples have none; the keys are those of the SDK's type. */
export function showDispute(dispute: DisputeRow): Shown {
  const { charge } = dispute;
  return {
    id: dispute.id,
    object: 'dispute',
    amount: charge.intent.amount,
    balance_transactions: [],
    charge: charge.id,
    created: seconds(dispute.createdAtMs),
    currency: charge.intent.currency,
    enhanced_eligibility_types: [],
    evidence: {},
    evidence_details: {
      due_by: null,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.intent.id,
    reason: dispute.reason,
    status: dispute.status,
  };
}
