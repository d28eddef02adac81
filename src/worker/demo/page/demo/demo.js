/** The checkout demo: one booking at a time, paid by the service's own API as a shop's page would have it paid. */
import { byId } from './element.js';
import { drawNoEvent, watchEvents } from './events.js';
import { drawInstruments, instrumentOf, paymentFields } from './instruments.js';
import { drawOutcome, focusOutcome } from './outcome.js';
import { afterAnswer, afterStatus, sending } from './payment.js';
import { chooseSeats, chosenSeats, drawSeats, focusSeats } from './seats.js';
import { call } from './service.js';
import { keepSession, newBooking, newIdempotencyKey, newSession, restoredSession } from './session.js';
import { createTrace } from './trace.js';

const USER = { user_id: 'user_123', user_email: 'alex@example.com' };
/** A second press within this time is the same attempt, even if the first has been answered already. */
const DOUBLE_CLICK_MS = 1_000;
/** The rate limit is 20 requests in ten seconds. */
const POLL_MS = 2_000;
const HAS_NO_OUTCOME = new Set(['sending', 'challenged', 'authorized', 'pending']);
const NO_EVENT = 'None yet: an event reports an outcome, and this payment has no outcome yet.';
/**
 * In place of the button's own text, while a booking cannot be paid again.
 *
 * @type {Readonly<Record<string, string>>}
 */
const STATES = {
  challenged: 'Waiting for the payer',
  authorized: 'Held',
  pending: 'No outcome yet',
  completed: 'Paid',
};

const page = {
  form: byId('checkout', HTMLFormElement),
  seatMap: byId('seat-map', HTMLElement),
  chosen: byId('chosen', HTMLElement),
  total: byId('total', HTMLElement),
  complaint: byId('complaint', HTMLElement),
  pay: byId('pay', HTMLButtonElement),
  outcome: byId('outcome', HTMLElement),
  events: byId('events', HTMLElement),
};

let session = restoredSession();
const trace = createTrace(byId('trace', HTMLElement), session.exchanges);
/** @type {{ key: string, body: object, pressedAtMs: number, unanswered: number } | null} */
let attempt = null;
let isBusy = false;
/** @type {string | null} */
let note = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let nextPoll;
let watching = new AbortController();
const shop = await fetchShop();

drawSeats(page.seatMap, changed);
drawInstruments(byId('instruments', HTMLElement));
fillForm();
page.form.addEventListener('change', changed);
page.form.addEventListener('submit', (event) => {
  event.preventDefault();
  void pay();
});
// Back from the bank by the browser's own button, or from another tab.
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && askSoon(0));
window.addEventListener('pageshow', ({ persisted }) => persisted && askSoon(0));
comeBack();

/** @returns {Promise<{ currency: string, seat_price: number }>} */
async function fetchShop() {
  return (await fetch('/demo/shop')).json();
}

/** The shop compares the id in the address with its own session's, and believes nothing else that is in it. */
function comeBack() {
  const address = new URLSearchParams(location.search);
  const named = address.get('transaction_id');
  const own = session.payment?.transactionId ?? null;
  if (named !== null && named !== own) note = `The address names ${named}, which this tab has not paid: it is ignored.`;
  else if (named !== null && address.get('cancelled') === 'true')
    note = 'The address says that it was cancelled, which is a hint: the status decides.';
  redraw();
  followEvents();
  if (session.payment === null) return;
  if (named !== null) focusOutcome();
  askSoon(0);
}

async function pay() {
  page.complaint.textContent = '';
  if (chosenSeats(page.seatMap).length === 0) {
    page.complaint.textContent = 'Choose a seat first.';
    focusSeats(page.seatMap);
    return;
  }
  const isSame =
    attempt !== null && (attempt.unanswered > 0 || performance.now() - attempt.pressedAtMs < DOUBLE_CLICK_MS);
  if (!isSame) {
    attempt = { key: newIdempotencyKey(), body: paymentRequest(), pressedAtMs: performance.now(), unanswered: 0 };
    session.payment = sending(session.bookingId);
    leaveAddress();
    redraw();
    setTimeout(focusOutcome, DOUBLE_CLICK_MS / 2);
  }
  await send();
}

/** Sends the attempt, again with the same key where it has been sent before. */
async function send() {
  const sent = attempt;
  if (sent === null) return;
  sent.unanswered += 1;
  const answer = await call(trace.add, 'POST', '/payment/process', sent.body, { 'Idempotency-Key': sent.key });
  sent.unanswered -= 1;
  // The other one of the two is being worked on, and its answer is the one to show.
  const isInProgress = answer.body?.error?.code === 'IDEMPOTENCY_IN_PROGRESS';
  if (sent !== attempt || isInProgress || session.payment === null) return;
  session.payment = afterAnswer(session.payment, answer);
  redraw();
  askSoon(0);
  followEvents();
}

function paymentRequest() {
  return {
    ...USER,
    booking_id: session.bookingId,
    amount: amount(),
    ...paymentFields(session.instrument),
    ...(session.mode === 'manual' && { capture_method: 'manual' }),
    return_url: `${location.origin}${location.pathname}`,
  };
}

