/**
 * What the service asks of whoever moves the money, and all that it answers. Expected failures are values; a
 * gateway throws only where it has a bug, and the caller treats that as an unknown outcome.
 */
import type { PaymentMethod } from '../../contract/requests.ts';
import type { Card } from '../domain/card.ts';
import type { DeclineCode, FailureCause } from '../domain/failure-causes.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import type { Webhook, WebhookReading } from './webhook.ts';

/** What is charged. It passes through: nothing of it but brand and last four digits is kept (invariant 5). */
export type Instrument =
  | { kind: 'card'; card: Card }
  /** A card that the provider has been given already, such as Stripe's `pm_…` and `tok_…`. */
  | { kind: 'token'; token: string }
  /** `paymentId` is the id of an order that the payer has approved. */
  | { kind: 'paypal'; email: string; paymentId: string };

export interface ChargeRequest {
  /** The claimed row: its `transactionId` is the idempotency key with the gateway (invariant 3). */
  transaction: Transaction;
  instrument: Instrument;
  /** Aborted at the deadline. What has not been answered by then is an unknown outcome. */
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
 * Whether what moves the money may be begun, after the calls before it: begun in the last fifth of the time, it would as
 * good as never be answered, and a certain failure would become an unknown outcome.
 */
export function timeIsLeft(startedAtMs: number, nowMs: number, deadlineMs: number | undefined): boolean {
  return deadlineMs === undefined || nowMs - startedAtMs <= deadlineMs * 0.8;
}

export interface RefundRequest {
  /** The reserved row: its `refundId` is the idempotency key with the gateway. */
  refund: Refund;
  transaction: Transaction;
  signal: AbortSignal;
}

/**
 * - `approved`: the money moved.
 * - `mischarged`: another amount moved than was asked for, so the payment fails and what was captured is owed back.
 * - `declined`: it did not, and the payer or the card is why.
 * - `failed`: it certainly did not, and the gateway is why.
 * - `unknown`: not known yet. Never guessed (invariant 3).
 */
export type GatewayOutcome =
  /** `hasRefunds`: whether the provider says along with it that some of it has been paid back, whoever asked for that. */
  | { kind: 'approved'; reference: string; hasRefunds?: true }
  /** `amountMinor`: what was captured; null where that is in another currency than the payment. */
  | ({ kind: 'mischarged'; reference: string; amountMinor: number | null; cause: FailureCause } & Why)
  | ({ kind: 'declined'; code: DeclineCode; reason?: string } & Why)
  /**
   * `silent`: it gave no answer, or none that one could work with. Too many of them, and it is asked no more. An unknown outcome
   * is one unless it says otherwise, a failure only where it says so.
   */
  | ({ kind: 'failed'; reason?: string; silent?: boolean } & Why)
  /**
   * `accepted`: the provider says that it has the request and is still processing it.
   * `intent`: what the provider calls the payment, to be looked up by; see the ledger's `gateway_intent`.
   */
  | ({ kind: 'unknown'; reason: string; silent?: boolean; accepted?: boolean; intent?: string } & Why);

/** Where more is known than a code. */
export interface Why {
  /** What a caller gets to read, and is advised to do. */
  cause?: FailureCause;
  /** The provider's own word, for the log: callers are not informed of lost and stolen cards, or of fraud. */
  providerCode?: string;
}

/**
 * What a gateway knows of a key that was used with it.
 *
 * - `not_found`: not "never", since the request may be on its way.
 * - `unreachable`: no answer, or one that says nothing of any row: 5xx, 429, 401. Other look-ups are likely to fare the same.
 * - `undetermined`: it answered, and the answer does not say how this row ended, such as a 404 for a reference that it gave out
 *   itself. This is about the one row; other rows are asked about as usual.
 */
export type LookUp =
  | Exclude<GatewayOutcome, { kind: 'unknown' }>
  | { kind: 'in_progress' }
  | { kind: 'not_found' }
  | NoOutcome;

/** An answer to a look-up that decides nothing. */
export type NoOutcome = { kind: 'unreachable' | 'undetermined'; reason: string } & Why;

/** The provider did not answer, or not in a way that can be used. */
export type Unreachable = { kind: 'unreachable'; reason: string } & Why;

export function isNoOutcome(found: LookUp | undefined): found is NoOutcome {
  return found?.kind === 'unreachable' || found?.kind === 'undetermined';
}

/** Whether an answer with this status says that the gateway or the way to it is in trouble, and nothing of the row asked about. */
export function isGatewayTrouble(status: number): boolean {
  return status >= 500 || (status >= 300 && status < 400) || [401, 408, 429].includes(status);
}

/** What came of a fence: the charge will never happen, or it has, or it is not decided yet. */
export type Fence = { kind: 'cancelled' } | Exclude<LookUp, { kind: 'not_found' }>;

/** Money that the gateway says it moved, under the id that it was asked with: a transaction's or a refund's. */
export interface Movement {
  kind: 'charge' | 'refund';
  id: string;
  reference: string;
  amountMinor: number;
  currency: string;
  /** `reversed`: a refund that the gateway took back after it had been paid. */
  status: 'succeeded' | 'reversed';
  movedAtMs: number;
  /** Of an external refund, which has no id of ours: the payment's. */
  transactionId?: string;
}

/** A refund as it is at the provider, mostly one that this service was not asked for. */
export interface ExternalRefund {
  reference: string;
  /** Ours, where it turns out that this service asked for it after all. */
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

/** `not_found`: the provider has no refund of this name. */
export type ExternalRefundAnswer = { kind: 'found'; refund: ExternalRefund } | { kind: 'not_found' } | Unreachable;

/** `transactionId`: null where this service has not made the charge. */
export type ChargeOwner = { kind: 'known'; transactionId: string | null } | Unreachable;

/** All refunds of a charge, external ones too, as its provider lists them. */
export type RefundListing = { kind: 'listed'; refunds: ExternalRefund[] } | NoOutcome;

/** Thrown where a listing is not available, or not complete: half of one is of no use for reconciliation. */
export class ListingFailed extends Error {
  override name = 'ListingFailed';
}

/** Whose account a gateway charges for: the provider's own id of it, or why that is not known. */
export type GatewayAccount = { kind: 'known'; account: string } | Unreachable;

export interface Gateway {
  /**
   * What is known without asking: `stripe:test`, `paypal:MERCHANT`, `http:host` or `sandbox`. The ledger's rows have the name that
   * `Gateways.nameInLedger` gives, which differs where there is an `account` to ask for.
   */
  readonly name: string;
  /** The provider's id of the account behind the configured key, where the settings do not say it. Asks the provider. */
  account?: {
    /** Distinguishes keys and reveals nothing of them: under it the answer is remembered. */
    keyName(): Promise<string>;
    ask(signal: AbortSignal): Promise<GatewayAccount>;
  };
  /** Whether it is a system of its own. A gateway that can't be down, the sandbox, fails on request only. */
  readonly canBeDown: boolean;
  /** The methods that it can be paid with as it is configured. */
  readonly methods: readonly PaymentMethod[];
  /**
   * Milliseconds from a request's start to when the gateway knows of it, at the very longest, as it documents. What it
   * does not know by then never happens: the fence of a gateway that can't cancel.
   */
  readonly knownWithinMs: number;
  /** Milliseconds for which the gateway takes a repeated idempotency key for the request that it has seen. */
  readonly keysKeptForMs: number;
  /** What the provider calls a payment with this instrument, where that is known before it is asked. */
  intentOf?(instrument: Instrument): string | null;
  charge(request: ChargeRequest): Promise<GatewayOutcome>;
  refund(request: RefundRequest): Promise<GatewayOutcome>;
  /** Asks, by the ledger's row, how a charge ended. */
  lookUpCharge(transaction: Transaction, signal: AbortSignal): Promise<LookUp>;
  /** Asks, by the ledger's rows, how a refund ended. One that was taken back after it had been paid is `declined`. */
  lookUpRefund(refund: Refund, transaction: Transaction, signal: AbortSignal): Promise<LookUp>;
  /** Where the gateway can: makes sure that a charge which has not happened never will. */
  cancelCharge?(transaction: Transaction, signal: AbortSignal): Promise<Fence>;
  /** Where the gateway can: all that it moved from one time to another, for reconciliation. */
  listMovements?(fromMs: number, toMs: number): AsyncIterable<Movement>;
  /** Where there are external refunds: one of them, by the provider's own name for it. */
  findExternalRefund?(reference: string, signal: AbortSignal): Promise<ExternalRefundAnswer>;
  /** Where there are external refunds: all refunds of a charge, those of this service too. It only reads. */
  listRefundsOfCharge?(transaction: Transaction, signal: AbortSignal): Promise<RefundListing>;
  /** The payment of the charge that the provider knows by this name. */
  findChargeOwner?(reference: string, signal: AbortSignal): Promise<ChargeOwner>;
  /** Where the provider sends webhooks. */
  readWebhook?(webhook: Webhook, signal: AbortSignal): Promise<WebhookReading>;
}
