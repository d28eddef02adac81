/** What can be paid with: test cards of the sandbox, most of which Stripe has too, and PayPal. */
import { element } from './element.js';

const EXPIRY_YEAR = '2034';

/** @typedef {{ id: string, name: string, number: string | null, continueTo: string }} Instrument */

/** @type {readonly Instrument[]} */
export const INSTRUMENTS = [
  { id: 'pays', name: 'Pays', number: '4242424242424242', continueTo: 'the bank' },
  { id: 'declined', name: 'Is declined', number: '4000000000000002', continueTo: 'the bank' },
  { id: 'no-funds', name: 'Lacks funds', number: '4000000000009995', continueTo: 'the bank' },
  { id: 'authenticates', name: 'Needs authentication', number: '4000002500003155', continueTo: 'the bank' },
  { id: 'paypal', name: 'PayPal', number: null, continueTo: 'PayPal' },
];

/** @param {HTMLElement} fieldset */
export function drawInstruments(fieldset) {
  for (const [index, { id, name, number }] of INSTRUMENTS.entries()) {
    fieldset.append(
      element(
        'label',
        { class: 'option' },
        element('input', { type: 'radio', name: 'instrument', value: id, checked: index === 0 }),
        element('span', { class: 'name' }, name),
        number === null
          ? element('span', { class: 'detail' }, 'approve on a page')
          : element('code', { class: 'detail' }, number),
      ),
    );
  }
}

/** @param {string} id */
export function instrumentOf(id) {
  const found = INSTRUMENTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no such instrument: ${id}`);
  return found;
}

/**
 * Its fields of a request to pay. PayPal has none but the method: where `paypal_details` are absent, the service creates the order.
 *
 * @param {string} id
 */
export function paymentFields(id) {
  const { number } = instrumentOf(id);
  if (number === null) return { payment_method: 'paypal' };
  return {
    payment_method: 'credit_card',
    card_details: {
      card_number: number,
      expiry_month: '12',
      expiry_year: EXPIRY_YEAR,
      cvv: '123',
      cardholder_name: 'Alex Doe',
    },
  };
}

/**
 * A request as it is shown and kept: of a card, no more than the last four digits.
 *
 * @param {any} body
 */
export function masked(body) {
  const card = body.card_details;
  if (card === undefined) return body;
  return {
    ...body,
    card_details: { ...card, card_number: `•••• •••• •••• ${card.card_number.slice(-4)}`, cvv: '•••' },
  };
}
