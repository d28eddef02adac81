/**
 * What the service asks of whoever moves the money, and all that it is told back. Expected failures are values; a
 * gateway throws only where it has a bug, and the caller treats that as an unknown outcome.
 */
import type { PaymentMethod } from '../../contract/requests.ts';
import type { Card } from '../../payments/card.ts';
import type { DeclineCode } from '../../payments/failure.ts';
import type { Refund, Transaction } from '../../payments/transaction.ts';

/** What is charged. It passes through: nothing of it but brand and last four digits is kept (invariant 5). */
export type Instrument = { kind: 'card'; card: Card } | { kind: 'paypal'; email: string; paymentId: string };

export interface ChargeRequest {
  /** The claimed row: its `transactionId` is the idempotency key with the gateway (invariant 3). */
  transaction: Transaction;
  instrument: Instrument;
  /** Aborted at the deadline. What has not been answered by then is an unknown outcome. */
  signal: AbortSignal;
}

export interface RefundRequest {
  /** The reserved row: its `refundId` is the idempotency key with the gateway. */
  refund: Refund;
  transaction: Transaction;
  signal: AbortSignal;
}

/**
 * - `approved`: the money moved.
 * - `declined`: it did not, and the payer or the card is why.
 * - `failed`: it certainly did not, and the gateway is why.
 * - `unknown`: nobody can say yet. Never guessed (invariant 3).
 */
export type GatewayOutcome =
  | { kind: 'approved'; reference: string }
  | { kind: 'declined'; code: DeclineCode; reason?: string }
  | { kind: 'failed'; reason?: string }
  | { kind: 'unknown'; reason: string };

/** What a gateway knows of a key that was used with it. `not_found` is not "never": the request may be on its way. */
export type LookUp =
  | Exclude<GatewayOutcome, { kind: 'unknown' }>
  | { kind: 'in_progress' }
  | { kind: 'not_found' }
  | { kind: 'unreachable'; reason: string };

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
}

export interface Gateway {
  /** As the ledger's rows have it: another account, with another provider, has another name. */
  readonly name: string;
  /** Whether it is somebody else's system. Of one that can't be down, failures are what was asked for. */
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
}
