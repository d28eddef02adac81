/**
 * A gateway that remembers what it moved: the truth that the ledger is held against. It keeps its word, which is what its
 * documentation promises, and nothing more: it answers late, twice or never, and it pays whatever refund it is asked for.
 */
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp, Movement } from '../../src/core/gateways/gateway.ts';
import type { Notice } from '../../src/core/gateways/webhook.ts';
import { CHALLENGED_LAST_FOUR, ChargeBook, DECLINED_LAST_FOUR } from './charge-book.ts';
import type { Faults } from './faults.ts';
import * as mover from './money-mover.ts';
import { type Fate, healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

/** As a gateway without a cancel documents it. */
const CHARGE_KNOWN_WITHIN_MS = 120_000;
const KEYS_KEPT_FOR_MS = 24 * 60 * 60_000;

interface PaidRefund extends mover.PaidRefund {
  state: GatewayOutcome;
  madeAtMs: number;
}

type Moving = 'charge' | 'complete' | 'capture';

export class SimulatedGateway extends mover.MoneyMover {
  readonly refunds = new Map<string, PaidRefund>();
  readonly knownWithinMs = CHARGE_KNOWN_WITHIN_MS;
  readonly canWait = true;
  readonly payersAddresses = [ChargeBook.addressFor('')];
  readonly endsChallenges: boolean;
  readonly #book: ChargeBook;
  readonly #network: Network;
  readonly #faults: Faults;
  readonly #movedByAsking: string[] = [];
  #lastEvent = 0;

  /** @param canCancel else payers approve orders, which it cannot cancel, and whose money is taken by another request */
  constructor(time: SimulatedTime, network: Network, faults: Faults, canCancel: boolean) {
    super(time);
    this.#network = network;
    this.#faults = faults;
    this.endsChallenges = canCancel;
    const tellsOfItself = faults.random.chance(0.6);
    this.#book = new ChargeBook({
      time,
      faults,
      takesOrders: !canCancel,
      charged: (transactionId) => this.onCharged(transactionId),
      tell: (notice) => tellsOfItself && this.#tell(notice),
    });
  }

  get charges(): ReadonlyMap<string, mover.Charge> {
    return this.#book.charges;
  }

  payable({ card }: mover.Wish, newCard: (lastFour: string | null) => mover.Payable): mover.Payable {
    switch (card) {
      case 'invalid':
        return { payment_method: 'credit_card', card_details: null };
      case 'challenged':
        return this.endsChallenges ? newCard(CHALLENGED_LAST_FOUR) : { payment_method: 'paypal', paypal_details: null };
      case 'declined':
        return newCard(DECLINED_LAST_FOUR);
      case 'good':
        return newCard(null);
    }
  }

  sendPayer(transactionId: string, url: string): number | null {
    if (url !== ChargeBook.addressFor(transactionId))
      throw new Error(`${url} is not where ${transactionId} is approved`);
    return this.#book.sendPayer(transactionId);
  }

  /** It has no dashboard. */
  refundByHand(): void {}

  wrongs(): string[] {
    return [...this.#book.wrongs(), ...this.#movedByAsking.map((what) => `invariant 9: reconcile sent ${what}`)];
  }

  seenBy(process: Process): Gateway {
    const book = this.#book;
    const ofCharge = (signal: AbortSignal, kind: Moving, id: string, effect: (late: boolean) => GatewayOutcome) =>
      this.#move(process, signal, { kind, id }, effect);
    return {
      name: 'simulated',
      canBeDown: true,
      methods: ['credit_card', 'debit_card', 'paypal'],
      knownWithinMs: CHARGE_KNOWN_WITHIN_MS,
      keysKeptForMs: KEYS_KEPT_FOR_MS,
      charge: (request) =>
        ofCharge(request.signal, 'charge', request.transaction.transactionId, (late) => book.charge(request, late)),
      refund: ({ refund, transaction, signal }) =>
        this.#move(process, signal, { kind: 'refund', id: refund.refundId }, () => this.#refund(refund, transaction)),
      lookUpCharge: (transaction, signal) =>
        this.#lookUp(process, signal, transaction.transactionId, () => book.lookUp(transaction.transactionId)),
      lookUpRefund: (refund, _, signal) =>
        this.#lookUp(process, signal, refund.refundId, () => this.#refundState(refund)),
      holds: {
        capture: ({ transaction, signal }) =>
          ofCharge(signal, 'capture', transaction.transactionId, () => book.capture(transaction)),
        release: (transaction, signal) => this.#release(process, signal, transaction),
      },
      ...(this.endsChallenges
        ? {
            cancelCharge: (transaction: Transaction, signal: AbortSignal) =>
              this.#ask<Fence>(process, signal, () => book.cancel(transaction)),
          }
        : {
            createsOrders: true,
            completeCharge: ({ transaction, signal }) =>
              ofCharge(signal, 'complete', transaction.transactionId, () => book.complete(transaction)),
          }),
      listMovements: () => this.movements(),
    };
  }

  /** Everything that it moved, whenever that was. */
  async *movements(): AsyncGenerator<Movement> {
    yield* this.listed();
  }

  listed(): Movement[] {
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
    return [...this.#book.movements(), ...refunds];
  }

  /** Takes a refund that was paid back from the payer, as banks do. */
  takeBack(refundId: string): void {
    const refund = this.refunds.get(refundId);
    if (refund?.state.kind === 'approved') refund.takenBack = true;
  }

  #refund(refund: Refund, transaction: Transaction): GatewayOutcome {
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

  /** Asked for once the row says so; a repetition may come late. */
  #release(process: Process, signal: AbortSignal, transaction: Transaction): Promise<Fence> {
    this.#noteMove(process, 'release', transaction.transactionId);
    const effect = () => {
      this.onMoney('release', transaction.transactionId);
      return this.#book.release(transaction);
    };
    return this.#ask<Fence>(process, signal, effect, 3);
  }

  /** A request that moves money. */
  #move(
    process: Process,
    signal: AbortSignal,
    { kind, id }: { kind: Moving | 'refund'; id: string },
    effect: (brokePromise: boolean) => GatewayOutcome,
  ): Promise<GatewayOutcome> {
    this.#noteMove(process, kind, id);
    const { random } = this.#faults;
    // What ends a hold is rarer than a charge: so that as much happens to it.
    const weight = kind === 'capture' || kind === 'complete' ? 3 : 1;
    const fate: Fate = healthy(5 + random.below(200), 5 + random.below(200));
    if (this.isDown || this.#faults.strike('gateway_request_lost', weight)) fate.requestMs = null;
    if (this.#faults.strike('gateway_lands_late'))
      fate.requestMs = 8_000 + random.below(CHARGE_KNOWN_WITHIN_MS - 9_000);
    const breaksPromise = kind === 'charge' && this.#faults.strike('gateway_breaks_its_promise', 3);
    if (breaksPromise) fate.requestMs = CHARGE_KNOWN_WITHIN_MS + 60_000 + random.below(20 * 60_000);
    if (this.#faults.strike('gateway_answer_lost', weight)) fate.answerMs = null;
    if (this.#faults.strike('gateway_answers_late')) fate.answerMs = 8_000 + random.below(30_000);
    if (this.#faults.strike('gateway_takes_request_twice')) fate.againAfterMs = random.below(60_000);
    fate.breaks = random.chance(0.5);
    const breaksInside = this.#faults.strike('gateway_error_500');
    const answered = this.#network.call(process, fate, () => {
      // Twice the same 500: one before anything was done, one after all of it.
      if (breaksInside && random.chance(0.5)) return unknown('500');
      this.onMoney(kind, id);
      const outcome = effect(breaksPromise);
      return breaksInside ? unknown('500') : outcome;
    });
    const deaf = this.#faults.strike('gateway_deaf_to_its_signal');
    return heard(answered, deaf ? null : signal, unknown('the connection broke'), unknown('no answer in time'));
  }

  #noteMove(process: Process, kind: string, id: string): void {
    if (process.name.startsWith('reconcile')) this.#movedByAsking.push(`${kind} ${id}`);
  }

  #tell(notice: Notice): void {
    this.#lastEvent += 1;
    // Any provider's name will do: nothing here has its signature.
    this.onNotice({ provider: 'stripe', eventId: `evt_simulated_${this.#lastEvent}`, type: 'charge.changed', notice });
  }

  #lookUp(process: Process, signal: AbortSignal, id: string, effect: () => LookUp): Promise<LookUp> {
    this.noteLookUp(process, id);
    return this.#ask(process, signal, effect);
  }

  #ask<Answer extends LookUp | Fence>(
    process: Process,
    signal: AbortSignal,
    effect: () => Answer,
    weight = 1,
  ): Promise<Answer> {
    const { random } = this.#faults;
    const fate = healthy(5 + random.below(100), 5 + random.below(100));
    if (this.isDown || this.#faults.strike('gateway_request_lost', weight)) fate.requestMs = null;
    if (this.#faults.strike('gateway_answer_lost', weight)) fate.answerMs = null;
    // On either way: what it says may be older than what has been written meanwhile, or newer than what the question was.
    if (this.#faults.strike('gateway_answers_late')) {
      fate[random.chance(0.5) ? 'answerMs' : 'requestMs'] = 1_000 + random.below(10_000);
    }
    if (weight > 1 && this.#faults.strike('gateway_lands_late')) {
      fate.requestMs = 8_000 + random.below(CHARGE_KNOWN_WITHIN_MS - 9_000);
    }
    fate.breaks = random.chance(0.5);
    const unreachable = { kind: 'unreachable', reason: 'no answer' } as Answer;
    return heard(this.#network.call(process, fate, effect), signal, unreachable, unreachable);
  }
}

const unknown = (reason: string): GatewayOutcome => ({ kind: 'unknown', reason });

/** What an adapter makes of an answer: a broken connection and a signal are values, not errors. */
function heard<T>(answer: Promise<T>, signal: AbortSignal | null, broken: T, late: T): Promise<T> {
  return new Promise((resolve) => {
    signal?.addEventListener('abort', () => resolve(late), { once: true });
    answer.then(resolve, () => resolve(broken));
  });
}
