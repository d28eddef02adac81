/**
 * PayPal's API, as far as an approved order, its capture and refunds need it: published shapes, states, request ids and events.
 * Nothing here waits or reaches out: a call is carried out at once, at its clock's time.
 */
import {
  type ApiAnswer,
  type ApiRequest,
  answerOf,
  type EmulatorClock,
  type Ending,
  json,
  type ProviderEvent,
  parsedJson,
  type Received,
  type RefusedRequest,
  randomText,
} from './api.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { keyOf, type Operation, operationOf, pathOf, queryOf } from './operations.ts';
import { PayPalAccess } from './paypal-access.ts';
import { type CaptureRow, type OrderRow, PayPalBooks, type RefundRow } from './paypal-books.ts';
import { errorAnswer, refusal } from './paypal-errors.ts';
import { readMoney, showMoney } from './paypal-money.ts';
import { listEvents, verifySignature } from './paypal-notifications.ts';
import { orderLinks, refundLinks, showOrder, showRefund, showWholeCapture } from './paypal-objects.ts';
import * as payments from './paypal-payments.ts';
import { paypalAnswerMisfit, paypalRequestMisfit } from './published-apis.ts';
import type { PayPalSigner } from './webhooks.ts';

const KEYS_ARE_KEPT_MS = 6 * 60 * 60 * 1000;
const LONGEST_KEY = 108;

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

export class PayPalEmulator {
  /** Requests that did not fit the published descriptions, with the difference. */
  readonly misfits: string[] = [];
  /** The account's setting against two payments of one invoice. */
  refusesDuplicateInvoices = true;
  readonly #books: PayPalBooks;
  readonly #access: PayPalAccess;
  /** The row that a request id has made. */
  readonly #keys: IdempotencyKeys<string>;
  readonly #merchantId: string;
  readonly #webhookId: string;
  readonly #signer: PayPalSigner | null;
  /** PEM, by name. */
  readonly #certificates = new Map<string, string>();

