/**
 * PayPal's API, as far as orders, authorizations, captures and refunds need it: published shapes, states, request ids and events.
 * Nothing here waits or reaches out: a call is carried out at once, at its clock's time.
 */
import type { ApiAnswer, ApiRequest, EmulatorClock, Ending, ProviderEvent, Received, RefusedRequest } from './api.ts';
import { answerOf, json, parsedJson } from './api.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { keyOf, type Operation, operationOf, pathOf, queryOf } from './operations.ts';
import { PayPalAccess } from './paypal-access.ts';
import { PayPalAccount } from './paypal-account.ts';
import * as authorizations from './paypal-authorizations.ts';
import type { CaptureRow, OrderRow, RefundRow } from './paypal-books.ts';
import { errorAnswer, refusal } from './paypal-errors.ts';
import { listEvents, verifySignature } from './paypal-notifications.ts';
import {
  captureLinks,
  refundLinks,
  showOrder,
  showRefund,
  showShortOrder,
  showWholeAuthorization,
  showWholeCapture,
} from './paypal-objects.ts';
import * as orders from './paypal-orders.ts';
import * as payments from './paypal-payments.ts';
import { paypalAnswerMisfit, paypalRequestMisfit } from './published-apis.ts';
import type { PayPalSigner } from './webhooks.ts';

const HOUR_MS = 60 * 60 * 1000;
const ORDER_KEYS_ARE_KEPT_MS = 6 * HOUR_MS;
const PAYMENT_KEYS_ARE_KEPT_MS = 45 * 24 * HOUR_MS;
const LONGEST_KEY = 108;
const NO_CONTENT: ApiAnswer = { status: 204, headers: {}, body: '' };

export interface PayPalCall {
  operation: Operation;
  method: string;
  path: string;
  query: URLSearchParams;
  /** As it came: a signature is over it. */
  text: string;
  body: unknown;
  key: string | null;
  /** Whether the whole resource is wanted for an answer. */
  whole: boolean;
}

export interface PayPalEmulatorOptions {
  clientId: string;
  clientSecret: string;
  merchantId: string;
  webhookId: string;
  clock: EmulatorClock;
  /** Signs webhooks, and has its certificate published; null: there are neither. */
  signer?: PayPalSigner | null;
  onEvent: (event: ProviderEvent) => void;
  /** Where links lead to; default: PayPal's sandbox. */
  baseUrl?: () => string;
}

export class PayPalEmulator extends PayPalAccount {
  /** Requests that did not fit the published descriptions, with the difference. */
  readonly misfits: string[] = [];
  readonly #access: PayPalAccess;
  /** The row that a request id has made, of orders and of payments. */
  readonly #orderKeys: IdempotencyKeys<string>;
  readonly #paymentKeys: IdempotencyKeys<string>;
  readonly #webhookId: string;
  readonly #signer: PayPalSigner | null;
  /** PEM, by name. */
  readonly #certificates = new Map<string, string>();

