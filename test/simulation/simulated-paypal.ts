/** PayPal as a history's gateway. */
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { Fetch } from '../../src/core/gateways/json-call.ts';
import { PayPalClient } from '../../src/core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import type { Operation } from '../../src/emulator/operations.ts';
import type { Charge, IsolateMemory, MoneyRequest, Payable, Wish } from './money-mover.ts';
import { API_URL, type ProviderCharge, ProviderGateway, type ProviderRefund } from './provider-gateway.ts';
import type { Arrival } from './provider-network.ts';

const SOMEBODY_ELSE = 'SNEAKYSHAP234';
/** An amount that nobody is asked for. */
const CHANGED_TO = '0.03';
const DECLINED: Fault = { kind: 'decline', code: 'declined' };
/** The payer may choose another instrument, or not. */
const DECLINES: readonly Fault[] = [{ kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' }, DECLINED];

export class SimulatedPayPal extends ProviderGateway {
  readonly endsChallenges = false;
  readonly payersAddresses = [`${API_URL}/checkoutnow`];
  /** Those that a shop's page has created; all others are the service's. */
  readonly #orders: { orderId: string; amountMinor: number; isHeld: boolean }[] = [];
  /** Orders whose amount the payer's page changes after the service has looked at them, and before the capture. */
  readonly #changedLate = new Set<string>();
  readonly #toBeChanged = new Set<string>();
  /** Orders that nobody may capture, and why. */
  readonly #forbidden = new Map<string, string>();
  /** Orders that the payer's bank does not pay for, and what PayPal makes of that. */
  readonly #declined = new Map<string, Fault>();

  protected adapter(send: Fetch, { nowMs, tokens }: IsolateMemory): Gateway {
    const { paypalClientId, paypalClientSecret, paypalMerchantId, paypalWebhookId } = EMULATOR_CREDENTIALS;
    const settings = {
      clientId: paypalClientId,
      clientSecret: paypalClientSecret,
      merchantId: paypalMerchantId,
      webhookId: paypalWebhookId,
      apiUrl: API_URL,
    };
    return createPayPalGateway(settings, new PayPalClient(settings, { send, nowMs }, tokens));
  }

  payable(wish: Wish): Payable {
    // The service creates an order, if it may send the payer to PayPal.
    if (wish.card === 'invalid' || wish.card === 'challenged')
      return { payment_method: 'paypal', paypal_details: null };
    // One of the same amount and intent: any other is not so much as looked at.
    const fits = ({ amountMinor, isHeld }: { amountMinor: number; isHeld: boolean }) =>
      amountMinor === wish.amountMinor && isHeld === wish.isHeld;
    const used = this.#orders.filter((order) => wish.order === 'used' && fits(order));
    const orderId = used.length > 0 ? this.faults.random.pick(used).orderId : this.#newOrder(wish);
    return { payment_method: 'paypal', paypal_details: { email: 'payer@example.com', payment_id: orderId } };
  }

  sendPayer(transactionId: string, url: string): number | null {
    const known = this.paypal.orders().find(({ orderId }) => this.paypal.approvalUrl(orderId) === url);
    if (known?.transactionId !== transactionId) {
      throw new Error(`${url} is not where the payer of ${transactionId} approves`);
    }
    const { orderId } = known;
    return this.payers.send(transactionId, (approves) => {
      if (!this.paypal.hasOrder(orderId)) return;
      if (approves) this.paypal.approveOrder(orderId);
      else this.paypal.cancelOrder(orderId);
    });
  }

  #newOrder({ amountMinor, card, order, isHeld }: Wish): string {
    const orderId = this.paypal.createOrder({
      value: ((amountMinor + (order === 'wrong_amount' ? 1 : 0)) / 100).toFixed(2),
      currency: 'USD',
      intent: isHeld ? 'AUTHORIZE' : 'CAPTURE',
      status: order === 'unapproved' ? 'CREATED' : 'APPROVED',
      ...(order === 'foreign' && { merchantId: SOMEBODY_ELSE }),
    });
    this.#orders.push({ orderId, amountMinor, isHeld });
    if (order === 'changed_late') {
      this.#toBeChanged.add(orderId);
      this.#changedLate.add(orderId);
    }
    if (order === 'wrong_amount' || order === 'foreign' || order === 'unapproved') this.#forbidden.set(orderId, order);
    if (card === 'declined') {
      this.#declined.set(orderId, this.faults.random.pick(DECLINES));
    }
    return orderId;
  }

  protected chargesMade(): ProviderCharge[] {
    const captures = this.paypal.captures().map(({ captureId, transactionId, value, status }) => ({
      transactionId,
      reference: captureId,
      amountMinor: hundredthsOf(value),
      state: CAPTURE_STATES[status] ?? 'approved',
    }));
    // The last word on a payment comes last.
    return [...this.#ordersMade(), ...this.#holdsMade(), ...captures];
  }

  /** Orders that the service has created, and that have not been completed. */
  #ordersMade(): ProviderCharge[] {
    const open = this.paypal
      .orders()
      .filter(({ orderId, status }) => status !== 'COMPLETED' && this.#isOfService(orderId));
    return open.map(({ orderId, transactionId, value, status, isExpired }) => ({
      transactionId,
      reference: orderId,
      amountMinor: hundredthsOf(value),
      state: isExpired ? 'cancelled' : status === 'APPROVED' ? 'payer_approved' : 'challenged',
      ended: isExpired ? 'by_itself' : null,
    }));
  }

  #holdsMade(): ProviderCharge[] {
    const holds = this.paypal.authorizations().filter(({ status }) => status !== 'CAPTURED');
    return holds.map(({ authorizationId, transactionId, value, status, isExpired, expiresAtMs }) => ({
      transactionId,
      reference: authorizationId,
      amountMinor: hundredthsOf(value),
      state: HOLD_STATES[status] ?? 'authorized',
      heldUntilMs: expiresAtMs,
      ended: status !== 'VOIDED' ? null : isExpired ? 'by_itself' : 'released',
    }));
  }

  #isOfService(orderId: string): boolean {
    return this.#orders.every((order) => order.orderId !== orderId);
  }

  protected override requestFor(operation: Operation, ownId: string | null): MoneyRequest | null {
    const completes = operation.name === 'orders.capture' || operation.name === 'orders.authorize';
    return completes && this.#isOfService(operation.id) ? 'complete' : super.requestFor(operation, ownId);
  }

  protected endHold(authorizationId: string): void {
    this.paypal.expireAuthorization(authorizationId);
  }

  protected refundsMade(): ProviderRefund[] {
    return this.paypal.refunds().map(({ id, refundId, transactionId, value, status }) => ({
      id,
      refundId,
      transactionId,
      amountMinor: hundredthsOf(value),
      state: ({ COMPLETED: 'paid', PENDING: 'open', FAILED: 'failed' } as const)[status],
    }));
  }

  protected refundAtProvider(captureId: string, amountMinor: number): string {
    return this.paypal.refundInDashboard(captureId, (amountMinor / 100).toFixed(2));
  }

  protected failRefund(id: string): void {
    this.paypal.failRefund(id);
  }

  protected decide(): void {
    const well = () => this.faults.random.chance(0.7);
    for (const { captureId, status } of this.paypal.captures()) {
      if (status !== 'PENDING') continue;
      if (well()) this.paypal.completeCapture(captureId);
      else this.paypal.denyCapture(captureId);
    }
    for (const { id, status } of this.paypal.refunds()) {
      if (status !== 'PENDING') continue;
      if (well()) this.paypal.completeRefund(id);
      else this.paypal.failRefund(id);
    }
  }

  protected endingOf({ operation }: Arrival): Fault | null {
    if (operation.name === 'authorizations.capture') {
      return this.faults.strike('gateway_declines', 2) ? DECLINED : null;
    }
    if (operation.name !== 'orders.capture' && operation.name !== 'orders.authorize') return null;
    if (this.#toBeChanged.delete(operation.id)) this.paypal.changeOrder(operation.id, { value: CHANGED_TO });
    const declined = this.#declined.get(operation.id);
    if (declined !== undefined) return declined;
    if (!this.faults.strike('gateway_declines', 2)) return null;
    return this.#isOfService(operation.id) ? this.faults.random.pick(DECLINES) : DECLINED;
  }

  override isMischarged(transactionId: string): boolean {
    return [...this.paypal.captures(), ...this.paypal.authorizations()].some(
      (made) => made.transactionId === transactionId && this.#changedLate.has(made.orderId),
    );
  }

  override wrongs(): string[] {
    const paid = [...this.paypal.captures(), ...this.paypal.authorizations()].filter(({ orderId, status }) => {
      return this.#forbidden.has(orderId) && status !== 'DECLINED' && status !== 'DENIED';
    });
    const named = paid.map(({ orderId }) => `invariant 7: an order that is ${this.#forbidden.get(orderId)} was paid`);
    return [...super.wrongs(), ...named];
  }
}

const CAPTURE_STATES: Readonly<Record<string, Charge['state']['kind']>> = {
  PENDING: 'in_progress',
  DECLINED: 'declined',
};
const HOLD_STATES: Readonly<Record<string, Charge['state']['kind']>> = { DENIED: 'declined', VOIDED: 'cancelled' };

function hundredthsOf(value: string): number {
  return Number(value.replace('.', ''));
}
