/** Invariant 3, of a payment: what is durable when, and what happens when D1 or the gateway does not answer. */
import { describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import { BATCH_DEADLINE_MS } from '../../src/core/ledger/database.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { expectEnvelope, expectPaymentFailure, TRANSACTION_ID } from './matchers.ts';
import { database, gateway, operation, paymentRequest, settings } from './operation.ts';
import { payment, sendWith, status } from './request.ts';
import { eventsOf, eventTypesOf, rowCounts, transactionsOf } from './stored.ts';
import { type Fate, watchedDatabase } from './watched-database.ts';

const broken = (fateOf: (roundTrip: number) => Fate) => ({ ...database, d1: watchedDatabase(fateOf).d1 });
const payOn = (DB: D1Database, request: Record<string, unknown>) =>
  sendWith({ DB }, 'POST', '/payment/process', { body: request });

describe('state before money (invariant 3)', () => {
  it('has a pending row before the gateway is called, with the key under which it is called', async () => {
    const request = paymentRequest();
    let seen: unknown;
    const watching = gateway({
      async charge({ transaction }) {
        seen = { key: transaction.transactionId, rows: await transactionsOf(request.booking_id) };
        return { kind: 'approved', reference: 'r' };
      },
    });
    const answer = await processPayment(operation({ gateway: watching }), request, '25.50');
    if (answer.kind !== 'completed') throw new Error(answer.kind);
    const { transactionId } = answer.transaction;
    expect(seen).toMatchObject({ key: transactionId, rows: [{ transaction_id: transactionId, status: 'pending' }] });
  });

  it('does not call the gateway where the claim could not be written', async () => {
    let charges = 0;
    const counting = gateway({
      async charge() {
        charges += 1;
        return { kind: 'approved', reference: 'r' };
      },
    });
    const paying = processPayment(
      operation({ gateway: counting, db: broken(() => 'fail') }),
      paymentRequest(),
      '25.50',
    );
    await expect(paying).rejects.toThrow(expect.objectContaining({ name: 'LedgerUnavailable' }));
    expect(charges).toBe(0);
  });

  it('answers 503 where the ledger is silent, within its deadline', async () => {
    const startedAtMs = Date.now();
    const { status: code } = await payOn(watchedDatabase(() => 'silence').d1, payment());
    expect(code).toBe(503);
    expect(Date.now() - startedAtMs).toBeLessThan(BATCH_DEADLINE_MS + 500);
  });

  it('answers 503 where the claim could not be written, and has written nothing', async () => {
    const before = await rowCounts();
    const answer = await payOn(watchedDatabase(() => 'fail').d1, payment());
    expect(answer.status).toBe(503);
    expectEnvelope(answer, 'SERVICE_UNAVAILABLE');
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(answer.text).not.toMatch(/D1|network/i);
    expect(await rowCounts()).toEqual(before);
  });

  it.each(['fail', 'refuse'] as const)(
    'is an unknown outcome where the write of the outcome does this: %s',
    async (fate) => {
      const request = payment();
      const answer = await payOn(watchedDatabase((roundTrip) => (roundTrip > 1 ? fate : 'answer')).d1, request);

      expect(answer.status).toBe(502);
      expectPaymentFailure(answer, {
        status: 'pending',
        errorCode: 'PAYMENT_GATEWAY_ERROR',
        bookingId: request.booking_id,
        amount: 25.5,
        method: 'credit_card',
        transactionId: TRANSACTION_ID,
        retryPossible: false,
      });
      expect((await status(answer.body.transaction_id)).body.status).toBe('pending');
      expect(await eventsOf(String(request.booking_id))).toEqual([]);
    },
  );

  it('tries again where D1 does not answer once, before the charge and after it', async () => {
    const request = payment();
    const answer = await payOn(watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'fail' : 'answer')).d1, request);
    expect(answer.status).toBe(200);
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.success']);
  });

  it('charges once and writes one event where D1’s answers are lost (invariant 4)', async () => {
    const request = paymentRequest();
    let charges = 0;
    const counting = gateway({
      async charge() {
        charges += 1;
        return { kind: 'approved', reference: 'r' };
      },
    });
    const db = broken((roundTrip) => (roundTrip % 2 === 1 ? 'lose' : 'answer'));
    const answer = await processPayment(operation({ gateway: counting, db }), request, '25.50');

    expect(answer).toMatchObject({ kind: 'completed', event: { event_type: 'payment.success' } });
    expect(charges).toBe(1);
    expect(await eventTypesOf(request.booking_id)).toEqual(['payment.success']);
  });
});

describe('an outcome that is not known is never guessed (invariant 3)', () => {
  const gateways: [string, Gateway][] = [
    ['says so', gateway({ charge: async () => ({ kind: 'unknown', reason: 'a 500' }) })],
    ['throws', gateway({ charge: () => Promise.reject(new Error('a bug')) })],
    ['is silent beyond its deadline', gateway({ charge: () => new Promise(() => {}) })],
  ];

  it.each(gateways)('the payment is pending where the gateway %s', async (_, unsure) => {
    const request = paymentRequest();
    const context = operation({ gateway: unsure, settings: settings({ PAYMENT_GATEWAY_TIMEOUT_MS: '20' }) });
    expect(await processPayment(context, request, '25.50')).toMatchObject({ kind: 'pending' });
    expect(await transactionsOf(request.booking_id)).toMatchObject([{ status: 'pending' }]);
    expect(await eventsOf(request.booking_id)).toEqual([]);
  });

  it('the gateway gets the deadline', async () => {
    let aborted = false;
    const listening = gateway({
      charge: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve({ kind: 'unknown', reason: 'too late' });
          });
        }),
    });
    const context = operation({ gateway: listening, settings: settings({ PAYMENT_GATEWAY_TIMEOUT_MS: '20' }) });
    await processPayment(context, paymentRequest(), '25.50');
    expect(aborted).toBe(true);
  });
});
