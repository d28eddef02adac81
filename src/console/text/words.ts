/** The words of the pages for the names of the API. */
import type { ConsoleBroker, ConsoleCase, EventsSent } from '../../contract/console.ts';
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { PaymentMethod } from '../../contract/requests.ts';
import type { ShownStatus } from '../../contract/search.ts';
import type { HistoryEntry, HistoryType, StoryResponse } from '../../contract/search-responses.ts';
import { amountText } from './amount.ts';
import { counted } from './format.ts';

/** Colours of a pill. Its text says the same. */
export type Tone = 'good' | 'bad' | 'waiting' | 'active' | 'quiet';

export interface Status {
  text: string;
  tone: Tone;
}

export const STATUSES: Record<ShownStatus, Status> = {
  pending: { text: 'Pending', tone: 'waiting' },
  authorized: { text: 'Authorized', tone: 'active' },
  completed: { text: 'Completed', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
  refunded: { text: 'Refunded', tone: 'quiet' },
};

export function paymentStatus(payment: { status: ShownStatus; refunded_amount: number }): Status {
  if (payment.status === 'completed' && payment.refunded_amount > 0) {
    return { text: 'Partially refunded', tone: 'good' };
  }
  return STATUSES[payment.status];
}

export const REFUND_STATUSES: Record<StoryResponse['refunds'][number]['status'], Status> = {
  pending: { text: 'Pending', tone: 'waiting' },
  completed: { text: 'Completed', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
  reversed: { text: 'Returned by the bank', tone: 'bad' },
};

export const REFUND_KINDS: Record<StoryResponse['refunds'][number]['kind'], string> = {
  requested: 'Requested',
  late_charge: 'Automatic refund of a late charge',
  external: 'Made at the provider',
};

export const METHODS: Record<PaymentMethod, string> = {
  credit_card: 'Credit card',
  debit_card: 'Debit card',
  paypal: 'PayPal',
  stripe: 'Stripe',
};

const GATEWAYS: Record<string, string> = {
  sandbox: 'Sandbox',
  stripe: 'Stripe',
  paypal: 'PayPal',
  http: 'HTTP gateway',
};

/** @param name of a gateway, as payments have it: it can contain an account or an address */
export function gatewayText(name: string): string {
  const [kind = '', ...rest] = name.split(':');
  return [GATEWAYS[kind] ?? kind, ...(rest.length > 0 ? [rest.join(':')] : [])].join(' · ');
}

export function methodText(method: string): string {
  return Object.hasOwn(METHODS, method) ? METHODS[method as PaymentMethod] : method;
}

/** `Visa •••• 4242`; null if the payer did not use a card. */
export function cardText({ card_brand, card_last4 }: { card_brand: string | null; card_last4: string | null }) {
  if (card_last4 === null) return null;
  // Non-breaking spaces.
  return [card_brand === null ? '' : brandText(card_brand), '••••', card_last4].filter(Boolean).join('\u00a0');
}

/** `american-express`: American Express. */
function brandText(brand: string): string {
  return BRANDS[brand] ?? brand.split('-').map(capitalized).join('\u00a0');
}

const BRANDS: Readonly<Record<string, string>> = { jcb: 'JCB', unionpay: 'UnionPay' };

interface Failure {
  /** Short, for lists and charts. */
  name: string;
  /** What it means and what can be done. */
  advice: string;
}

const FAILURES: Partial<Record<ErrorCode, Failure>> = {
  INVALID_CARD: {
    name: 'Invalid card details',
    advice: 'Ask the payer to check the card number, expiry date and security code, or to use another card.',
  },
  INSUFFICIENT_FUNDS: {
    name: 'Insufficient funds',
    advice: 'The account does not have enough money. The payer can use another card, or try again later.',
  },
  CARD_EXPIRED: { name: 'Card expired', advice: 'The payer can use another card.' },
  CARD_DECLINED: {
    name: 'Declined by the bank',
    advice:
      'Banks seldom say why. The payer can ask the bank that issued the card, or use another card. Nothing was charged.',
  },
  PAYMENT_FAILED: {
    name: 'Could not be processed',
    advice: 'The payment provider did not accept the payment. The reason above says what to change.',
  },
  AUTHENTICATION_FAILED: {
    name: 'Authentication failed',
    advice: 'The payer did not pass the bank’s check. Nothing was charged, and the payer can try again.',
  },
  AUTHENTICATION_EXPIRED: {
    name: 'Not authenticated in time',
    advice:
      'The payer did not finish at the bank or at PayPal in time. Nothing was charged, and the payer can try again.',
  },
  AUTHORIZATION_EXPIRED: {
    name: 'Not captured in time',
    advice: 'The hold expired before the payment was captured. The money was released to the payer.',
  },
  PAYMENT_VOIDED: {
    name: 'Voided',
    advice: 'The payment was cancelled before it was captured. Nothing was charged.',
  },
  PAYMENT_GATEWAY_ERROR: {
    name: 'Gateway error',
    advice:
      'The gateway did not process the payment, and nothing was charged. If this happens often, check the Gateways page and the Worker’s log.',
  },
  REFUND_NOT_ALLOWED: { name: 'Refund refused', advice: 'Pay the money back in another way.' },
};

export function failureName(code: string): string {
  return FAILURES[code as ErrorCode]?.name ?? code;
}

export function failureAdvice(code: string): string | null {
  return FAILURES[code as ErrorCode]?.advice ?? null;
}

export const BROKER_STATES: Record<ConsoleBroker['state'], Status> = {
  ready: { text: 'Connected', tone: 'good' },
  no_broker: { text: 'RabbitMQ disconnected', tone: 'bad' },
  not_set_up: { text: 'Not set up', tone: 'bad' },
  stopping: { text: 'Stopping', tone: 'waiting' },
  away: { text: 'Bridge unreachable', tone: 'bad' },
  unknown: { text: 'Unknown', tone: 'quiet' },
};

export const CASES: Record<ConsoleCase['kind'], { name: string; todo: string }> = {
  payment_undetermined: {
    name: 'Payment with unknown outcome',
    todo: 'The gateway cannot say whether the payer was charged. Look for the charge in the provider’s dashboard, then record what you found.',
  },
  refund_undetermined: {
    name: 'Refund with unknown outcome',
    todo: 'The gateway cannot say whether the refund was paid. Look for it in the provider’s dashboard, then record what you found.',
  },
  late_charge_kept: {
    name: 'Late charge, not refunded',
    todo: 'A failed payment was charged later, and could not be refunded automatically. Pay it back at the provider or in another way.',
  },
  refund_reversed: {
    name: 'Refund returned by the bank',
    todo: 'The payer’s bank returned the refund, so the payer does not have the money. Pay it back in another way.',
  },
  external_refund_unbooked: {
    name: 'External refund larger than the balance',
    todo: 'The refund at the provider is larger than what was left of the payment. Compare both, and correct what is wrong.',
  },
};

/** What happened, as a line of a timeline. */
const HISTORY: Record<HistoryType, Status> = {
  'payment.attempted': { text: 'Payment started', tone: 'active' },
  'payment.challenged': { text: 'Payer redirected for authentication', tone: 'waiting' },
  'payment.authorized': { text: 'Money held', tone: 'active' },
  'payment.authorize_begun': { text: 'Authorization started', tone: 'quiet' },
  'payment.capture_begun': { text: 'Capture started', tone: 'quiet' },
  'payment.void_begun': { text: 'Void started', tone: 'quiet' },
  'payment.expire_begun': { text: 'Time limit reached', tone: 'quiet' },
  'payment.outcome_undetermined': { text: 'Outcome unknown: the gateway cannot say', tone: 'waiting' },
  'payment.completed': { text: 'Payment completed', tone: 'good' },
  'payment.failed': { text: 'Payment failed', tone: 'bad' },
  'booking.attempted': { text: 'Another attempt of this booking', tone: 'quiet' },
  'refund.attempted': { text: 'Refund started', tone: 'active' },
  'refund.outcome_undetermined': { text: 'Outcome of the refund unknown: the gateway cannot say', tone: 'waiting' },
  'refund.completed': { text: 'Refund completed', tone: 'good' },
  'refund.failed': { text: 'Refund failed', tone: 'bad' },
  'refund.reversed': { text: 'Refund returned by the bank', tone: 'bad' },
  'refund.unbooked': { text: 'External refund larger than the balance', tone: 'bad' },
  'dispute.opened': { text: 'Dispute opened', tone: 'bad' },
  'dispute.reported': { text: 'Dispute updated', tone: 'waiting' },
  'event.written': { text: 'Event written', tone: 'quiet' },
  'event.replayed': { text: 'Event sent again', tone: 'quiet' },
  'event.delivered': { text: 'Event delivered to RabbitMQ', tone: 'good' },
  'webhook.handled': { text: 'Webhook handled', tone: 'quiet' },
  'resolution.recorded': { text: 'Recorded by a person', tone: 'active' },
};

export function historyStatus({ type }: Pick<HistoryEntry, 'type'>): Status {
  return HISTORY[type] ?? { text: type, tone: 'quiet' };
}

/** The details of a line in words. Amounts have their currency; other details keep the names of the API. */
export function historyDetail({ detail }: Pick<HistoryEntry, 'detail'>, currency: string): string[] {
  return Object.entries(detail).flatMap(([name, value]) => {
    if (value === null || value === '') return [];
    if (name === 'amount' && typeof value === 'number') return [amountText(value, currency)];
    if (name === 'error_code') return detail.error_message ? [] : [failureName(String(value))];
    if (name === 'error_message' || name === 'event_type' || name === 'reason') return [String(value)];
    if (name === 'payment_method') return [methodText(String(value))];
    if (name === 'gateway')
      return gatewayText(String(value)) === methodText(String(detail.payment_method))
        ? []
        : [gatewayText(String(value))];
    // What is usual is left out.
    if ((name === 'attempts' && value === 1) || (name === 'kind' && value === 'requested')) return [];
    return [`${name.replaceAll('_', ' ')} ${value}`];
  });
}

/** Who did something: `key:…`, `access:…`. */
export function actorText(actor: string): string {
  const [kind, ...rest] = actor.split(':');
  const name = rest.join(':');
  if (kind === 'key') return `API key ${name}`;
  if (kind === 'jwt') return `token of ${name}`;
  if (kind === 'access') return name;
  if (kind === 'webhook') return `webhook of ${gatewayText(name)}`;
  if (kind === 'cron') return 'the service';
  if (actor === 'console:desk') return 'local development';
  return actor;
}

/** A technical name, such as `look_ups`, as words. */
export function spacedOut(name: string): string {
  return capitalized(name.replaceAll(/[_-]+/g, ' ').replace('look ups', 'look-ups'));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What became of events that were to be sent. */
export function sentText({ sent, unknown }: EventsSent): string {
  const text = `${counted(sent, 'event')} on the way to RabbitMQ`;
  return unknown.length === 0 ? text : `${text}, ${unknown.length} not found`;
}
