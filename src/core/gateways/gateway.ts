/**
 * The interface of payment gateways: requests and outcomes. Expected failures are values. A gateway throws only because of a bug,
 * which the caller treats as an unknown outcome.
 */
import type { PaymentMethod } from '../../contract/requests.ts';
import type { Card } from '../domain/card.ts';
import type { DeclineCode, FailureCause } from '../domain/failure-causes.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import type { Webhook, WebhookReading } from './webhook.ts';

/** The instrument to charge. Only brand and last four digits are stored (invariant 5). */
export type Instrument =
  | { kind: 'card'; card: Card }
  /** A token for a card that the provider has stored, such as Stripe's `pm_…` and `tok_…`. */
  | { kind: 'token'; token: string }
  /** `paymentId` is the id of an order that the payer has approved. */
  | { kind: 'paypal'; email: string; paymentId: string }
  /** No order yet: the gateway creates one, and the payer approves it. */
  | { kind: 'new_paypal_order' };

export interface ChargeRequest {
  /** The claimed row: its `transactionId` is the idempotency key with the gateway (invariant 3). */
  transaction: Transaction;
  instrument: Instrument;
  /**
   * Where the payer comes back to after authenticating or approving. Null: the payer cannot be sent anywhere, so a payment that
   * requires it is declined.
   */
  returnUrl?: string | null;
  /** For the payer's bank statement. It is in no row: what is asked of the gateway later can't depend on it. */
  statementDescriptorSuffix?: string | null;
  /** Where the provider sends its receipt. Personal data that is in no row, and never logged. */
  receiptEmail?: string | null;
  /** Aborted at the deadline. Without an answer by then, the outcome is unknown. */
  signal: AbortSignal;
  /** Milliseconds from the start to the deadline, for gateways that make more than one call. */
  deadlineMs?: number;
  /**
   * Whether a transaction is an attempt to pay the same booking; false of one that the ledger does not have, null where the ledger
   * does not answer. For gateways where the payer's approval may carry the id of an earlier attempt.
   */
  isOfSameBooking?: (transactionId: string) => Promise<boolean | null>;
}

/**
 * Whether the call that moves money may start after the preceding calls. In the last fifth of the time it would hardly get an
 * answer, and a certain failure would become an unknown outcome.
 */
export function timeIsLeft(startedAtMs: number, nowMs: number, deadlineMs: number | undefined): boolean {
  return deadlineMs === undefined || nowMs - startedAtMs <= deadlineMs * 0.8;
}

/** A call that ends a hold, or takes a payment that its payer has approved. The key is made of the transaction's id. */
export interface StepRequest {
  transaction: Transaction;
  signal: AbortSignal;
  /** Milliseconds from the start to the deadline. */
  deadlineMs?: number;
}

export interface RefundRequest {
  /** The reserved row: its `refundId` is the idempotency key with the gateway. */
  refund: Refund;
  transaction: Transaction;
  signal: AbortSignal;
}

/**
 * - `approved`: the money moved.
 * - `authorized`: the money is held for a payment whose `captureMethod` is `manual`. It is not taken yet.
 * - `challenged`: the payer has to authenticate or approve first, at an address of the provider. No money moved.
 * - `mischarged`: another amount moved than was requested, so the payment fails and the captured amount is refunded.
 * - `declined`: no money moved, because of the payer or the card.
 * - `failed`: certainly no money moved, because of the gateway.
 * - `unknown`: not known yet. Never guessed (invariant 3).
 */
export type GatewayOutcome =
  /**
   * `hasRefunds`: whether the provider reports refunds of it, external ones included.
   * `reason`: why an operator has to know of it, such as money that was taken instead of held.
   */
  | { kind: 'approved'; reference: string; hasRefunds?: true; reason?: string }
  | Authorized
  | Challenged
  /** `amountMinor`: the captured amount; null if its currency differs from the payment's. */
  | ({ kind: 'mischarged'; reference: string; amountMinor: number | null; cause: FailureCause } & Why)
  | ({ kind: 'declined'; code: DeclineCode; reason?: string } & Why)
  /**
   * `silent`: the gateway gave no usable answer; the circuit breaker counts these. The default is true for an unknown outcome and
   * false for a failure.
   */
  | ({ kind: 'failed'; reason?: string; silent?: boolean } & Why)
  /**
   * `accepted`: the provider has confirmed the request and is still processing it.
   * `intent`: the provider's id of the payment, for look-ups; see the ledger's `gateway_intent`.
   */
  | ({ kind: 'unknown'; reason: string; silent?: boolean; accepted?: boolean; intent?: string } & Why);

