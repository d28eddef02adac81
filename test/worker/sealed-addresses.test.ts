/** The addresses of persons: stored sealed, opened for the event that tells of the payment, and not without their key. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { CannotOpen, createCipher } from '../../src/core/security/cipher.ts';
import { eventRow, newBridge, refundEvent, successEvent, sweep, type TestBridge } from './bridge.ts';
import { database, operation, paymentRequest } from './operation.ts';
import { newBooking, pay, payment, refundOf, sendWith } from './request.ts';
import { APPROVED, DEADLINE_MS, newWorld } from './scripted-gateway.ts';
import { eventsOf, transaction, transactionsOf } from './stored.ts';

const ANOTHER_KEY = btoa('another-encryption-key-of-tests!');
const SEALED = /^[0-9a-f]{8}\.[\w-]+$/;

beforeEach(async () => {
  await env.DB.batch([env.DB.prepare('DELETE FROM events'), env.DB.prepare('UPDATE job_positions SET position = 0')]);
});

/** A payment whose event waits in D1 and is not in the queue. */
async function waitingEvent(address: string) {
  const event = await successEvent(paymentRequest({ user_email: address }));
  return { event, transactionId: event.event_type === 'payment.success' ? event.transaction_id : '' };
}

async function deliveredTo(bridge: TestBridge): Promise<PaymentEvent[]> {
  return (await bridge.posts()).flatMap(({ events }) => events);
}

/** The pause after an attempt in vain is over. */
const makeDue = () => env.DB.prepare('UPDATE events SET next_attempt_at_ms = 0').run();

describe('the address of a payment', () => {
  it('is stored sealed, each time in another way, and nowhere else', async () => {
    const address = 'sealed@example.com';
    const bookings = [newBooking(), newBooking()];
    for (const booking_id of bookings) await pay(payment({ booking_id, user_email: address }));
    const [[first], [second]] = [await transactionsOf(String(bookings[0])), await transactionsOf(String(bookings[1]))];
    expect(first).toMatchObject({ user_email: null, sealed_email: expect.stringMatching(SEALED) });
    expect(first?.sealed_email).not.toBe(second?.sealed_email);
    expect(await columnsWith(address)).toEqual([]);
  });

  it('is in the payment’s event', async () => {
    const bridge = newBridge();
    const { event } = await waitingEvent('told@example.com');
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toEqual([event]);
    expect(event.user_email).toBe('told@example.com');
  });

  it('is nothing where the payment came without one', async () => {
    const bridge = newBridge();
    const booking_id = newBooking();
    await successEvent(paymentRequest({ booking_id }));
    expect(await transactionsOf(booking_id)).toMatchObject([{ user_email: null, sealed_email: null }]);
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toMatchObject([{ booking_id, user_email: null }]);
  });

  it('that the version before this one has stored plain is published as before, also of a refund', async () => {
    const bridge = newBridge();
    const { event, transactionId } = await waitingEvent('now@example.com');
    await refundEvent(event);
    await env.DB.prepare('UPDATE transactions SET user_email = ?2, sealed_email = NULL WHERE transaction_id = ?1')
      .bind(transactionId, 'former@example.com')
      .run();
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toMatchObject([
      { event_type: 'payment.success', user_email: 'former@example.com' },
      { event_type: 'payment.refund', user_email: 'former@example.com' },
    ]);
  });
});

describe('a sealed address that was put beside another payment', () => {
  it('is not published; the event says why it waits, and the others go out', async () => {
    const bridge = newBridge();
    const first = await waitingEvent('first@example.com');
    const moved = await waitingEvent('moved@example.com');
    const last = await waitingEvent('last@example.com');
    const sealedEmail = (await transaction(moved.transactionId))?.sealed_email ?? null;
    await seal(moved.transactionId, (await transaction(first.transactionId))?.sealed_email ?? null);
    await sweep(bridge);

    expect((await deliveredTo(bridge)).map(({ user_email }) => user_email)).toEqual([
      'first@example.com',
      'last@example.com',
    ]);
    expect(await eventRow(moved.event.event_id)).toMatchObject({
      delivered_at_ms: null,
      leased_until_ms: null,
      attempts: 1,
      last_error: 'the email address cannot be decrypted: it was altered, or belongs elsewhere',
    });
    expect(await eventRow(last.event.event_id)).toMatchObject({ last_error: null, attempts: 1 });

    await seal(moved.transactionId, sealedEmail);
    await makeDue();
    await sweep(bridge);
    expect((await deliveredTo(bridge)).at(-1)).toEqual(moved.event);
  });

  it.each([
    ['in one letter', (sealed: string) => `${sealed.slice(0, 9)}${sealed[9] === 'A' ? 'B' : 'A'}${sealed.slice(10)}`],
    ['by half', (sealed: string) => sealed.slice(0, sealed.length / 2)],
    ['to its key’s name', (sealed: string) => sealed.slice(0, 9)],
    ['to what is no base64', (sealed: string) => `${sealed.slice(0, 9)}%`],
    ['to nothing', () => ''],
  ])('and one that was altered %s is not published either', async (_, alter) => {
    const bridge = newBridge();
    const { event, transactionId } = await waitingEvent('altered@example.com');
    await seal(transactionId, alter(String((await transaction(transactionId))?.sealed_email)));
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toEqual([]);
    expect((await eventRow(event.event_id))?.last_error).toMatch(/^the email address cannot be decrypted/);
  });
});

