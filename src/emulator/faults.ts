/** Faults of one call and their effect on the provider, without sockets or timers, so that simulations can use them. */
import type { ApiAnswer, ApiRequest, Ending, RefusedRequest } from './api.ts';
import { type Operation, providerOf } from './operations.ts';
import type { PayPalCall, PayPalEmulator } from './paypal.ts';
import * as paypalErrors from './paypal-errors.ts';
import { paypalIssue } from './published-apis.ts';
import type { StripeEmulator } from './stripe.ts';
import * as stripeErrors from './stripe-errors.ts';
import type { StripeCall } from './stripe-requests.ts';

export type Fault =
  | { kind: 'normal' }
  /** Nothing is done, and the connection breaks. */
  | { kind: 'drop' }
  | { kind: 'commit_then_drop' }
  /** Nothing is done for so long, then all is normal. */
  | { kind: 'delay'; ms: number }
  | { kind: 'commit_then_delay'; ms: number }
  /** `cached`: replayed for the key from then on, as Stripe does; PayPal keeps no answers. */
  | { kind: 'error_500'; committed: boolean; cached: boolean }
  /** Another request with this key is being carried out. */
  | { kind: 'conflict_409' }
  | { kind: 'rate_limited_429'; retryAfterSeconds: number }
  /** All keys are forgotten, then all is normal. */
  | { kind: 'forget_keys' }
  /**
   * The issuer declines. Stripe: a card_error, and the intent is back at `requires_payment_method`. PayPal: a capture that is
   * DECLINED, an authorization that is DENIED; an order that may be tried again is the issue INSTRUMENT_DECLINED.
   */
  | { kind: 'decline'; code: string; declineCode?: string; message?: string }
  /** PayPal's error with this issue, with nothing done. */
  | { kind: 'issue'; status: number; name?: string; issue: string }
  /** Stripe's error, with nothing done. */
  | { kind: 'stripe_error'; status: number; type: string; code?: string; param?: string; message: string }
  /** An intent is `processing`, a capture PENDING, a refund pending. */
  | { kind: 'pending' }
  /** A refund succeeds now, and turns failed afterwards. */
  | { kind: 'refund_fails_later'; afterMs: number }
  /** Anything at all; `committed`: after all was done. */
  | { kind: 'answer'; status: number; body: string; headers?: Record<string, string>; committed?: boolean };

export interface Emulators {
  stripe: StripeEmulator;
  paypal: PayPalEmulator;
}

/** The operations to which faults about a payment's outcome apply. */
const ENDINGS: Readonly<Record<'decline' | 'pending' | 'refund_fails_later', readonly string[]>> = {
  decline: [
    ...['payment_methods.create', 'payment_intents.create', 'payment_intents.confirm'],
    ...['orders.capture', 'orders.authorize', 'authorizations.capture'],
  ],
  pending: [
    ...['payment_intents.create', 'payment_intents.confirm', 'payment_intents.capture', 'refunds.create'],
    ...['orders.capture', 'authorizations.capture', 'captures.refund'],
  ],
  refund_fails_later: ['refunds.create', 'captures.refund'],
};

/** @returns the reason why the fault does not apply to the operation, or null */
export function senselessBecause(fault: Fault, operation: string): string | null {
  const isPayPal = /^(oauth2|orders|authorizations|captures|webhook|refunds\.get)/.test(operation);
  if (fault.kind === 'issue' && !isPayPal) return `${operation} is Stripe's, and has no issues`;
  if (fault.kind === 'stripe_error' && isPayPal) return `${operation} is PayPal's`;
  if (!(fault.kind in ENDINGS)) return null;
  const operations = ENDINGS[fault.kind as keyof typeof ENDINGS];
  return operations.includes(operation) ? null : `${fault.kind} is for ${operations.join(', ')}`;
}

/**
 * Carries a request out with a fault. One that does not fit the API is refused, whatever the fault. How long things take, is
 * the caller's business: `delay` and `commit_then_delay` are carried out as normal, at once.
 *
 * @param later runs something after so long: a refund fails then
 */
export function applyFault(
  emulators: Emulators,
  request: ApiRequest,
  fault: Fault,
  later: Later,
): ApiAnswer | 'dropped' {
  const received = receive(emulators, request);
  return received.kind === 'refused' ? received.refusal : received.carryOut(fault, later);
}

