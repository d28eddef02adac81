import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../scripts/rabbitmq.ts';
import { RELAY_CONFIRM_DEADLINE_MS } from '../../src/contract/relay.ts';
import { until } from '../support/child.ts';
import { inLanes } from '../support/in-lanes.ts';
import { localDatabase } from '../support/local-database.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';
import { newBooking, pay, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const PAYMENTS_AT_ONCE = 16;

describe('what was paid is published, whatever was down meanwhile (invariant 4)', () => {
  describe('RabbitMQ', () => {
    let broker: Broker;
    let stack: Stack;

    beforeAll(async () => {
      rabbitmqUrl(); // which fails with what to do where no broker can be had
      const started = await startBroker({ directory: runDirectory('stopped-broker') });
      if (started === null) throw new Error('no RabbitMQ can be started on this machine');
      broker = started;
      stack = await startStack('outage-broker', broker.url);
    });
    afterAll(async () => {
      await stack?.stop();
      await broker?.stop();
    });

    it('stopped before a payment: the payment is answered at once, its event arrives after the restart', async () => {
      await broker.stop();
      const booking = newBooking();
      const startedAtMs = Date.now();
      const { code } = await pay(stack.worker.url, { booking_id: booking });
      expect(code).toBe(200);
      expect(Date.now() - startedAtMs).toBeLessThan(RELAY_CONFIRM_DEADLINE_MS);

      await broker.start();
      await allTold(stack, new Set([booking]));
      expect(stack.listener.of(booking).map(({ routingKey }) => routingKey)).toEqual(['payment.success']);
    });
  });

  describe('other processes', () => {
    let stack: Stack;

    beforeEach(async () => {
      stack = await startStack('outage', rabbitmqUrl());
    });
    afterEach(() => stack?.stop());

    it('the bridge killed in the middle of 500 events: all 500 arrive, repeated ones under the same id', async () => {
      const bookings = new Set(Array.from({ length: 500 }, newBooking));
      const killed = (async () => {
        await until('some have arrived', () => stack.listener.received.length >= 150, { everyMs: 5 });
        await stack.bridge.child.kill();
      })();
      await Promise.all([killed, payAll(stack, bookings)]);
      const deliveredBefore = stack.listener.received.length;
      expect(deliveredBefore).toBeLessThan(500);

      await stack.startBridge();
      await allTold(stack, bookings);
      expectOneIdEach(stack, bookings);
    }, 240_000);

    it('`wrangler dev` killed with messages in its queue: they arrive after its restart, by the sweep', async () => {
      const bookings = new Set(Array.from({ length: 40 }, newBooking));
      // A bridge that hears and does not answer holds the first message; the others stay in the queue's memory.
      process.kill(stack.bridge.child.pid, 'SIGSTOP');
      await payAll(stack, bookings);
      await stack.worker.child.kill();
      process.kill(stack.bridge.child.pid, 'SIGCONT');
      expect(neverTaken(stack.directory)).toBeGreaterThan(0);

      await stack.startWorker();
      await allTold(stack, bookings);
      expectOneIdEach(stack, bookings);
    }, 240_000);
  });
});

/** How many events nobody had taken from the queue: they were in its memory, and are in D1. */
function neverTaken(directory: string): number {
  const database = localDatabase(directory);
  const events = database.count('SELECT count(*) FROM events WHERE lease_id IS NULL AND attempts = 0');
  database.close();
  return events;
}

async function payAll(stack: Stack, bookings: Set<string>): Promise<void> {
  await inLanes(PAYMENTS_AT_ONCE, bookings, async (booking) => {
    const { code } = await pay(stack.worker.url, { booking_id: booking });
    expect(code).toBe(200);
  });
}

function told(stack: Stack): Set<string> {
  return new Set(stack.listener.received.map(({ body }) => body.booking_id));
}

const allTold = (stack: Stack, bookings: Set<string>) =>
  untilSwept(stack, 'all are told', () => told(stack).isSupersetOf(bookings), { firstAfterMs: 1_000 });

function expectOneIdEach(stack: Stack, bookings: Set<string>): void {
  const ids = new Set(stack.listener.received.map(({ body }) => `${body.booking_id} ${body.event_id}`));
  expect(ids.size).toBe(bookings.size);
}
