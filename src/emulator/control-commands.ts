/** Calls of the control API, as shell commands. */
const CARDS =
  'Stripe’s own: 4242424242424242, pm_card_visa, pm_card_visa_chargeDeclined, pm_card_threeDSecure2Required, pm_card_createDispute, … (docs.stripe.com/testing)';

/** @param url of the emulator */
export function whatToAsk(url: string): string[] {
  const post = (path: string, body: object) => `curl -X POST ${url}/emulator/${path} -d '${JSON.stringify(body)}'`;
  const next = (operation: string, fault: object) => post('faults', { operation, fault });
  const lines: [what: string, how: string][] = [
    ['cards and tokens', CARDS],
    ['a token for one use', post('stripe/tokens', { like: 'pm_card_visa' })],
    ['an approved order', post('orders', { value: '25.50', currency: 'USD', custom_id: 'BOOK-2' })],
    ['one to authorize', post('orders', { value: '25.50', currency: 'USD', intent: 'AUTHORIZE' })],
    ['', ''],
    ['the next card is declined', next('payment_intents.confirm', { kind: 'decline', code: 'card_declined' })],
    ['the next answer is lost', next('payment_intents.confirm', { kind: 'error_500', committed: true, cached: true })],
    [
      'the next order is declined',
      next('orders.capture', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' }),
    ],
    ['the next payment is pending', next('payment_intents.confirm', { kind: 'pending' })],
    [
      'the payer authenticates',
      post('stripe/authentication', { intent: 'pi_…', authentication: 'completed or failed' }),
    ],
    ['a hold at Stripe expires', post('stripe/expiry', { intent: 'pi_…' })],
    ['the next refund is pending', next('refunds.create', { kind: 'pending' })],
    ['what is pending ends', post('end', { id: 'pi_…, re_… or PayPal’s id', end: 'succeeded or failed' })],
    ['', ''],
    ['a refund by dashboard', post('stripe/refund', { intent: 'pi_…' })],
    ['', post('paypal/refund', { capture: '…', value: '5.00' })],
    ['the payer approves', post('paypal/approve', { order: '…' })],
    ['the payer cancels', post('paypal/cancel', { order: '…' })],
    ['an order expires', post('paypal/expire', { order: '…' })],
    ['a hold at PayPal expires', post('paypal/expire', { authorization: '…' })],
    ['a dispute', post('disputes', { charge: 'pi_… or PayPal’s capture' })],
    ['the dispute goes on', post('disputes', { dispute: 'du_… or PP-…', status: 'under_review, won or lost' })],
    ['what there is', `curl ${url}/emulator/state`],
  ];
  return lines.map(([what, how]) => (how === '' ? '' : `${what.padEnd(29)}${how}`));
}
