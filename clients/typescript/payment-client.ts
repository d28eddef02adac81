/**
 * A client of the payment service. It sends what is safe to send again, under the same idempotency key, until there is an outcome or its
 * deadline is over. It has no dependencies; payment-api.d.ts is generated from the service's /openapi.json.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { components } from './payment-api.d.ts';

type Schemas = components['schemas'];
export type PaymentRequest = Schemas['PaymentRequest'];
export type HoldRequest = Schemas['HoldRequest'];
export type RefundRequest = Schemas['RefundRequest'];
/** `success`: paid. `authorized`: the money is held. `pending`: send the payer to `next_action.url`. */
export type PaymentAnswer =
  | Schemas['PaymentSuccessResponse']
  | Schemas['PaymentAuthorizedResponse']
  | Schemas['PaymentChallengeResponse'];
export type CaptureAnswer = Schemas['PaymentSuccessResponse'];
export type VoidAnswer = Schemas['PaymentVoidedResponse'];
export type RefundAnswer = Schemas['RefundSuccessResponse'];
export type Status = Schemas['StatusResponse'];

export interface PaymentClientOptions {
  /** Such as `https://payments.example.com`. */
  baseUrl: string;
  /** Needed in production. */
  apiKey?: string;
  /** Milliseconds that a call may take in all: 30,000 by default. */
  deadlineMs?: number;
  /** Milliseconds that each request of a call may take: 20,000 by default, longer than the service waits for a gateway. */
  requestDeadlineMs?: number;
  /** Sent with each request. */
  headers?: Record<string, string>;
}

/** The service refused the request. `code` says why; `retryAfterSeconds` when to try again, if that helps. */
export class PaymentError extends Error {
  override name = 'PaymentError';
  readonly code: string;
  readonly httpStatus: number;
  readonly details: Schemas['ErrorDetails'];
  readonly retryAfterSeconds: number | null;
  /** The service's log and its events have the same id. */
  readonly requestId: string | null;

  constructor({ response, body }: Answer) {
    const error = errorIn(body);
    super(error?.message ?? messageOf(response));
    this.code = error?.code ?? 'UNKNOWN';
    this.httpStatus = response.status;
    this.details = error?.details ?? {};
    this.retryAfterSeconds = retryAfterSeconds(response);
    this.requestId = response.headers.get('X-Request-Id');
  }
}

/** The payment failed, such as `CARD_DECLINED`. `code` is the cause, and `details.next_step` what the payer can do. Pay again under a new key. */
export class PaymentFailed extends PaymentError {
  override name = 'PaymentFailed';
  override readonly code: string;

  constructor(answer: Answer, code: string) {
    super(answer);
    this.code = code;
  }
}

/** Money may have moved: the outcome was not known at the deadline. Wait for the event, ask for the status of `transactionId`, or call again. */
export class OutcomePending extends Error {
  override name = 'OutcomePending';
  /** Of the payment, or of the refund. */
  readonly transactionId: string;

  constructor(transactionId: string) {
    super(`The outcome of ${transactionId} is not known yet`);
    this.transactionId = transactionId;
  }
}

/**
 * The service did not answer before the deadline, or a proxy answered in its place. What was asked for may have happened: call again, under the
 * same key.
 */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
  /** Of the answer to the last request; null if it got none. */
  readonly httpStatus: number | null;
  readonly retryAfterSeconds: number | null;

  constructor(baseUrl: string, reason: { response: Response; cause?: Error } | { cause: unknown }) {
    const response = 'response' in reason ? reason.response : null;
    const instead = response === null ? '' : `, and the last request got ${response.status}`;
    super(
      `The payment service at ${baseUrl} did not answer${instead}`,
      'cause' in reason ? { cause: reason.cause } : undefined,
    );
    this.httpStatus = response?.status ?? null;
    this.retryAfterSeconds = response && retryAfterSeconds(response);
  }
}

