/**
 * A shop at each gateway whose payments wait: for a payer who authenticates or approves, and for a capture. The same steps for all, so
 * that one table of tests holds all of them to the same states and events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './child.ts';
import { writeLocalDatabase } from './local-database.ts';
import { startPaymentGateway } from './payment-gateway.ts';
import { startProviderStack } from './provider-stack.ts';
import { rabbitmqUrl } from './run.ts';
import { card, type HttpAnswer, newBooking, pay, post, type Stack, startStack, statusOf } from './stack.ts';
import { untilSwept } from './until-swept.ts';

export const RETURN_URL = 'https://shop.example/done?step=3';
const AUTHENTICATION_CARD = '4000000000003220';

/** One gateway behind a Worker of its own. */
export interface WaitingShop {
  stack: Stack;
  /** What a request is to have so that the payer is sent away first. */
  challenged: Record<string, unknown>;
  /** What it is to have so that the money is held at once; null where a payer has always to approve it first. */
  held: Record<string, unknown> | null;
  /** The payer does what is asked for at the address of the next action. */
  authenticate(url: string): Promise<unknown>;
  /** The payer fails to; null where a provider has no such end. */
  failAuthentication: ((url: string) => Promise<unknown>) | null;
  /** The next capture, or release, of the payment is carried out, and its answer lost; null where no answer can be. */
  loseAnswer: ((transactionId: string, of: 'capture' | 'release') => void) | null;
  /** Whether the gateway holds, or has taken, the money of a payment, by its own books. */
  money(transactionId: string): 'none' | 'held' | 'taken' | null;
  stop(): Promise<void>;
}

export async function sandboxShop(): Promise<WaitingShop> {
  const stack = await startStack('waiting-sandbox', rabbitmqUrl());
  return {
    stack,
    challenged: { card_details: card(AUTHENTICATION_CARD), return_url: RETURN_URL },
    held: { capture_method: 'manual' },
    authenticate: (url) => submit(url, { answer: 'authenticated' }),
    failAuthentication: (url) => submit(url, { answer: 'declined' }),
    loseAnswer: null,
    money: () => null,
    stop: () => stack.stop(),
  };
}

export async function httpShop(): Promise<WaitingShop> {
  const gateway = await startPaymentGateway();
  const stack = await startStack('waiting-http', rabbitmqUrl(), {
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_HOLDS: 'true',
    // Hundreds of callers at once, each with a limiter of its own, are hundreds of files on a desk.
    RATE_LIMIT_EXEMPT: '198.18.0.0/15',
  });
  const lost = new Set<string>();
  gateway.fault = ({ kind, id }) => (lost.delete(`${kind} ${id}`) ? { kind: 'commit_then_drop' } : { kind: 'normal' });
  const idIn = (url: string) => new URL(url).pathname.split('/').at(-1) ?? '';
  return {
    stack,
    challenged: { card_details: card('4000002500003155'), return_url: RETURN_URL },
    held: { capture_method: 'manual' },
    authenticate: async (url) => gateway.authenticate(idIn(url)),
    failAuthentication: async (url) => gateway.failAuthentication(idIn(url)),
    loseAnswer: (transactionId, of) => void lost.add(`${of} ${transactionId}`),
    money(transactionId) {
      const status = gateway.charge(transactionId)?.state.status;
      if (status === 'approved') return 'taken';
      return status === 'authorized' ? 'held' : 'none';
    },
    async stop() {
      await stack.stop();
      await gateway.stop();
    },
  };
}

export async function stripeShop(): Promise<WaitingShop> {
  const shop = await startProviderStack('waiting-stripe', { without: 'paypal', webhooks: true });
  const { emulator, stack } = shop;
  const intentOf = (transactionId: string) =>
    emulator.stripe.intents().find((intent) => intent.transactionId === transactionId);
  return {
    stack,
    challenged: {
      ...{ payment_method: 'stripe', card_details: null },
      ...{ payment_method_token: 'pm_card_threeDSecure2Required', return_url: RETURN_URL },
    },
    held: {
      ...{ payment_method: 'stripe', card_details: null },
      ...{ payment_method_token: 'pm_card_visa', capture_method: 'manual' },
    },
    authenticate: (url) => submit(url, { authentication: 'completed' }),
    failAuthentication: (url) => submit(url, { authentication: 'failed' }),
    loseAnswer(transactionId, of) {
      const operation = of === 'capture' ? 'payment_intents.capture' : 'payment_intents.cancel';
      const booking = intentOf(transactionId)?.bookingId ?? '';
      shop.strike(booking, operation, { kind: 'commit_then_drop' }, of === 'capture' ? 2 : 1);
    },
    money(transactionId) {
      const status = intentOf(transactionId)?.status;
      if (status === 'succeeded') return 'taken';
      return status === 'requires_capture' ? 'held' : 'none';
    },
    stop: () => shop.stop(),
  };
}

