/** Records that a payment waits: for its payer, or to be captured. */
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { Authorized, Challenged } from '../gateways/gateway.ts';
import * as ledger from '../ledger/payments/record-substate.ts';
import { loggedPayment } from './logged-payment.ts';

const MINUTE_MS = 60_000;
/** Before the provider releases the money, so that a capture that is lost can be sent again. */
const PROVIDER_MARGIN_MS = 60 * MINUTE_MS;

/**
 * Returns the row as it is now, which another attempt may have written.
 *
 * @param gatewayMs how long the gateway took to answer; null where it was a look-up that found out
 */
export async function recordChallenge(
  context: Context,
  { transactionId, sealedReturnUrl }: Transaction,
  { url, intent }: Challenged,
  gatewayMs: number | null = null,
): Promise<Transaction> {
  const nowMs = context.nowMs();
  // Nobody can answer a challenge that was not asked for, or whose address is lost: it ends at once.
  const isAnswerable = sealedReturnUrl !== null && url !== null;
  const { transaction, wrote } = await ledger.recordChallenge(context.db, {
    transactionId,
    attemptId: context.newId('att_'),
    nowMs,
    expiresAtMs: isAnswerable ? nowMs + context.settings.authenticationMinutes * MINUTE_MS : nowMs,
    actionUrl: url,
    gatewayIntent: intent ?? null,
    gatewayMs,
  });
  if (wrote) logSubstate(context, transaction);
  return transaction;
}

/** The same of money that the gateway holds: the clock of the hold starts now, and ends before the provider's. */
export async function recordAuthorization(
  context: Context,
  { transactionId, captureMethod, holdMinutes }: Transaction,
  { reference, expiresAtMs: provided }: Authorized,
  gatewayMs: number | null = null,
): Promise<Transaction> {
  const nowMs = context.nowMs();
  const oursMs = nowMs + (holdMinutes ?? 0) * MINUTE_MS;
  const endsAtMs = provided === null ? oursMs : Math.min(oursMs, provided - PROVIDER_MARGIN_MS);
  const { transaction, wrote } = await ledger.recordAuthorization(context.db, {
    transactionId,
    attemptId: context.newId('att_'),
    nowMs,
    // A hold that was not asked for is released at once.
    expiresAtMs: captureMethod === 'manual' ? endsAtMs : nowMs,
    authorizationReference: reference,
    gatewayMs,
  });
  if (wrote) logSubstate(context, transaction);
  return transaction;
}

function logSubstate({ log }: Context, transaction: Transaction): void {
  const { substate, expiresAtMs } = transaction;
  log('info', `payment.${substate}`, { ...loggedPayment(transaction), expires_at_ms: expiresAtMs });
}
