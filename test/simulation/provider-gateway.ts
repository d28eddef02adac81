/** Stripe or PayPal as a history's gateway: the service's own adapter, a network that fails, and the emulated provider behind it. */
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { Fetch } from '../../src/core/gateways/json-call.ts';
import { PayPalClient } from '../../src/core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { paypalEvent } from '../../src/core/gateways/paypal/paypal-webhook.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { stripeEvent } from '../../src/core/gateways/stripe/stripe-webhook.ts';
import type { ProviderEvent } from '../../src/core/gateways/webhook.ts';
import type * as api from '../../src/emulator/api.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { PayPalEmulator } from '../../src/emulator/paypal.ts';
import { StripeEmulator } from '../../src/emulator/stripe.ts';
import type { Faults } from './faults.ts';
import {
  type Charge,
  type IsolateMemory,
  MoneyMover,
  type PaidRefund,
  type Payable,
  type Wish,
} from './money-mover.ts';
import type { Network } from './network.ts';
import { type Arrival, ProviderNetwork } from './provider-network.ts';
import { seeded } from './random.ts';
import type { Process, SimulatedTime } from './time.ts';

// Loaded before time stands still: the adapter loads it with its first call, which takes turns of the event loop.
await import('stripe');

/** As the adapters have it. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const REFUND_FAILS_WITHIN_HOURS = 140;
const OTHER_STRIPE_KEY = 'sk_test_opensAnotherAccount';
const HOUR_MS = 60 * 60_000;
const API_URL = 'https://provider.test';

/** One charge at the provider. */
interface ProviderCharge {
  transactionId: string | null;
  /** What it is refunded by at the provider. */
  reference: string;
  amountMinor: number;
  state: Charge['state']['kind'];
}

interface ProviderRefund {
  id: string;
  refundId: string | null;
  transactionId: string | null;
  amountMinor: number;
  state: 'paid' | 'open' | 'failed';
}

export interface ProviderSurroundings {
  time: SimulatedTime;
  network: Network;
  faults: Faults;
  /** Of the ids that the provider gives. */
  seed: number;
  trace: (line: string) => void;
  broke: (error: unknown) => void;
}

abstract class ProviderGateway extends MoneyMover {
  readonly knownWithinMs = KNOWN_WITHIN_MS;
  readonly canWait = false;
  readonly endsChallenges = false;
  protected readonly stripe: StripeEmulator;
  /** Of an account that takes nothing. What it is asked finds nothing there. */
  readonly #otherStripe: StripeEmulator;
  protected readonly paypal: PayPalEmulator;
  protected readonly faults: Faults;
  readonly #network: ProviderNetwork;
  readonly #brokenPromises = new Set<string>();
  /** The provider's names of refunds that have been paid, whatever has become of them. */
  readonly #everPaid = new Set<string>();
  readonly #movedByAsking: string[] = [];
  #brokePromise = false;

