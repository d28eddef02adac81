/**
 * The simulated gateway's own books of charges: what it has taken, what it holds, and what a payer has yet to decide. Under one key
 * it does a thing once; under another key it does it again, if the request fits.
 */
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { ChargeRequest, Fence, GatewayOutcome, LookUp, Movement } from '../../src/core/gateways/gateway.ts';
import type { Notice } from '../../src/core/gateways/webhook.ts';
import type { Faults } from './faults.ts';
import type * as mover from './money-mover.ts';
import { Payers } from './payers.ts';
import type { SimulatedTime } from './time.ts';

export const DECLINED_LAST_FOUR = '0002';
export const CHALLENGED_LAST_FOUR = '3155';
const PAYERS_ADDRESS = 'https://bank.test/payers-only/';

const MINUTE_MS = 60_000;
/** What is still being worked on ends within so long. */
const WORKED_ON_MAX_MS = 60_000;
/** What ends before its time ends within so long: within a payment's waits. */
export const ENDS_EARLY_WITHIN_MS = 8 * MINUTE_MS;

type State = Exclude<GatewayOutcome, { kind: 'unknown' }> | { kind: 'in_progress' | 'payer_approved' | 'cancelled' };

interface BookedCharge extends mover.Charge {
  currency: string;
  state: State;
  /** Whether the money is held before it is taken. */
  isHeld: boolean;
  movedAtMs: number;
  /** Whether its payer was asked: of such charges, and of holds, it tells by itself. */
  wasChallenged: boolean;
  /** What came of a request to take or to hold the money: null where it was carried out. */
  requests: Map<string, GatewayOutcome | null>;
}

export interface ChargeBookOptions {
  time: SimulatedTime;
  faults: Faults;
  /** Whether a payer approves an order, of which the money is taken by another request, instead of authenticating a charge. */
  takesOrders: boolean;
  charged: (transactionId: string) => void;
  tell: (notice: Notice) => void;
}

export class ChargeBook {
  readonly charges = new Map<string, BookedCharge>();
  readonly #options: ChargeBookOptions;
  readonly #payers: Payers;
  readonly #repeatsUrl: boolean;

  constructor(options: ChargeBookOptions) {
    this.#options = options;
    this.#payers = new Payers(options.time, options.faults);
    this.#repeatsUrl = options.faults.random.chance(0.5);
  }

  charge({ transaction, instrument, returnUrl = null }: ChargeRequest, brokePromise: boolean): GatewayOutcome {
    const { transactionId } = transaction;
    const known = this.charges.get(transactionId);
    if (known !== undefined) return asAnswer(known.state);
    const charge = this.#open(transaction, { kind: 'in_progress' }, brokePromise);
    const isOrder = instrument.kind === 'new_paypal_order';
    const becomes = this.#decided(charge, isOrder || transaction.cardLast4 === CHALLENGED_LAST_FOUR, returnUrl);
    const declined = transaction.cardLast4 === DECLINED_LAST_FOUR;
    this.#work(charge, declined ? { kind: 'declined', code: 'CARD_DECLINED' } : becomes);
    return asAnswer(charge.state);
  }

  lookUp(transactionId: string): LookUp {
    const state = this.charges.get(transactionId)?.state;
    if (state === undefined) return { kind: 'not_found' };
    return state.kind === 'challenged' && !this.#repeatsUrl ? { ...state, url: null } : state;
  }

  /** What has not been charged never will be; and whoever has not authenticated cannot any more. */
  cancel(transaction: Transaction): Fence {
    const charge = this.charges.get(transaction.transactionId);
    if (charge === undefined) return this.#open(transaction, { kind: 'cancelled' }, false).state;
    if (charge.state.kind === 'challenged') this.#become(charge, { kind: 'cancelled' });
    return charge.state;
  }

  /** Takes the money of an approved order, or holds it. */
  complete({ transactionId, gatewayIntent }: Transaction): GatewayOutcome {
    const charge = this.#find(({ transactionId: id }) => intentOf(id) === gatewayIntent);
    return this.#once(charge, transactionId, 'payer_approved', (charge) => this.#granted(charge));
  }

