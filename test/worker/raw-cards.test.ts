/** RAW_CARDS_ALLOWED: where it is false, a card comes as a token of the provider's, and never as its number. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { payWithKey } from './idempotent-requests.ts';
import { expectPaymentFailure } from './matchers.ts';
import { gateway, operation, paymentRequest, settings } from './operation.ts';
import { CARD, newBooking, payment, sendWith } from './request.ts';
import { rowCounts, transactionsOf } from './stored.ts';

const TOKENS_ONLY = { RAW_CARDS_ALLOWED: 'false' };
const TOKEN = { card_details: undefined, payment_method_token: 'pm_of_a_card' };
const PAYPAL = { payment_method: 'paypal', paypal_details: { email: 'payer@example.com', payment_id: 'PAYID-1' } };

const payTokensOnly = (body: unknown, headers: Record<string, string> = {}) =>
  sendWith({ ...TOKENS_ONLY, VELOCITY_PER_CARD: '1', VELOCITY_PER_USER: '1' }, 'POST', '/payment/process', {
    body,
    headers,
  });

async function stored() {
  const counters = 'SELECT count(*) AS counters FROM velocity_counters';
  const entries = 'SELECT count(*) AS entries FROM audit_entries';
  return [await rowCounts(), await env.DB.prepare(counters).first(), await env.DB.prepare(entries).first()];
}

describe('where only tokens are allowed', () => {
  it.each([
    ['a card', {}],
    ['what is no card', { card_details: { ...CARD, card_number: '1' } }],
    ['a card beside a token', { ...TOKEN, card_details: CARD }],
    ['a card beside a PayPal order', { ...PAYPAL, card_details: CARD }],
  ])('%s is refused, whenever it is sent, and nothing is recorded or counted', async (_, overrides) => {
    const request = payment({ user_id: 'user_of_raw_cards', ...overrides });
    const before = await stored();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const answer = await payTokensOnly(request, { 'Idempotency-Key': 'of-a-raw-card' });
      expect(answer.status).toBe(400);
      expectPaymentFailure(answer, {
        errorCode: 'INVALID_CARD',
        bookingId: request.booking_id,
        amount: 25.5,
        method: request.payment_method,
        retryPossible: false,
      });
      expect(answer.body.error.details.reason).toContain('payment_method_token');
      expect(answer.body.error.details.next_step).toContain('payment_method_token');
      expect(answer.text).not.toContain(CARD.card_number);
    }
    expect(await stored()).toEqual(before);
  });

  it('the gateway is not called', async () => {
    const context = operation({
      settings: settings(TOKENS_ONLY),
      gateway: gateway({ charge: () => expect.unreachable('the gateway was called') }),
    });
    expect(await processPayment(context, paymentRequest(), '25.50')).toEqual({ kind: 'raw_card' });
  });

  it.each([
    ['a token', TOKEN],
    ['a token, with null for the card', { ...TOKEN, card_details: null }],
    ['a PayPal order', { ...PAYPAL, card_details: undefined }],
  ])('%s is charged', async (_, overrides) => {
    expect((await payTokensOnly(payment({ user_id: newBooking(), ...overrides }))).status).toBe(200);
  });

  it('a payment without a card and without a token fails as ever, and is recorded', async () => {
    const request = payment({ card_details: undefined });
    const answer = await payTokensOnly(request);
    expect([answer.status, answer.body.error_message]).toEqual([400, 'Invalid card details']);
    expect(await transactionsOf(String(request.booking_id))).toMatchObject([{ status: 'failed' }]);
  });

  it('the answer that a card got before, under the same Idempotency-Key, is given again', async () => {
    const [key, request] = [crypto.randomUUID(), payment()];
    const first = await payWithKey(key, request);
    const again = await payTokensOnly(request, { 'Idempotency-Key': key });
    expect([again.status, again.text, again.headers.get('Idempotent-Replayed')]).toEqual([200, first.text, 'true']);
    const other = await payTokensOnly({ ...request, amount: 1 }, { 'Idempotency-Key': key });
    expect([other.status, other.body.error.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });
});
