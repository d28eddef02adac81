/** The services that call this one: they pay, refund, ask again, and remember what they were told. */
import type { PaymentRequest, RefundRequest } from '../../src/contract/requests.ts';
import type { Context } from '../../src/core/context.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { sendRest } from '../../src/core/outbox/send.ts';
import { type NotFound, notFound } from '../../src/core/payments/not-found.ts';
import { type PaymentAnswer, processPayment } from '../../src/core/payments/process-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { type RefundAnswer, refundPayment } from '../../src/core/payments/refund-payment.ts';
import { reconcile } from '../../src/core/recovery/reconcile.ts';
import { contextOfBooking, contextOfId, type Shards } from '../../src/core/shards.ts';
import { redactedDetails } from '../data/cards.ts';
import { hundredths } from './amount.ts';
import type { Payable } from './money-mover.ts';
import { databaseOfBooking, TENANT } from './places.ts';
import type { Action, Wait } from './plan.ts';
import { Shops } from './shops.ts';
import { SHOPS_ADDRESS } from './waiting-invariants.ts';
import { type Ending, START_MS, type World } from './world.ts';

/** A Worker that has lost its client has 30 s; an operation with all its deadlines has to end in less. */
const OPERATION_MAX_MS = 25_000;
/** What an answer may take beside the gateway's own time, whatever the database does. */
const OWN_TIME_MAX_MS = 7_000;

interface Sent {
  /** Null too where another request was the first one under its key. */
  key: string | null;
  sentUnder: string | null;
  /** Whether another request was sent under its key. */
  contested: boolean;
  /** The card's number, of which nothing but the last four digits may be found anywhere. */
  cardNumber: string | null;
}

export interface SentPayment extends Sent {
  kind: 'pay';
  request: PaymentRequest;
  amount: string;
  answers: Ending<PaymentAnswer>[];
  /** How its shop goes on, if it waits. */
  wait: Wait;
}

export interface SentRefund extends Sent {
  kind: 'refund';
  request: RefundRequest;
  amount: string;
  answers: Ending<RefundAnswer>[];
}

type Payment = Pick<Action & { kind: 'pay' }, 'amount' | 'card' | 'order' | 'keyed' | 'wait'> & {
  booking: string | number;
};

const AT_ONCE: Wait = { optsIn: 'to_nothing', holdMinutes: null, ends: 'nothing', endsAfterMs: 0, polls: 0 };

/** Texts that nothing else in a history has: wherever they are found, card data was written down. */
export const SECURITY_CODE = '737';
export const EXPIRY_YEAR = '2031';

/** How far a payment or a refund has come (invariant 6): an answer is never older than its question. */
function stepsTo(status: string): number {
  if (status === 'pending') return 0;
  return status === 'completed' ? 1 : 2;
}

export class Callers {
  readonly sent: (SentPayment | SentRefund)[] = [];
  /** Called with what was done in which database, and how long it took beside the gateway's time. */
  onEnded: (name: string, shard: number, ownMs: number) => void = () => {};
  readonly #world: World;
  readonly #shops: Shops;
  #lastNumber = 0;

