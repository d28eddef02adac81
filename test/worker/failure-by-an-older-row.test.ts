/** Why a payment ends is what its row says, also to a look-up that read the row before. */
import { describe, expect, it } from 'vitest';
import { failureBecause } from '../../src/core/domain/failure.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { beginStep } from '../../src/core/ledger/payments/begin-step.ts';
import { findTransaction } from '../../src/core/ledger/payments/find-payment.ts';
import { recordPayment } from '../../src/core/outcomes/record-payment.ts';
import { recordAuthorization } from '../../src/core/outcomes/record-substate.ts';
import { challenged, held } from './held.ts';
import { database, newId } from './operation.ts';
import { newWorld } from './scripted-gateway.ts';
import { eventsOf, transaction } from './stored.ts';

const ENDED_AT_PROVIDER = { status: 'failed', failure: failureBecause('authorization_ended') } as const;

async function voidedSinceItWasRead(): Promise<Transaction> {
  const { transaction_id: transactionId } = await held();
  const asRead = await findTransaction(database, 'default', transactionId);
  if (asRead === null) throw new Error('the payment of a test is not there');
  const nowMs = Date.now();
  const step = { transactionId, step: 'void', from: ['authorized'], attemptId: newId('att_'), by: null } as const;
  await beginStep(database, { ...step, nowMs, nextLookupAtMs: nowMs });
  return asRead;
}

describe('a look-up that read a payment before it was voided', () => {
  it('and finds that nothing is held any more, ends it as voided', async () => {
    const asRead = await voidedSinceItWasRead();
    const { context } = newWorld({});
    const recorded = await recordPayment(context, asRead, ENDED_AT_PROVIDER);
    expect(recorded.transaction).toMatchObject({ status: 'failed', step: 'void', errorCode: 'PAYMENT_VOIDED' });
    expect(await eventsOf(asRead.bookingId)).toMatchObject([{ event_type: 'payment.failed' }]);
  });

  it('and finds that the money was taken, completes it', async () => {
    const asRead = await voidedSinceItWasRead();
    const { context } = newWorld({});
    await recordPayment(context, asRead, { status: 'completed', gatewayReference: 'taken' });
    expect(await transaction(asRead.transactionId)).toMatchObject({ status: 'completed', step: 'void' });
  });
});

describe('a look-up that read a payment before its payer authenticated', () => {
  it('and found that they had failed to, does not end the hold that they have now', async () => {
    const { transaction_id: transactionId, booking_id: bookingId } = await challenged({ capture_method: 'manual' });
    const asRead = await findTransaction(database, 'default', transactionId);
    if (asRead === null) throw new Error('the payment of a test is not there');
    const { context } = newWorld({});
    await recordAuthorization(context, asRead, { kind: 'authorized', reference: 'auth_1', expiresAtMs: null });
    const failed = { status: 'failed', failure: failureBecause('authentication_failed') } as const;
    const recorded = await recordPayment(context, asRead, failed);
    expect(recorded).toMatchObject({ transaction: { status: 'pending', substate: 'authorized' }, event: null });
    expect(await eventsOf(bookingId)).toEqual([]);
  });
});
