/** What has to be true of every answer, whatever was asked. */
import { ERROR_CODES } from '../../src/contract/error-codes.ts';
import { ALLOWED_ORIGINS, type HostileRequest } from './hostile-request.ts';
import type { Answer } from './request.ts';

const REQUEST_ID = /^[\w=-]{1,255}$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** Of the inside. */
const INSIDE = /SQLITE|D1_ERROR|\\n +at |\.ts:\d|node_modules|in JSON at|Unexpected token/;

/** An escape of JSON, for a control character or half of a pair: what is repeated of a request has neither. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u/;

/** The members of each answer that is no error. */
const SUCCESSES = [
  'payment_gateways,service,status,timestamp',
  'payment_methods',
  'amount,booking_id,message,payment_method,processed_at,status,transaction_id',
  'booking_id,message,original_transaction_id,processed_at,refund_amount,refund_transaction_id,status',
  'amount,booking_id,created_at,payment_method,processed_at,status,transaction_id',
  'amount,booking_id,created_at,payment_method,processed_at,refundable_amount,refunded_amount,status,transaction_id',
];
const ENVELOPE = 'error,timestamp';
const FAILED_PAYMENT = 'amount,booking_id,error,error_code,error_message,payment_method,processed_at,status,timestamp';
const RECORDED_FAILURE = `${FAILED_PAYMENT},transaction_id`;

const membersOf = (object: object) => Object.keys(object).sort().join();

/** Everything that is wrong with an answer; empty where nothing is. */
export function complaintsAbout({ method, path }: HostileRequest, answer: Answer): string[] {
  const { status, headers, text } = answer;
  const complaints: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) complaints.push(`${status}: ${what}`);
  };
  // Whether a webhook is PayPal's, only PayPal could say, and it does not answer here.
  const isUnverified = status === 503 && path.startsWith('/webhooks/paypal');
  must((status >= 200 && status < 500) || isUnverified, 'is no status for a caller’s mistake');
  must(REQUEST_ID.test(headers.get('X-Request-Id') ?? ''), 'has no sound X-Request-Id');
  must(headers.get('Cache-Control') === 'no-store', 'may be cached');
  must(headers.get('X-Injected') === null, 'has a header that the caller wrote');
  const origin = headers.get('Access-Control-Allow-Origin');
  must(origin === null || ALLOWED_ORIGINS.includes(origin), 'lets in a page of another origin');
  must(
    (status === 401 || status === 403) === headers.has('WWW-Authenticate'),
    'says how to be let in where it should not',
  );
  must((status === 405) === headers.has('Allow'), 'says which methods there are where it should not');
  must(status !== 429 || Number(headers.get('Retry-After')) >= 1, 'does not say when to come back');
  if (method === 'HEAD' || status === 204) {
    must(text === '', 'has a body');
    return complaints;
  }
  must(headers.get('Content-Type') === 'application/json', `is of the type ${headers.get('Content-Type')}`);
  must(!INSIDE.test(text), 'tells of the inside');
  must(!UNSTORABLE.test(text), 'repeats what cannot be stored');
  complaints.push(...(status < 300 ? successComplaints(answer) : errorComplaints(answer)));
  return complaints;
}

function successComplaints({ body, text }: Answer): string[] {
  return SUCCESSES.includes(membersOf(body)) ? [] : [`no success of the contract: ${text}`];
}

function errorComplaints({ body, text }: Answer): string[] {
  const { error, timestamp } = body;
  const isEnvelope =
    [ENVELOPE, FAILED_PAYMENT, RECORDED_FAILURE].includes(membersOf(body)) &&
    membersOf(error) === 'code,details,message' &&
    ERROR_CODES.includes(error.code) &&
    /\S/.test(error.message) &&
    typeof error.details === 'object' &&
    TIMESTAMP.test(timestamp);
  return isEnvelope ? [] : [`not the contract’s envelope: ${text}`];
}