  /** Takes the money that is held. */
  capture({ transactionId, authorizationReference }: Transaction): GatewayOutcome {
    const charge = this.#find(({ transactionId: id }) => authorizationOf(id) === authorizationReference);
    return this.#once(charge, `${transactionId}:capture`, 'authorized', (charge) =>
      this.#options.faults.strike('gateway_fails', 3) ? { kind: 'failed' } : taken(charge),
    );
  }

  release({ authorizationReference }: Transaction): Fence {
    const charge = this.#find(({ transactionId: id }) => authorizationOf(id) === authorizationReference);
    if (charge === undefined) return { kind: 'undetermined', reason: `there is no ${authorizationReference}` };
    if (charge.state.kind === 'authorized') this.#become(charge, { kind: 'cancelled' });
    return charge.state;
  }

  sendPayer(transactionId: string): number | null {
    return this.#payers.send(transactionId, (approves) => this.#answer(transactionId, approves));
  }

  /** Where a payer authenticates or approves. */
  static addressFor(transactionId: string): string {
    return `${PAYERS_ADDRESS}${transactionId}`;
  }

  *movements(): Generator<Movement> {
    for (const { state, transactionId: id, amountMinor, currency, movedAtMs } of this.charges.values()) {
      if (state.kind !== 'approved') continue;
      yield { kind: 'charge', id, reference: state.reference, amountMinor, currency, status: 'succeeded', movedAtMs };
    }
  }

  wrongs(): string[] {
    const { takesOrders } = this.#options;
    return [...this.charges.values()].flatMap(({ transactionId: id, timesTaken, state: { kind } }) => [
      ...(timesTaken > 1 ? [`invariant 1: ${id} was taken ${timesTaken} times`] : []),
      ...(kind === 'authorized' ? [`invariant 1: the money of ${id} stays held`] : []),
      ...(kind === 'challenged' && !takesOrders ? [`invariant 1: ${id} stays challenged`] : []),
    ]);
  }

  #open(transaction: Transaction, state: State, brokePromise: boolean): BookedCharge {
    const { transactionId, amountMinor, currency, captureMethod } = transaction;
    const charge: BookedCharge = {
      transactionId,
      amountMinor,
      currency,
      state,
      isHeld: captureMethod === 'manual',
      brokePromise,
      movedAtMs: this.#options.time.nowMs,
      wasChallenged: false,
      timesTaken: 0,
      requests: new Map(),
      heldUntilMs: null,
      ended: null,
    };
    this.charges.set(transactionId, charge);
    return charge;
  }

  #decided(charge: BookedCharge, isChallenged: boolean, returnUrl: string | null): State {
    if (!isChallenged) return this.#granted(charge);
    if (returnUrl === null) return { kind: 'declined', code: 'CARD_DECLINED', cause: 'authentication_required' };
    const { transactionId } = charge;
    return { kind: 'challenged', url: ChargeBook.addressFor(transactionId), intent: intentOf(transactionId) };
  }

  /** The money is there, and is taken or held. */
  #granted(charge: BookedCharge): State {
    const { faults, time } = this.#options;
    if (faults.strike('gateway_fails')) return { kind: 'failed' };
    if (!charge.isHeld) return taken(charge);
    const saysUntilMs = [
      null,
      null,
      time.nowMs + (61 + faults.random.below(12)) * MINUTE_MS,
      time.nowMs + 30 * MINUTE_MS,
    ];
    const expiresAtMs = faults.random.pick(saysUntilMs);
    return { kind: 'authorized', reference: authorizationOf(charge.transactionId), expiresAtMs };
  }

  /** Under one key once. Where the money was taken under another key, it is taken again: that is what keys are for. */
  #once(
    charge: BookedCharge | undefined,
    key: string,
    from: State['kind'],
    becomes: (charge: BookedCharge) => State,
  ): GatewayOutcome {
    if (charge === undefined) return { kind: 'failed', reason: 'there is nothing to take' };
    const before = charge.requests.get(key);
    if (before !== undefined) return before ?? asAnswer(charge.state);
    const { kind } = charge.state;
    const isAgain = charge.requests.size > 0 && (kind === 'approved' || kind === 'authorized');
    if (kind !== from && !isAgain) return { kind: 'declined', code: 'PAYMENT_FAILED', reason: `it is ${kind}` };
    const state = becomes(charge);
    if (state.kind === 'failed') {
      charge.requests.set(key, state);
      return state;
    }
    charge.requests.set(key, null);
    this.#work(charge, state);
    return asAnswer(charge.state);
  }

  /** At once, or it is worked on for a while first. */
  #work(charge: BookedCharge, becomes: State): void {
    const { faults } = this.#options;
    if (faults.strike('gateway_still_working')) {
      charge.state = { kind: 'in_progress' };
      this.#later(1_000 + faults.random.below(WORKED_ON_MAX_MS), () => this.#become(charge, becomes));
    } else this.#become(charge, becomes);
  }

  #become(charge: BookedCharge, state: State): void {
    const { faults, time, takesOrders, charged, tell } = this.#options;
    const { transactionId } = charge;
    const was = charge.state.kind;
    charge.state = state;
    switch (state.kind) {
      case 'approved':
        charge.timesTaken += 1;
        charge.movedAtMs = time.nowMs;
        charged(transactionId);
        break;
      case 'authorized':
        charge.heldUntilMs = state.expiresAtMs;
        if (state.expiresAtMs !== null) this.#endLater(charge, 'authorized', state.expiresAtMs - time.nowMs);
        if (faults.strike('hold_ends_early', 3)) {
          this.#endLater(charge, 'authorized', faults.random.below(ENDS_EARLY_WITHIN_MS));
        }
        break;
      case 'challenged':
        charge.wasChallenged = true;
        // Some banks reach their payers without the shop.
        if (!takesOrders && faults.random.chance(0.2)) this.sendPayer(transactionId);
        if (!takesOrders && faults.strike('challenge_ends_early', 10)) {
          this.#endLater(charge, 'challenged', faults.random.below(ENDS_EARLY_WITHIN_MS));
        }
        break;
      case 'cancelled':
        charge.ended = was === 'authorized' ? 'released' : 'cancelled';
        break;
    }
    const charges = state.kind === 'approved' || state.kind === 'authorized';
    if (charge.isHeld || charge.wasChallenged) tell({ about: 'payment', transactionId, charged: charges });
  }

  /** By itself: nobody has asked for it. */
  #endLater(charge: BookedCharge, from: 'authorized' | 'challenged', afterMs: number): void {
    this.#later(afterMs, () => {
      if (charge.state.kind !== from) return;
      this.#become(charge, { kind: 'cancelled' });
      charge.ended = 'by_itself';
    });
  }

  #answer(transactionId: string, approves: boolean): void {
    const charge = this.charges.get(transactionId);
    if (charge?.state.kind !== 'challenged') return;
    const { takesOrders } = this.#options;
    // Whoever leaves the page of an order may come back to it.
    if (!approves && takesOrders) return;
    if (!approves) this.#become(charge, { kind: 'declined', code: 'CARD_DECLINED', cause: 'authentication_failed' });
    else if (takesOrders) this.#become(charge, { kind: 'payer_approved' });
    else this.#work(charge, this.#granted(charge));
  }

  #find(is: (charge: BookedCharge) => boolean): BookedCharge | undefined {
    return [...this.charges.values()].find(is);
  }

  #later(afterMs: number, run: () => void): void {
    this.#options.time.after(afterMs, run, null);
  }
}

const intentOf = (transactionId: string) => `or_${transactionId}`;
const authorizationOf = (transactionId: string) => `au_${transactionId}`;
const taken = ({ transactionId }: BookedCharge): State => ({ kind: 'approved', reference: `ch_${transactionId}` });

function asAnswer(state: State): GatewayOutcome {
  switch (state.kind) {
    case 'in_progress':
    case 'payer_approved':
    case 'cancelled':
      return { kind: 'unknown', reason: `it is ${state.kind}` };
    default:
      return state;
  }
}
