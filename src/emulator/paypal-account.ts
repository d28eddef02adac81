/** PayPal's account outside of its API: what there is, and what payers, PayPal and the merchant's dashboard do. */
import { type EmulatorClock, type ProviderEvent, randomText } from './api.ts';
import { expireAuthorization, expireDueAuthorizations, isOpen } from './paypal-authorizations.ts';
import { type CaptureRow, type OrderRow, PayPalBooks } from './paypal-books.ts';
import { readMoney, showMoney } from './paypal-money.ts';
import { approvalUrl } from './paypal-objects.ts';
import * as orders from './paypal-orders.ts';
import * as payments from './paypal-payments.ts';

export class PayPalAccount {
  protected readonly books: PayPalBooks;
  protected readonly merchantId: string;

  constructor(
    merchantId: string,
    clock: EmulatorClock,
    baseUrl: () => string,
    onEvent: (event: ProviderEvent) => void,
  ) {
    this.books = new PayPalBooks(clock, baseUrl, onEvent);
    this.merchantId = merchantId;
  }

  /** As the shop's page does with PayPal's JavaScript. @returns the order's id */
  createOrder(order: {
    value: string;
    currency: string;
    merchantId?: string;
    intent?: 'CAPTURE' | 'AUTHORIZE';
    status?: 'CREATED' | 'APPROVED';
    referenceId?: string;
    customId?: string;
    invoiceId?: string;
  }): string {
    const money = readMoney({ currency_code: order.currency, value: order.value });
    if (money.kind === 'invalid') throw new Error(`${order.value} ${order.currency}: ${money.problem}`);
    return orders.addOrder(this.books, {
      intent: order.intent ?? 'CAPTURE',
      status: order.status ?? 'APPROVED',
      referenceId: order.referenceId ?? 'default',
      minor: money.minor,
      currency: order.currency,
      merchantId: order.merchantId ?? this.merchantId,
      customId: order.customId ?? null,
      invoiceId: order.invoiceId ?? null,
      ...{ description: null, softDescriptor: null, brandName: null },
      ...{ returnUrl: null, cancelUrl: null, expiresAtMs: null },
    }).id;
  }

  /** Changes an order as the page that created it can, until the capture, even after the service has read it. */
  changeOrder(orderId: string, change: { value?: string; merchantId?: string }): void {
    const order = this.#order(orderId);
    if (order.status === 'COMPLETED') throw new Error(`the order ${orderId} is completed`);
    if (change.value !== undefined) {
      const money = readMoney({ currency_code: order.currency, value: change.value });
      if (money.kind === 'invalid') throw new Error(`${change.value} ${order.currency}: ${money.problem}`);
      order.minor = money.minor;
    }
    if (change.merchantId !== undefined) order.merchantId = change.merchantId;
  }

  /** The request's ids that PayPal returns with a refund: its documentation is inconsistent about them. */
  set tellsOfRefunds(ids: 'both' | 'invoice_id' | 'neither') {
    this.books.tellsOfRefunds = ids;
  }

  /** The account's setting against two payments of one invoice. */
  set refusesDuplicateInvoices(refuses: boolean) {
    this.books.refusesDuplicateInvoices = refuses;
  }

  /** One that has expired is unknown to PayPal. */
  hasOrder(orderId: string): boolean {
    const order = this.books.orders.get(orderId);
    return order !== undefined && !orders.isGone(this.books, order);
  }

  /** The payer opens the approval page. */
  openOrder(orderId: string): Readonly<OrderRow> {
    const order = this.#order(orderId);
    orders.openOrder(this.books, order);
    return order;
  }

