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
    const envelope = envelopeOf(body);
    super(envelope?.error.message ?? `The service answered ${response.status}`);
    this.code = envelope?.error.code ?? 'UNKNOWN';
    this.httpStatus = response.status;
    this.details = envelope?.error.details ?? {};
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

/** The service did not answer until the deadline. What was asked for may have happened: call again, under the same key. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

/** An answer of the service: its body is JSON, or null where it is an error of a proxy's. */
interface Answer {
  response: Response;
  body: unknown;
}

interface ServiceRequest {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  idempotencyKey?: string;
  /** The payment of a capture or a void, which an earlier request of the call may still be processing. */
  ownId?: string;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
/** Answers after which the same request can succeed, although they do not say when. */
const TEMPORARY = [500, 503, 504];

export class PaymentClient {
  readonly #baseUrl: string;
  readonly #headers: Headers;
  readonly #deadlineMs: number;
  readonly #requestDeadlineMs: number;

  constructor({ baseUrl, apiKey, deadlineMs = 30_000, requestDeadlineMs = 20_000, headers }: PaymentClientOptions) {
    // Both refuse here what is not valid: later, that would look like a service that does not answer.
    this.#baseUrl = new URL(baseUrl).href.replace(/\/$/, '');
    this.#headers = new Headers(headers);
    if (apiKey) this.#headers.set('Authorization', `Bearer ${apiKey}`);
    this.#deadlineMs = deadlineMs;
    this.#requestDeadlineMs = requestDeadlineMs;
  }

  /**
   * Takes a payment, or holds its money.
   *
   * @param idempotencyKey of this attempt to pay. Store it before you call: called again with it, it is the same payment.
   * @throws PaymentFailed, PaymentError, OutcomePending, NoAnswer
   */
  pay(body: PaymentRequest, idempotencyKey: string): Promise<PaymentAnswer> {
    return this.#call({ method: 'POST', path: '/payment/process', body, idempotencyKey });
  }

  /** Takes the money that is held. It can be called again. @throws PaymentFailed, PaymentError, OutcomePending, NoAnswer */
  capture(body: HoldRequest): Promise<CaptureAnswer> {
    return this.#call({ method: 'POST', path: '/payment/capture', body, ownId: body.transaction_id });
  }

  /** Releases the money that is held. It can be called again. @throws PaymentError, OutcomePending, NoAnswer */
  void(body: HoldRequest): Promise<VoidAnswer> {
    return this.#call({ method: 'POST', path: '/payment/void', body, ownId: body.transaction_id });
  }

  /**
   * Pays back all or a part of a payment.
   *
   * @param idempotencyKey of this refund. Store it before you call: called again with it, it is the same refund.
   * @throws PaymentError, OutcomePending, NoAnswer
   */
  refund(body: RefundRequest, idempotencyKey: string): Promise<RefundAnswer> {
    return this.#call({ method: 'POST', path: '/payment/refund', body, idempotencyKey });
  }

  /** How a payment or a refund stands, by its id. @throws PaymentError, NoAnswer */
  status(id: string): Promise<Status> {
    return this.#call({ method: 'GET', path: `/payment/status/${encodeURIComponent(id)}` });
  }

  async #call<Data>(request: ServiceRequest): Promise<Data> {
    const deadlineAtMs = Date.now() + this.#deadlineMs;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(request, deadlineAtMs);
      if (answer instanceof NoAnswer) {
        await pause(backoffMs(attempt), deadlineAtMs, answer);
        continue;
      }
      if (answer.response.ok) return answer.body as Data;
      const pendingId = pendingIn(answer, request.ownId);
      // Once the outcome is known, the same request is answered with it.
      if (pendingId !== null) await this.#waitForOutcome(pendingId, deadlineAtMs);
      else await pause(retryDelayMs(answer, attempt), deadlineAtMs, errorOf(answer));
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
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(Math.min(leftMs, this.#requestDeadlineMs)),
      });
      const text = await response.text();
      return { response, body: response.ok ? JSON.parse(text) : jsonOrNull(text) };
    } catch (error) {
      // No connection, a broken one, no answer in time, or half of one.
      return new NoAnswer('The payment service did not answer', { cause: error });
    }
  }

  async #waitForOutcome(id: string, deadlineAtMs: number): Promise<void> {
    const request = { method: 'GET', path: `/payment/status/${encodeURIComponent(id)}` } as const;
    for (let attempt = 1; ; attempt += 1) {
      await pause(backoffMs(attempt), deadlineAtMs, new OutcomePending(id));
      const answer = await this.#send(request, deadlineAtMs);
      if (answer instanceof NoAnswer || !answer.response.ok) continue;
      if ((answer.body as Status).status !== 'pending') return;
    }
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Waits, unless that would go beyond the deadline or does not help. @throws what the call then ends with */
async function pause(delayMs: number | null, deadlineAtMs: number, otherwise: Error): Promise<void> {
  if (delayMs === null || Date.now() + delayMs >= deadlineAtMs) throw otherwise;
  await sleep(delayMs);
}

/** Null: the answer is final. */
function retryDelayMs({ response, body }: Answer, attempt: number): number | null {
  const seconds = retryAfterSeconds(response);
  if (seconds !== null) return seconds * 1_000;
  const isTemporary = TEMPORARY.includes(response.status) && envelopeOf(body)?.error.code !== 'NOT_CONFIGURED';
  return isTemporary ? backoffMs(attempt) : null;
}

/** Up to twice as long each time, at random, so that many clients do not come back at once. */
function backoffMs(attempt: number): number {
  const longestMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return longestMs / 2 + (Math.random() * longestMs) / 2;
}

function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get('Retry-After') ?? '';
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** The payment or refund of the request whose outcome is not known yet; null where the answer says something else. */
function pendingIn({ response, body }: Answer, ownId?: string): string | null {
  const { status, transaction_id, refund_transaction_id } = failureOf(body);
  if (status !== 'pending') return null;
  if (response.status === 502 || response.status === 503) return refund_transaction_id ?? transaction_id ?? null;
  return response.status === 409 && transaction_id === ownId ? (ownId ?? null) : null;
}

function errorOf(answer: Answer): PaymentError {
  const { status, error_code } = failureOf(answer.body);
  const isOfPayment = status === 'failed' && error_code !== undefined && answer.response.status !== 409;
  return isOfPayment ? new PaymentFailed(answer, error_code) : new PaymentError(answer);
}

type Failure = Pick<Schemas['ErrorDetails'], 'status' | 'error_code' | 'transaction_id' | 'refund_transaction_id'>;

/** What an answer says of a failed or pending payment or refund, beside the envelope or in its details. */
function failureOf(body: unknown): Failure {
  const envelope = envelopeOf(body);
  if (envelope === null) return {};
  const { details } = envelope.error;
  return 'error_code' in envelope ? { ...details, ...(envelope as Schemas['PaymentFailureResponse']) } : details;
}

/** Null where the answer is not the service's, but a proxy's. */
function envelopeOf(body: unknown): Schemas['ErrorEnvelope'] | null {
  const isEnvelope = typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object';
  return isEnvelope ? (body as Schemas['ErrorEnvelope']) : null;
}