/** An answer: its body is a JSON object, or null in an error of a proxy's. */
interface Answer {
  response: Response;
  body: unknown;
}

interface ServiceRequest {
  method: 'GET' | 'POST';
  path: string;
  /** JSON. */
  body?: string;
  idempotencyKey?: string;
  /** The payment of a capture or a void, which an earlier request of the call may still be processing. */
  ownId?: string;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
/** Answers after which the same request can succeed, although they do not say when. */
const TEMPORARY = [500, 503];
/** Also what HTTP allows in the value of a header. */
const PRINTABLE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;
const IDEMPOTENCY_KEY_MAX_LENGTH = 255;

export class PaymentClient {
  readonly #baseUrl: string;
  readonly #headers: Headers;
  readonly #deadlineMs: number;
  readonly #requestDeadlineMs: number;

  constructor({ baseUrl, apiKey, deadlineMs = 30_000, requestDeadlineMs = 20_000, headers }: PaymentClientOptions) {
    // What is not valid is refused here: later, it would look like a service that does not answer.
    this.#baseUrl = validBaseUrl(baseUrl);
    this.#headers = new Headers();
    for (const [name, value] of Object.entries(headers ?? {})) this.#headers.set(name, validHeader(name, value));
    if (apiKey) this.#headers.set('Authorization', `Bearer ${validHeader('apiKey', apiKey)}`);
    this.#deadlineMs = deadlineMs;
    this.#requestDeadlineMs = requestDeadlineMs;
  }

  /**
   * Takes a payment, or holds its money.
   *
   * @param idempotencyKey of this attempt to pay. Store it before you call: called again with it, it is the same payment.
   * @throws PaymentFailed, PaymentError, OutcomePending, NoAnswer
   */
  async pay(body: PaymentRequest, idempotencyKey: string): Promise<PaymentAnswer> {
    return this.#call(post('/payment/process', body, { idempotencyKey: validKey(idempotencyKey) }));
  }

  /** Takes the money that is held. It can be called again. @throws PaymentFailed, PaymentError, OutcomePending, NoAnswer */
  async capture(body: HoldRequest): Promise<CaptureAnswer> {
    return this.#call(post('/payment/capture', body, { ownId: body.transaction_id }));
  }

  /** Releases the money that is held. It can be called again. @throws PaymentError, OutcomePending, NoAnswer */
  async void(body: HoldRequest): Promise<VoidAnswer> {
    return this.#call(post('/payment/void', body, { ownId: body.transaction_id }));
  }

  /**
   * Pays back all or a part of a payment.
   *
   * @param idempotencyKey of this refund. Store it before you call: called again with it, it is the same refund.
   * @throws PaymentError, OutcomePending, NoAnswer
   */
  async refund(body: RefundRequest, idempotencyKey: string): Promise<RefundAnswer> {
    return this.#call(post('/payment/refund', body, { idempotencyKey: validKey(idempotencyKey) }));
  }

  /** How a payment or a refund stands, by its id. @throws PaymentError, NoAnswer */
  async status(id: string): Promise<Status> {
    return this.#call(statusOf(id));
  }

  async #call<Data>(request: ServiceRequest): Promise<Data> {
    const deadlineAtMs = Date.now() + this.#deadlineMs;
    let isAnswerMissing = false;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(request, deadlineAtMs);
      if (answer instanceof NoAnswer) {
        isAnswerMissing = true;
        await pause(delayMs(answer.retryAfterSeconds, attempt), deadlineAtMs, answer);
        continue;
      }
      if (answer.response.ok) return answer.body as Data;
      const pendingId = pendingIn(answer, request.ownId);
      // Once the outcome is known, the same request is answered with it.
      if (pendingId !== null) await this.#waitForOutcome(pendingId, answer, deadlineAtMs);
      else
        await pause(
          retryDelayMs(answer, attempt),
          deadlineAtMs,
          refusal(answer, isAnswerMissing ? this.#baseUrl : null),
        );
    }
  }