/** @param {'capture' | 'void'} step */
async function endHold(step) {
  const { payment } = session;
  if (payment === null || isBusy) return;
  isBusy = true;
  const { bookingId: booking_id, transactionId: transaction_id } = payment;
  const body = { booking_id, transaction_id, user_id: USER.user_id };
  const answer = await call(trace.add, 'POST', `/payment/${step}`, body);
  isBusy = false;
  const after = afterAnswer(payment, answer);
  // Where the other step was faster, the status says so.
  if (after.kind !== 'refused') session.payment = after;
  else note = after.reason;
  redraw();
  askSoon(0);
  followEvents();
}

/** @param {number} inMs */
function askSoon(inMs) {
  clearTimeout(nextPoll);
  if (session.payment?.transactionId) nextPoll = setTimeout(() => void askForStatus(), inMs);
}

async function askForStatus() {
  const asked = session.payment;
  if (asked?.transactionId == null) return;
  const answer = await call(trace.add, 'GET', `/payment/status/${asked.transactionId}`);
  if (session.payment?.transactionId !== asked.transactionId) return;
  session.payment = afterStatus(session.payment, answer);
  redraw();
  if (session.payment.kind !== asked.kind) followEvents();
  const { kind, until } = session.payment;
  if (kind === 'pending' || kind === 'challenged') askSoon(Math.max(POLL_MS, answer.retryAfterSeconds * 1_000));
  // A hold waits for this page, and at its end for nobody.
  if (kind === 'authorized' && until !== null) askSoon(Math.max(POLL_MS, Date.parse(until) - Date.now()));
}

/** Shows the events that the booking has by now, until all of them are delivered. */
function followEvents() {
  watching.abort();
  watching = new AbortController();
  if (session.payment === null) drawNoEvent(page.events, 'Nothing has happened yet.');
  else {
    const note = HAS_NO_OUTCOME.has(session.payment.kind) ? NO_EVENT : null;
    void watchEvents(page.events, session.bookingId, note, watching.signal, explainFailure);
  }
}

/**
 * Why a payment failed after its answer is in its event: `/payment/status` does not say it.
 *
 * @param {import('./events.js').BookingEvent[]} events
 */
function explainFailure(events) {
  const message = events.at(-1)?.message;
  const { payment } = session;
  if (payment?.kind !== 'failed' || payment.code !== null || message?.event_type !== 'payment.failed') return;
  session.payment = { ...payment, code: String(message.error_code), reason: String(message.failure_reason) };
  redraw();
}

function startOver() {
  session = { ...newSession(), exchanges: session.exchanges };
  trace.clear();
  attempt = null;
  note = null;
  clearTimeout(nextPoll);
  leaveAddress();
  fillForm();
  redraw();
  followEvents();
  focusSeats(page.seatMap);
}

/** What the payer came back with is of the payment before. */
function leaveAddress() {
  note = null;
  history.replaceState(null, '', location.pathname);
}

/** Other seats are another booking, and another choice is another request. */
function changed() {
  const seats = chosenSeats(page.seatMap);
  if (session.payment !== null && seats.join() !== session.seats.join()) session.bookingId = newBooking();
  const chosen = new FormData(page.form);
  session.seats = seats;
  session.instrument = String(chosen.get('instrument'));
  session.mode = chosen.get('mode') === 'manual' ? 'manual' : 'automatic';
  attempt = null;
  page.complaint.textContent = '';
  redraw();
}

function fillForm() {
  chooseSeats(page.seatMap, session.seats);
  for (const name of /** @type {const} */ (['instrument', 'mode'])) {
    const radio = page.form.querySelector(`input[name="${name}"][value="${session[name]}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
  }
}

/** Draws all that depends on the session, and keeps it. */
function redraw() {
  const { payment, seats } = session;
  page.chosen.textContent =
    seats.length === 0 ? 'No seat chosen' : `${seats.length === 1 ? 'Seat' : 'Seats'} ${seats.join(', ')}`;
  page.total.textContent = money(amount());
  const state = payment === null ? undefined : STATES[payment.kind];
  const isOpen = state === undefined;
  const verb = session.mode === 'manual' ? 'Hold' : 'Pay';
  page.pay.textContent = state ?? (seats.length === 0 ? verb : `${verb} ${money(amount())}`);
  page.pay.disabled = !isOpen;
  for (const fieldset of page.form.querySelectorAll('fieldset'))
    fieldset.disabled = !isOpen || payment?.kind === 'sending';
  const surroundings = {
    amount: money(amount()),
    continueTo: instrumentOf(session.instrument).continueTo,
    note,
    canSendAgain: attempt !== null,
  };
  drawOutcome(page.outcome, payment, surroundings, {
    capture: () => void endHold('capture'),
    release: () => void endHold('void'),
    sendAgain: () => void send(),
    startOver,
  });
  keepSession(session);
}

/** In the currency's own decimals. */
function amount() {
  const { maximumFractionDigits = 0 } = format().resolvedOptions();
  return Number((session.seats.length * shop.seat_price).toFixed(maximumFractionDigits));
}

/** @param {number} value */
function money(value) {
  return format().format(value);
}

function format() {
  return new Intl.NumberFormat('en', { style: 'currency', currency: shop.currency, currencyDisplay: 'code' });
}
