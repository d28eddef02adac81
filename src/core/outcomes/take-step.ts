/**
 * Carries out a step that has begun on a payment's row: asks the gateway to take the money, to hold it or to release it. For callers and
 * for recovery; each call may be sent again under the same key.
 */
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp } from '../gateways/gateway.ts';
import { type GatewayCall, lookUp, moveMoney } from './ask-gateway.ts';

/** A payment whose row names the step, and the gateway that carries it out. */
export interface Stepping {
  context: Context;
  gateway: Gateway;
  transaction: Transaction;
  deadlineMs: number;
}

/** Takes the money that is held, or that the payer has approved; or holds it, where that is the step. */
export async function takeMoney({ context, gateway, transaction, deadlineMs }: Stepping): Promise<GatewayOutcome> {
  const isHeld = transaction.substate === 'authorized';
  const ask = isHeld ? gateway.holds?.capture.bind(gateway.holds) : gateway.completeCharge?.bind(gateway);
  // A setting that says that the gateway holds money can be switched off while it still does.
  if (ask === undefined) return { kind: 'unknown', reason: 'the gateway cannot take what it holds', silent: false };
  const call: GatewayCall & { call: 'captureHold' | 'completeCharge' } = {
    gateway,
    call: isHeld ? 'captureHold' : 'completeCharge',
    id: transaction.transactionId,
    deadlineMs,
  };
  return moveMoney(context, call, (signal) => ask({ transaction, signal, deadlineMs }));
}

/**
 * Ends a payment without taking money: releases what is held, or cancels the challenge. If the gateway cannot cancel a challenge, the
 * step on the row has ended it, because only this service would have taken the money.
 */
export async function endAtGateway(stepping: Stepping): Promise<Fence | LookUp> {
  if (stepping.transaction.substate === 'authorized') return release(stepping);
  const fence = await cancelCharge(stepping);
  if (fence === null) return { kind: 'cancelled' };
  // The payer was faster, and the money is held already.
  return fence.kind === 'authorized' ? release(stepping, fence.reference) : fence;
}

/** Ensures that a charge which has not happened never will. Null where the gateway cannot. */
export async function cancelCharge({
  context,
  gateway,
  transaction,
  deadlineMs,
}: Stepping): Promise<Fence | LookUp | null> {
  const cancel = gateway.cancelCharge?.bind(gateway);
  if (cancel === undefined) return null;
  const call: GatewayCall = { gateway, call: 'cancelCharge', id: transaction.transactionId, deadlineMs };
  return lookUp<Fence>(context, call, (signal) => cancel(transaction, signal));
}

/** Releases money that is held. @param reference the gateway's name for it, where the row does not have it */
export async function release(
  { context, gateway, transaction, deadlineMs }: Stepping,
  reference = transaction.authorizationReference,
): Promise<Fence | LookUp> {
  const { holds } = gateway;
  if (holds === undefined) return { kind: 'undetermined', reason: 'the gateway cannot release what it holds' };
  const held = { ...transaction, authorizationReference: reference };
  const call: GatewayCall = { gateway, call: 'releaseHold', id: transaction.transactionId, deadlineMs };
  return lookUp<Fence>(context, call, (signal) => holds.release(held, signal));
}
