/** How unknown outcomes are settled as a deployed Worker does it: by the queue, by the cron and by status requests. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { newBridge } from './bridge.ts';
import { newKey, payWithKey } from './idempotent-requests.ts';
import { consumeMessages, lookUpMessage, recordingQueue, runCron } from './queue.ts';
import { CARD, cardNumbered, paid, pay, payment, refundOf, send, sendWith, status } from './request.ts';
import { FIRST_LOOKUP_MS, newWorld, pendingPayment } from './scripted-gateway.ts';
import { eventsOf, eventTypesOf, refundsOf, transaction } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const SOON = { PAYMENT_GATEWAY_TIMEOUT_MS: '50' };

/** A payment whose outcome nobody knows, and what its answer put into the queue. */
async function unknownPayment(card: keyof typeof TEST_CARDS, bindings: Record<string, unknown> = {}) {
  const queue = recordingQueue();
  const request = payment({ card_details: cardNumbered(TEST_CARDS[card]) });
  const answer = await sendWith({ ...SOON, PAYMENT_EVENTS: queue.binding, ...bindings }, 'POST', '/payment/process', {
    body: request,
  });
  if (answer.status !== 502) throw new Error(`the payment of a test is ${answer.text}`);
  return {
    transactionId: String(answer.body.transaction_id),
    bookingId: String(request.booking_id),
    request,
    sent: queue.sent,
  };
}

/** Moves a payment into the past, so that it is due. */
async function makeDue({ transactionId }: { transactionId: string }, agoMs = 0): Promise<void> {
  await env.DB.prepare(
    'UPDATE transactions SET next_lookup_at_ms = 1, created_at_ms = created_at_ms - ?2 WHERE transaction_id = ?1',
  )
    .bind(transactionId, agoMs)
    .run();
}

// What other tests left open is nothing that these find due.
beforeEach(async () => {
  await env.DB.prepare('UPDATE transactions SET next_lookup_at_ms = NULL').run();
});