  constructor(world: World) {
    this.#world = world;
    this.#shops = new Shops(world, {
      invoke: (name, id, run, heard) => void this.#invoke(name, (shards) => contextOfId(shards, id), run, heard),
      askStatus: (id, heard) => this.#askStatus(id, heard),
    });
  }

  do(action: Action): void {
    const world = this.#world;
    const { time, trace, clock } = world;
    trace.push(`${clock} ${JSON.stringify(action)}`);
    switch (action.kind) {
      case 'pay':
        this.#pay(action);
        break;
      case 'refund':
        this.#refund(action);
        break;
      case 'refundByHand':
        this.#refundByHand(action);
        break;
      case 'repeat':
        this.#repeat(action);
        break;
      case 'status':
        this.#status(action);
        break;
      case 'end':
        this.#end(action);
        break;
      case 'reconcile':
        void world.invoke('reconcile', (shards) => reconcile(shards, { fromMs: START_MS, toMs: time.nowMs }));
        break;
      case 'outage':
        if (action.of === 'gateway') this.#world.gateway.goDown(time.nowMs + action.durationMs);
        else this.#world.broker.goDown(time.nowMs + action.durationMs);
        break;
      case 'stall':
        this.#stall(action);
        break;
      case 'rush':
        this.#rush(action);
        break;
      case 'restart':
        this.#world.restart(action.isolate);
        break;
    }
  }

  /** The payments that somebody was told of, with what is needed to refund them. */
  known(): { transactionId: string; bookingId: string; userId: string; amountMinor: number }[] {
    const ids = new Map<string, { transactionId: string; bookingId: string; userId: string; amountMinor: number }>();
    for (const sent of this.sent) {
      if (sent.kind !== 'pay') continue;
      for (const ending of sent.answers) {
        const found = ending.kind === 'answer' && 'transaction' in ending.answer ? ending.answer.transaction : null;
        if (found !== null) ids.set(found.transactionId, found);
      }
    }
    return [...ids.values()];
  }

  /** A payment of a new booking, in this isolate; answers with what came of it. */
  async payOnce(isolate: number): Promise<string> {
    const sent = this.#newPayment({
      booking: `last-${isolate}`,
      amount: '10',
      card: 'good',
      order: 'new',
      keyed: false,
      wait: AT_ONCE,
    });
    const { request, amount } = sent;
    const ending = await this.#world.invoke(
      'pay',
      async (shards) => processPayment(await contextOf(request)(shards), request, amount),
      async (shards, answer) => sendRest(await contextOf(request)(shards), answer),
      this.#world.isolate(isolate),
    );
    sent.answers.push(ending);
    return ending.kind === 'answer' ? ending.answer.kind : ending.kind;
  }

  #stall({ durationMs, manner, shard }: Action & { kind: 'stall' }): void {
    const { faults, time, databases } = this.#world;
    const alone = shard === null || databases.length === 1 ? null : shard % databases.length;
    if (!faults.begin(alone === null ? 'd1_stalls' : 'one_d1_stalls')) return;
    this.#world.stall(time.nowMs + durationMs, manner, alone);
  }

  #rush({ payments, everyMs, gatewayIsDown }: Action & { kind: 'rush' }): void {
    const { time, gateway } = this.#world;
    if (gatewayIsDown) gateway.goDown(time.nowMs + payments * everyMs);
    const each = { amount: '10', card: 'good', order: 'new', keyed: false, copies: 1, wait: AT_ONCE } as const;
    for (let index = 0; index < payments; index += 1) {
      time.after(index * everyMs, () => this.#pay({ ...each, booking: `rush-${this.#newNumber()}` }), null);
    }
  }

  #pay({ copies, ...payment }: Payment & { copies: number }): void {
    const sent = this.#newPayment(payment);
    for (let copy = 0; copy < (payment.keyed ? copies : 1); copy += 1) this.#sendPayment(sent);
  }

  #newPayment({ booking, amount, card: planned, order, keyed, wait }: Payment): SentPayment {
    const { gateway } = this.#world;
    const number = this.#newNumber();
    const card = planned === 'challenged' && !gateway.canWait ? 'good' : planned;
    const isHeld = gateway.canWait && isToBeHeld(wait);
    const wish = { amountMinor: hundredths(amount), card, order, isHeld };
    const payable = gateway.payable(wish, (lastFour) => this.#card(lastFour));
    const cardNumber = payable.card_details?.card_number.reveal() ?? null;
    const request: PaymentRequest = {
      user_id: `user-${number}`,
      booking_id: `booking-${booking}`,
      amount,
      ...payable,
      ...(gateway.canWait && optIn(wait, number)),
    };
    const keys = this.#sent(keyed, number);
    const sent: SentPayment = { kind: 'pay', request, amount, cardNumber, wait, ...keys, answers: [] };
    this.sent.push(sent);
    return sent;
  }

  #end({ payment, ...action }: Action & { kind: 'end' }): void {
    const all = this.known();
    const waiting = all.filter(({ transactionId }) => this.#shops.waits(transactionId));
    const known = payment % 2 === 0 && waiting.length > 0 ? waiting : all;
    const chosen = known[Math.floor(payment / 2) % Math.max(1, known.length)];
    if (chosen !== undefined) this.#shops.end(chosen, action);
  }

  #paid(payment: number) {
    const all = this.known();
    const paid = all.filter(({ transactionId }) => this.#standing(transactionId) === 'completed');
    const known = payment % 2 === 0 && paid.length > 0 ? paid : all;
    return known[Math.floor(payment / 2) % Math.max(1, known.length)];
  }

  #refundByHand({ payment, percent }: Action & { kind: 'refundByHand' }): void {
    const paid = this.#paid(payment);
    if (paid !== undefined) this.#payBackByHand(paid.transactionId, percent);
  }

  /** Nobody pays back what has left: the ledger would not know of it, and an alarm says so. */
  #payBackByHand(transactionId: string, percent: number): void {
    if (this.#standing(transactionId) !== 'undefined') this.#world.gateway.refundByHand(transactionId, percent);
  }

  #refund({ payment, percent, percentByHand, keyed, copies }: Action & { kind: 'refund' }): void {
    const { time, random } = this.#world;
    const paid = this.#paid(payment);
    if (paid === undefined) return;
    const amount = (Math.max(1, Math.floor((paid.amountMinor * percent) / 100)) / 100).toFixed(2);
    const request: RefundRequest = {
      user_id: paid.userId,
      booking_id: paid.bookingId,
      original_transaction_id: paid.transactionId,
      refund_amount: amount,
      reason: 'Customer cancellation',
    };
    const sent: SentRefund = {
      kind: 'refund',
      request,
      amount,
      cardNumber: null,
      ...this.#sent(keyed, this.#newNumber()),
      answers: [],
    };
    this.sent.push(sent);
    for (let copy = 0; copy < copies; copy += 1) this.#sendRefund(sent);
    if (percentByHand === 0) return;
    time.after(random.below(300), () => this.#payBackByHand(paid.transactionId, percentByHand), null);
  }

  #repeat({ request, body, booking }: Action & { kind: 'repeat' }): void {
    const keyed = this.sent.filter(({ key }) => key !== null);
    const sent = keyed[request % Math.max(1, keyed.length)];
    if (sent === undefined) return;
    if (body === 'same') {
      if (sent.kind === 'pay') this.#sendPayment(sent);
      else this.#sendRefund(sent);
      return;
    }
    const { trace, violations } = this.#world;
    const note = (ending: Ending<PaymentAnswer | RefundAnswer>) => {
      const kind = ending.kind === 'answer' ? ending.answer.kind : ending.kind;
      trace.push(`${this.#world.clock} another request under the key ${sent.key}: ${kind}`);
      // Where the first request holds the key, another one is refused; where it does not, this one may have claimed it.
      const replayed = ending.kind === 'answer' && 'replayed' in ending.answer && ending.answer.replayed;
      if (replayed) violations.push(`invariant 8: the key ${sent.key} answered another request with its own answer`);
    };
    if (sent.kind === 'pay') {
      const bookingId = body === 'other_booking' ? `booking-${booking}` : sent.request.booking_id;
      const other: SentPayment = {
        ...sent,
        request: { ...sent.request, booking_id: bookingId, user_id: `other-${this.#newNumber()}` },
        contested: false,
        answers: [],
      };
      const rivals = this.#sentTo(other);
      for (const rival of rivals) rival.contested = true;
      // In a database that has not seen the key, it is a new one.
      this.sent.push(rivals.length === 0 ? other : { ...other, key: null });
      this.#sendPayment(other, rivals.length === 0 ? undefined : note);
    } else {
      sent.contested = true;
      const other: SentRefund = {
        ...sent,
        request: { ...sent.request, reason: `other ${this.#newNumber()}` },
        answers: [],
      };
      this.sent.push({ ...other, key: null });
      this.#sendRefund(other, note);
    }
  }

  /** The payments under the same key of bookings in the same database. */
  #sentTo({ key, request }: SentPayment): SentPayment[] {
    const { length } = this.#world.databases;
    const database = databaseOfBooking(request.booking_id, length);
    return this.sent.filter(
      (one) => one.kind === 'pay' && one.key === key && databaseOfBooking(one.request.booking_id, length) === database,
    ) as SentPayment[];
  }

  #status({ subject }: Action & { kind: 'status' }): void {
    const refunds = this.sent.flatMap((sent) =>
      sent.kind === 'refund'
        ? sent.answers.flatMap((ending) =>
            ending.kind === 'answer' && 'refund' in ending.answer ? [ending.answer.refund.refundId] : [],
          )
        : [],
    );
    const ids = [...this.known().map(({ transactionId }) => transactionId), ...refunds];
    const id = ids[subject % Math.max(1, ids.length)];
    if (id !== undefined) this.#askStatus(id);
  }

  #askStatus(id: string, heard: (transaction: Transaction | null) => void = () => {}): void {
    const asked = this.#standing(id);
    void this.#invoke(
      'status',
      (shards) => contextOfId(shards, id),
      async (context) => (await readStatus(context, id)) ?? (await notFound(context, id)),
      (ending) => {
        const answer = ending.kind === 'answer' ? ending.answer : null;
        heard(answer !== null && 'transaction' in answer ? answer.transaction : null);
        if (answer === null) return;
        if ('kind' in answer) return this.#holdAgainstArchive(id, answer);
        const { status } = answer.refund ?? answer.transaction;
        const stands = this.#standing(id);
        // What was pending a moment ago may have ended while the answer was on its way; nothing goes back.
        if (status !== stands && status !== 'pending' && !(status === 'completed' && stands !== 'failed')) {
          this.#untrue(`the status of ${id} is told as ${status}, and is ${stands}`);
        }
        if (status !== 'pending' && stands === 'pending')
          this.#untrue(`the status of ${id} is told as ${status} too early`);
        if (stepsTo(status) < stepsTo(asked)) {
          this.#untrue(`the status of ${id} is told as ${status}, and was ${asked} when it was asked for`);
        }
      },
    );
  }

  #sendPayment(sent: SentPayment, heard: (ending: Ending<PaymentAnswer>) => void = () => {}): void {
    const { request, amount, key } = sent;
    void this.#invoke(
      'pay',
      contextOf(request),
      (context) => processPayment(context, request, amount, key),
      (ending) => {
        sent.answers.push(ending);
        heard(ending);
        if (ending.kind !== 'answer') return;
        this.#holdAgainstGateway(ending.answer);
        this.#shops.hear(ending.answer, sent.wait);
      },
    );
  }

  #sendRefund(sent: SentRefund, heard: (ending: Ending<RefundAnswer>) => void = () => {}): void {
    const { request, amount, key } = sent;
    void this.#invoke(
      'refund',
      (shards) => contextOfId(shards, request.original_transaction_id),
      (context) => refundPayment(context, request, amount, key),
      (ending) => {
        sent.answers.push(ending);
        heard(ending);
        if (ending.kind !== 'answer' || !('refund' in ending.answer)) return;
        const { kind, refund } = ending.answer;
        const paid = this.#world.gateway.refunds.get(refund.refundId);
        const wasPaid = paid?.state.kind === 'approved';
        if (kind === 'completed' && !wasPaid) this.#untrue(`${refund.refundId} was answered as paid, and was not`);
        if (kind === 'failed' && wasPaid && !paid.takenBack)
          this.#untrue(`${refund.refundId} was answered as failed, and was paid`);
        if (kind === 'failed' && !['failed', 'reversed'].includes(this.#standing(refund.refundId) ?? '')) {
          this.#untrue(`${refund.refundId} was answered as failed, and has not ended`);
        }
        // The shop's page shows the payment again.
        if (kind === 'completed') this.#askStatus(request.original_transaction_id);
      },
    );
  }

  /** What a caller is told must be true at the moment when it is told. */
  #holdAgainstGateway(answer: PaymentAnswer): void {
    const { gateway } = this.#world;
    if (answer.kind !== 'completed' && answer.kind !== 'failed') return;
    const { transactionId } = answer.transaction;
    const charged = gateway.charges.get(transactionId)?.state.kind === 'approved';
    if (answer.kind === 'completed' && !charged) {
      this.#untrue(`${transactionId} was answered as paid, and was not charged`);
    }
    const isFailedRightly = gateway.charges.get(transactionId)?.brokePromise || gateway.isMischarged(transactionId);
    if (answer.kind === 'failed' && charged && !isFailedRightly) {
      this.#untrue(`${transactionId} was answered as failed, and was charged`);
    }
  }

  /** What a caller knows of has been there: it is found, or has left. */
  #holdAgainstArchive(id: string, { archived }: NotFound): void {
    if (this.#standing(id) !== 'undefined') this.#world.violations.push(`archive: ${id} is there, and was not found`);
    if (id.startsWith('TXN-') && !archived) this.#world.violations.push(`archive: nobody knows that ${id} has left`);
  }

  #untrue(what: string): void {
    this.#world.violations.push(`invariant 3: ${what}`);
  }

  /** The status that the ledger has at this moment. */
  #standing(id: string): string {
    const sql = id.startsWith('REF-')
      ? 'SELECT status FROM refunds WHERE refund_id = ?'
      : 'SELECT status FROM transactions WHERE transaction_id = ?';
    return String(this.#world.get(sql, id)?.status);
  }

  async #invoke<T extends object | null>(
    name: string,
    choose: (shards: Shards) => Context | Promise<Context>,
    run: (context: Context) => Promise<T>,
    heard: (ending: Ending<T>) => void,
  ): Promise<void> {
    const { time, violations, provider } = this.#world;
    let ended = false;
    const startedAtMs = time.nowMs;
    let gatewayMs = 0;
    let shard: number | null = null;
    const timed = async (shards: Shards) => {
      const context = await choose(shards);
      shard = context.shard;
      return run({
        ...context,
        log(level, event, fields) {
          if (event === 'gateway.answered') gatewayMs += Number(fields?.duration_ms);
          context.log(level, event, fields);
        },
      });
    };
    time.after(
      OPERATION_MAX_MS,
      () => {
        if (!ended) violations.push(`deadline: ${name} took longer than ${OPERATION_MAX_MS} ms`);
      },
      null,
    );
    const ending = await this.#world.invoke<T>(name, timed, async (shards, answer) =>
      sendRest(await choose(shards), { ...answer }),
    );
    ended = true;
    const ownMs = time.nowMs - startedAtMs - gatewayMs;
    if (shard !== null && ending.kind !== 'died') this.onEnded(name, shard, ownMs);
    // Of a provider, the account behind the key is asked for as well, which is logged nowhere.
    if (ownMs > OWN_TIME_MAX_MS && provider === 'simulated' && ending.kind !== 'died') {
      violations.push(`deadline: ${name} took ${ownMs} ms beside the gateway's`);
    }
    heard(ending);
  }

  #sent(keyed: boolean, number: number) {
    const key = keyed ? `key-${number}` : null;
    return { key, sentUnder: key, contested: false };
  }

  #newNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  #card(lastFour: string | null): Payable {
    const number = this.#cardNumber(lastFour);
    return {
      payment_method: 'credit_card',
      card_details: redactedDetails({
        card_number: number,
        expiry_month: '12',
        expiry_year: EXPIRY_YEAR,
        cvv: SECURITY_CODE,
        cardholder_name: `Holder ${number}`,
      }),
    };
  }

  /** A Visa number that nobody else has, with a check digit that is right. */
  #cardNumber(lastFour: string | null): string {
    const digits = (count: number) => Array.from({ length: count }, () => this.#world.random.below(10)).join('');
    const [head, tail] = [`4${digits(10)}`, lastFour ?? `9${digits(3)}`];
    for (let digit = 0; digit < 10; digit += 1) {
      const number = `${head}${digit}${tail}`;
      if (luhnSum(number) % 10 === 0) return number;
    }
    throw new Error('one of ten digits makes the sum right');
  }
}

/** Of a payment of that booking, as the Worker's route chooses it. */
const contextOf = (request: PaymentRequest) => (shards: Shards) => contextOfBooking(shards, TENANT, request.booking_id);

const isToBeHeld = ({ optsIn }: Wait) => optsIn === 'to_hold' || optsIn === 'to_both';

function optIn(wait: Wait, number: number): Partial<PaymentRequest> {
  const { optsIn, holdMinutes } = wait;
  return {
    ...((optsIn === 'to_challenge' || optsIn === 'to_both') && { return_url: `${SHOPS_ADDRESS}${number}` }),
    ...(isToBeHeld(wait) && { capture_method: 'manual' as const, hold_minutes: holdMinutes }),
  };
}

function luhnSum(number: string): number {
  return [...number].reverse().reduce((sum, character, position) => {
    const weighted = position % 2 === 1 ? Number(character) * 2 : Number(character);
    return sum + (weighted > 9 ? weighted - 9 : weighted);
  }, 0);
}
