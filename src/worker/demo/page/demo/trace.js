/** Requests and responses side by side, the newest first. Those that only repeat the one before are counted in it. */
import { element } from './element.js';
import { parsed } from './service.js';

/** @typedef {import('./service.js').Exchange} Exchange */

/** Of the response, beside its body: the rest can be opened. */
const TELLING = new Set(['idempotent-replayed', 'retry-after', 'x-request-id']);

/**
 * @param {HTMLElement} place
 * @param {Exchange[]} exchanges added to, and drawn at once
 */
export function createTrace(place, exchanges) {
  const list = element('div', { class: 'trace' });
  const empty = element('p', { class: 'empty' }, 'Nothing has been sent yet.');
  place.replaceChildren(empty, list);

  /** @param {Exchange} exchange */
  function draw(exchange) {
    empty.hidden = true;
    list.prepend(exchangeView(exchange));
  }
  exchanges.forEach(draw);

  return {
    /** @param {Exchange} exchange */
    add(exchange) {
      const last = exchanges.at(-1);
      if (last !== undefined && isRepeated(last, exchange)) {
        last.times += 1;
        const count = list.querySelector('.times');
        if (count !== null) count.textContent = `× ${last.times}`;
        return;
      }
      exchanges.push(exchange);
      draw(exchange);
    },
    clear() {
      exchanges.length = 0;
      list.replaceChildren();
      empty.hidden = false;
    },
  };
}

/**
 * @param {Exchange} last
 * @param {Exchange} next
 */
function isRepeated(last, next) {
  return (
    next.method === 'GET' &&
    last.method === 'GET' &&
    last.path === next.path &&
    last.status === next.status &&
    last.responseText === next.responseText
  );
}

/**
 * Whether the service has answered as it had answered before, for the same Idempotency-Key.
 *
 * @param {Exchange} exchange
 */
function isReplayed({ responseHeaders }) {
  return responseHeaders.some(([name, value]) => name === 'idempotent-replayed' && value === 'true');
}

/** @param {Exchange} exchange */
function exchangeView(exchange) {
  const { method, path, status, durationMs, times } = exchange;
  return element(
    'details',
    { class: 'exchange' },
    element(
      'summary',
      {},
      element('span', { class: 'verb' }, method),
      element('code', { class: 'path' }, path),
      element('span', { class: 'times' }, times > 1 ? `× ${times}` : ''),
      element('span', { class: 'replayed' }, isReplayed(exchange) ? 'replayed' : ''),
      element(
        'span',
        { class: status >= 200 && status < 300 ? 'code' : 'code refused' },
        status === 0 ? '—' : `${status}`,
      ),
      element('span', { class: 'took' }, `${durationMs} ms`),
    ),
    element(
      'div',
      { class: 'sides' },
      side('Request', `${method} ${path}`, exchange.requestHeaders, exchange.requestText, []),
      side('Response', status === 0 ? '' : `${status}`, ...telling(exchange)),
    ),
  );
}

/**
 * @param {Exchange} exchange
 * @returns {[headers: [string, string][], text: string, others: [string, string][]]}
 */
function telling({ responseHeaders, responseText }) {
  return [
    responseHeaders.filter(([name]) => TELLING.has(name)),
    responseText,
    responseHeaders.filter(([name]) => !TELLING.has(name)),
  ];
}

/**
 * @param {string} title
 * @param {string} start
 * @param {[string, string][]} headers
 * @param {string} text
 * @param {[string, string][]} others
 */
function side(title, start, headers, text, others) {
  return element(
    'div',
    {},
    element('h3', {}, title),
    element('pre', {}, [start, ...headers.map(asLine), '', pretty(text)].join('\n').trim()),
    others.length === 0
      ? null
      : element(
          'details',
          { class: 'others' },
          element('summary', {}, `${others.length} more headers`),
          element('pre', {}, others.map(asLine).join('\n')),
        ),
  );
}

/** @param {[string, string]} header */
function asLine([name, value]) {
  return `${name}: ${value}`;
}

/** @param {string} text */
function pretty(text) {
  const body = parsed(text);
  return body === null ? text : JSON.stringify(body, null, 2);
}