  /** The payer approves. @returns where the payer is sent, if the order says so */
  approveOrder(orderId: string): string | null {
    return orders.approveOrder(this.books, this.#order(orderId));
  }

  /** The payer leaves without approval. @returns where the payer is sent, if the order says so */
  cancelOrder(orderId: string): string | null {
    return orders.cancelOrder(this.#order(orderId));
  }

  approvalUrl(orderId: string): string {
    return approvalUrl(this.books.baseUrl(), orderId);
  }

  /** As after hours without approval, or without capture. */
  expireOrder(orderId: string): void {
    const order = this.#order(orderId);
    if (order.status === 'COMPLETED') throw new Error(`the order ${orderId} is completed`);
    order.isExpired = true;
  }

  /** As after its 29 days. */
  expireAuthorization(authorizationId: string): void {
    const authorization = this.#known(this.books.authorizations, authorizationId);
    if (!isOpen(authorization)) throw new Error(`${authorizationId} is ${authorization.status} already`);
    expireAuthorization(this.books, authorization);
  }

  orders() {
    return [...this.books.orders.values()].map((order) => {
      const { currency_code: currency, value } = showMoney(order.minor, order.currency);
      const { id: orderId, intent, status, customId: transactionId, createdAtMs: atMs } = order;
      const isExpired = orders.isGone(this.books, order);
      return { orderId, intent, transactionId, value, currency, status, isExpired, atMs };
    });
  }

  authorizations() {
    expireDueAuthorizations(this.books);
    return [...this.books.authorizations.values()].map((authorization) => {
      const { id: authorizationId, order, minor, customId: transactionId } = authorization;
      const { status, isExpired, createdAtMs: atMs, expiresAtMs } = authorization;
      const { currency_code: currency, value } = showMoney(minor, order.currency);
      const ids = { authorizationId, orderId: order.id, transactionId };
      return { ...ids, value, currency, status, isExpired, expiresAtMs, atMs };
    });
  }

  /** In the order of their creation, whatever has become of them. */
  captures() {
    return [...this.books.captures.values()].map((capture) => {
      const { currency_code: currency, value } = showMoney(capture.minor, capture.order.currency);
      return {
        captureId: capture.id,
        orderId: capture.order.id,
        transactionId: capture.customId,
        value,
        currency,
        status: this.books.statusOf(capture),
        atMs: capture.createdAtMs,
      };
    });
  }

  refunds() {
    return [...this.books.refunds.values()].map(({ id, customId, capture, minor, status, createdAtMs }) => {
      const { currency_code: currency, value } = showMoney(minor, capture.order.currency);
      const ids = { id, refundId: customId, captureId: capture.id, transactionId: capture.customId };
      return { ...ids, value, currency, status, atMs: createdAtMs };
    });
  }

  /** Every event so far, oldest first. */
  events(): ProviderEvent[] {
    return this.books.events.map(({ event }) => event);
  }

  /** @returns the refund's id */
  refundInDashboard(captureId: string, value?: string): string {
    const capture = this.#capture(captureId);
    const amount = value === undefined ? {} : { amount: { currency_code: capture.order.currency, value } };
    const refuse: payments.Refuse = (_, issue) => new Error(`PayPal refuses the refund: ${issue}`);
    return payments.refundCapture(this.books, capture, amount, {}, refuse).id;
  }

  /** PayPal takes the payment back, as after a lost chargeback. @returns the id of what is taken back */
  reverseCapture(captureId: string): string {
    const capture = this.#capture(captureId);
    const left = capture.minor - this.books.refundedOf(capture);
    return payments.addRefund(this.books, capture, {}, left, {}, 'reversed').id;
  }

  failRefund(refundId: string): void {
    payments.endRefund(this.books, this.#known(this.books.refunds, refundId), 'FAILED');
  }

  completeRefund(refundId: string): void {
    payments.endRefund(this.books, this.#known(this.books.refunds, refundId), 'COMPLETED');
  }

  completeCapture(captureId: string): void {
    payments.endCapture(this.books, this.#capture(captureId), 'COMPLETED');
  }

  denyCapture(captureId: string): void {
    payments.endCapture(this.books, this.#capture(captureId), 'DECLINED');
  }

  /** @returns the dispute's id */
  openDispute(captureId: string, reason = 'MERCHANDISE_OR_SERVICE_NOT_RECEIVED'): string {
    const id = `PP-R-${randomText(this.books.clock, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 3)}-${this.books.disputes.size + 10_000_001}`;
    return payments.openDispute(this.books, this.#capture(captureId), id, reason).id;
  }

  updateDispute(disputeId: string): void {
    payments.changeDispute(this.books, this.#known(this.books.disputes, disputeId), 'UNDER_REVIEW', null);
  }

  closeDispute(
    disputeId: string,
    outcome: 'RESOLVED_SELLER_FAVOUR' | 'RESOLVED_BUYER_FAVOUR' = 'RESOLVED_SELLER_FAVOUR',
  ): void {
    payments.changeDispute(this.books, this.#known(this.books.disputes, disputeId), 'RESOLVED', outcome);
  }

  disputes() {
    return [...this.books.disputes.values()].map(({ id, capture, reason, status, outcome, createdAtMs }) => ({
      ...{ id, captureId: capture.id, reason, status, outcome, atMs: createdAtMs },
    }));
  }

  #order(orderId: string): OrderRow {
    const order = this.#known(this.books.orders, orderId);
    if (!this.hasOrder(orderId)) throw new Error(`the order ${orderId} has expired`);
    return order;
  }

  #capture(captureId: string): CaptureRow {
    return this.#known(this.books.captures, captureId);
  }

  #known<Row>(rows: Map<string, Row>, id: string): Row {
    const row = rows.get(id);
    if (row === undefined) throw new Error(`PayPal knows no ${id}`);
    return row;
  }
}
