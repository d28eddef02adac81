/** Payments and refunds as the ledger keeps them. Amounts are in minor units, times in milliseconds since 1970. */
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { CaptureMethod, PaymentMethod } from '../../contract/requests.ts';
import type { ShownStatus } from '../../contract/search.ts';
import type { Failure } from './failure.ts';
import type { FailureCause } from './failure-causes.ts';

/** Legal moves (invariant 6): pending → completed | failed, completed → refunded. The database refuses all others. */
export type TransactionStatus = 'pending' | 'completed' | 'failed' | 'refunded';

/** What a payment and a refund have in common. */
interface GatewayRow {
  /** The gateway's name for the charge or the refund. */
  gatewayReference: string | null;
  errorCode: ErrorCode | null;
  failureReason: string | null;
  failureCause: FailureCause | null;
  createdAtMs: number;
  processedAtMs: number | null;
  /** When the gateway may next be asked what became of it; null where nothing is left to ask. */
  nextLookupAtMs: number | null;
}

export interface Transaction extends GatewayRow {
  transactionId: string;
  tenant: string;
  bookingId: string;
  userId: string;
  /** Encrypted; opened to render an event, or to export personal data. */
  sealedEmail: string | null;
  status: TransactionStatus;
  currency: string;
  amountMinor: number;
  /** Promised to refunds that are under way. */
  reservedMinor: number;
  /** Paid back, as the gateway has confirmed. */
  refundedMinor: number;
  paymentMethod: PaymentMethod;
  cardBrand: string | null;
  cardLast4: string | null;
  gateway: string;
  /** What the gateway calls the payment before any money moves: an order that a payer approved, or an intent. */
  gatewayIntent: string | null;
  captureMethod: CaptureMethod;
  /** How long the money is held at most; null where nothing is. */
  holdMinutes: number | null;
  /** Of a pending payment: what it waits for. It keeps it when it ends. */
  substate: Substate | null;
  /** When the wait ends: the payer's, or the time in which the money has to be captured. */
  expiresAtMs: number | null;
  /** What the gateway calls the money that it holds. */
  authorizationReference: string | null;
  /** What has been begun at the gateway, since the payer or the caller decided it, or the time was up. */
  step: Step | null;
  stepAtMs: number | null;
  /** Encrypted; where the payer authenticates or approves, until the payment ends. */
  sealedActionUrl: string | null;
  /** Encrypted; where the payer comes back to, until the payment ends. */
  sealedReturnUrl: string | null;
}

/** Of a payment that is taken at once, without its payer being sent anywhere. */
export const TAKEN_AT_ONCE = {
  captureMethod: 'automatic',
  holdMinutes: null,
  substate: null,
  expiresAtMs: null,
  authorizationReference: null,
  step: null,
  stepAtMs: null,
  sealedActionUrl: null,
  sealedReturnUrl: null,
} as const satisfies Partial<Transaction>;

/** `challenged`: the payer has to authenticate or approve. `authorized`: the money is held, not taken. */
export type Substate = 'challenged' | 'authorized';

/**
 * `authorize` leads to `authorized`. Of the other three a payment gets one, before the gateway is asked, and keeps it: whether it is
 * captured, voided or expired is decided by the row.
 */
export type Step = 'authorize' | 'capture' | 'void' | 'expire';

/** Whether the payment waits, for its payer or to be captured: it is pending, and that is no unknown outcome. */
export function isWaiting({ status, substate, step }: Transaction): boolean {
  return status === 'pending' && substate !== null && step === null;
}

/** Whether the money is held as the caller asked for it, and can be captured or voided. A hold that nobody asked for is only released. */
export function isAuthorized(transaction: Transaction): boolean {
  return isWaiting(transaction) && transaction.substate === 'authorized' && transaction.captureMethod === 'manual';
}

/** The status as callers see it. */
export function shownStatus(transaction: Transaction): ShownStatus {
  return isAuthorized(transaction) ? 'authorized' : transaction.status;
}

/** What can still be refunded, in minor units: what was captured, less what was refunded and what pending refunds hold. */
export function refundableMinor({ status, amountMinor, refundedMinor, reservedMinor }: Transaction): number {
  return status === 'completed' ? amountMinor - refundedMinor - reservedMinor : 0;
}

/** How a payment or a refund ended, by the gateway's answer, or without asking it. */
export type Outcome =
  | { status: 'completed'; gatewayReference: string }
  /** `owed`: a charge that was made all the same and has to be refunded. */
  | { status: 'failed'; failure: Failure; owed?: OwedCharge };

/** A charge without a completed payment. */
export interface OwedCharge {
  /** What the gateway calls it. */
  gatewayReference: string;
  /** Null where it is the payment's amount. */
  amountMinor: number | null;
}

/** pending → completed | failed, completed → reversed (the gateway took it back afterwards). */
export type RefundStatus = 'pending' | 'completed' | 'failed' | 'reversed';

/** `late_charge`: the whole of a charge whose payment has failed (invariant 1). Nobody asked for it. */
export type RefundKind = 'requested' | 'late_charge';

export interface Refund extends GatewayRow {
  refundId: string;
  tenant: string;
  transactionId: string;
  kind: RefundKind;
  status: RefundStatus;
  amountMinor: number;
  reason: string;
}

/**
 * The id of the refund of a late charge. It follows from the payment's, so that however often the charge is
 * found, it is one refund, under one key.
 */
export function lateRefundId(transactionId: string): string {
  return `REF-${transactionId.slice('TXN-'.length)}`;
}

/** Crockford's base 32, as ULIDs are written. This service never issued any other text as an id. */
export function isIdentifier<Prefix extends 'TXN-' | 'REF-'>(
  id: string | null | undefined,
  prefix: Prefix,
): id is `${Prefix}${string}` {
  return id?.startsWith(prefix) === true && /^[0-7][0-9A-HJKMNP-TV-Z]{25}(-\d{1,2})?$/.test(id.slice(prefix.length));
}
