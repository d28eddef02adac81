/** `POST /payment/capture`: takes the money that is held for a payment. A refusal that is certain fails the payment. */
import type { HoldRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import { takeMoney } from '../outcomes/take-step.ts';
import { endHold, type HoldAnswer } from './end-hold.ts';

export function capturePayment(context: Context, request: HoldRequest): Promise<HoldAnswer> {
  return endHold(context, request, { step: 'capture', from: ['authorized'], ask: takeMoney, refusal });
}

function refusal({ status, substate, expiresAtMs }: Transaction, nowMs: number): string {
  if (status !== 'pending') return `The payment is ${status}`;
  if (substate === 'challenged') return 'The payer has not authenticated or approved the payment yet';
  if (substate === 'authorized' && expiresAtMs !== null && expiresAtMs <= nowMs) return 'The authorization has expired';
  return 'The payment is pending, and not authorized';
}
