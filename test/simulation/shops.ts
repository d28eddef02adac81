/** How shops go on with payments that wait: they send the payer away, ask for the status, capture and void, and remember what they were told. */
import type { HoldRequest } from '../../src/contract/requests.ts';
import type { Context } from '../../src/core/context.ts';
import { isAuthorized, type Transaction } from '../../src/core/domain/transaction.ts';
import { capturePayment } from '../../src/core/payments/capture-payment.ts';
import type { HoldAnswer } from '../../src/core/payments/end-hold.ts';
import type { PaymentAnswer } from '../../src/core/payments/process-payment.ts';
import { voidPayment } from '../../src/core/payments/void-payment.ts';
import type { Action, Wait } from './plan.ts';
import type { Ending, World } from './world.ts';

const POLLS_WITHIN_MS = 8_000;

interface Requests {
  invoke: (
    name: 'capture' | 'void',
    id: string,
    run: (context: Context) => Promise<HoldAnswer>,
    heard: (ending: Ending<HoldAnswer>) => void,
  ) => void;
  askStatus: (id: string, heard: (transaction: Transaction | null) => void) => void;
}

type Known = Pick<Transaction, 'transactionId' | 'bookingId' | 'userId'>;

export class Shops {
  readonly #world: World;
  readonly #requests: Requests;
  /** What was answered as captured, and as voided. */
  readonly #ended = new Map<string, 'capture' | 'void'>();
  readonly #goneOn = new Set<string>();

  constructor(world: World, requests: Requests) {
    this.#world = world;
    this.#requests = requests;
  }

  /** Whether a payment waits, by the ledger. */
  waits(transactionId: string): boolean {
    const waiting = `SELECT 1 FROM transactions WHERE transaction_id = ? AND status = 'pending' AND substate IS NOT NULL`;
    return this.#world.get(waiting, transactionId) !== undefined;
  }

  hear(answer: PaymentAnswer, wait: Wait): void {
    const { gateway, random } = this.#world;
    if (answer.kind === 'authorized') this.#goOn(answer.transaction, wait);
    if (answer.kind !== 'challenged' && answer.kind !== 'pending') return;
    const { transactionId } = answer.transaction;
    if (answer.kind === 'challenged') {
      const answersAfterMs = gateway.sendPayer(transactionId, answer.actionUrl);
      // The payer wants to pay with another card: in one window, and authenticates in the other.
      const endsAfterMs = random.chance(0.5) ? (answersAfterMs ?? 0) + random.below(200) : wait.endsAfterMs;
      if (wait.ends === 'void') this.#goOn(answer.transaction, { ...wait, endsAfterMs });
    }
    if (wait.optsIn !== 'to_nothing') this.#poll(transactionId, wait, wait.polls);
  }

  end(
    known: Known,
    { step, isStranger, copies }: Pick<Action & { kind: 'end' }, 'step' | 'isStranger' | 'copies'>,
  ): void {
    const { transactionId: transaction_id, bookingId: booking_id, userId } = known;
    const request = { booking_id, transaction_id, user_id: isStranger ? 'a stranger' : userId };
    const { time, random } = this.#world;
    const soon = (run: () => void, fromMs = 0) => time.after(fromMs + random.below(60), run, null);
    // Another page of the shop asks how it stands a moment before.
    if (random.chance(0.8)) soon(() => this.#requests.askStatus(transaction_id, () => {}));
    for (let copy = 0; copy < copies; copy += 1) {
      if (step !== 'void') soon(() => this.#send('capture', request, isStranger), 60);
      if (step !== 'capture') soon(() => this.#send('void', request, isStranger), 60);
    }
  }

  #poll(id: string, wait: Wait, times: number): void {
    const { time, random } = this.#world;
    if (times === 0) return;
    const ask = () =>
      this.#requests.askStatus(id, (transaction) => {
        if (transaction !== null && isAuthorized(transaction)) this.#goOn(transaction, wait);
        else if (transaction === null || transaction.status === 'pending') this.#poll(id, wait, times - 1);
      });
    time.after(random.below(POLLS_WITHIN_MS), ask, null);
  }

  /** The tickets are printed, or cannot be. */
  #goOn(transaction: Transaction, { ends, endsAfterMs }: Wait): void {
    const { transactionId } = transaction;
    if (ends === 'nothing' || this.#goneOn.has(transactionId)) return;
    this.#goneOn.add(transactionId);
    const { time } = this.#world;
    // Some shops wait until the last moment.
    const lastMs = (transaction.expiresAtMs ?? 0) - time.nowMs - 1_000;
    const afterMs = endsAfterMs % 3 === 0 && transaction.substate === 'authorized' ? lastMs : endsAfterMs;
    const once = { step: ends, isStranger: false, copies: 1 } as const;
    time.after(afterMs, () => this.end(transaction, once), null);
  }

  #send(step: 'capture' | 'void', request: HoldRequest, isStranger: boolean): void {
    const run = step === 'capture' ? capturePayment : voidPayment;
    this.#requests.invoke(
      step,
      request.transaction_id,
      (context) => run(context, request),
      (ending) => {
        if (ending.kind !== 'answer') return;
        if (isStranger) this.#judgeStranger(step, ending.answer);
        else this.#judge(step, ending.answer);
      },
    );
  }

  #judgeStranger(step: string, answer: HoldAnswer): void {
    if (answer.kind === 'not_allowed' && answer.transaction === null) return;
    if (answer.kind === 'not_found' && answer.archived) return;
    this.#world.violations.push(`waiting: a stranger's ${step} was answered with ${answer.kind}`);
  }

  /** What a shop is told must be true at the moment when it is told, and stay so. */
  #judge(step: 'capture' | 'void', answer: HoldAnswer): void {
    if (answer.kind !== 'ended') return;
    const { gateway, violations } = this.#world;
    const { transactionId, errorCode } = answer.transaction;
    const isTaken = (gateway.charges.get(transactionId)?.timesTaken ?? 0) > 0;
    if (isTaken !== (errorCode === null)) {
      violations.push(
        `invariant 3: a ${step} of ${transactionId} was answered with ${errorCode}, and taken is ${isTaken}`,
      );
    }
    const isDone = step === 'capture' ? errorCode === null : errorCode === 'PAYMENT_VOIDED';
    if (!isDone) return;
    const before = this.#ended.get(transactionId) ?? step;
    if (before !== step) violations.push(`waiting: ${transactionId} was answered as captured and as voided`);
    this.#ended.set(transactionId, step);
  }
}
