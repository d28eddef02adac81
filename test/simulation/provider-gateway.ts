/** A provider as a history's gateway: the service's own adapter, a network that fails, and the emulated provider behind it. */
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { Fetch } from '../../src/core/gateways/json-call.ts';
import { paypalEvent } from '../../src/core/gateways/paypal/paypal-webhook.ts';
import { stripeEvent } from '../../src/core/gateways/stripe/stripe-webhook.ts';
import type { ProviderEvent } from '../../src/core/gateways/webhook.ts';
import type * as api from '../../src/emulator/api.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import type { Operation } from '../../src/emulator/operations.ts';
import { PayPalEmulator } from '../../src/emulator/paypal.ts';
import { StripeEmulator } from '../../src/emulator/stripe.ts';
import { ENDS_EARLY_WITHIN_MS } from './charge-book.ts';
import type { Faults } from './faults.ts';
import { type Charge, type IsolateMemory, MoneyMover, type MoneyRequest, type PaidRefund } from './money-mover.ts';
import type { Network } from './network.ts';
import { Payers } from './payers.ts';
import { type Arrival, ProviderNetwork } from './provider-network.ts';
import { seeded } from './random.ts';
import type { Process, SimulatedTime } from './time.ts';

// Loaded before time stands still: the adapter loads it with its first call, which takes turns of the event loop.
await import('stripe');

/** As the adapters have it. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const REFUND_FAILS_WITHIN_HOURS = 140;
/** Opens an account that takes nothing. */
export const OTHER_STRIPE_KEY = 'sk_test_opensAnotherAccount';
const HOUR_MS = 60 * 60_000;
export const API_URL = 'https://provider.test';

/** One charge at the provider, or what there is before one: an authentication, an order, money that is held. */
export interface ProviderCharge {
  transactionId: string | null;
  /** What it is refunded by at the provider, or released by. */
  reference: string;
  amountMinor: number;
  state: Charge['state']['kind'];
  heldUntilMs?: number | null;
  ended?: Charge['ended'];
}

/** Of requests to take money that is held, or to let go of it. Others are for a charge or a refund. */
const OF_HOLDS: Readonly<Record<string, MoneyRequest>> = {
  'payment_intents.capture': 'capture',
  'payment_intents.cancel': 'release',
  'authorizations.capture': 'capture',
  'authorizations.void': 'release',
};
/** Events of money that is held from now on. */
const HELD: readonly string[] = ['payment_intent.amount_capturable_updated', 'PAYMENT.AUTHORIZATION.CREATED'];

export interface ProviderRefund {
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
  /** Whether payments wait: for their payers, and to be captured. */
  waits: boolean;
  trace: (line: string) => void;
  broke: (error: unknown) => void;
}

export abstract class ProviderGateway extends MoneyMover {
  readonly knownWithinMs = KNOWN_WITHIN_MS;
  readonly canWait: boolean;
  protected readonly stripe: StripeEmulator;
  /** Of an account that takes nothing. What it is asked finds nothing there. */
  readonly #otherStripe: StripeEmulator;
  protected readonly paypal: PayPalEmulator;
  protected readonly faults: Faults;
  protected readonly payers: Payers;
  readonly #network: ProviderNetwork;
  readonly #brokenPromises = new Set<string>();
  /** The provider's names of refunds that have been paid, whatever has become of them. */
  readonly #everPaid = new Set<string>();
  readonly #movedByAsking: string[] = [];
  /** Payments whose capture the provider has refused, or has answered without taking the money. */
  readonly #notCaptured = new Set<string>();
  #brokePromise = false;

