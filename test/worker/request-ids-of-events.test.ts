/** With an event goes the id of the HTTP request that caused it, beside the event: from the request itself, or later from the audit log. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { failure } from '../../src/core/domain/failure.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { findRefund } from '../../src/core/ledger/refunds/find-refund.ts';
import { reverseRefund } from '../../src/core/ledger/refunds/reverse-refund.ts';
import { newBridge, successEvent, sweep } from './bridge.ts';
import { database, newId } from './operation.ts';
import { consumeMessages, recordingQueue } from './queue.ts';
import { paid, pay, payment, refundOf, sendWith } from './request.ts';
import { eventsOf } from './stored.ts';

const HOUR_MS = 60 * 60_000;
const idFrom = (name: string) => ({ 'X-Request-Id': name });

/** The ids of requests that the ledger knows of a booking's events, in the events' order. */
async function requestIdsOf(bookingId: unknown): Promise<(string | undefined)[]> {
  const ids = (await eventsOf(String(bookingId))).map(({ event_id }) => String(event_id));
  const { requestIds } = await findEvents(database, ids);
  return ids.map((id) => requestIds[id]);
}

describe('the id of the request', () => {
  it('goes with the event through the queue to the bridge, beside the event and not in it', async () => {
    const queue = recordingQueue();
    const bridge = newBridge();
    const made = await sendWith({ PAYMENT_EVENTS: queue.binding }, 'POST', '/payment/process', {
      body: payment(),
      headers: idFrom('shop-order-17'),
    });
    expect(made.headers.get('X-Request-Id')).toBe('shop-order-17');
    await consumeMessages(
      queue.sent.map(({ body }) => body),
      { BRIDGE_URL: bridge.url },
    );

    const [post] = await bridge.posts();
    const [event] = post?.events ?? [];
    expect(event).toMatchObject({ transaction_id: made.body.transaction_id });
    expect(JSON.stringify(event)).not.toContain('shop-order-17');
    expect(JSON.parse(post?.body ?? '').request_ids).toEqual({ [String(event?.event_id)]: 'shop-order-17' });
  });

  it('is made where the caller sends none, and is the one that the answer has', async () => {
    const request = payment();
    const made = await pay(request);
    expect(made.headers.get('X-Request-Id')).toMatch(/^[\da-f-]{36}$/);
    expect(await requestIdsOf(request.booking_id)).toEqual([made.headers.get('X-Request-Id')]);
  });

  it('comes from the audit log where a sweep sends the event, and the batch is the same', async () => {
    const queue = recordingQueue();
    const [consumed, swept] = [newBridge(), newBridge()];
    await consumed.play({ kind: 'answer', status: 503, body: '' });
    await sendWith({ PAYMENT_EVENTS: queue.binding }, 'POST', '/payment/process', {
      body: payment(),
      headers: idFrom('shop-order-18'),
    });
    const [message] = queue.sent;
    await consumeMessages([message?.body], { BRIDGE_URL: consumed.url });
    await env.DB.prepare('UPDATE events SET next_attempt_at_ms = 1 WHERE delivered_at_ms IS NULL').run();
    await sweep(swept);

    const [first] = await consumed.posts();
    const again = (await swept.posts()).find(({ body }) => body.includes('shop-order-18'));
    expect(first?.body).toContain('shop-order-18');
    expect(again?.events).toContainEqual(first?.events[0]);
  });

  it('is that of the request which made the outcome: of a payment, of its refund, and of no other', async () => {
    const request = payment();
    const booking = request.booking_id;
    const made = await sendWith({}, 'POST', '/payment/process', { body: request, headers: idFrom('paying') });
    const refund = { body: refundOf(made.body, { refund_amount: 10 }), headers: idFrom('refunding') };
    const refunded = await sendWith({}, 'POST', '/payment/refund', refund);
    expect(refunded.status).toBe(200);
    expect(await requestIdsOf(booking)).toEqual(['paying', 'refunding']);

    // Later, the bank of the payer returns the refund. Its event stays what it was, and is not that webhook's.
    const author = { ...database.author, requestId: 'webhook-of-the-reversal' };
    const found = await findRefund(database, 'default', refunded.body.refund_transaction_id);
    if (found === null) throw new Error('the refund of the test is not there');
    const why = failure('REFUND_NOT_ALLOWED');
    await reverseRefund({ ...database, author }, found.refund, why, Date.now(), newId('att_'));
    expect(await requestIdsOf(booking)).toEqual(['paying', undefined]);
  });

  it('is absent where no request caused the event', async () => {
    const event = await successEvent();
    const bridge = newBridge();
    await consumeMessages([{ kind: 'event', event }], { BRIDGE_URL: bridge.url });
    expect(JSON.parse((await bridge.posts())[0]?.body ?? '')).toEqual({ events: [event], request_ids: {} });
  });

  it('is absent once the audit log has packed the entry, and the event is sent all the same', async () => {
    const { booking_id } = await paid();
    expect(await requestIdsOf(booking_id)).toEqual([expect.any(String)]);
    await sealAudit({ db: database, nowMs: Date.now }, blockHash);
    await paid(); // the newest block stays
    await sealAudit({ db: database, nowMs: Date.now }, blockHash);
    await packAudit({ db: database, nowMs: () => Date.now() + 2 * HOUR_MS }, { blockHash, pack, unpack, sha256 });

    const ids = (await eventsOf(booking_id)).map(({ event_id }) => String(event_id));
    expect(await findEvents(database, ids)).toMatchObject({ events: [{ booking_id }], requestIds: {} });
    expect(await requestIdsOf(booking_id)).toEqual([undefined]);
  });
});
