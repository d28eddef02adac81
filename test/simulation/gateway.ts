/**
 * A gateway that remembers what it moved: the truth that the ledger is held against. It keeps its word, which is what its
 * documentation promises, and nothing more: it answers late, twice or never, and it pays whatever refund it is asked for.
 */
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp, Movement } from '../../src/core/gateways/gateway.ts';
import type { Faults } from './faults.ts';
import * as mover from './money-mover.ts';
import { type Fate, healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

/** As a gateway without a cancel documents it. */
const CHARGE_KNOWN_WITHIN_MS = 120_000;
const KEYS_KEPT_FOR_MS = 24 * 60 * 60_000;
const DECLINED_LAST_FOUR = '0002';

interface Charge extends mover.Charge {
  currency: string;
  state: GatewayOutcome | { kind: 'in_progress' } | { kind: 'cancelled' };
  madeAtMs: number;
}

interface PaidRefund extends mover.PaidRefund {
  state: GatewayOutcome;
  madeAtMs: number;
}

export class SimulatedGateway extends mover.MoneyMover {
  readonly charges = new Map<string, Charge>();
  readonly refunds = new Map<string, PaidRefund>();
  readonly knownWithinMs = CHARGE_KNOWN_WITHIN_MS;
  readonly #canCancel: boolean;
  readonly #network: Network;
  readonly #faults: Faults;

  constructor(time: SimulatedTime, network: Network, faults: Faults, canCancel: boolean) {
    super(time);
    this.#network = network;
    this.#faults = faults;
    this.#canCancel = canCancel;
  }

  payable({ card }: mover.Wish, newCard: (lastFour: string | null) => mover.Payable): mover.Payable {
    if (card === 'invalid') return { payment_method: 'credit_card', card_details: null };
    return newCard(card === 'declined' ? DECLINED_LAST_FOUR : null);
  }

  /** It has no dashboard. */
  refundByHand(): void {}

  wrongs(): string[] {
    return [];
  }

  seenBy(process: Process): Gateway {
    const gateway: Gateway = {
      name: 'simulated',
      canBeDown: true,
      methods: ['credit_card', 'debit_card', 'paypal'],
      knownWithinMs: CHARGE_KNOWN_WITHIN_MS,
      keysKeptForMs: KEYS_KEPT_FOR_MS,
      charge: ({ transaction, signal }) =>
        this.#move(process, signal, 'charge', (late) => this.#charge(transaction, late)),
      refund: ({ refund, transaction, signal }) =>
        this.#move(process, signal, 'refund', () => this.#refund(refund, transaction)),
      lookUpCharge: (transaction, signal) =>
        this.#lookUp(process, signal, transaction.transactionId, () => this.#chargeState(transaction.transactionId)),
      lookUpRefund: (refund, _, signal) =>
        this.#lookUp(process, signal, refund.refundId, () => this.#refundState(refund)),
      ...(this.#canCancel && {
        cancelCharge: (transaction: Transaction, signal: AbortSignal) =>
          this.#ask<Fence>(process, signal, () => this.#cancel(transaction)),
      }),
      listMovements: () => this.movements(),
    };
    return gateway;
  }

  /** Everything that it moved, whenever that was. */
  async *movements(): AsyncGenerator<Movement> {
    yield* this.listed();
  }

  listed(): Movement[] {
    const charges = [...this.charges.values()].flatMap(({ state, transactionId, amountMinor, currency, madeAtMs }) =>
      state.kind === 'approved'
        ? [
            {
              kind: 'charge' as const,
              id: transactionId,
              reference: state.reference,
              amountMinor,
              currency,
              status: 'succeeded' as const,
              movedAtMs: madeAtMs,
            },
          ]
        : [],
    );
    const refunds = [...this.refunds.values()].flatMap(({ state, refundId, amountMinor, takenBack, madeAtMs }) =>
      state.kind === 'approved'
        ? [
            {
              kind: 'refund' as const,
              id: refundId,
              reference: state.reference,
              amountMinor,
              currency: 'USD',
              status: takenBack ? ('reversed' as const) : ('succeeded' as const),
              movedAtMs: madeAtMs,
            },
          ]
        : [],
    );
    return [...charges, ...refunds];
  }

  /** Takes a refund that was paid back from the payer, as banks do. */
  takeBack(refundId: string): void {
    const refund = this.refunds.get(refundId);
    if (refund?.state.kind === 'approved') refund.takenBack = true;
  }

  #charge(transaction: Transaction, brokePromise: boolean): GatewayOutcome {
    const { transactionId, amountMinor, currency, cardLast4 } = transaction;
    this.onMoney('charge', transactionId);
    const known = this.charges.get(transactionId);
    if (known === undefined) {
      const state = this.#decide(cardLast4, `ch_${transactionId}`);
      this.charges.set(transactionId, {
        transactionId,
        amountMinor,
        currency,
        state: this.#faults.strike('gateway_still_working') ? this.#workOn(transactionId, state) : state,
        madeAtMs: this.time.nowMs,
        brokePromise,
      });
      this.#tellOfCharge(transactionId);
    }
    return asAnswer(this.#chargeState(transactionId));
  }

  #decide(cardLast4: string | null, reference: string): GatewayOutcome {
    if (cardLast4 === DECLINED_LAST_FOUR) return { kind: 'declined', code: 'CARD_DECLINED' };
    if (this.#faults.strike('gateway_fails')) return { kind: 'failed' };
    return { kind: 'approved', reference };
  }

  /** It has taken the request, and decides later. */
  #workOn(transactionId: string, state: GatewayOutcome): Charge['state'] {
    this.time.after(
      1_000 + this.#faults.random.below(60_000),
      () => {
        const charge = this.charges.get(transactionId);
        if (charge?.state.kind !== 'in_progress') return;
        charge.state = state;
        this.#tellOfCharge(transactionId);
      },
      null,
    );
    return { kind: 'in_progress' };
  }

  #tellOfCharge(transactionId: string): void {
    const charge = this.charges.get(transactionId);
    if (charge?.state.kind === 'approved') this.onCharged(transactionId);
  }

  #chargeState(transactionId: string): LookUp {
    const state = this.charges.get(transactionId)?.state;
    if (state === undefined) return { kind: 'not_found' };
    if (state.kind === 'cancelled') return { kind: 'failed' };
    if (state.kind === 'unknown') throw new Error('a gateway knows what it has decided');
    return state;
  }

  #cancel({ transactionId, amountMinor, currency }: Transaction): Fence {
    const known = this.charges.get(transactionId);
    if (known === undefined) {
      const madeAtMs = this.time.nowMs;
      this.charges.set(transactionId, {
        transactionId,
        amountMinor,
        currency,
        state: { kind: 'cancelled' },
        madeAtMs,
        brokePromise: false,
      });
      return { kind: 'cancelled' };
    }
    const state = this.#chargeState(transactionId);
    return state.kind === 'not_found' ? { kind: 'cancelled' } : state;
  }

  #refund(refund: Refund, transaction: Transaction): GatewayOutcome {
    this.onMoney('refund', refund.refundId);
    const known = this.refunds.get(refund.refundId);
    if (known !== undefined) return known.state;
    const charge = this.charges.get(transaction.transactionId);
    const state: GatewayOutcome =
      charge?.state.kind !== 'approved'
        ? { kind: 'declined', code: 'PAYMENT_FAILED' }
        : this.#faults.strike('gateway_fails')
          ? { kind: 'failed' }
          : { kind: 'approved', reference: `re_${refund.refundId}` };
    // A late charge is owed: a gateway that failed at it is asked again, under the same key, and may do better then.
    if (state.kind === 'failed' && refund.kind === 'late_charge') return state;
    this.refunds.set(refund.refundId, {
      refundId: refund.refundId,
      transactionId: transaction.transactionId,
      amountMinor: refund.amountMinor,
      state,
      takenBack: false,
      madeExternally: false,
      madeAtMs: this.time.nowMs,
    });
    if (state.kind === 'approved' && this.#faults.strike('refund_taken_back', 6)) {
      const afterMs = (1 + this.#faults.random.below(140)) * 60 * 60_000;
      this.time.after(afterMs, () => this.takeBack(refund.refundId), null);
    }
    return state;
  }

  #refundState({ refundId, gatewayReference }: Refund): LookUp {
    if (gatewayReference !== null && !this.refunds.has(refundId)) {
      return { kind: 'undetermined', reason: `there is no ${gatewayReference}` };
    }
    const refund = this.refunds.get(refundId);
    if (refund === undefined) return { kind: 'not_found' };
    if (refund.takenBack) return { kind: 'declined', code: 'PAYMENT_FAILED', reason: 'The bank sent it back' };
    if (refund.state.kind === 'unknown') throw new Error('a gateway knows what it has decided');
    return refund.state;
  }

  /** A request that moves money. */
  #move(
    process: Process,
    signal: AbortSignal,
    kind: 'charge' | 'refund',
    effect: (brokePromise: boolean) => GatewayOutcome,
  ): Promise<GatewayOutcome> {
    const { random } = this.#faults;
    const fate: Fate = healthy(5 + random.below(200), 5 + random.below(200));
    if (this.isDown || this.#faults.strike('gateway_request_lost')) fate.requestMs = null;
    if (this.#faults.strike('gateway_lands_late'))
      fate.requestMs = 8_000 + random.below(CHARGE_KNOWN_WITHIN_MS - 9_000);
    const breaksPromise = kind === 'charge' && this.#faults.strike('gateway_breaks_its_promise');
    if (breaksPromise) fate.requestMs = CHARGE_KNOWN_WITHIN_MS + 60_000 + random.below(20 * 60_000);
    if (this.#faults.strike('gateway_answer_lost')) fate.answerMs = null;
    if (this.#faults.strike('gateway_answers_late')) fate.answerMs = 8_000 + random.below(30_000);
    if (this.#faults.strike('gateway_takes_request_twice')) fate.againAfterMs = random.below(60_000);
    fate.breaks = random.chance(0.5);
    const breaksInside = this.#faults.strike('gateway_error_500');
    const answered = this.#network.call(process, fate, () => {
      // Twice the same 500: one before anything was done, one after all of it.
      if (breaksInside && random.chance(0.5)) return unknown('500');
      const outcome = effect(breaksPromise);
      return breaksInside ? unknown('500') : outcome;
    });
    const deaf = this.#faults.strike('gateway_deaf_to_its_signal');
    return heard(answered, deaf ? null : signal, unknown('the connection broke'), unknown('no answer in time'));
  }

  #lookUp(process: Process, signal: AbortSignal, id: string, effect: () => LookUp): Promise<LookUp> {
    this.noteLookUp(id);
    return this.#ask(process, signal, effect);
  }

  #ask<Answer extends LookUp | Fence>(process: Process, signal: AbortSignal, effect: () => Answer): Promise<Answer> {
    const { random } = this.#faults;
    const fate = healthy(5 + random.below(100), 5 + random.below(100));
    if (this.isDown || this.#faults.strike('gateway_request_lost')) fate.requestMs = null;
    if (this.#faults.strike('gateway_answer_lost')) fate.answerMs = null;
    if (this.#faults.strike('gateway_answers_late')) fate.answerMs = 1_000 + random.below(10_000);
    fate.breaks = random.chance(0.5);
    const unreachable = { kind: 'unreachable', reason: 'no answer' } as Answer;
    return heard(this.#network.call(process, fate, effect), signal, unreachable, unreachable);
  }
}

const unknown = (reason: string): GatewayOutcome => ({ kind: 'unknown', reason });

function asAnswer(state: LookUp): GatewayOutcome {
  switch (state.kind) {
    case 'in_progress':
    case 'not_found':
    case 'payer_approved':
    case 'cancelled':
    case 'unreachable':
    case 'undetermined':
      return unknown(`it is ${state.kind}`);
    default:
      return state;
  }
}

/** What an adapter makes of an answer: a broken connection and a signal are values, not errors. */
function heard<T>(answer: Promise<T>, signal: AbortSignal | null, broken: T, late: T): Promise<T> {
  return new Promise((resolve) => {
    signal?.addEventListener('abort', () => resolve(late), { once: true });
    answer.then(resolve, () => resolve(broken));
  });
}
