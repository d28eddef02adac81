/** What the development Worker answers the checkout demo. */
import { createExecutionContext, env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { demoApi } from '../../src/worker/demo/demo-api.ts';
import { consume, newBridge, successEvent } from './bridge.ts';
import { TIMESTAMP } from './matchers.ts';
import { send } from './request.ts';

async function ask(path: string, variables: Record<string, unknown> = {}) {
  const request = new Request(`http://localhost:8003${path}`);
  const response = await demoApi.fetch(request, { ...env, ...variables }, createExecutionContext());
  // biome-ignore lint/suspicious/noExplicitAny: tests say what it should be
  return { status: response.status, body: await response.json<any>() };
}

const eventsOf = async (bookingId: string) => (await ask(`/demo/events/${bookingId}`)).body.events;

describe('the events of a booking', () => {
  it('are those of the outbox, field for field, and wait until RabbitMQ has confirmed them', async () => {
    const event = await successEvent();
    expect(await eventsOf(event.booking_id)).toEqual([
      { message: event, delivered_at: null, attempts: 0, last_error: null },
    ]);
    await consume(newBridge(), [event]);
    expect(await eventsOf(event.booking_id)).toEqual([
      { message: event, delivered_at: TIMESTAMP, attempts: 1, last_error: null },
    ]);
  });

  it('say why they wait, where the bridge has not taken them', async () => {
    const bridge = newBridge();
    await bridge.play({ kind: 'answer', status: 503, body: '{"error":"the broker is not connected"}' });
    const event = await successEvent();
    await consume(bridge, [event]);
    expect(await eventsOf(event.booking_id)).toEqual([
      {
        message: event,
        delivered_at: null,
        attempts: 1,
        last_error: 'the bridge answered 503: the broker is not connected',
      },
    ]);
  });

  it('are none where the booking is not known', async () => {
    expect(await eventsOf('BOOK-UNKNOWN')).toEqual([]);
  });
});

it.each([
  ['USD', 12.75],
  ['JPY', 1275],
])('the price of a seat in %s is %d', async (currency, price) => {
  expect(await ask('/demo/shop', { PAYMENT_CURRENCY: currency })).toEqual({
    status: 200,
    body: { currency, seat_price: price },
  });
});

it('there is nothing else', async () => {
  expect(await ask('/demo/elsewhere')).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
});

it.each(['/demo', '/demo/', '/demo/shop', '/demo/events/BOOK-1', '/demo/demo.js'])(
  'the Worker that is deployed has nothing at %s',
  async (path) => {
    expect((await send('GET', path)).status).toBe(404);
  },
);
