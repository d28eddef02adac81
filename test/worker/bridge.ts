/** A bridge of the test's own (see test/data/scripted-bridge.ts), and events that wait to be taken there. */
import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import type { PaymentEvent } from '../../src/contract/events.ts';
import type { Context } from '../../src/core/context.ts';
import type { Lease } from '../../src/core/ledger/outbox/lease-events.ts';
import { postToBridge } from '../../src/core/outbox/relay-client.ts';
import { type PaymentAnswer, processPayment } from '../../src/core/payments/process-payment.ts';
import { type RefundAnswer, refundPayment } from '../../src/core/payments/refund-payment.ts';
import { TEST_CARDS } from '../data/cards.ts';
import type { BridgePost, BridgeStep } from '../data/scripted-bridge.ts';
import { operation, paymentRequest, refundRequest } from './operation.ts';
import { consumeMessages, eventMessage, type MessageFate, runCron } from './queue.ts';
import { cardNumbered } from './request.ts';

export interface TestBridge {
  url: string;
  play(...script: BridgeStep[]): Promise<void>;
  /** What it answers when it is asked how it is. */
  says(body: object, status: number): Promise<void>;
  posts(): Promise<(BridgePost & { events: PaymentEvent[] })[]>;
  /** The ids of the events of each post. */
  postedIds(): Promise<string[][]>;
}

export function newBridge(): TestBridge {
  const url = `http://bridge.test/${crypto.randomUUID()}/`;
  const bridge: TestBridge = {
    url,
    async play(...script) {
      await fetch(`${url}script`, { method: 'PUT', body: JSON.stringify(script) });
    },
    async says(body, status) {
      await fetch(`${url}readyz`, { method: 'PUT', body: JSON.stringify({ body: JSON.stringify(body), status }) });
    },
    async posts() {
      const posts = await (await fetch(`${url}received`)).json<BridgePost[]>();
      return posts.map((post) => ({ ...post, events: JSON.parse(post.body).events }));
    },
    async postedIds() {
      return (await bridge.posts()).map(({ events }) => events.map(({ event_id }) => event_id));
    },
  };
  return bridge;
}

export function delivery(bridge: TestBridge, overrides: Partial<Context> = {}): Context {
  const settings = { url: bridge.url, signingSecret: env.BRIDGE_SIGNING_SECRET };
  return operation({
    relay: (events, requestIds) => postToBridge(settings, events, Date.now(), requestIds),
    ...overrides,
  });
}

/** Hands events to the Worker as the queue does. */
export function consume(
  bridge: TestBridge,
  events: PaymentEvent[],
  overrides: Record<string, unknown> = {},
): Promise<MessageFate[]> {
  return consumeMessages(events.map(eventMessage), { BRIDGE_URL: bridge.url, ...overrides });
}

/** Runs the cron's work as the clock does. */
export function sweep(bridge: TestBridge, overrides: Record<string, unknown> = {}): Promise<void> {
  return runCron({ BRIDGE_URL: bridge.url, ...overrides });
}

/** Events as `deliverEvents` takes them. */
export const byId = (events: PaymentEvent[]) => new Map(events.map((event) => [event.event_id, event]));

function eventOf(answer: PaymentAnswer | RefundAnswer): PaymentEvent {
  if (!('event' in answer) || answer.event === null) throw new Error('an operation of a test has no event');
  return answer.event;
}

/** An event of a payment that succeeded, waiting in D1 and not handed to the queue. */
export async function successEvent(request = paymentRequest()): Promise<PaymentEvent> {
  return eventOf(await processPayment(operation(), request, '25.50'));
}

/** The same of one that failed. */
export function failedEvent(bookingId?: string): Promise<PaymentEvent> {
  return successEvent(
    paymentRequest({
      card_details: cardNumbered(TEST_CARDS.insufficientFunds),
      ...(bookingId !== undefined && { booking_id: bookingId }),
    }),
  );
}

/** The same of a refund of 10 dollars. */
export async function refundEvent(payment: PaymentEvent): Promise<PaymentEvent> {
  expect(payment.event_type).toBe('payment.success');
  const transactionId = payment.event_type === 'payment.success' ? payment.transaction_id : '';
  const request = refundRequest({ transactionId, bookingId: payment.booking_id });
  return eventOf(await refundPayment(operation(), request, '10.00'));
}

/** A lease as another consumer would have it. */
export function leaseOfAnother(durationMs = 30_000): Lease {
  const nowMs = Date.now();
  return { leaseId: crypto.randomUUID(), nowMs, untilMs: nowMs + durationMs };
}

export async function eventRow(eventId: string) {
  return env.DB.prepare('SELECT * FROM events WHERE event_id = ?1')
    .bind(eventId)
    .first<Record<string, string | number | null>>();
}
