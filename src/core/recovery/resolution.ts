/** What a look-up of one payment or refund works with, and what it comes to. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import type { Gateway } from '../gateways/gateway.ts';
import type { LookUpTask } from '../ledger/look-ups/look-up-task.ts';
import type { GatewayCall } from '../outcomes/ask-gateway.ts';

export type Resolution =
  /** It has ended, now or before; the event where it was this call that ended it. */
  | { kind: 'ended'; event: PaymentEvent | null; lateRefundId: string | null }
  /** It waits: for its payer, or to be captured. It is due when that time is over. */
  | { kind: 'waits' }
  /** It has no outcome yet, and may be asked about again at this time; null: not again. */
  | {
      kind: 'open';
      unreachable: boolean;
      /** The gateway answered, and could not determine the outcome. */
      undetermined?: true;
      nextLookUpAtMs: number | null;
    };

/** It waits, or another attempt has found out meanwhile what it waits for. */
export const WAITS: Resolution = { kind: 'waits' };

export const NOTHING_TO_DO: Resolution = { kind: 'ended', event: null, lateRefundId: null };

/** Whom a row is looked up with, and by when. */
export interface Asking {
  context: Context;
  gateway: Gateway;
  untilMs: number;
}

/** A second question, behind a slow answer to the first, gets so much at least. */
const LAST_CALL_MS = 250;

export function callOf<Call extends GatewayCall['call']>(
  asking: Asking,
  call: Call,
  id: string,
): GatewayCall & { call: Call } {
  return { gateway: asking.gateway, call, id, deadlineMs: deadlineOf(asking) };
}

/** How long the next call may take, in milliseconds. */
export function deadlineOf({ context, untilMs }: Asking): number {
  return Math.max(untilMs - context.nowMs(), LAST_CALL_MS);
}

/** What the schedule of look-ups needs of a payment and of a refund alike. */
export interface LookedUpRow extends Pick<Transaction, 'processedAtMs' | 'nextLookupAtMs'> {
  id: string;
  /** When the request was made whose outcome is looked up. */
  openSinceMs: number;
  status: Transaction['status'] | Refund['status'];
}

export function lookedUpRow(task: LookUpTask): LookedUpRow {
  return task.kind === 'payment'
    ? { ...task.transaction, id: task.transaction.transactionId, openSinceMs: openSinceMs(task.transaction) }
    : { ...task.refund, id: task.refund.refundId, openSinceMs: task.refund.createdAtMs };
}

/** A payment that waits for its payer or its capture is not open before that time is over. */
function openSinceMs({ createdAtMs, expiresAtMs, stepAtMs }: Transaction): number {
  return stepAtMs ?? expiresAtMs ?? createdAtMs;
}