/** `expiresAtMs`: until when the provider holds the money; null where it does not say. */
export interface Authorized {
  kind: 'authorized';
  reference: string;
  expiresAtMs: number | null;
}

/**
 * `url`: where the payer is sent, as the provider gives it, or relative to this service's address; null in a look-up where the provider
 * does not repeat it. `intent`: the provider's id of the payment, for look-ups.
 */
export interface Challenged {
  kind: 'challenged';
  url: string | null;
  intent?: string;
}

/** Details beyond the code. */
export interface Why {
  /** Determines the reason and the advice in the answer. */
  cause?: FailureCause;
  /** The provider's own code, for the log: callers are not informed of lost or stolen cards, or of fraud. */
  providerCode?: string;
}

/**
 * The result of a look-up by idempotency key.
 *
 * - `payer_approved`: the payer has approved, and the money is neither taken nor held until `completeCharge` is called.
 * - `cancelled`: the charge or the hold has ended at the provider, and no money was taken. Why is a matter of the ledger's row.
 * - `not_found`: not "never", since the request may be on its way.
 * - `unreachable`: no answer, or one that is not about a row: 5xx, 429, 401. Other look-ups are likely to fail, too.
 * - `undetermined`: the answer does not determine this row's outcome, such as a 404 for a reference that the gateway issued
 *   itself. Look-ups of other rows continue.
 */
export type LookUp =
  | Exclude<GatewayOutcome, { kind: 'unknown' }>
  | { kind: 'in_progress' }
  | { kind: 'payer_approved' }
  | { kind: 'cancelled' }
  | { kind: 'not_found' }
  | NoOutcome;

/** The result of a look-up that does not determine the outcome. */
export type NoOutcome = { kind: 'unreachable' | 'undetermined'; reason: string } & Why;

/** The provider gave no usable answer. */
export type Unreachable = { kind: 'unreachable'; reason: string } & Why;

export function isNoOutcome(found: LookUp | undefined): found is NoOutcome {
  return found?.kind === 'unreachable' || found?.kind === 'undetermined';
}

/** Whether this status reports a problem of the gateway or the network, not of the row. */
export function isGatewayTrouble(status: number): boolean {
  return status >= 500 || (status >= 300 && status < 400) || [401, 408, 429].includes(status);
}

/** The result of a fence: the charge will never happen, has happened, or is still undecided. */
export type Fence = Exclude<LookUp, { kind: 'not_found' }>;

/** A movement that the gateway reports, under the id of the request: a transaction's or a refund's. */
export interface Movement {
  kind: 'charge' | 'refund';
  id: string;
  reference: string;
  amountMinor: number;
  currency: string;
  /** `reversed`: a refund that the gateway took back after it had been paid. */
  status: 'succeeded' | 'reversed';
  movedAtMs: number;
  /** Of an external refund, which has no id of this service: the payment's id. */
  transactionId?: string;
}

/** A refund as the provider has it, usually an external one. */
export interface ExternalRefund {
  reference: string;
  /** This service's id, if the refund is not external after all. */
  refundId: string | null;
  /** The provider's name for the charge, and its payment; null where the ledger does not have it. */
  chargeReference: string;
  transactionId: string | null;
  amountMinor: number;
  currency: string;
  /** `moved`: the payer has it; `open`: not yet; `never`: the payer does not have it, or not any more. */
  state: 'moved' | 'open' | 'never';
  reason: string;
  movedAtMs: number;
}

/** `not_found`: the provider has no refund with this id. */
export type ExternalRefundAnswer = { kind: 'found'; refund: ExternalRefund } | { kind: 'not_found' } | Unreachable;