  constructor(options: PayPalEmulatorOptions) {
    const { clock, onEvent, baseUrl = () => 'https://api-m.sandbox.paypal.com' } = options;
    this.#books = new PayPalBooks(clock, baseUrl, onEvent);
    this.#access = new PayPalAccess(options.clientId, options.clientSecret, clock);
    this.#keys = new IdempotencyKeys(clock, KEYS_ARE_KEPT_MS);
    this.#merchantId = options.merchantId;
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
    const { clock } = this.#books;
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
    const books = this.#books;
    const { operation, method, body } = call;
    const refuse: payments.Refuse = (status, issue, more) =>
      refusal(books.clock, operation, method, status, issue, more);
    const found = <Row>(rows: Map<string, Row>): Row => {
      const row = rows.get(operation.id);
      if (row === undefined) throw refuse(404, 'INVALID_RESOURCE_ID');
      return row;
    };
    switch (operation.name) {
      case 'oauth2.token':
        return this.#access.login(call.text);
      case 'orders.create': {
        const request = body as payments.OrderRequest;
        return this.#once(
          call,
          books.orders,
          () => payments.createOrder(books, request, this.#merchantId, refuse),
          this.#order,
        );
      }
      case 'orders.get':
        return json(200, showOrder(books, found(books.orders)));
      case 'orders.patch':
        payments.patchOrder(books, found(books.orders), body as payments.Patch[], refuse);
        return { status: 204, headers: {}, body: '' };
      case 'orders.capture': {
        const order = found(books.orders);
        const capture = () => payments.captureOrder(books, order, this.refusesDuplicateInvoices, ending, refuse).order;
        return this.#once(call, books.orders, capture, this.#order);
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
  #once<Row extends { id: string }>(
    { key, path, whole }: PayPalCall,
    rows: Map<string, Row>,
    make: () => Row,
    show: (row: Row, whole: boolean) => unknown,
    repeatedStatus = 200,
  ): ApiAnswer {
    const known = key === null ? undefined : this.#keys.get(`${path} ${key}`);
    const standing = known === undefined ? undefined : rows.get(known);
    if (standing !== undefined) return json(repeatedStatus, show(standing, whole));
    const row = make();
    if (key !== null) this.#keys.keep(`${path} ${key}`, row.id);
    return json(201, show(row, whole));
  }

  readonly #order = (order: OrderRow, whole: boolean) =>
    whole
      ? showOrder(this.#books, order)
      : { id: order.id, status: order.status, links: orderLinks(this.#books, order) };

  readonly #refundShown = (refund: RefundRow, whole: boolean) =>
    whole
      ? showRefund(this.#books, refund)
      : { id: refund.id, status: refund.status, links: refundLinks(this.#books, refund) };

  /** As the shop's page does with PayPal's JavaScript. @returns the order's id */
  createOrder(order: {
    value: string;
    currency: string;
    merchantId?: string;
    status?: 'CREATED' | 'APPROVED';
    referenceId?: string;
    customId?: string;
    invoiceId?: string;
  }): string {
    const money = readMoney({ currency_code: order.currency, value: order.value });
    if (money.kind === 'invalid') throw new Error(`${order.value} ${order.currency}: ${money.problem}`);
    return payments.addOrder(this.#books, {
      status: order.status ?? 'APPROVED',
      referenceId: order.referenceId ?? 'default',
      minor: money.minor,
      currency: order.currency,
      merchantId: order.merchantId ?? this.#merchantId,
      customId: order.customId ?? null,
      invoiceId: order.invoiceId ?? null,
      description: null,
    }).id;
  }

  /** As the page that made it can, until it is captured: whoever has looked at it before has seen another order. */
  changeOrder(orderId: string, change: { value?: string; merchantId?: string }): void {
    const order = this.#known(this.#books.orders, orderId);
    if (order.status === 'COMPLETED') throw new Error(`the order ${orderId} is completed`);
    if (change.value !== undefined) {
      const money = readMoney({ currency_code: order.currency, value: change.value });
      if (money.kind === 'invalid') throw new Error(`${change.value} ${order.currency}: ${money.problem}`);
      order.minor = money.minor;
    }
    if (change.merchantId !== undefined) order.merchantId = change.merchantId;
  }

  /** Which of the ids that a refund was asked for with are told of it: what PayPal says of that is not all of one mind. */
  set tellsOfRefunds(ids: 'both' | 'invoice_id' | 'neither') {
    this.#books.tellsOfRefunds = ids;
  }

  approveOrder(orderId: string): void {
    payments.approveOrder(this.#books, this.#known(this.#books.orders, orderId));
  }

  /** In the order of their creation, whatever has become of them. */
  captures() {
    return [...this.#books.captures.values()].map((capture) => {
      const { currency_code: currency, value } = showMoney(capture.order.minor, capture.order.currency);
      return {
        captureId: capture.id,
        orderId: capture.order.id,
        transactionId: capture.customId,
        value,
        currency,
        status: this.#books.statusOf(capture),
        atMs: capture.createdAtMs,
      };
    });
  }

  refunds() {
    return [...this.#books.refunds.values()].map(({ id, customId, capture, minor, status, createdAtMs }) => {
      const { currency_code: currency, value } = showMoney(minor, capture.order.currency);
      const ids = { id, refundId: customId, captureId: capture.id, transactionId: capture.customId };
      return { ...ids, value, currency, status, atMs: createdAtMs };
    });
  }

  /** Every event so far, oldest first. */
  events(): ProviderEvent[] {
    return this.#books.events.map(({ event }) => event);
  }

  /** @returns the refund's id */
  refundInDashboard(captureId: string, value?: string): string {
    const capture = this.#capture(captureId);
    const amount = value === undefined ? {} : { amount: { currency_code: capture.order.currency, value } };
    const refuse: payments.Refuse = (_, issue) => new Error(`PayPal refuses the refund: ${issue}`);
    return payments.refundCapture(this.#books, capture, amount, {}, refuse).id;
  }

  /** PayPal takes the payment back, as after a lost chargeback. @returns the id of what is taken back */
  reverseCapture(captureId: string): string {
    const capture = this.#capture(captureId);
    const left = capture.order.minor - this.#books.refundedOf(capture);
    return payments.addRefund(this.#books, capture, {}, left, {}, 'reversed').id;
  }

  failRefund(refundId: string): void {
    payments.endRefund(this.#books, this.#known(this.#books.refunds, refundId), 'FAILED');
  }

  completeRefund(refundId: string): void {
    payments.endRefund(this.#books, this.#known(this.#books.refunds, refundId), 'COMPLETED');
  }

  completeCapture(captureId: string): void {
    payments.endCapture(this.#books, this.#capture(captureId), 'COMPLETED');
  }

  denyCapture(captureId: string): void {
    payments.endCapture(this.#books, this.#capture(captureId), 'DECLINED');
  }

  /** @returns the dispute's id */
  openDispute(captureId: string, reason = 'MERCHANDISE_OR_SERVICE_NOT_RECEIVED'): string {
    const id = `PP-R-${randomText(this.#books.clock, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 3)}-${this.#books.disputes.size + 10_000_001}`;
    return payments.openDispute(this.#books, this.#capture(captureId), id, reason).id;
  }

  updateDispute(disputeId: string): void {
    payments.changeDispute(this.#books, this.#known(this.#books.disputes, disputeId), 'UNDER_REVIEW', null);
  }

  closeDispute(
    disputeId: string,
    outcome: 'RESOLVED_SELLER_FAVOUR' | 'RESOLVED_BUYER_FAVOUR' = 'RESOLVED_SELLER_FAVOUR',
  ): void {
    payments.changeDispute(this.#books, this.#known(this.#books.disputes, disputeId), 'RESOLVED', outcome);
  }

  disputes() {
    return [...this.#books.disputes.values()].map(({ id, capture, reason, status, outcome, createdAtMs }) => ({
      ...{ id, captureId: capture.id, reason, status, outcome, atMs: createdAtMs },
    }));
  }

  forgetKeys(): void {
    this.#keys.forget();
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
    return this.#books.clock;
  }

  #capture(captureId: string): CaptureRow {
    return this.#known(this.#books.captures, captureId);
  }

  #known<Row>(rows: Map<string, Row>, id: string): Row {
    const row = rows.get(id);
    if (row === undefined) throw new Error(`PayPal knows no ${id}`);
    return row;
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
