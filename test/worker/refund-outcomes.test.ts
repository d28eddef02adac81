/** What a gateway can say of a refund, and the sandbox never does. */
import { describe, expect, it } from 'vitest';
import type { Gateway, GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { type RefundAnswer, refundPayment } from '../../src/core/payments/refund-payment.ts';
import { expectEnvelope, REFUND_ID } from './matchers.ts';
import { database, gateway, operation, paymentRequest, refundRequest, settings } from './operation.ts';
import { paid, refundOf, sendWith, status } from './request.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

async function completedPayment(): Promise<{ transactionId: string; bookingId: string }> {
  const answer = await processPayment(operation(), paymentRequest(), '25.50');
  if (answer.kind !== 'completed') throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

const answering = (outcome: GatewayOutcome): Gateway => gateway({ refund: async () => outcome });

function refundAt(
  refundGateway: Gateway,
  made: { transactionId: string; bookingId: string },
  amount = '10.00',
): Promise<RefundAnswer> {
  return refundPayment(operation({ gateway: refundGateway }), refundRequest(made), amount);
}

describe('a refund that the gateway does not pay', () => {
  it.each([
    [{ kind: 'declined', code: 'CARD_DECLINED' }, 'REFUND_NOT_ALLOWED'],
    [{ kind: 'failed' }, 'PAYMENT_GATEWAY_ERROR'],
  ] as [GatewayOutcome, string][])('%o gives its reservation back, and tells nobody', async (outcome, code) => {
    const made = await completedPayment();
    const answer = await refundAt(answering(outcome), made);

    expect(answer).toMatchObject({ kind: 'failed', refund: { errorCode: code } });
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'completed',
      reserved_minor: 0,
      refunded_minor: 0,
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'failed', error_code: code }]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('leaves the whole amount to the next one', async () => {
    const made = await completedPayment();
    await refundAt(answering({ kind: 'failed' }), made, '25.50');
    expect(await refundAt(gateway({}), made, '25.50')).toMatchObject({ kind: 'completed' });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded' });
  });
});

describe('a refund whose outcome is not known (invariant 3)', () => {
  const unknown = answering({ kind: 'unknown', reason: 'the connection broke' });
  const broken = gateway({ refund: () => Promise.reject(new Error('a bug')) });
  const silent = gateway({ refund: () => new Promise(() => {}) });

  it.each([
    ['says so', unknown],
    ['throws', broken],
    ['is silent beyond its deadline', silent],
  ])('stays reserved, and tells nobody, where the gateway %s', async (_, refundGateway) => {
    const made = await completedPayment();
    const context = operation({ gateway: refundGateway, settings: settings({ PAYMENT_GATEWAY_TIMEOUT_MS: '20' }) });
    const answer = await refundPayment(context, refundRequest(made), '10.00');

    expect(answer).toMatchObject({ kind: 'pending', refund: { status: 'pending' } });
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'completed',
      reserved_minor: 1000,
      refunded_minor: 0,
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'pending', processed_at_ms: null }]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it.each([
    ['is processing it', { kind: 'unknown', reason: 'still working', silent: false, accepted: true }, true],
    ['answers with a refusal of the key', { kind: 'unknown', reason: 'a 409', silent: false }, false],
    ['does not answer', { kind: 'unknown', reason: 'the connection broke' }, false],
  ] as [string, GatewayOutcome, boolean][])(
    'is accepted only where the gateway says so: it %s',
    async (_, outcome, accepted) => {
      const made = await completedPayment();
      expect(await refundAt(answering(outcome), made)).toMatchObject({ kind: 'pending', accepted });
      const paying = operation({ gateway: gateway({ charge: async () => outcome }) });
      expect(await processPayment(paying, paymentRequest(), '25.50')).toMatchObject({ kind: 'pending', accepted });
    },
  );

  it('is not said to have failed', async () => {
    const made = await paid();
    const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
    const answer = await sendWith({ DB }, 'POST', '/payment/refund', { body: refundOf(made) });
    expect(answer.status).toBe(502);
    expectEnvelope(answer, 'PAYMENT_GATEWAY_ERROR');
    const { message, details } = answer.body.error;
    expect(message).toBe('It is not known yet whether the refund was processed');
    expect(details).toEqual({
      reason: 'The outcome is not known yet: ask for the status of the refund',
      refund_transaction_id: REFUND_ID,
      status: 'pending',
      retry_possible: false,
      next_step: expect.stringContaining(`GET /payment/status/${details.refund_transaction_id} `),
    });
  });

  it('counts against what is left to refund (invariant 2)', async () => {
    const made = await completedPayment();
    await refundAt(unknown, made, '10.00');
    expect(await refundAt(gateway({}), made, '15.51')).toMatchObject({ kind: 'not_allowed' });
    expect(await refundAt(gateway({}), made, '15.50')).toMatchObject({ kind: 'completed' });
    // All but what is not settled has been paid back, so the payment is not refunded yet.
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', refunded_minor: 1550 });
  });

  it('has a status that says so', async () => {
    const made = await completedPayment();
    const answer = await refundAt(unknown, made);
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    expect((await status(answer.refund.refundId)).body).toMatchObject({ status: 'pending', processed_at: null });
  });
});

describe('state before money, of a refund (invariant 3)', () => {
  it('reserves durably before the gateway is asked, under the refund’s id', async () => {
    const made = await completedPayment();
    let seen: { key: string; refunds: unknown; payment: unknown } | undefined;
    const watching = gateway({
      async refund({ refund }) {
        seen = {
          key: refund.refundId,
          refunds: await refundsOf(made.transactionId),
          payment: await transaction(made.transactionId),
        };
        return { kind: 'approved', reference: 'r' };
      },
    });
    expect(await refundAt(watching, made)).toMatchObject({ kind: 'completed', refund: { refundId: seen?.key } });
    expect(seen).toMatchObject({
      refunds: [{ refund_id: seen?.key, status: 'pending' }],
      payment: { reserved_minor: 1000 },
    });
  });

  it('does not ask the gateway where the reservation could not be written', async () => {
    const made = await completedPayment();
    let asked = 0;
    const counting = gateway({
      async refund() {
        asked += 1;
        return { kind: 'approved', reference: 'r' };
      },
    });
    const db = { ...database, d1: watchedDatabase(() => 'fail').d1 };
    const answer = await refundPayment(operation({ gateway: counting, db }), refundRequest(made), '10.00');

    expect(answer).toEqual({ kind: 'not_confirmed', refundId: REFUND_ID });
    expect(asked).toBe(0);
    expect(await refundsOf(made.transactionId)).toEqual([]);
  });

  it('is a 503 with the refund’s id where D1 did not say whether it took the reservation', async () => {
    const made = await paid();
    const lost = watchedDatabase(() => 'lose');
    const answer = await sendWith({ DB: lost.d1 }, 'POST', '/payment/refund', { body: refundOf(made) });

    expect(answer.status).toBe(503);
    expectEnvelope(answer, 'SERVICE_UNAVAILABLE');
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    const [reserved] = await refundsOf(made.transaction_id);
    expect(answer.body.error.details).toEqual({
      refund_transaction_id: reserved?.refund_id,
      status: 'pending',
      retry_possible: false,
    });
    expect((await status(String(reserved?.refund_id))).body.status).toBe('pending');
  });

  it.each(['fail', 'refuse'] as const)(
    'is an unknown outcome where the write of the outcome does this: %s',
    async (fate) => {
      const made = await completedPayment();
      const db = { ...database, d1: watchedDatabase((roundTrip) => (roundTrip > 1 ? fate : 'answer')).d1 };
      expect(await refundPayment(operation({ db }), refundRequest(made), '10.00')).toMatchObject({ kind: 'pending' });
      expect(await transaction(made.transactionId)).toMatchObject({ reserved_minor: 1000, refunded_minor: 0 });
      expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
    },
  );

  it('happens once where D1’s answers are lost', async () => {
    const made = await completedPayment();
    const db = { ...database, d1: watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'lose' : 'answer')).d1 };
    const answer = await refundPayment(operation({ db }), refundRequest(made), '10.00');
    expect(answer).toMatchObject({ kind: 'completed', event: { event_type: 'payment.refund' } });
    expect(await transaction(made.transactionId)).toMatchObject({ reserved_minor: 0, refunded_minor: 1000 });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', 'payment.refund']);
  });
});
