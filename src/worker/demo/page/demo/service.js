/** The requests to the payment service, each of which is remembered as it went over the wire. */
import { masked } from './instruments.js';

/**
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {[string, string][]} requestHeaders
 * @property {string} requestText empty where there is no body
 * @property {number} status 0 where no response came
 * @property {[string, string][]} responseHeaders
 * @property {string} responseText
 * @property {number} durationMs
 * @property {number} times how often it was repeated in a row, with the same response
 */

/**
 * @typedef {object} Answer
 * @property {number} status 0 where no response came
 * @property {any} body null where it is not JSON
 * @property {number} retryAfterSeconds 0 where the response says nothing about it
 */

/**
 * @param {(exchange: Exchange) => void} onExchange
 * @param {'GET' | 'POST'} method
 * @param {string} path
 * @param {object | null} body
 * @param {Record<string, string>} headers
 * @returns {Promise<Answer>} never rejects: without a response its status is 0
 */
export async function call(onExchange, method, path, body = null, headers = {}) {
  const sent = { ...(body !== null && { 'Content-Type': 'application/json' }), ...headers };
  const startedAtMs = performance.now();
  /** @type {Exchange} */
  const exchange = {
    method,
    path,
    requestHeaders: Object.entries(sent),
    requestText: body === null ? '' : JSON.stringify(masked(body)),
    status: 0,
    responseHeaders: [],
    responseText: '',
    durationMs: 0,
    times: 1,
  };
  let retryAfterSeconds = 0;
  try {
    const response = await fetch(path, { method, headers: sent, ...(body !== null && { body: JSON.stringify(body) }) });
    exchange.status = response.status;
    exchange.responseHeaders = [...response.headers];
    exchange.responseText = await response.text();
    retryAfterSeconds = Number(response.headers.get('Retry-After') ?? 0);
  } catch (error) {
    exchange.responseText = `No response: ${error instanceof Error ? error.message : error}`;
  }
  exchange.durationMs = Math.round(performance.now() - startedAtMs);
  onExchange(exchange);
  return { status: exchange.status, body: parsed(exchange.responseText), retryAfterSeconds };
}

/** @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
