/** Orders that this service creates for payers to approve. Nothing is taken or held until an approved one is completed. */
import * as z from 'zod/mini';
import type { FailureCause } from '../../domain/failure-causes.ts';
import type { Transaction } from '../../domain/transaction.ts';
import type { ChargeRequest, GatewayOutcome, LookUp } from '../gateway.ts';
import { causeIn, declinedBecause } from '../refusal.ts';
import { paypalMoney } from './paypal-amount.ts';
import type { PayPal, Schemas } from './paypal-client.ts';
import { isOk, refusedBeforeMoney } from './paypal-outcomes.ts';
import { ORDERS, PAYPAL_ID } from './paypal-paths.ts';

const createdOrder = z.object({
  id: z.string().check(z.regex(PAYPAL_ID)),
  links: z.array(z.object({ href: z.string(), rel: z.string() })),
});
/** What PayPal calls the link to the payer's approval: the first with a payment source, the second without. */
const APPROVAL_LINKS = ['payer-action', 'approve'];
const PAYPAL_HOST = /(^|\.)paypal\.com$/;

/** Whether the row's order is one of those. A payment with a caller's own order is never challenged. */
export function isOfNewOrder({ substate }: Transaction): boolean {
  return substate === 'challenged';
}

/** The intent of an order whose money is taken at once, or held. */
export function intentFor({ captureMethod }: Transaction): 'CAPTURE' | 'AUTHORIZE' {
  return captureMethod === 'manual' ? 'AUTHORIZE' : 'CAPTURE';
}

/**
 * Creates the order of a payment. Where that fails, or its answer is lost, nobody has the address to approve it at: so it has
 * certainly failed.
 */
export async function createOrder(
  { client, settings }: PayPal,
  { transaction, returnUrl = null, signal }: ChargeRequest,
): Promise<GatewayOutcome> {
  if (returnUrl === null) return declinedBecause('paypal_required');
  const { transactionId, amountMinor, currency } = transaction;
  const amount = paypalMoney(amountMinor, currency);
  if (amount === null) return declinedBecause('amount_not_payable');
  const unit: Schemas['purchase_unit_request'] = {
    reference_id: 'default',
    custom_id: transactionId,
    invoice_id: transactionId,
    amount,
    payee: { merchant_id: settings.merchantId },
  };
  const answer = await client.call({
    method: 'POST',
    path: ORDERS,
    body: {
      intent: intentFor(transaction),
      purchase_units: [unit],
      payment_source: { paypal: { experience_context: experienceOf(returnUrl) } },
    },
    requestId: `${transactionId}:order`,
    signal,
  });
  if (!isOk(answer)) return asOfNewOrder(refusedBeforeMoney(answer));
  const order = createdOrder.safeParse(answer.body);
  const url = order.success ? approvalAddress(order.data.links, settings.apiUrl) : null;
  if (!order.success || url === null) {
    return {
      kind: 'failed',
      reason: 'PayPal answered without an order, or without an address of its own to approve it',
    };
  }
  return { kind: 'challenged', url, intent: order.data.id };
}

function experienceOf(returnUrl: string): Partial<Schemas['paypal_wallet_experience_context']> {
  const cancelUrl = new URL(returnUrl);
  cancelUrl.searchParams.set('cancelled', 'true');
  return {
    return_url: returnUrl,
    cancel_url: cancelUrl.href,
    user_action: 'PAY_NOW',
    shipping_preference: 'NO_SHIPPING',
  };
}

/** Where the payer approves the order; null where it is not an address of PayPal's. A payer is sent to no other. */
export function approvalAddress(links: readonly { href: string; rel: string }[], apiUrl: string): string | null {
  const href = links.find(({ rel }) => APPROVAL_LINKS.includes(rel))?.href;
  if (href === undefined || !URL.canParse(href)) return null;
  const url = new URL(href);
  const isPayPals = url.protocol === 'https:' && url.port === '' && PAYPAL_HOST.test(url.hostname);
  const isSafe = (isPayPals || url.origin === new URL(apiUrl).origin) && url.username === '' && url.password === '';
  return isSafe ? url.href : null;
}

/** Causes whose next step is about an order of the caller's, and what they are where the caller has none. */
const OF_NEW_ORDERS = {
  funding_declined: 'new_order_declined',
  funding_expired: 'new_order_declined',
  funding_invalid: 'new_order_declined',
  capture_declined: 'new_order_declined',
  order_not_found: 'new_order_ended',
  order_not_approved: 'new_order_ended',
  order_used: 'new_order_ended',
  order_differs: 'new_order_changed',
  order_changed: 'new_order_changed',
} as const satisfies Partial<Record<FailureCause, FailureCause>>;

export function asOfNewOrder<State extends GatewayOutcome | LookUp>(state: State) {
  if (state.kind !== 'declined' && state.kind !== 'mischarged') return state;
  const cause = causeIn<(typeof OF_NEW_ORDERS)[keyof typeof OF_NEW_ORDERS]>(OF_NEW_ORDERS, state.cause);
  if (cause === null) return state;
  return state.kind === 'mischarged' ? { ...state, cause } : declinedBecause(cause, state.providerCode);
}
