/**
 * A payer's order pays one booking. In one database a unique index sees to that; of several, the one that has the order's place says whose
 * it is. Asked between the claim of the booking and the call to the gateway.
 */
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { GatewayOutcome } from '../gateways/gateway.ts';
import { declinedBecause } from '../gateways/refusal.ts';
import { findLookUp } from '../ledger/look-ups/find-look-up.ts';
import { claimOrder } from '../ledger/payments/claim-order.ts';
import { errorFields } from '../log.ts';
import { contextOfId, contextOfOrder } from '../shards.ts';

/** Why the gateway must not be called; null where it may: the order is this payment's, or there is none. */
export async function refusedForOrder(context: Context, transaction: Transaction): Promise<GatewayOutcome | null> {
  const { shards, log, nowMs } = context;
  const { gateway, gatewayIntent: order, transactionId } = transaction;
  if (shards.count === 1 || order === null) return null;
  try {
    const { db } = await contextOfOrder(shards, gateway, order);
    const claim = { gateway, order, transactionId, claimedAtMs: nowMs() };
    const owner = await claimOrder(db, claim, null);
    if (owner === transactionId) return null;
    const found = await findLookUp(contextOfId(shards, owner).db, owner);
    const hasFailed = found?.transaction.status === 'failed';
    if (hasFailed && (await claimOrder(db, claim, owner)) === transactionId) return null;
    return declinedBecause('order_used');
  } catch (error) {
    log('warn', 'payment.order_not_claimed', { transaction_id: transactionId, ...errorFields(error) });
    return { kind: 'failed', reason: 'the order could not be claimed', cause: 'gateway_error' };
  }
}
