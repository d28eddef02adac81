/** A bridge that nothing can reach: it takes the events from a queue and reports them, on the real Worker, its queues and RabbitMQ. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/child.ts';
import { inLanes } from '../support/in-lanes.ts';
import { localDatabase } from '../support/local-database.ts';
import { type QueueApi, startQueueApi } from '../support/queue-api.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';

const BOOKINGS = 250;
/** A payment's and its refund's. */
const EVENTS = 2 * BOOKINGS;
const CALLERS = 12;

describe('a bridge that takes its events from a queue', () => {
  let queue: QueueApi;
  let stack: Stack;

  beforeAll(async () => {
    queue = await startQueueApi();
    stack = await startStack('pull-bridge', rabbitmqUrl(), {}, { pulledFrom: queue });
  });
  afterAll(async () => {
    await stack?.stop();
    await queue?.close();
  });

  it('publishes a payment within seconds, with the id of its request, and the service marks its event as delivered', async () => {
    const booking = newBooking();
    const startedAtMs = Date.now();
    await pay(stack.worker.url, { booking_id: booking }, { 'X-Request-Id': 'pull-order-1' });
    await until('the event arrives', () => stack.listener.of(booking).length > 0);
    expect(Date.now() - startedAtMs).toBeLessThan(8_000);
    expect(stack.listener.of(booking)[0]?.message.headers).toEqual({ 'x-request-id': 'pull-order-1' });
    await until('it is delivered', () => counted(stack, 'delivered_at_ms IS NULL') === 0);
    await until('its message is acknowledged', () => queue.backlog() === 0);
    expect(stack.bridge.child.output()).toContain('"request_ids":["pull-order-1"]');
  });

  it(`killed in the middle of ${EVENTS} events: all arrive, in their order, and each is marked as delivered after that`, async () => {
    const bookings = Array.from({ length: BOOKINGS }, newBooking);
    const before = stack.listener.received.length;
    const arrived = () => stack.listener.received.length - before;
    const killed = (async () => {
      // In the middle of a batch: what it has taken from the queue, it has not reported.
      await until('a part has arrived', () => arrived() >= EVENTS / 4, { deadlineMs: 60_000, everyMs: 2 });
      await stack.bridge.child.kill();
    })();
    await Promise.all([killed, payAndRefundAll(stack.worker.url, bookings)]);
    const deliveredThen = delivered(stack);
    expect(deliveredThen.length).toBeLessThan(EVENTS);
    await until('what is marked as delivered has arrived', () =>
      new Set(deliveredThen).isSubsetOf(new Set(stack.listener.received.map(({ body }) => body.event_id))),
    );

    await stack.startBridge({ waitForBroker: true });
    queue.endVisibilityTimeouts();
    for (let second = 0; second < 60 && counted(stack, 'delivered_at_ms IS NULL') > 0; second += 1) {
      await sleep(1_000);
      await stack.worker.sweep();
    }
    expect(counted(stack, 'delivered_at_ms IS NULL')).toBe(0);
    expect(counted(stack, 'lease_id IS NOT NULL')).toBe(0);
    for (const booking of bookings) {
      // A payment's event may come twice, and then it does so before its refund's.
      expect(
        stack.listener
          .of(booking)
          .map(({ routingKey }) => routingKey)
          .join(' '),
      ).toMatch(/^(payment\.success )+payment\.refund( payment\.refund)*$/);
    }
    await until('all messages are acknowledged', () => queue.backlog() === 0);
    // The batches that were under way when it was killed, and nothing else.
    expect(arrived() - EVENTS).toBeLessThanOrEqual(400);
  });
});

async function payAndRefundAll(baseUrl: string, bookings: readonly string[]): Promise<void> {
  await inLanes(CALLERS, bookings, async (booking) => {
    const { code, body } = await pay(baseUrl, { booking_id: booking });
    expect(code).toBe(200);
    const refund = {
      booking_id: booking,
      original_transaction_id: body.transaction_id,
      refund_amount: 25.5,
      reason: 'Customer cancellation',
      user_id: 'user_123',
    };
    expect((await post(baseUrl, '/payment/refund', refund)).code).toBe(200);
  });
}

function delivered(stack: Stack): string[] {
  return inDatabase(stack, (database) =>
    database.column('SELECT event_id FROM events WHERE delivered_at_ms IS NOT NULL'),
  );
}

function counted(stack: Stack, condition: string): number {
  return inDatabase(stack, (database) => database.count(`SELECT count(*) FROM events WHERE ${condition}`));
}

function inDatabase<Result>(stack: Stack, read: (database: ReturnType<typeof localDatabase>) => Result): Result {
  const database = localDatabase(stack.directory);
  try {
    return read(database);
  } finally {
    database.close();
  }
}