export async function paypalShop(): Promise<WaitingShop> {
  const shop = await startProviderStack('waiting-paypal', { without: 'stripe', webhooks: true });
  const { emulator, stack } = shop;
  const orderIn = (url: string) => new URL(url).searchParams.get('token') ?? '';
  return {
    stack,
    challenged: { payment_method: 'paypal', card_details: null, return_url: RETURN_URL },
    held: null,
    authenticate: (url) => submit(emulator.paypal.approvalUrl(orderIn(url)), { decision: 'pay' }),
    failAuthentication: null,
    loseAnswer: null,
    money(transactionId) {
      const captured = emulator.paypal.captures().some((capture) => capture.transactionId === transactionId);
      if (captured) return 'taken';
      const held = emulator.paypal
        .authorizations()
        .some((authorization) => authorization.transactionId === transactionId && authorization.status === 'CREATED');
      return held ? 'held' : 'none';
    },
    stop: () => shop.stop(),
  };
}

/** What a form's button does in a browser that follows no redirect. @returns where the payer is sent */
export async function submit(url: string, fields: Record<string, string>): Promise<string> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return answer.headers.get('location') ?? '';
}

export interface Begun {
  booking: string;
  id: string;
  answer: HttpAnswer;
  /** Of the next action. */
  url: string;
}

export async function begin({ stack }: WaitingShop, request: Record<string, unknown>): Promise<Begun> {
  const booking = newBooking();
  const answer = await pay(stack.worker.url, { booking_id: booking, ...request });
  const action = answer.body.next_action as { url: string } | undefined;
  return { booking, id: String(answer.body.transaction_id), answer, url: action?.url ?? '' };
}

/** A payment whose money is held, after its payer has approved it where that is needed. */
export async function hold(shop: WaitingShop): Promise<Begun> {
  if (shop.held !== null) return begin(shop, shop.held);
  const payment = await begin(shop, { ...shop.challenged, capture_method: 'manual' });
  await shop.authenticate(payment.url);
  await becomes(shop, payment, 'authorized');
  return payment;
}

const send = ({ stack }: WaitingShop, path: string, { booking, id }: Begun) =>
  post(stack.worker.url, path, { booking_id: booking, transaction_id: id, user_id: 'user_123' });
export const capture = (shop: WaitingShop, payment: Begun) => send(shop, '/payment/capture', payment);
export const release = (shop: WaitingShop, payment: Begun) => send(shop, '/payment/void', payment);

/** Asks for the status, as a shop does, until it is this one. */
export async function becomes({ stack }: WaitingShop, { id }: Begun, status: string): Promise<void> {
  const isThere = async () => (await statusOf(stack.worker.url, id)).status === status;
  await until(`${id} is ${status}`, isThere, { deadlineMs: 45_000 });
}

/** The clock of a payment that waits is over, and the cron comes. */
export async function timeIsOver({ stack }: WaitingShop, { id }: Begun): Promise<void> {
  writeLocalDatabase(
    stack.directory,
    'UPDATE transactions SET expires_at_ms = 1, next_lookup_at_ms = 1 WHERE transaction_id = ?',
    id,
  );
  await stack.worker.sweep();
}

/** The types of the booking's events that have reached RabbitMQ, a moment later. */
export async function eventsOf({ stack }: WaitingShop, { booking }: Begun, count: number): Promise<string[]> {
  const arrived = () => stack.listener.of(booking);
  if (count > 0) await untilSwept(stack, `an event of ${booking}`, () => arrived().length >= count);
  else await sleep(500);
  return arrived().map(({ routingKey, body }) =>
    body.error_code === undefined ? routingKey : `${routingKey} ${body.error_code}`,
  );
}
