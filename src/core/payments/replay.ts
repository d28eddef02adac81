/** A request that is sent again (invariant 8): what makes it the same one, and what an Idempotency-Key claims. */
import { type Redacted, redactedJson } from '../../contract/redacted.ts';
import type { PaymentRequest, RefundRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { cardIdentity } from '../domain/card.ts';
import type { KeyClaim } from '../ledger/idempotency-keys/claim-key.ts';

/**
 * All that makes a payment the same payment, in one text: the amount by its value, however it was spelled, and not the
 * card's security code, which must not be kept in any form (PCI DSS 3.3).
 *
 * @param amount a decimal literal as `processPayment` takes it; of a valid amount, a number holds all the digits
 */
export function paymentIdentity(request: PaymentRequest, amount: string): Redacted<string> {
  const { card_details: card, paypal_details: paypal, payment_method_token: token } = request;
  const optIn = optInIdentity(request);
  const { statement_descriptor_suffix: suffix, receipt_email: receipt } = request;
  return redactedJson([
    request.user_id,
    request.booking_id,
    Number(amount),
    request.payment_method,
    card ? cardIdentity(card) : null,
    paypal ? [paypal.email, paypal.payment_id] : null,
    request.user_email || null,
    // Only where there is one: fingerprints of requests from before there were such fields stay what they are.
    ...(token ? [token] : []),
    ...(optIn.length > 0 ? [optIn] : []),
    ...(suffix ? [{ suffix }] : []),
    ...(receipt ? [{ receipt }] : []),
  ]);
}

/** The same of what the request opts in to; empty if it opts in to nothing. `automatic` is the same as no `capture_method`. */
function optInIdentity({ return_url, capture_method, hold_minutes }: PaymentRequest): (string | number)[][] {
  return [
    ...(return_url ? [['return_url', new URL(return_url).href]] : []),
    ...(capture_method === 'manual' ? [['capture_method', capture_method]] : []),
    ...(hold_minutes ? [['hold_minutes', hold_minutes]] : []),
  ];
}

/** The same of a refund. */
export function refundIdentity(request: RefundRequest, amount: string): string {
  return JSON.stringify([
    request.user_id,
    request.booking_id,
    request.original_transaction_id,
    Number(amount),
    request.reason,
  ]);
}

/** What a request claims beside its row; null where it came without a key. */
export async function keyClaim(
  { tenant, fingerprint }: Context,
  path: KeyClaim['path'],
  key: string | null,
  identity: string | Redacted<string>,
): Promise<KeyClaim | null> {
  return key === null ? null : { tenant, path, key, fingerprint: await fingerprint(identity) };
}

/**
 * Whether two fingerprints are of the same request. Those that were made with different secrets can't be compared: then the
 * key alone decides, because to call it another request would have a caller take a new key, and pay twice.
 */
export function isSameRequest(fingerprint: string, other: string): boolean {
  const [secret, hash] = fingerprint.split(':');
  const [otherSecret, otherHash] = other.split(':');
  return secret !== otherSecret || hash === otherHash;
}