describe('an unknown outcome of a payment', () => {
  it('puts its resolving into the queue, to come when the call can no longer be answered', async () => {
    const { transactionId, sent } = await unknownPayment('neverArrives', { PAYMENT_GATEWAY_TIMEOUT_MS: '1000' });
    expect(sent).toEqual([{ body: { kind: 'look_up', id: transactionId }, delaySeconds: expect.any(Number) }]);
    expect([5, 6]).toContain(sent[0]?.delaySeconds);
    const row = await transaction(transactionId);
    const afterMs = Number(row?.next_lookup_at_ms) - Number(row?.created_at_ms);
    expect(afterMs).toBeGreaterThanOrEqual(FIRST_LOOKUP_MS);
    expect(afterMs).toBeLessThan(FIRST_LOOKUP_MS + 500);
  });

  it('is no look-up earlier than the row’s own date, so that the message does not come in vain', async () => {
    const { transactionId, sent } = await unknownPayment('answersLate');
    const dueInMs = Number((await transaction(transactionId))?.next_lookup_at_ms) - Date.now();
    expect(Number(sent[0]?.delaySeconds) * 1000).toBeGreaterThanOrEqual(dueInMs);
  });

  it('is answered all the same where the queue is down, and the cron resolves it', async () => {
    const broken = { send: () => Promise.reject(new Error('the queue is down')) };
    const made = await unknownPayment('answersLate', { PAYMENT_EVENTS: broken });
    await makeDue(made);
    await runCron();
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('of one whose outcome could not be written puts its resolving into the queue too', async () => {
    const queue = recordingQueue();
    const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
    const bindings = { DB, PAYMENT_EVENTS: queue.binding };
    const { body } = await sendWith(bindings, 'POST', '/payment/process', { body: payment() });
    expect(queue.sent.map(({ body: message }) => message)).toEqual([lookUpMessage(body.transaction_id)]);
    await makeDue({ transactionId: body.transaction_id });
    expect(await consumeMessages([lookUpMessage(body.transaction_id)])).toEqual(['acknowledged']);
    expect((await status(body.transaction_id)).body.status).toBe('completed');
  });

  it('of a refund puts the refund’s resolving into the queue', async () => {
    const queue = recordingQueue();
    const made = await paid();
    const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
    const bindings = { DB, PAYMENT_EVENTS: queue.binding };
    await sendWith(bindings, 'POST', '/payment/refund', { body: refundOf(made) });
    const [refund] = await refundsOf(made.transaction_id);
    expect(queue.sent.map(({ body }) => body)).toEqual([lookUpMessage(String(refund?.refund_id))]);
    expect([5, 6]).toContain(queue.sent[0]?.delaySeconds);
  });
});

describe('a message to look up a payment', () => {
  it('resolves the payment when it is due, and hands its event to the queue', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    const queue = recordingQueue();
    const fates = await consumeMessages([lookUpMessage(made.transactionId)], { PAYMENT_EVENTS: queue.binding });

    expect(fates).toEqual(['acknowledged']);
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'completed',
      gateway_reference: `sandbox_charge_${made.transactionId}`,
    });
    expect(queue.sent).toMatchObject([
      { body: { kind: 'event', event: { transaction_id: made.transactionId } }, delaySeconds: 0 },
    ]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('that comes too early, or for what has ended, or for nothing, is acknowledged and does nothing', async () => {
    const early = await unknownPayment('answersLate');
    const queue = recordingQueue();
    const ids = [early.transactionId, (await paid()).transaction_id, 'TXN-01J00000000000000000000000', 'nonsense'];
    const fates = await consumeMessages(ids.map(lookUpMessage), { PAYMENT_EVENTS: queue.binding });
    expect(fates).toEqual(Array(4).fill('acknowledged'));
    expect(queue.sent).toEqual([]);
    expect(await transaction(early.transactionId)).toMatchObject({ status: 'pending', lookups: 0 });
  });

  it('is sent again for the next look-up where nobody can say yet', async () => {
    const made = await unknownPayment('neverArrives');
    await makeDue(made);
    const queue = recordingQueue();
    await consumeMessages([lookUpMessage(made.transactionId)], { PAYMENT_EVENTS: queue.binding });
    expect(queue.sent).toEqual([{ body: lookUpMessage(made.transactionId), delaySeconds: 2 }]);
  });

  it.each([
    [4, [32]],
    [5, []],
    [20, []],
  ])('after %i look-ups is sent again only where the next one comes before the cron does', async (lookups, delays) => {
    const made = await unknownPayment('neverArrives');
    await makeDue(made);
    await env.DB.prepare('UPDATE transactions SET lookups = ?2 WHERE transaction_id = ?1')
      .bind(made.transactionId, lookups)
      .run();
    const queue = recordingQueue();
    await consumeMessages([lookUpMessage(made.transactionId)], { PAYMENT_EVENTS: queue.binding });
    expect(queue.sent.map(({ delaySeconds }) => delaySeconds)).toEqual(delays);
  });

  it('comes again in 10 seconds where D1 does not answer, and the others of its batch are done', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    const ofRefunds = new WeakSet<object>();
    const refundsFail = {
      prepare(query: string) {
        const statement = env.DB.prepare(query);
        const bind = (...values: unknown[]) => {
          const bound = statement.bind(...values);
          if (/UPDATE refunds/.test(query)) ofRefunds.add(bound);
          return bound;
        };
        return { bind };
      },
      batch: (statements: D1PreparedStatement[]) =>
        statements.some((statement) => ofRefunds.has(statement))
          ? Promise.reject(new Error('D1_ERROR: Network connection lost.'))
          : env.DB.batch(statements),
    };
    const messages = [lookUpMessage('REF-01J00000000000000000000000'), lookUpMessage(made.transactionId)];
    const fates = await consumeMessages(messages, { DB: refundsFail });
    expect(fates).toEqual(['again in 10 s', 'acknowledged']);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('comes again in 10 seconds where D1 is down', async () => {
    const { transactionId } = await unknownPayment('answersLate');
    const DB = watchedDatabase(() => 'fail').d1;
    expect(await consumeMessages([lookUpMessage(transactionId)], { DB })).toEqual(['again in 10 s']);
  });

  it.each([
    ['of another version', { kind: 'reconcile', id: 'TXN-1' }],
    ['without a kind', { id: 'TXN-1' }],
    ['that is nothing', null],
    ['that is text', 'settle'],
  ])('%s is told and let go, and the others are done', async (_, body) => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    expect(await consumeMessages([body, lookUpMessage(made.transactionId)])).toEqual(['acknowledged', 'acknowledged']);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });
});

describe('the cron', () => {
  it('fails a payment that never got there, behind the fence, and its booking is free', async () => {
    const made = await unknownPayment('neverArrives');
    await makeDue(made, 60_000);
    await runCron();

    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'failed',
      error_code: 'PAYMENT_GATEWAY_ERROR',
    });
    // The sweep behind it has sent the event.
    expect(await eventsOf(made.bookingId)).toMatchObject([{ attempts: 1, event_type: 'payment.failed' }]);
    expect((await pay({ ...made.request, card_details: CARD })).status).toBe(200);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed', 'payment.success']);
  });

  it('leaves a payment that never got there while it may be on its way', async () => {
    const made = await unknownPayment('neverArrives');
    await makeDue(made, 25_000);
    await runCron();
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending', lookups: 1 });
  });

  it('leaves a payment of a gateway that is not configured', async () => {
    const made = await pendingPayment(newWorld());
    await makeDue(made, 60_000);
    await runCron();
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending', lookups: 1 });
  });

  it('resolves although the bridge is down', async () => {
    const bridge = newBridge();
    await bridge.play({ kind: 'break' });
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    await runCron({ BRIDGE_URL: bridge.url });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('fails where D1 is down', async () => {
    await expect(runCron({ DB: watchedDatabase(() => 'fail').d1 })).rejects.toThrow();
  }, 20_000);
});

describe('a status request', () => {
  it('asks the gateway when the look-up is due, and returns the outcome', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    const answer = await status(made.transactionId);
    expect(answer.body).toMatchObject({ status: 'completed', processed_at: expect.any(String) });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('puts the event of what it resolved into the queue', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    const queue = recordingQueue();
    await sendWith({ PAYMENT_EVENTS: queue.binding }, 'GET', `/payment/status/${made.transactionId}`);
    expect(queue.sent).toMatchObject([{ body: { kind: 'event', event: { event_type: 'payment.success' } } }]);
  });

  it('asks nobody while the look-up is not due', async () => {
    const made = await unknownPayment('answersLate');
    expect((await status(made.transactionId)).body.status).toBe('pending');
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending', lookups: 0 });
  });

  it('returns the known status where D1 fails during the look-up', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
    const answer = await sendWith({ DB }, 'GET', `/payment/status/${made.transactionId}`);
    expect([answer.status, answer.body.status]).toEqual([200, 'pending']);
  });

  it('of another method changes nothing', async () => {
    const made = await unknownPayment('answersLate');
    await makeDue(made);
    await send('POST', `/payment/status/${made.transactionId}`);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending', lookups: 0 });
  });

  it('resolves a payment whose key is sent again, which is answered then', async () => {
    const key = newKey();
    const body = payment({ card_details: cardNumbered(TEST_CARDS.answersLate) });
    const headers = { 'Idempotency-Key': key };
    const first = await sendWith(SOON, 'POST', '/payment/process', { body, headers });
    expect((await payWithKey(key, body)).status).toBe(409);
    await makeDue({ transactionId: first.body.transaction_id });
    await status(first.body.transaction_id);
    const again = await payWithKey(key, body);
    expect([again.status, again.body.transaction_id]).toEqual([200, first.body.transaction_id]);
  });
});

it('is resolved once, with one event, though 50 messages, crons and status requests come at once', async () => {
  const made = await unknownPayment('answersLate');
  await makeDue(made);
  const ways = [
    () => consumeMessages([lookUpMessage(made.transactionId)]),
    () => runCron(),
    () => status(made.transactionId),
  ];
  await Promise.all(Array.from({ length: 50 }, (_, index) => ways[index % ways.length]?.()));
  expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', lookups: 1 });
  expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
});
