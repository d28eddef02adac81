/** How the payment stands, and what can be done about it. */
import { element, facts } from './element.js';

/** @typedef {import('./payment.js').Payment} Payment */

/**
 * @typedef {object} Actions what the buttons do
 * @property {() => void} capture
 * @property {() => void} release
 * @property {() => void} sendAgain
 * @property {() => void} startOver
 */

/**
 * @typedef {object} Surroundings
 * @property {string} amount as it is shown
 * @property {string} continueTo where a challenged payer is sent, in words
 * @property {string | null} note about the address that the payer came back to
 * @property {boolean} canSendAgain
 */

/** @type {Readonly<Record<Payment['kind'], string>>} */
const MARKS = {
  sending: '…',
  challenged: '?',
  authorized: '‖',
  completed: '✓',
  failed: '×',
  pending: '…',
  refused: '!',
};

/** @type {Readonly<Record<string, string>>} */
const FAILURES = {
  PAYMENT_VOIDED: 'Released',
  AUTHENTICATION_FAILED: 'Not authenticated',
  AUTHENTICATION_EXPIRED: 'Not authenticated in time',
  AUTHORIZATION_EXPIRED: 'The hold has expired',
};

/**
 * @param {HTMLElement} place
 * @param {Payment | null} payment
 * @param {Surroundings} surroundings
 * @param {Actions} actions
 */
export function drawOutcome(place, payment, surroundings, actions) {
  const drawn = JSON.stringify([payment, surroundings]);
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  const hadFocus = place.contains(document.activeElement);
  place.replaceChildren(...contentOf(payment, surroundings, actions));
  // The button that was pressed has gone.
  if (hadFocus) focusOutcome();
}

export function focusOutcome() {
  document.getElementById('outcome-title')?.focus();
}

/**
 * @param {Payment | null} payment
 * @param {Surroundings} surroundings
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function contentOf(payment, surroundings, actions) {
  const noted = surroundings.note === null ? [] : [element('p', { class: 'note' }, surroundings.note)];
  if (payment === null) {
    const hint = 'Choose seats and press Pay. The outcome, its event and each request appear here.';
    return [heading('–', 'idle', 'Nothing paid yet'), element('p', { class: 'quiet' }, hint), ...noted];
  }
  const { kind, code, transactionId, bookingId, status, processedAt, until } = payment;
  const buttons = actionsOf(payment, surroundings, actions);
  return [
    heading(MARKS[kind], kind, titleOf(payment, surroundings)),
    ...sentencesOf(payment).map((sentence) => element('p', {}, sentence)),
    ...noted,
    ...(buttons.length === 0 ? [] : [element('p', { class: 'actions' }, ...buttons)]),
    facts([
      ['status', status],
      ['error_code', kind === 'failed' || kind === 'refused' ? code : null],
      ['transaction_id', transactionId],
      ['booking_id', bookingId],
      ['amount', surroundings.amount],
      [kind === 'authorized' ? 'capture_before' : 'expires_at', until],
      ['processed_at', processedAt],
    ]),
  ];
}

/**
 * @param {string} mark
 * @param {string} kind
 * @param {string} title
 */
function heading(mark, kind, title) {
  return element(
    'h2',
    { id: 'outcome-title', class: 'outcome-title', tabindex: '-1' },
    element('span', { class: `mark ${kind}`, 'aria-hidden': 'true' }, mark),
    title,
  );
}

/**
 * @param {Payment} payment
 * @param {Surroundings} surroundings
 */
function titleOf({ kind, code }, { continueTo }) {
  switch (kind) {
    case 'sending':
      return 'Sending the payment';
    case 'challenged':
      return continueTo === 'PayPal' ? 'PayPal asks for approval' : 'The bank asks for authentication';
    case 'authorized':
      return 'The seats are held';
    case 'completed':
      return 'Paid';
    case 'failed':
      return FAILURES[code ?? ''] ?? 'Declined';
    case 'pending':
      return 'No outcome yet';
    case 'refused':
      return 'Not accepted';
  }
}

/**
 * @param {Payment} payment
 * @returns {string[]}
 */
function sentencesOf({ kind, code, reason, nextStep, until }) {
  switch (kind) {
    case 'sending':
      return [];
    case 'challenged':
      return [`Nothing is charged until the payer confirms. There is time until ${timeOf(until)}.`];
    case 'authorized':
      return [`The money is authorized, and not yet taken. Issue the seats by ${timeOf(until)}, or let them go.`];
    case 'completed':
      return ['The seats are yours.'];
    case 'failed':
      if (code === 'PAYMENT_VOIDED') return ['No money was taken, and the seats are free again.'];
      return [...(reason === null ? [] : [`${reason}.`]), 'The seats can be paid in another way.'];
    case 'pending':
      return ['The service asks the gateway until it knows, and keeps the booking meanwhile.'];
    case 'refused':
      return [reason, nextStep].filter((sentence) => sentence !== null);
  }
}

/**
 * @param {Payment} payment
 * @param {Surroundings} surroundings
 * @param {Actions} actions
 * @returns {HTMLElement[]}
 */
function actionsOf({ kind, actionUrl }, { continueTo, canSendAgain }, actions) {
  const button = (/** @type {string} */ text, /** @type {() => void} */ click, look = '') =>
    element('button', { type: 'button', class: look, click }, text);
  const again = canSendAgain ? [button('Send the same request again', actions.sendAgain)] : [];
  switch (kind) {
    case 'challenged':
      return [
        element('a', { class: 'primary', href: actionUrl ?? '' }, `Continue to ${continueTo}`),
        button('Cancel the payment', actions.release),
      ];
    case 'authorized':
      return [button('Issue seats', actions.capture, 'primary'), button('Seats are gone', actions.release), ...again];
    case 'completed':
      return [button('New booking', actions.startOver, 'primary'), ...again];
    case 'failed':
    case 'refused':
      return [...again, button('New booking', actions.startOver)];
    case 'sending':
    case 'pending':
      return [];
  }
}

/** @param {string | null} iso */
function timeOf(iso) {
  return iso === null ? 'then' : new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