/** `transactionId`: null where this service has not made the charge. */
export type ChargeOwner = { kind: 'known'; transactionId: string | null } | Unreachable;

/** All refunds of a charge at the provider, external ones included. */
export type RefundListing = { kind: 'listed'; refunds: ExternalRefund[] } | NoOutcome;

/** Thrown if a listing is unavailable or incomplete: reconciliation needs all of it. */
export class ListingFailed extends Error {
  override name = 'ListingFailed';
}

/** The provider's id of the account that a gateway charges for, or the reason why it is unknown. */
export type GatewayAccount = { kind: 'known'; account: string } | Unreachable;

export interface Gateway {
  /**
   * The name without a request to the provider: `stripe:test`, `paypal:MERCHANT`, `http:host` or `sandbox`. The ledger's rows have the name that
   * `Gateways.nameInLedger` gives, which differs where there is an `account` to ask for.
   */
  readonly name: string;
  /** Asks the provider for the id of the account behind the configured key, if the settings do not contain it. */
  account?: {
    /** Identifies a key without revealing it; the answer is stored under it. */
    keyName(): Promise<string>;
    ask(signal: AbortSignal): Promise<GatewayAccount>;
  };
  /** Whether it is an external system. The sandbox is not: it fails only on request. */
  readonly canBeDown: boolean;
  /** The payment methods that it accepts as configured. */
  readonly methods: readonly PaymentMethod[];
  /**
   * The documented maximum of milliseconds from a request's start until the gateway has received it. A request that it has not
   * received by then never arrives: the fence of a gateway that cannot cancel.
   */
  readonly knownWithinMs: number;
  /** Milliseconds for which the gateway recognizes a repeated idempotency key. */
  readonly keysKeptForMs: number;
  /** Whether it creates PayPal orders itself, for payers to approve at the address that it answers with. */
  readonly createsOrders?: true;
  /** The provider's id of a payment with this instrument, if it is known before the request. */
  intentOf?(instrument: Instrument): string | null;
  charge(request: ChargeRequest): Promise<GatewayOutcome>;
  refund(request: RefundRequest): Promise<GatewayOutcome>;
  /** Looks up the outcome of a charge by the ledger's row. */
  lookUpCharge(transaction: Transaction, signal: AbortSignal): Promise<LookUp>;
  /** Looks up the outcome of a refund by the ledger's rows. A reversed refund is `declined`. */
  lookUpRefund(refund: Refund, transaction: Transaction, signal: AbortSignal): Promise<LookUp>;
  /**
   * If supported: the fence, which ensures that a charge that has not happened never will. It also ends a challenge that the payer has
   * not answered. A gateway without it can take no money of a challenge unless `completeCharge` is called.
   */
  cancelCharge?(transaction: Transaction, signal: AbortSignal): Promise<Fence>;
  /** If it creates orders for payers to approve: takes the money of an approved one, or holds it where that is asked for. */
  completeCharge?(request: StepRequest): Promise<GatewayOutcome>;
  /** If it holds money. */
  holds?: {
    /** Takes the money that is held. */
    capture(request: StepRequest): Promise<GatewayOutcome>;
    /** Releases the money. Sent again, it does nothing; `approved` where the money was captured before. */
    release(transaction: Transaction, signal: AbortSignal): Promise<Fence>;
  };
  /** If supported: all movements of a period, for reconciliation. */
  listMovements?(fromMs: number, toMs: number): AsyncIterable<Movement>;
  /** If external refunds exist: one of them, by the provider's id. */
  findExternalRefund?(reference: string, signal: AbortSignal): Promise<ExternalRefundAnswer>;
  /** If external refunds exist: all refunds of a charge, including those of this service. It only reads. */
  listRefundsOfCharge?(transaction: Transaction, signal: AbortSignal): Promise<RefundListing>;
  /** The payment of the charge with this provider's id. */
  findChargeOwner?(reference: string, signal: AbortSignal): Promise<ChargeOwner>;
  /** Where the provider sends webhooks. */
  readWebhook?(webhook: Webhook, signal: AbortSignal): Promise<WebhookReading>;
}