describe('without the key of an address', () => {
  it('its event waits and says for which key; with it, the sweep delivers it', async () => {
    const bridge = newBridge();
    const { event } = await waitingEvent('waits@example.com');
    await sweep(bridge, { ENCRYPTION_KEY: ANOTHER_KEY });
    const missing = `the key ${await database.cipher.keyName()} is neither ENCRYPTION_KEY nor among ENCRYPTION_KEY_PREVIOUS`;
    expect(await eventRow(event.event_id)).toMatchObject({
      delivered_at_ms: null,
      last_error: `the email address cannot be decrypted: ${missing}`,
    });
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toEqual([]); // it is not due yet

    await makeDue();
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toEqual([event]);
    expect(await eventRow(event.event_id)).toMatchObject({ last_error: null });
  });

  it('its event goes out where the key is a former one, also as one of several', async () => {
    const bridge = newBridge();
    const { event } = await waitingEvent('former-key@example.com');
    const former = `${btoa('one-more-encryption-key-of-tests')}, ${env.ENCRYPTION_KEY}`;
    await sweep(bridge, { ENCRYPTION_KEY: ANOTHER_KEY, ENCRYPTION_KEY_PREVIOUS: former });
    expect(await deliveredTo(bridge)).toEqual([event]);
  });

  it('a payment under another key is sealed under that one', async () => {
    const bridge = newBridge();
    const body = payment({ user_email: 'other@example.com' });
    const answer = await sendWith({ ENCRYPTION_KEY: ANOTHER_KEY, BRIDGE_URL: bridge.url }, 'POST', '/payment/process', {
      body,
    });
    expect(answer.status).toBe(200);
    const name = await createCipher({ key: ANOTHER_KEY, previousKeys: [] }).keyName();
    expect((await transaction(answer.body.transaction_id))?.sealed_email).toMatch(new RegExp(`^${name}\\.`));
  });

  it('a refund of the payment is paid and recorded, and its event waits', async () => {
    const bridge = newBridge();
    const { event, transactionId } = await waitingEvent('refunded@example.com');
    const body = refundOf({ transaction_id: transactionId, booking_id: event.booking_id });
    const answer = await sendWith({ ENCRYPTION_KEY: ANOTHER_KEY }, 'POST', '/payment/refund', { body });
    expect(answer.status).toBe(200);
    expect(await transaction(transactionId)).toMatchObject({ status: 'refunded' });

    await sweep(bridge);
    const told = await deliveredTo(bridge);
    expect(told.map(({ event_type }) => event_type)).toEqual(['payment.success', 'payment.refund']);
    expect(told.map(({ user_email }) => user_email)).toEqual(['refunded@example.com', 'refunded@example.com']);
  });

  it('a payment whose address can’t be opened any more when it is paid is answered and recorded, and its event waits', async () => {
    const bridge = newBridge();
    const lostKey = { ...database.cipher, open: () => Promise.reject(new CannotOpen('the key is gone')) };
    const logged: string[] = [];
    const context = operation({
      db: { ...database, cipher: lostKey },
      log: (_, event) => void logged.push(event),
    });
    const request = paymentRequest({ user_email: 'gone@example.com' });
    const answer = await processPayment(context, request, '25.50');
    expect(answer).toMatchObject({ kind: 'completed', event: null });
    expect(logged).toContain('event.left_to_sweep');
    expect(await transactionsOf(request.booking_id)).toMatchObject([{ status: 'completed' }]);
    expect(await eventsOf(request.booking_id)).toMatchObject([{ delivered_at_ms: null }]);
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toMatchObject([{ user_email: 'gone@example.com' }]);
  });

  it('a look-up resolves a payment that was pending, and its event waits', async () => {
    const bridge = newBridge();
    const world = newWorld({ lookUpCharge: APPROVED });
    const answer = await processPayment(world.context, paymentRequest({ user_email: 'late@example.com' }), '25.50');
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    const { transactionId, bookingId } = answer.transaction;
    world.clock.nowMs = answer.lookUp.atMs;
    const cipher = createCipher({ key: ANOTHER_KEY, previousKeys: [] });
    const context = { ...world.context, db: { ...database, cipher } };
    expect(await resolveOutcome(context, transactionId, DEADLINE_MS)).toMatchObject({ kind: 'ended', event: null });
    expect(await transaction(transactionId)).toMatchObject({ status: 'completed' });
    await sweep(bridge);
    expect(await deliveredTo(bridge)).toMatchObject([{ booking_id: bookingId, user_email: 'late@example.com' }]);
  });
});

function seal(transactionId: string, sealedEmail: string | number | null) {
  return env.DB.prepare('UPDATE transactions SET sealed_email = ?2 WHERE transaction_id = ?1')
    .bind(transactionId, sealedEmail)
    .run();
}

/** Of all tables, those in which the text stands. */
async function columnsWith(text: string): Promise<string[]> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const found: string[] = [];
  for (const { name } of tables.results) {
    const { results } = await env.DB.prepare(`SELECT * FROM "${name}"`).all();
    for (const [column, value] of results.flatMap((row) => Object.entries(row))) {
      if (String(value).includes(text)) found.push(`${name}.${column}`);
    }
  }
  return found;
}
