/**
 * A gateway that a history can look behind: beside what it answers, it shows what it has moved. That is the truth that the
 * ledger is held against, whether the gateway is a simple one or a provider's API with the service's own adapter before it.
 */
import type { PaymentRequest } from '../../src/contract/requests.ts';
import type { Gateway, GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import type { AccessToken } from '../../src/core/gateways/paypal/paypal-client.ts';
import type { ProviderEvent } from '../../src/core/gateways/webhook.ts';
import type { Process, SimulatedTime } from './time.ts';

export interface Charge {
  transactionId: string;
  amountMinor: number;
  state: { kind: GatewayOutcome['kind'] | 'in_progress' | 'payer_approved' | 'cancelled' };
  /** It came later than the gateway says that a charge can. */
  brokePromise: boolean;
  /** How often its money was taken. */
  timesTaken: number;
  /** Until when it says that it holds the money, if it says so. */
  heldUntilMs: number | null;
  /** Why it ended without money taken: its hold was released, it was cancelled before, or the provider ended it. */
  ended: 'released' | 'cancelled' | 'by_itself' | null;
}

/** What is asked of it that moves money, or lets go of it. */
export type MoneyRequest = 'charge' | 'refund' | 'complete' | 'capture' | 'release';

export interface PaidRefund {
  /** The gateway's own name for it, where nobody here has asked for it. */
  refundId: string;
  transactionId: string;
  amountMinor: number;
  state: { kind: GatewayOutcome['kind'] | 'in_progress' };
  /** The bank did not take it, or has sent it back. */
  takenBack: boolean;
  madeExternally: boolean;
}

/** What an isolate has of its own. */
export interface IsolateMemory {
  nowMs: () => number;
  tokens: Map<string, AccessToken>;
  /** Whether its key is of another account at the provider. */
  otherAccount: boolean;
}

/** What somebody wants to pay with, as a plan has it. */
export interface Wish {
  /** Hundredths of the currency's unit. */
  amountMinor: number;
  card: 'good' | 'declined' | 'invalid' | 'challenged';
  /** Whether the money is to be held. */
  isHeld: boolean;
  order: 'new' | 'used' | 'wrong_amount' | 'changed_late' | 'foreign' | 'unapproved';
}

export type Payable = Pick<
  PaymentRequest,
  'payment_method' | 'card_details' | 'payment_method_token' | 'paypal_details'
>;

export abstract class MoneyMover {
  /** When it was asked about an id, without having told of it before. */
  readonly lookUps = new Map<string, number[]>();
  /** Called when a request that leads to money being moved arrives, before it is carried out. */
  onMoney: (kind: MoneyRequest, id: string) => void = () => {};
  /** Called when a charge has been made. */
  onCharged: (transactionId: string) => void = () => {};
  /** Called with what it tells of by itself. */
  onNotice: (event: ProviderEvent) => void = () => {};
  protected readonly time: SimulatedTime;
  #outageUntilMs = 0;

  constructor(time: SimulatedTime) {
    this.time = time;
  }

  /** Milliseconds after which it promises to know of a request. */
  abstract readonly knownWithinMs: number;
  /** By the transactions' ids. */
  abstract readonly charges: ReadonlyMap<string, Charge>;
  abstract readonly refunds: ReadonlyMap<string, PaidRefund>;
  /** Whether, in these histories, it holds money and has payers authenticate or approve. */
  abstract readonly canWait: boolean;
  /** How the addresses begin where payers authenticate or approve. Nothing but the answer to a payment may have one. */
  abstract readonly payersAddresses: readonly string[];
  /** Whether a payer who has not answered yet can be kept from it. */
  abstract readonly endsChallenges: boolean;
  /** The gateway as one process sees it. */
  abstract seenBy(process: Process, memory: IsolateMemory): Gateway;
  /** What is sent to pay with it. */
  abstract payable(wish: Wish, newCard: (lastFour: string | null) => Payable): Payable;
  /**
   * A payer has got the address at which to authenticate or approve. Returns after how many milliseconds they answer; null: never, or
   * they have got it before. @throws Error where it is not the payment's address
   */
  abstract sendPayer(transactionId: string, url: string): number | null;
  /** Somebody refunds so much of what is left of a payment, at the gateway, where that can be done. */
  abstract refundByHand(transactionId: string, percent: number): void;
  /** Whether another amount was captured than was asked for, because the payer's page changed it at the last moment. */
  isMischarged(_transactionId: string): boolean {
    return false;
  }

  /** What it has seen that must never come, or has done that must never be asked of it. */
  abstract wrongs(): string[];

  goDown(untilMs: number): void {
    this.#outageUntilMs = untilMs;
  }

  get isDown(): boolean {
    return this.time.nowMs < this.#outageUntilMs;
  }

  /** What the payer has got back and kept. */
  paidBack(transactionId: string): number {
    return this.#sumOfRefunds(transactionId, ({ state, takenBack }) => state.kind === 'approved' && !takenBack);
  }

  /** What of a charge nobody has tried to give back. What the bank has sent back may be given back once more, by hand. */
  keeps(transactionId: string): number {
    const charge = this.charges.get(transactionId);
    const charged = charge?.state.kind === 'approved' ? charge.amountMinor : 0;
    const tried = this.#sumOfRefunds(transactionId, ({ state, takenBack }) => state.kind === 'approved' || takenBack);
    return Math.max(0, charged - tried);
  }

  /** What it has told of is asked about at once, and what waits for its payer as often as its status is asked for. */
  protected noteLookUp({ name }: Process, id: string): void {
    if (name.startsWith('webhook')) return;
    const asked = name.startsWith('status') ? `${id} by status` : id;
    this.lookUps.set(asked, [...(this.lookUps.get(asked) ?? []), this.time.nowMs]);
  }

  #sumOfRefunds(transactionId: string, counts: (refund: PaidRefund) => boolean): number {
    return [...this.refunds.values()]
      .filter((refund) => refund.transactionId === transactionId && counts(refund))
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  }
}
