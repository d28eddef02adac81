/**
 * `POST /payment/void`: releases the money that is held for a payment, or ends the wait for its payer. If the payer was faster, the
 * payment completes.
 */
import type { HoldRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import { endAtGateway } from '../outcomes/take-step.ts';
import { endHold, type HoldAnswer } from './end-hold.ts';

export function voidPayment(context: Context, request: HoldRequest): Promise<HoldAnswer> {
  return endHold(context, request, {
    step: 'void',
    from: ['challenged', 'authorized'],
    ask: endAtGateway,
    refusal: ({ status }: Transaction) =>
      status === 'pending'
        ? 'The payment is pending, and neither authorized nor waiting for its payer'
        : `The payment is ${status}`,
  });
}