  constructor({ time, network, faults, seed, waits, trace, broke }: ProviderSurroundings) {
    super(time);
    this.canWait = waits;
    this.faults = faults;
    this.payers = new Payers(time, faults);
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
  /** Ends this hold, as banks do. */
  protected abstract endHold(reference: string): void;

  seenBy(process: Process, memory: IsolateMemory): Gateway {
    const adapter = this.adapter(this.#network.seenBy(process), memory);
    const asking = this.adapter(this.#network.askedBy(process), memory);
    const note = (id: string) => this.noteLookUp(process, id);
    const { charge, refund, cancelCharge, completeCharge, holds } = adapter;
    return {
      ...asking,
      charge,
      refund,
      ...(cancelCharge && { cancelCharge }),
      ...(completeCharge && { completeCharge }),
      ...(holds && { holds }),
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
    for (const { transactionId, amountMinor, state, heldUntilMs = null, ended = null } of this.chargesMade()) {
      if (transactionId === null || charges.get(transactionId)?.state.kind === 'approved') continue;
      const brokePromise = this.#brokenPromises.has(transactionId);
      charges.set(transactionId, {
        transactionId,
        amountMinor,
        state: { kind: state },
        brokePromise,
        timesTaken: state === 'approved' ? 1 : 0,
        heldUntilMs,
        ended,
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
    for (const { transactionId, reference, state } of this.chargesMade()) {
      if (state === 'authorized') wrongs.push(`invariant 1: the money of ${transactionId} stays held (${reference})`);
      if (state === 'challenged' && this.endsChallenges) {
        wrongs.push(`invariant 1: ${transactionId} stays challenged (${reference})`);
      }
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
    const { ownId, operation, brokePromise } = arrival;
    const held = this.#heldBy(operation);
    const request = OF_HOLDS[operation.name] ?? this.requestFor(operation, ownId);
    // What could not be captured is released at once, and so is another amount than was asked for.
    const isReleasedAtOnce = held !== null && (this.#notCaptured.has(held) || this.isMischarged(held));
    const id = request === 'release' ? held : ownId;
    if (id !== null && request !== null && !(request === 'release' && isReleasedAtOnce)) this.onMoney(request, id);
    this.#brokePromise = brokePromise;
    const answer = carryOut();
    this.#brokePromise = false;
    const isFinal = answer !== 'dropped' && (answer.status < 500 || 'idempotent-replayed' in answer.headers);
    const isRefused = isFinal && this.#heldBy(operation) !== null;
    if (request === 'capture' && held !== null && isRefused) this.#notCaptured.add(held);
    return answer;
  }

  /** What is asked for beside holds, of which the request says only whose it is. */
  protected requestFor(_operation: Operation, ownId: string | null): MoneyRequest | null {
    if (ownId === null) return null;
    return ownId.startsWith('TXN-') ? 'charge' : 'refund';
  }

  /** The payment whose held money a request is about. */
  #heldBy({ name, id }: Operation): string | null {
    if (!(name in OF_HOLDS)) return null;
    const held = this.chargesMade().find(({ reference, state }) => reference === id && state === 'authorized');
    return held?.transactionId ?? null;
  }

  #happened(event: api.ProviderEvent, told: ProviderEvent | null): void {
    if (told === null) throw new Error(`an event that nobody understands: ${event.body}`);
    const { notice } = told;
    if (notice?.about === 'payment' && notice.charged) {
      if (this.#brokePromise) this.#brokenPromises.add(notice.transactionId);
      this.onCharged(notice.transactionId);
    }
    for (const { id, state } of this.refundsMade()) if (state === 'paid') this.#everPaid.add(id);
    if (HELD.includes(told.type) && this.faults.strike('hold_ends_early', 3)) {
      for (const { state, reference } of this.chargesMade()) {
        if (state === 'authorized' && event.body.includes(reference)) this.#endHoldEarly(reference);
      }
    }
    if (notice !== null) this.onNotice(told);
  }

  #endHoldEarly(held: string): void {
    const end = () => {
      const isHeld = this.chargesMade().some(({ state, reference }) => state === 'authorized' && reference === held);
      if (isHeld) this.endHold(held);
    };
    this.time.after(this.faults.random.below(ENDS_EARLY_WITHIN_MS), end, null);
  }
}