  constructor(options: PayPalEmulatorOptions) {
    const { clock, onEvent, baseUrl = () => 'https://api-m.sandbox.paypal.com' } = options;
    super(options.merchantId, clock, baseUrl, onEvent);
    this.#access = new PayPalAccess(options.clientId, options.clientSecret, clock);
    this.#orderKeys = new IdempotencyKeys(clock, ORDER_KEYS_ARE_KEPT_MS);
    this.#paymentKeys = new IdempotencyKeys(clock, PAYMENT_KEYS_ARE_KEPT_MS);
    this.#webhookId = options.webhookId;
    this.#signer = options.signer ?? null;
    if (this.#signer !== null) this.publishCertificate(this.#signer.name, this.#signer.certificate);
  }

  handle(request: ApiRequest, ending: Ending = {}): ApiAnswer {
    const received = this.receive(request);
    return received.kind === 'refused' ? received.refusal : this.carryOut(received.call, ending);
  }

  /** Whether a request may be made at all, and fits the descriptions. */
  receive(request: ApiRequest): Received<PayPalCall> {
    const { clock } = this.books;
    const path = pathOf(request);
    const query = new URLSearchParams(queryOf(request));
    const operation = operationOf(request);
    const misfit = (because: string, status: number, issue: string, field?: string): RefusedRequest => {
      this.misfits.push(`paypal ${operation?.name ?? `${request.method} ${path}`}: ${because}`);
      const details = { issue, description: because, ...(field !== undefined && { field }) };
      return { kind: 'refused', refusal: errorAnswer(clock, status, details), because };
    };
    if (operation === null) return misfit(`there is no ${request.method} ${path}`, 404, 'INVALID_RESOURCE_ID');
    const refused = this.#refuseAccess(operation, request);
    if (refused !== null) return { kind: 'refused', refusal: refused, because: 'wrong credentials' };
    const key = keyOf(request);
    if (key !== null && (key === '' || key.length > LONGEST_KEY)) {
      return misfit(
        `PayPal-Request-Id has 1 to ${LONGEST_KEY} characters`,
        400,
        'INVALID_STRING_LENGTH',
        'PayPal-Request-Id',
      );
    }
    const whole = request.headers.prefer === 'return=representation';
    const call = { operation, method: request.method, path, query, text: request.body, body: undefined, key, whole };
    if (operation.name === 'oauth2.token' || request.method === 'GET') return { kind: 'accepted', call };
    if (!(request.headers['content-type'] ?? '').startsWith('application/json')) {
      return misfit('the content type is not application/json', 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
    const parsed = request.body === '' ? { value: {} } : parsedJson(request.body);
    if (parsed === null) return misfit('the body is not JSON', 400, 'MALFORMED_REQUEST_JSON');
    if (operation.name === 'webhooks.verify') return { kind: 'accepted', call: { ...call, body: parsed.value } };
    const difference = paypalRequestMisfit(operation, request.method, parsed.value) ?? unrepeatableId(parsed.value);
    if (difference !== null) {
      const issue = difference.keyword === 'required' ? 'MISSING_REQUIRED_PARAMETER' : 'INVALID_PARAMETER_SYNTAX';
      return misfit(difference.difference, 400, issue, `/${difference.field.replaceAll('.', '/')}`);
    }
    return { kind: 'accepted', call: { ...call, body: parsed.value } };
  }

  #refuseAccess({ name }: Operation, request: ApiRequest): ApiAnswer | null {
    if (name === 'certificates.get') return null;
    return name === 'oauth2.token' ? this.#access.refuseLogin(request) : this.#access.refuse(request);
  }

  /** Does what a call asks for; one whose id has done it before is answered with what has become of it. */
  carryOut(call: PayPalCall, ending: Ending = {}): ApiAnswer {
    const answer = answerOf(() => this.#perform(call, ending));
    const { operation, method } = call;
    if (operation.template.startsWith('/v2/') && answer.body !== '') {
      const misfit = paypalAnswerMisfit(operation, method, answer.status, JSON.parse(answer.body));
      if (misfit)
        throw new Error(`the emulator's own answer to ${operation.name}: ${misfit.difference}\n${answer.body}`);
    }
    return answer;
  }

  #perform(call: PayPalCall, ending: Ending): ApiAnswer {
    const books = this.books;
    const { operation, method, body, key } = call;
    authorizations.expireDueAuthorizations(books);
    const refuse: payments.Refuse = (status, issue, more) =>
      refusal(books.clock, operation, method, status, issue, more);
    const found = <Row>(rows: Map<string, Row>): Row => {
      const row = rows.get(operation.id);
      if (row === undefined) throw refuse(404, 'INVALID_RESOURCE_ID');
      return row;
    };
    const foundOrder = () => {
      const order = found(books.orders);
      if (orders.isGone(books, order)) throw refuse(404, 'INVALID_RESOURCE_ID');
      return order;
    };
    switch (operation.name) {
      case 'oauth2.token':
        return this.#access.login(call.text);
      case 'orders.create': {
        const request = body as orders.OrderRequest;
        const create = () => orders.createOrder(books, request, this.merchantId, key, refuse);
        return this.#once(call, books.orders, create, this.#orderShown);
      }
      case 'orders.get':
        return json(200, showOrder(books, foundOrder()));
      case 'orders.patch':
        orders.patchOrder(books, foundOrder(), body as orders.Patch[], refuse);
        return NO_CONTENT;
      case 'orders.capture': {
        const order = foundOrder();
        const capture = () => orders.captureOrder(books, order, ending, refuse).order;
        return this.#once(call, books.orders, capture, this.#orderShown);
      }
      case 'orders.authorize': {
        const order = foundOrder();
        const authorize = () => orders.authorizeOrder(books, order, ending, refuse).order;
        return this.#once(call, books.orders, authorize, this.#orderShown);
      }
      case 'authorizations.get':
        return json(200, showWholeAuthorization(books, found(books.authorizations)));
      case 'authorizations.capture': {
        const authorization = found(books.authorizations);
        const request = body as authorizations.CaptureRequest;
        const capture = () => authorizations.captureAuthorization(books, authorization, request, ending, refuse);
        return this.#once(call, books.captures, capture, this.#captureShown, 201);
      }
      case 'authorizations.void': {
        const authorization = found(books.authorizations);
        const release = () => authorizations.voidAuthorization(books, authorization, refuse);
        const { row } = this.#made(call, books.authorizations, release);
        return call.whole ? json(200, showWholeAuthorization(books, row)) : NO_CONTENT;
      }
      case 'captures.get':
        return json(200, showWholeCapture(books, found(books.captures)));
      case 'captures.refund': {
        const capture = found(books.captures);
        const refund = () => payments.refundCapture(books, capture, body as payments.RefundRequest, ending, refuse);
        return this.#once(call, books.refunds, refund, this.#refundShown, 201);
      }
      case 'refunds.get':
        return json(200, showRefund(books, found(books.refunds)));
      case 'webhooks.verify':
        if (this.#signer === null) throw new Error('this PayPal signs nothing');
        return verifySignature(call, this.#webhookId, this.#signer, books);
      case 'certificates.get': {
        const pem = this.#certificates.get(operation.id);
        if (pem === undefined) return errorAnswer(books.clock, 404, { issue: 'INVALID_RESOURCE_ID', description: '' });
        return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: pem };
      }
      case 'webhook-events.list':
        return listEvents(call.query, books);
      default:
        throw new Error(`${operation.name} is not emulated`);
    }
  }

  /** The latest state of what the request id has made, or else of what is made now. */
  #made<Row extends { id: string }>(
    { operation, key, path }: PayPalCall,
    rows: Map<string, Row>,
    make: () => Row,
  ): { row: Row; isRepeated: boolean } {
    const keys = operation.template.startsWith('/v2/payments/') ? this.#paymentKeys : this.#orderKeys;
    const known = key === null ? undefined : keys.get(`${path} ${key}`);
    const standing = known === undefined ? undefined : rows.get(known);
    if (standing !== undefined) return { row: standing, isRepeated: true };
    const row = make();
    if (key !== null) keys.keep(`${path} ${key}`, row.id);
    return { row, isRepeated: false };
  }

  #once<Row extends { id: string }>(
    call: PayPalCall,
    rows: Map<string, Row>,
    make: () => Row,
    show: (row: Row, whole: boolean) => unknown,
    repeatedStatus = 200,
  ): ApiAnswer {
    const { row, isRepeated } = this.#made(call, rows, make);
    return json(isRepeated ? repeatedStatus : 201, show(row, call.whole));
  }

  readonly #orderShown = (order: OrderRow, whole: boolean) =>
    whole ? showOrder(this.books, order) : showShortOrder(this.books, order);

  readonly #captureShown = (capture: CaptureRow, whole: boolean) =>
    whole
      ? showWholeCapture(this.books, capture)
      : { id: capture.id, status: this.books.statusOf(capture), links: captureLinks(this.books, capture) };

  readonly #refundShown = (refund: RefundRow, whole: boolean) =>
    whole
      ? showRefund(this.books, refund)
      : { id: refund.id, status: refund.status, links: refundLinks(this.books, refund) };

  forgetKeys(): void {
    this.#orderKeys.forget();
    this.#paymentKeys.forget();
  }

  /** Tokens of now are refused from now on. */
  revokeTokens(): void {
    this.#access.revokeTokens();
  }

  /** How long a token is good for that is given from now on. */
  set tokenLifetimeSeconds(seconds: number) {
    this.#access.tokenLifetimeSeconds = seconds;
  }

  /** A certificate that webhooks may be signed with, or what is in its place. */
  publishCertificate(name: string, pem: string): void {
    this.#certificates.set(name, pem);
  }

  /** For answers that are made outside of `carryOut`. */
  get clock(): EmulatorClock {
    return this.books.clock;
  }
}

/** A refund's answer may hold less than its request: what it could not repeat, is not taken. */
function unrepeatableId(body: unknown): { keyword: string; field: string; difference: string } | null {
  const id = (body as { custom_id?: unknown } | null)?.custom_id;
  if (typeof id !== 'string' || /^[A-Za-z0-9-_.,]*$/.test(id)) return null;
  return {
    keyword: 'pattern',
    field: 'custom_id',
    difference: 'custom_id has letters, digits, and -_., and no others',
  };
}