/** The same in two steps, for callers to whom it matters what happens between them. */
export function receive(
  { stripe, paypal }: Emulators,
  request: ApiRequest,
): RefusedRequest | { kind: 'accepted'; carryOut: (fault: Fault, later: Later) => ApiAnswer | 'dropped' } {
  if (providerOf(request) === 'stripe') {
    const received = stripe.receive(request);
    if (received.kind === 'refused') return received;
    return { kind: 'accepted', carryOut: (fault, later) => strikeStripe(stripe, received.call, fault, later) };
  }
  const received = paypal.receive(request);
  if (received.kind === 'refused') return received;
  return { kind: 'accepted', carryOut: (fault, later) => strikePayPal(paypal, received.call, fault, later) };
}

/** Runs something after so long. */
export type Later = (ms: number, what: () => void) => void;

function strikeStripe(stripe: StripeEmulator, call: StripeCall, fault: Fault, later: Later): ApiAnswer | 'dropped' {
  switch (fault.kind) {
    case 'error_500':
      if (fault.cached && call.key !== null) return stripe.carryOut(call, { crash: { committed: fault.committed } });
      if (fault.committed) stripe.carryOut(call);
      return stripe.dressed(stripeErrors.crashed(), call);
    case 'conflict_409':
      return stripe.dressed(stripeErrors.keyInUse(call.key), call);
    case 'rate_limited_429':
      return stripe.dressed(stripeErrors.rateLimited(fault.retryAfterSeconds), call);
    case 'stripe_error': {
      const { kind: _, status, ...error } = fault;
      return stripe.dressed(stripeErrors.errorAnswer(status, error as stripeErrors.StripeError), call);
    }
    default:
      return strike(stripe, call, fault, later);
  }
}

function strikePayPal(paypal: PayPalEmulator, call: PayPalCall, fault: Fault, later: Later): ApiAnswer | 'dropped' {
  const { clock } = paypal;
  switch (fault.kind) {
    case 'error_500':
      if (fault.committed) paypal.carryOut(call);
      return paypalErrors.errorAnswer(clock, 500);
    case 'conflict_409':
      return paypalErrors.errorAnswer(clock, 409, inItsWords(call, 409, 'PREVIOUS_REQUEST_IN_PROGRESS'));
    case 'rate_limited_429': {
      const answer = paypalErrors.errorAnswer(clock, 429);
      return { ...answer, headers: { ...answer.headers, 'retry-after': String(fault.retryAfterSeconds) } };
    }
    case 'issue': {
      const { status, issue, name } = fault;
      return paypalErrors.errorAnswer(clock, status, inItsWords(call, status, issue), {
        ...(name !== undefined && { name }),
        links: linksOf(paypal, call, issue),
      });
    }
    default:
      return strike(paypal, call, fault, later);
  }
}

interface Emulator<Call> {
  carryOut(call: Call, ending?: Ending): ApiAnswer;
  forgetKeys(): void;
  failRefund(refundId: string): void;
}

/** What is the same for both. */
function strike<Call extends { operation: Operation }>(
  emulator: Emulator<Call>,
  call: Call,
  fault: Fault,
  later: Later,
): ApiAnswer | 'dropped' {
  const senseless = senselessBecause(fault, call.operation.name);
  if (senseless !== null) throw new Error(`a fault that was asked for: ${senseless}`);
  switch (fault.kind) {
    case 'normal':
    case 'delay':
    case 'commit_then_delay':
      return emulator.carryOut(call);
    case 'drop':
      return 'dropped';
    case 'commit_then_drop':
      emulator.carryOut(call);
      return 'dropped';
    case 'forget_keys':
      emulator.forgetKeys();
      return emulator.carryOut(call);
    case 'decline': {
      const { kind: _, ...decline } = fault;
      return emulator.carryOut(call, { decline });
    }
    case 'pending':
      return emulator.carryOut(call, { pending: true });
    case 'refund_fails_later':
      return emulator.carryOut(call, { onRefund: (id) => later(fault.afterMs, () => emulator.failRefund(id)) });
    case 'answer':
      if (fault.committed) emulator.carryOut(call);
      return {
        status: fault.status,
        headers: { 'content-type': 'application/json', ...fault.headers },
        body: fault.body,
      };
    default:
      throw new Error(`${fault.kind} is one provider's, and has been carried out`);
  }
}

/** Back to the approval page, where the payer chooses another instrument. */
function linksOf(paypal: PayPalEmulator, { operation: { name, id } }: PayPalCall, issue: string): unknown[] {
  const isOfOrder = name === 'orders.capture' || name === 'orders.authorize';
  if (issue !== 'INSTRUMENT_DECLINED' || !isOfOrder) return [];
  return [{ href: paypal.approvalUrl(id), rel: 'redirect', method: 'GET' }];
}

function inItsWords({ operation, method }: PayPalCall, status: number, issue: string) {
  const isDescribed = operation.template.startsWith('/v2/');
  return { issue, description: (isDescribed && paypalIssue(operation, method, status, issue)) || issue };
}
