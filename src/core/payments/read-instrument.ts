/** What a request pays with, and what else of it is for the gateway alone. */
import type { PaymentRequest } from '../../contract/requests.ts';
import { type Card, readCard } from '../domain/card.ts';
import { type Failure, failure, failureBecause } from '../domain/failure.ts';
import type { ChargeRequest, Gateway, Instrument } from '../gateways/gateway.ts';

export type InvalidInstrument = { kind: 'invalid'; failure: Failure };

/** `invalid`: there is nothing to charge. The contract's schema lets the details be left out. */
export function readInstrument(request: PaymentRequest, gateway: Gateway | null): Instrument | InvalidInstrument {
  if (request.payment_method === 'paypal') {
    const paypal = request.paypal_details;
    if (!paypal && request.return_url && gateway?.createsOrders) return { kind: 'new_paypal_order' };
    if (!paypal) return { kind: 'invalid', failure: failureBecause('paypal_required') };
    return { kind: 'paypal', email: paypal.email, paymentId: paypal.payment_id };
  }
  if (request.payment_method_token) return { kind: 'token', token: request.payment_method_token };
  if (!request.card_details) {
    const isStripe = request.payment_method === 'stripe';
    return { kind: 'invalid', failure: isStripe ? failureBecause('token_required') : failure('INVALID_CARD') };
  }
  const card = readCard(request.card_details);
  return card === null ? { kind: 'invalid', failure: failure('INVALID_CARD') } : { kind: 'card', card };
}

/** All of a card that is ever written down (invariant 5). */
export function keptOfCard(instrument: Instrument | InvalidInstrument): {
  cardBrand: string | null;
  cardLast4: string | null;
} {
  const card: Card | null = instrument.kind === 'card' ? instrument.card : null;
  return { cardBrand: card?.brand ?? null, cardLast4: card?.last4 ?? null };
}

/** What is in no row, and not in what is asked of the gateway later. */
export function passedOn(request: PaymentRequest): Pick<ChargeRequest, 'statementDescriptorSuffix' | 'receiptEmail'> {
  return {
    statementDescriptorSuffix: request.statement_descriptor_suffix || null,
    receiptEmail: request.receipt_email || null,
  };
}
