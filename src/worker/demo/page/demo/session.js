/** What this tab remembers while its payer is at the bank. It ends with the tab, and holds no more of a card than its last four digits. */

const KEY = 'checkout-demo';

/**
 * @typedef {object} Session
 * @property {string} bookingId
 * @property {string[]} seats
 * @property {string} instrument
 * @property {'automatic' | 'manual'} mode
 * @property {import('./payment.js').Payment | null} payment
 * @property {import('./service.js').Exchange[]} exchanges
 */

/** @returns {Session} */
export function newSession() {
  return { bookingId: newBooking(), seats: [], instrument: 'pays', mode: 'automatic', payment: null, exchanges: [] };
}

/** @returns {Session} */
export function restoredSession() {
  const text = sessionStorage.getItem(KEY);
  if (text === null) return newSession();
  const kept = JSON.parse(text);
  // Its answer went to the page that was left. If it was paid, the service says so when it is paid again.
  return kept.payment?.kind === 'sending' ? { ...kept, payment: null } : kept;
}

/** @param {Session} session */
export function keepSession(session) {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

export function newBooking() {
  return `BOOK-${randomHex(4).toUpperCase()}`;
}

export function newIdempotencyKey() {
  return randomHex(16);
}

/** @param {number} bytes */
function randomHex(bytes) {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