  constructor({ time, network, faults, seed, trace, broke }: ProviderSurroundings) {
    super(time);
    this.faults = faults;
    const chance = seeded(seed);
    const clock = { nowMs: () => time.nowMs, random: () => chance.next() };
    this.stripe = new StripeEmulator({
      secretKey: EMULATOR_CREDENTIALS.stripeSecretKey,
      clock,
      baseUrl: () => API_URL,
      onEvent: (event) => this.#happened(event, stripeEvent(JSON.parse(event.body))),
    });
    this.#otherStripe = new StripeEmulator({
      secretKey: OTHER_STRIPE_KEY,
      accountId: 'acct_1AnotherAccount00',
      clock,
      baseUrl: () => API_URL,
      onEvent: () => {},
    });
    this.paypal = new PayPalEmulator({
      clientId: EMULATOR_CREDENTIALS.paypalClientId,
      clientSecret: EMULATOR_CREDENTIALS.paypalClientSecret,
      merchantId: EMULATOR_CREDENTIALS.paypalMerchantId,
      webhookId: EMULATOR_CREDENTIALS.paypalWebhookId,
      clock,
      baseUrl: () => API_URL,
      onEvent: (event) => this.#happened(event, paypalEvent(event.body)),
    });
    this.#network = new ProviderNetwork({
      time,
      network,
      faults,
      stripeOf: ({ headers }) => (headers.authorization?.endsWith(OTHER_STRIPE_KEY) ? this.#otherStripe : this.stripe),
      paypal: this.paypal,
      movedByAsking: (what) => this.#movedByAsking.push(what),
      knownWithinMs: KNOWN_WITHIN_MS,
      isDown: () => this.isDown,
      endingOf: (arrival) => this.endingOf(arrival),
      arrive: (arrival, carryOut) => this.#arrive(arrival, carryOut),
      decide: () => this.decide(),
      trace,
      broke,
    });
  }

  /** The service's own adapter. */
  protected abstract adapter(send: Fetch, memory: IsolateMemory): Gateway;
  protected abstract chargesMade(): ProviderCharge[];
  protected abstract refundsMade(): ProviderRefund[];
  protected abstract refundAtProvider(reference: string, amountMinor: number): string;
  protected abstract failRefund(id: string): void;
  /** What was taken and not decided: all of it is decided now. */
  protected abstract decide(): void;
  protected abstract endingOf(arrival: Arrival): Fault | null;

  seenBy(process: Process, memory: IsolateMemory): Gateway {
    const adapter = this.adapter(this.#network.seenBy(process), memory);
    const asking = this.adapter(this.#network.askedBy(process), memory);
    // What the provider has told of is asked about at once, as often as it tells.
    const note = (id: string) => process.name.startsWith('webhook') || this.noteLookUp(id);
    const { charge, refund, cancelCharge } = adapter;
    return {
      ...asking,
      charge,
      refund,
      ...(cancelCharge && { cancelCharge }),
      lookUpCharge(transaction, signal) {
        note(transaction.transactionId);
        return asking.lookUpCharge(transaction, signal);
      },
      lookUpRefund(refund, transaction, signal) {
        note(refund.refundId);
        return asking.lookUpRefund(refund, transaction, signal);
      },
    };
  }

  get charges(): ReadonlyMap<string, Charge> {
    const charges = new Map<string, Charge>();
    for (const { transactionId, amountMinor, state } of this.chargesMade()) {
      if (transactionId === null || charges.get(transactionId)?.state.kind === 'approved') continue;
      const brokePromise = this.#brokenPromises.has(transactionId);
      charges.set(transactionId, {
        transactionId,
        amountMinor,
        state: { kind: state },
        brokePromise,
        timesTaken: state === 'approved' ? 1 : 0,
        heldUntilMs: null,
        ended: null,
      });
    }
    return charges;
  }

  get refunds(): ReadonlyMap<string, PaidRefund> {
    const refunds = new Map<string, PaidRefund>();
    for (const { id, refundId, transactionId, amountMinor, state } of this.refundsMade()) {
      const paid = state === 'paid' || this.#everPaid.has(id);
      const name = refundId ?? id;
      if (refunds.get(name)?.takenBack === false) continue;
      refunds.set(name, {
        refundId: name,
        transactionId: transactionId ?? '',
        amountMinor,
        state: { kind: paid ? 'approved' : state === 'open' ? 'in_progress' : 'declined' },
        takenBack: state === 'failed',
        madeExternally: refundId === null,
      });
    }
    return refunds;
  }

  sendPayer(transactionId: string): never {
    throw new Error(`nobody was to authenticate ${transactionId}`);
  }

  refundByHand(transactionId: string, percent: number): void {
    const paid = this.chargesMade().find((one) => one.transactionId === transactionId && one.state === 'approved');
    if (paid === undefined) return;
    const { reference, amountMinor } = paid;
    const standing = this.refundsMade().filter((one) => one.transactionId === transactionId && one.state !== 'failed');
    const left = standing.reduce((rest, refund) => rest - refund.amountMinor, amountMinor);
    if (left === 0) return;
    const id = this.refundAtProvider(reference, Math.max(1, Math.floor((left * percent) / 100)));
    if (!this.faults.strike('refund_taken_back', 6)) return;
    const afterMs = (1 + this.faults.random.below(REFUND_FAILS_WITHIN_HOURS)) * HOUR_MS;
    this.time.after(afterMs, () => this.failRefund(id), null);
  }

  wrongs(): string[] {
    const wrongs = [...this.stripe.misfits, ...this.paypal.misfits].map((misfit) => `published API: ${misfit}`);
    wrongs.push(...this.#movedByAsking.map((what) => `invariant 9: a look-up sent ${what}`));
    const moved = new Set<string | null>([null]);
    for (const { transactionId, state } of this.chargesMade()) {
      if (state !== 'approved') continue;
      if (transactionId !== null && moved.has(transactionId)) {
        wrongs.push(`invariant 1: ${transactionId} was charged twice`);
      }
      moved.add(transactionId);
    }
    for (const { refundId, state } of this.refundsMade()) {
      if (state !== 'paid') continue;
      if (refundId !== null && moved.has(refundId)) wrongs.push(`invariant 2: ${refundId} was paid twice`);
      moved.add(refundId);
    }
    return wrongs;
  }

  #arrive(arrival: Arrival, carryOut: () => api.ApiAnswer | 'dropped'): api.ApiAnswer | 'dropped' {
    const { ownId, brokePromise } = arrival;
    if (ownId !== null) this.onMoney(ownId.startsWith('TXN-') ? 'charge' : 'refund', ownId);
    this.#brokePromise = brokePromise;
    const answer = carryOut();
    this.#brokePromise = false;
    return answer;
  }

  #happened(event: api.ProviderEvent, told: ProviderEvent | null): void {
    if (told === null) throw new Error(`an event that nobody understands: ${event.body}`);
    const { notice } = told;
    if (notice?.about === 'payment' && notice.charged) {
      if (this.#brokePromise) this.#brokenPromises.add(notice.transactionId);
      this.onCharged(notice.transactionId);
    }
    for (const { id, state } of this.refundsMade()) if (state === 'paid') this.#everPaid.add(id);
    if (notice !== null) this.onNotice(told);
  }
}

const CARD_TOKENS = {
  good: ['pm_card_visa', 'pm_card_mastercard', 'tok_visa'],
  declined: ['pm_card_visa_chargeDeclined'],
};

export class SimulatedStripe extends ProviderGateway {
  protected adapter(send: Fetch, { nowMs, otherAccount }: IsolateMemory): Gateway {
    const { stripeSecretKey, stripeWebhookSecret: webhookSecret } = EMULATOR_CREDENTIALS;
    const secretKey = otherAccount ? OTHER_STRIPE_KEY : stripeSecretKey;
    const gateway = createStripeGateway(
      { secretKey, accountId: null, webhookSecret, apiUrl: API_URL },
      { send, nowMs },
    );
    // A real hash takes turns of the event loop that nobody can count.
    return { ...gateway, ...(gateway.account && { account: { ...gateway.account, keyName: async () => secretKey } }) };
  }

  payable({ card }: Wish, newCard: (lastFour: string | null) => Payable): Payable {
    const { random } = this.faults;
    if (card === 'invalid') return { payment_method: 'stripe', payment_method_token: 'tok_nobody_knows' };
    if (card === 'good' && random.chance(0.5)) return newCard(null);
    return {
      payment_method: 'stripe',
      payment_method_token: random.pick(CARD_TOKENS[card === 'declined' ? 'declined' : 'good']),
    };
  }

  protected chargesMade(): ProviderCharge[] {
    return this.stripe.intents().map(({ id, status, transactionId, amount }) => ({
      transactionId,
      reference: id,
      amountMinor: amount,
      state: INTENT_STATES[status] ?? 'declined',
    }));
  }

  protected refundsMade(): ProviderRefund[] {
    return this.stripe.refunds().map(({ id, refundId, transactionId, amount, status }) => ({
      id,
      refundId,
      transactionId,
      amountMinor: amount,
      state: REFUND_STATES[status],
    }));
  }

  protected refundAtProvider(intentId: string, amountMinor: number): string {
    return this.stripe.refundInDashboard(intentId, amountMinor);
  }

  protected failRefund(id: string): void {
    this.stripe.failRefund(id);
  }

  protected decide(): void {
    const well = () => this.faults.random.chance(0.7);
    for (const { id, status } of this.stripe.intents()) {
      if (status === 'processing') this.stripe.finishIntent(id, well() ? 'succeeded' : 'failed');
    }
    for (const { id, status } of this.stripe.refunds()) {
      if (status !== 'pending') continue;
      if (well()) this.stripe.succeedRefund(id);
      else this.stripe.failRefund(id);
    }
  }

  protected endingOf({ operation }: Arrival): Fault | null {
    if (operation.name !== 'payment_intents.confirm' || !this.faults.strike('gateway_declines', 2)) return null;
    return { kind: 'decline', code: 'card_declined', declineCode: 'generic_decline' };
  }
}

const INTENT_STATES: Readonly<Record<string, Charge['state']['kind']>> = {
  succeeded: 'approved',
  processing: 'in_progress',
  canceled: 'cancelled',
};
const REFUND_STATES = { succeeded: 'paid', pending: 'open', failed: 'failed' } as const;

const SOMEBODY_ELSE = 'SNEAKYSHAP234';
/** An amount that nobody is asked for. */
const CHANGED_TO = '0.03';

export class SimulatedPayPal extends ProviderGateway {
  readonly #orders: { orderId: string; amountMinor: number }[] = [];
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
    if (wish.card === 'invalid') return { payment_method: 'paypal', paypal_details: null };
    // One of the same amount: any other is not so much as looked at.
    const used = this.#orders.filter(({ amountMinor }) => wish.order === 'used' && amountMinor === wish.amountMinor);
    const orderId = used.length > 0 ? this.faults.random.pick(used).orderId : this.#newOrder(wish);
    return { payment_method: 'paypal', paypal_details: { email: 'payer@example.com', payment_id: orderId } };
  }

  #newOrder({ amountMinor, card, order }: Wish): string {
    const orderId = this.paypal.createOrder({
      value: ((amountMinor + (order === 'wrong_amount' ? 1 : 0)) / 100).toFixed(2),
      currency: 'USD',
      status: order === 'unapproved' ? 'CREATED' : 'APPROVED',
      ...(order === 'foreign' && { merchantId: SOMEBODY_ELSE }),
    });
    this.#orders.push({ orderId, amountMinor });
    if (order === 'changed_late') {
      this.#toBeChanged.add(orderId);
      this.#changedLate.add(orderId);
    }
    if (order === 'wrong_amount' || order === 'foreign' || order === 'unapproved') this.#forbidden.set(orderId, order);
    if (card === 'declined') {
      const issue: Fault = { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' };
      this.#declined.set(orderId, this.faults.random.pick<Fault>([issue, { kind: 'decline', code: 'declined' }]));
    }
    return orderId;
  }

  protected chargesMade(): ProviderCharge[] {
    return this.paypal.captures().map(({ captureId, transactionId, value, status }) => ({
      transactionId,
      reference: captureId,
      amountMinor: hundredthsOf(value),
      state: CAPTURE_STATES[status] ?? 'approved',
    }));
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
    if (operation.name !== 'orders.capture') return null;
    if (this.#toBeChanged.delete(operation.id)) this.paypal.changeOrder(operation.id, { value: CHANGED_TO });
    const declined = this.#declined.get(operation.id);
    if (declined !== undefined) return declined;
    return this.faults.strike('gateway_declines', 2) ? { kind: 'decline', code: 'declined' } : null;
  }

  override isMischarged(transactionId: string): boolean {
    return this.paypal
      .captures()
      .some((capture) => capture.transactionId === transactionId && this.#changedLate.has(capture.orderId));
  }

  override wrongs(): string[] {
    const captured = this.paypal.captures().filter(({ orderId, status }) => {
      return this.#forbidden.has(orderId) && status !== 'DECLINED';
    });
    const named = captured.map(
      ({ orderId }) => `invariant 7: an order that is ${this.#forbidden.get(orderId)} was paid`,
    );
    return [...super.wrongs(), ...named];
  }
}

const CAPTURE_STATES: Readonly<Record<string, Charge['state']['kind']>> = {
  PENDING: 'in_progress',
  DECLINED: 'declined',
};

function hundredthsOf(value: string): number {
  return Number(value.replace('.', ''));
}
