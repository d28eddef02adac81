/**
 * Handles the payer's answer on the sandbox's page. The sandbox keeps no state: like a provider's webhook, the page reports how the
 * authentication ended, and the row keeps the outcome.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { failureBecause } from '../domain/failure.ts';
import { isWaiting, type Transaction } from '../domain/transaction.ts';
import { taken } from '../gateways/sandbox/sandbox-gateway.ts';
import { findLookUp } from '../ledger/look-ups/find-look-up.ts';
import { challengeUrls } from '../ledger/payments/challenge-urls.ts';
import { recordPayment } from '../outcomes/record-payment.ts';
import { recordAuthorization } from '../outcomes/record-substate.ts';

export interface SandboxChallenge {
  transaction: Transaction;
  /** Where the payer comes back to. */
  returnUrl: string;
}

/** @param path of the page, with its token; null where no payment waits for an answer there */
export async function findSandboxChallenge(
  { db, nowMs }: Context,
  transactionId: string,
  path: string,
): Promise<SandboxChallenge | null> {
  const found = await findLookUp(db, transactionId);
  if (found?.kind !== 'payment' || found.transaction.gateway !== 'sandbox') return null;
  const { transaction } = found;
  if (!isWaiting(transaction) || transaction.substate !== 'challenged') return null;
  if ((transaction.expiresAtMs ?? 0) <= nowMs()) return null;
  const { actionUrl, returnUrl } = await challengeUrls(db, transaction);
  return actionUrl === path && returnUrl !== null ? { transaction, returnUrl } : null;
}

export async function answerSandboxChallenge(
  context: Context,
  { transaction }: SandboxChallenge,
  answer: 'authenticated' | 'declined',
): Promise<{ event: PaymentEvent | null }> {
  if (answer === 'declined') {
    return recordPayment(context, transaction, {
      status: 'failed',
      failure: failureBecause('authentication_failed'),
    });
  }
  const money = taken(transaction);
  if (money.kind === 'authorized') {
    await recordAuthorization(context, transaction, money);
    return { event: null };
  }
  return recordPayment(context, transaction, { status: 'completed', gatewayReference: money.reference });
}