  async #send(
    { method, path, body, idempotencyKey }: ServiceRequest,
    deadlineAtMs: number,
  ): Promise<Answer | NoAnswer> {
    const leftMs = Math.max(1, deadlineAtMs - Date.now());
    const headers = new Headers(this.#headers);
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    if (idempotencyKey !== undefined) headers.set('Idempotency-Key', idempotencyKey);
    try {
      const response = await fetch(`${this.#baseUrl}${path}`, {
        method,
        headers,
        ...(body !== undefined && { body }),
        redirect: 'manual', // The body can have card data: it goes to no other address.
        signal: AbortSignal.timeout(Math.min(leftMs, this.#requestDeadlineMs)),
      });
      const answer = { response, body: objectOrNull(await response.text()) };
      return isOfService(answer) ? answer : new NoAnswer(this.#baseUrl, { response });
    } catch (cause) {
      // No connection, a broken one, no answer in time, or half of one.
      return new NoAnswer(this.#baseUrl, { cause });
    }
  }

  /** Returns when the request should be sent again. @throws OutcomePending at the deadline */
  async #waitForOutcome(id: string, { response }: Answer, deadlineAtMs: number): Promise<void> {
    let seconds = retryAfterSeconds(response);
    for (let attempt = 1; ; attempt += 1) {
      await pause(delayMs(seconds, attempt), deadlineAtMs, new OutcomePending(id));
      const answer = await this.#send(statusOf(id), deadlineAtMs);
      if (answer instanceof NoAnswer) {
        seconds = answer.retryAfterSeconds;
        continue;
      }
      seconds = retryAfterSeconds(answer.response);
      if (answer.response.ok && (answer.body as Status).status !== 'pending') return;
      // It was not recorded, after all: sent again, it is.
      if (answer.response.status === 404 && errorIn(answer.body) !== null) return;
    }
  }
}

function post(path: string, body: object, rest: Pick<ServiceRequest, 'idempotencyKey' | 'ownId'>): ServiceRequest {
  return { method: 'POST', path, body: JSON.stringify(body), ...rest };
}

/** @throws TypeError: an empty id, or dots alone, would be another path */
function statusOf(id: string): ServiceRequest {
  if (typeof id !== 'string' || !/[^.]/.test(id))
    throw new TypeError('The id of a payment or a refund is needed, such as TXN-…');
  return { method: 'GET', path: `/payment/status/${encodeURIComponent(id)}` };
}

function validBaseUrl(baseUrl: string): string {
  const { protocol, origin, pathname, username, password, search, hash } = new URL(baseUrl);
  if (!/^https?:$/.test(protocol)) throw new TypeError('baseUrl must begin with https:// or http://');
  if (username || password || search || hash) throw new TypeError('baseUrl must end with its host, port or path');
  return `${origin}${pathname}`.replace(/\/$/, '');
}

/** Without white space at its ends, such as the newline of a file. @throws TypeError that does not quote the value, which can be a secret */
function validHeader(name: string, value: string): string {
  const trimmed = value.trim();
  if (!PRINTABLE.test(trimmed)) throw new TypeError(`${name} must have printable ASCII characters, in one line`);
  return trimmed;
}

/** @throws TypeError: without a key, a request that is sent again could be a second payment or refund */
function validKey(key: string): string {
  if (typeof key === 'string' && key.length <= IDEMPOTENCY_KEY_MAX_LENGTH && PRINTABLE.test(key)) return key;
  throw new TypeError(
    `idempotencyKey must have 1 to ${IDEMPOTENCY_KEY_MAX_LENGTH} printable ASCII characters, and no space at its ends`,
  );
}

function objectOrNull(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** A proxy's 5xx does not say whether the service got the request, and its 200 is no success. */
function isOfService({ response, body }: Answer): boolean {
  if (response.ok) return body !== null;
  return response.status < 500 || errorIn(body) !== null;
}

/** Waits, unless that would go beyond the deadline or does not help. @throws what the call then ends with */
async function pause(forMs: number | null, deadlineAtMs: number, otherwise: Error): Promise<void> {
  if (forMs === null || Date.now() + forMs >= deadlineAtMs) throw otherwise;
  await sleep(forMs);
}

/** Null: the answer is final. */
function retryDelayMs({ response, body }: Answer, attempt: number): number | null {
  if (isRedirect(response)) return null;
  const seconds = retryAfterSeconds(response);
  const isTemporary = TEMPORARY.includes(response.status) && errorIn(body)?.code !== 'NOT_CONFIGURED';
  return seconds !== null || isTemporary ? delayMs(seconds, attempt) : null;
}

/** What a server asks for, or up to twice as long each time, at random, so that many clients do not come back at once. */
function delayMs(seconds: number | null, attempt: number): number {
  if (seconds !== null) return Math.max(FIRST_DELAY_MS, seconds * 1_000);
  const longestMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return longestMs / 2 + (Math.random() * longestMs) / 2;
}

function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get('Retry-After') ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function isRedirect({ status, headers }: Response): boolean {
  return status >= 300 && status < 400 && headers.has('Location');
}

function messageOf(response: Response): string {
  if (!isRedirect(response)) return `The service answered ${response.status}`;
  const location = response.headers.get('Location');
  return `Got ${response.status}, a redirect to ${location}, which was not followed: baseUrl must be the service's own address`;
}

/** The payment or refund of the request whose outcome is not known yet; null where the answer says something else. */
function pendingIn({ response, body }: Answer, ownId?: string): string | null {
  const { status, transaction_id, refund_transaction_id } = failureIn(body);
  if (status !== 'pending') return null;
  const isOwn =
    [502, 503].includes(response.status) ||
    errorIn(body)?.code === 'IDEMPOTENCY_IN_PROGRESS' ||
    (response.status === 409 && ownId !== undefined && transaction_id === ownId);
  return isOwn ? (refund_transaction_id ?? transaction_id ?? null) : null;
}

/**
 * What a call ends with if the answer is not sent for again. An answer that is temporary or a proxy's says nothing of an earlier request of the
 * call that got no answer.
 *
 * @param unanswered the service's address, if it has not answered an earlier request of the call
 */
function refusal(answer: Answer, unanswered: string | null): PaymentError | NoAnswer {
  const { status, error_code } = failureIn(answer.body);
  const isOfPayment = status === 'failed' && error_code !== undefined && answer.response.status !== 409;
  const error = isOfPayment ? new PaymentFailed(answer, error_code) : new PaymentError(answer);
  const isFinal = errorIn(answer.body) !== null && retryDelayMs(answer, 1) === null;
  return unanswered === null || isFinal ? error : new NoAnswer(unanswered, { response: answer.response, cause: error });
}

type Failure = Pick<Schemas['ErrorDetails'], 'status' | 'error_code' | 'transaction_id' | 'refund_transaction_id'>;

/** What an answer says of a failed or pending payment or refund, beside the envelope or in its details. */
function failureIn(body: unknown): Failure {
  const error = errorIn(body);
  if (error === null) return {};
  const isOfPayment = 'error_code' in (body as object);
  return isOfPayment ? { ...error.details, ...(body as Schemas['PaymentFailureResponse']) } : (error.details ?? {});
}

interface ServiceError {
  code: string;
  message?: string | null;
  details?: Schemas['ErrorDetails'] | null;
}

/** What the service's envelope has; null where the answer is not the service's, but a proxy's. */
function errorIn(body: unknown): ServiceError | null {
  const { error } = (body ?? {}) as { error?: Partial<ServiceError> | null };
  return typeof error?.code === 'string' ? (error as ServiceError) : null;
}
