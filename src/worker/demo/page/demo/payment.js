/** What the page knows of a payment, from the service's answers and from nothing else. */

/**
 * @typedef {object} Payment
 * @property {'sending' | 'challenged' | 'authorized' | 'completed' | 'failed' | 'pending' | 'refused'} kind
 *   `refused`: the service has answered without a payment; `pending`: no outcome is known yet
 * @property {string | null} transactionId
 * @property {string} bookingId
 * @property {string | null} status as `/payment/status` has it
 * @property {string | null} code
 * @property {string | null} reason
 * @property {string | null} nextStep
 * @property {string | null} actionUrl
 * @property {string | null} until ISO, of what waits
 * @property {string | null} processedAt ISO
 */

/**
 * @param {string} bookingId
 * @returns {Payment}
 */
export function sending(bookingId) {
  return {
    kind: 'sending',
    transactionId: null,
    bookingId,
    status: null,
    code: null,
    reason: null,
    nextStep: null,
    actionUrl: null,
    until: null,
    processedAt: null,
  };
}

/**
 * Of the answer to `/payment/process`, `/payment/capture` or `/payment/void`.
 *
 * @param {Payment} payment
 * @param {import('./service.js').Answer} answer
 * @returns {Payment}
 */
export function afterAnswer(payment, { status, body }) {
  const known = {
    ...payment,
    transactionId: body?.transaction_id ?? payment.transactionId,
    processedAt: body?.processed_at ?? null,
    ...reasonOf(status, body),
  };
  if (status === 202) {
    const { url, expires_at } = body.next_action;
    return { ...known, kind: 'challenged', status: 'pending', actionUrl: url, until: expires_at };
  }
  switch (body?.status) {
    case 'success':
      return { ...known, kind: 'completed', status: 'completed', actionUrl: null, until: null };
    case 'authorized':
      return { ...known, kind: 'authorized', status: 'authorized', until: body.capture_before };
    case 'pending':
      return { ...known, kind: 'pending', status: 'pending' };
    case 'failed':
      return body.transaction_id === undefined
        ? { ...known, kind: 'refused' }
        : { ...known, kind: 'failed', status: 'failed', actionUrl: null, until: null };
    default:
      return {
        ...known,
        kind: 'refused',
        transactionId: body?.error?.details?.transaction_id ?? payment.transactionId,
      };
  }
}

/**
 * Of an answer of `/payment/status`. A challenged payment is `pending` there.
 *
 * @param {Payment} payment
 * @param {import('./service.js').Answer} answer
 * @returns {Payment}
 */
export function afterStatus(payment, { status, body }) {
  if (status === 404) return { ...payment, kind: 'refused', ...UNKNOWN };
  if (status !== 200) return payment;
  const processedAt = body.processed_at;
  switch (body.status) {
    case 'pending':
      return { ...payment, kind: payment.kind === 'challenged' ? 'challenged' : 'pending', status: 'pending' };
    case 'authorized':
      return { ...payment, kind: 'authorized', status: 'authorized', actionUrl: null, until: body.capture_before };
    case 'failed':
      return { ...payment, kind: 'failed', status: 'failed', processedAt, actionUrl: null, until: null };
    default:
      return { ...payment, kind: 'completed', status: body.status, processedAt, actionUrl: null, until: null };
  }
}

/**
 * @param {number} status
 * @param {any} body
 */
function reasonOf(status, body) {
  const { code = null, message = null, details } = body?.error ?? {};
  return {
    code: body?.error_code ?? code,
    reason: status === 0 ? 'The service did not answer.' : (details?.reason ?? invalidFields(details) ?? message),
    nextStep: details?.next_step ?? NEXT_STEPS[status] ?? null,
  };
}

/** A tab may be older than the database. */
const UNKNOWN = {
  status: null,
  code: 'TRANSACTION_NOT_FOUND',
  reason: 'The service does not know this payment: its database is another one.',
  nextStep: 'Begin a new booking.',
};

/** @type {Readonly<Record<number, string>>} */
const NEXT_STEPS = {
  0: 'Check whether npm run dev still runs.',
  401: 'The demo has no API key: set AUTH_MODE=none in .dev.vars, and restart npm run dev.',
};

/**
 * Of a 422, which names the fields that are not accepted.
 *
 * @param {any} details
 * @returns {string | null}
 */
function invalidFields(details) {
  if (!Array.isArray(details?.issues)) return null;
  return details.issues
    .map((/** @type {{ path: string, message: string }} */ { path, message }) => `${path} ${message}`)
    .join('; ');
}
