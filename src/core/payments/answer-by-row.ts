/** The answer to a request to pay, rendered from the payment's row as it is now: that of a repeated request, above all. */
import type { Context } from '../context.ts';
import { isAuthorized, isWaiting, type Transaction } from '../domain/transaction.ts';
import { challengeUrls } from '../ledger/payments/challenge-urls.ts';
import { errorFields } from '../log.ts';
import { CannotOpen } from '../security/cipher.ts';
import type { PaymentAnswer } from './process-payment.ts';

export async function answerByRow(
  context: Context,
  transaction: Transaction,
  replayed: boolean,
): Promise<PaymentAnswer> {
  const rest = { transaction, event: null, lookUp: null, replayed };
  if (transaction.status !== 'pending') return { ...ended(transaction), ...rest };
  const isCapturable = isAuthorized(transaction) && (transaction.expiresAtMs ?? 0) > context.nowMs();
  if (isCapturable) return { kind: 'authorized', ...rest };
  if (!isWaiting(transaction) || transaction.substate !== 'challenged') return { kind: 'in_progress', transaction };
  const actionUrl = await actionUrlOf(context, transaction);
  return actionUrl === null ? { kind: 'in_progress', transaction } : { kind: 'challenged', actionUrl, ...rest };
}

export function ended(transaction: Transaction) {
  return { kind: transaction.errorCode === null ? ('completed' as const) : ('failed' as const), transaction };
}

/** Null where the payer cannot be sent there any more. */
async function actionUrlOf({ db, log, nowMs }: Context, transaction: Transaction): Promise<string | null> {
  const { transactionId, expiresAtMs } = transaction;
  if (expiresAtMs === null || expiresAtMs <= nowMs()) return null;
  try {
    return (await challengeUrls(db, transaction)).actionUrl;
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    log('error', 'payment.action_not_opened', { transaction_id: transactionId, ...errorFields(error) });
    return null;
  }
}
