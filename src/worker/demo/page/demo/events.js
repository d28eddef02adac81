/** The events of the booking, as the development Worker reads them from the outbox, until RabbitMQ has confirmed each. */
import { element, facts } from './element.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

/** @typedef {{ message: Record<string, unknown> | null, delivered_at: string | null, attempts: number, last_error: string | null }} BookingEvent */

/**
 * @param {HTMLElement} place
 * @param {string} note
 */
export function drawNoEvent(place, note) {
  place.replaceChildren(element('p', { class: 'empty' }, note));
}

/**
 * Shows the events that the booking has now, and asks again while one of them waits. An event is written together with its outcome, so
 * whoever has seen the outcome need not wait for the event.
 *
 * @param {HTMLElement} place
 * @param {string} bookingId
 * @param {string | null} note what to say above those of the attempts before, where this one has none yet
 * @param {AbortSignal} signal
 * @param {(events: BookingEvent[]) => void} onEvents
 */
export async function watchEvents(place, bookingId, note, signal, onEvents) {
  let shown = '';
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const events = await eventsOf(bookingId);
    if (signal.aborted) return;
    const text = JSON.stringify(events);
    if (events !== null && text !== shown) {
      drawEvents(place, events, note);
      onEvents(events);
    }
    shown = text;
    if (events?.every(({ delivered_at }) => delivered_at !== null)) return;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (signal.aborted) return;
  }
}

/**
 * The newest first, and open if it is the one of this attempt.
 *
 * @param {HTMLElement} place
 * @param {BookingEvent[]} events
 * @param {string | null} note
 */
function drawEvents(place, events, note) {
  const views = events.toReversed().map((event, index) => eventView(event, index === 0 && note === null));
  const none = note ?? 'None: nothing was recorded of this request.';
  place.replaceChildren(
    ...(note !== null || views.length === 0 ? [element('p', { class: 'empty' }, none)] : []),
    ...views,
  );
}

/**
 * @param {string} bookingId
 * @returns {Promise<BookingEvent[] | null>} null where the Worker does not answer: it is asked again
 */
async function eventsOf(bookingId) {
  try {
    const response = await fetch(`/demo/events/${encodeURIComponent(bookingId)}`);
    return response.ok ? (await response.json()).events : null;
  } catch {
    return null;
  }
}

/**
 * @param {BookingEvent} event
 * @param {boolean} open
 */
function eventView({ message, delivered_at, attempts, last_error }, open) {
  const type = String(message?.event_type ?? 'event');
  const state = delivered_at === null ? 'waits' : 'delivered';
  return element(
    'details',
    { class: 'event', open },
    element('summary', {}, element('code', {}, type), element('span', { class: `badge ${state}` }, state)),
    element(
      'p',
      { class: 'quiet' },
      delivered_at === null
        ? waiting(attempts, last_error)
        : `RabbitMQ confirmed it at ${timeOf(delivered_at)}. The routing key is the event type.`,
    ),
    message === null
      ? element('p', {}, 'Its email address cannot be decrypted: the key has changed.')
      : facts(Object.entries(message).map(([name, value]) => [name, JSON.stringify(value)])),
  );
}

/**
 * @param {number} attempts
 * @param {string | null} lastError
 */
function waiting(attempts, lastError) {
  const failed = attempts === 1 ? 'One attempt has failed' : `${attempts} attempts have failed`;
  const why = lastError === null ? '' : `: ${lastError}`;
  return `It waits in the database until RabbitMQ confirms it.${attempts === 0 ? '' : ` ${failed}${why}.`}`;
}

/** @param {string} iso */
function timeOf(iso) {
  return new Date(iso).toLocaleTimeString('en-GB');
}
