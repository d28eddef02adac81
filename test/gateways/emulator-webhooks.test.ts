/** What the emulated providers send by themselves, how it is signed, and when it comes. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Stripe } from 'stripe';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { type PayPalCaller, paypalCallerOf, stripeClientOf } from '../support/emulator-clients.ts';

interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
  /** Of the call that caused it. */
  answeredBefore: boolean;
}

let emulator: GatewayEmulator;
let stripe: Stripe;
let call: PayPalCaller;
let listener: Server;
let received: Received[];
let isAnswered: boolean;

beforeEach(async () => {
  received = [];
  isAnswered = false;
  listener = createServer((request, response) => {
    const headers = request.headers as Record<string, string>;
    void text(request).then((body) => {
      received.push({ path: request.url ?? '', headers, body, answeredBefore: isAnswered });
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  emulator = await startGatewayEmulator({ webhooksTo: `http://127.0.0.1:${port}/below` });
  stripe = stripeClientOf(emulator);
  call = await paypalCallerOf(emulator);
});
afterEach(async () => {
  await emulator.stop();
  listener.closeAllConnections();
  await new Promise((resolve) => listener.close(resolve));
});

describe('a webhook of Stripe', () => {
  it('passes the SDK’s signature check, and a changed one does not', async () => {
    await createIntent();
    await emulator.webhooksDelivered();
    const [{ path, headers, body } = expect.fail('nothing came')] = received;
    expect(path).toBe('/below/webhooks/stripe');
    const signature = headers['stripe-signature'] as string;
    const event = await stripe.webhooks.constructEventAsync(body, signature, emulator.stripeWebhookSecret);
    expect(event).toMatchObject({ object: 'event', type: 'payment_intent.created', api_version: '2026-10-28.endive' });
    const changed = stripe.webhooks.constructEventAsync(
      body.replace('2550', '1'),
      signature,
      emulator.stripeWebhookSecret,
    );
    await expect(changed).rejects.toThrow(Stripe.errors.StripeSignatureVerificationError);
    expect(emulator.webhookAnswers).toEqual([{ provider: 'stripe', type: 'payment_intent.created', status: 204 }]);
  });

  it.each(['after_answer', 'before_answer'] as const)('reports the end of an authentication %s', async (timing) => {
    emulator.webhookTiming = () => timing;
    const { next_action: action } = await createIntent({
      ...{ confirm: true, payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://shop.example/' },
    });
    const body = new URLSearchParams({ authentication: 'completed' });
    await fetch(action?.redirect_to_url?.url ?? '', { method: 'POST', body, redirect: 'manual' });
    await vi.waitFor(() => {
      const types = received.map(({ body }) => JSON.parse(body).type);
      expect(types).toEqual(expect.arrayContaining(['charge.succeeded', 'payment_intent.succeeded']));
    }, 10_000);
  });

  it('reports disputes', async () => {
    const { id } = await createIntent({ confirm: true, payment_method: 'pm_card_visa' });
    const dispute = emulator.stripe.openDispute(id, 'product_not_received');
    emulator.stripe.closeDispute(dispute, 'lost');
    await emulator.webhooksDelivered();
    const events = received.map(({ body }) => JSON.parse(body)).filter(({ type }) => type.startsWith('charge.dispute'));
    expect(events.map(({ type, data }) => [type, data.object.status]).sort()).toEqual([
      ['charge.dispute.closed', 'lost'],
      ['charge.dispute.created', 'needs_response'],
    ]);
    expect(events[0]?.data.object).toMatchObject({ id: dispute, payment_intent: id, reason: 'product_not_received' });
  });
});

describe('a webhook of PayPal', () => {
  it('passes PayPal’s verification, and a changed one does not', async () => {
    emulator.paypal.approveOrder(emulator.paypal.createOrder({ value: '1.00', currency: 'USD', status: 'CREATED' }));
    await emulator.webhooksDelivered();
    const [{ path, headers, body } = expect.fail('nothing came')] = received;
    expect(path).toBe('/below/webhooks/paypal');
    expect(await verified(headers, body)).toBe('SUCCESS');
    expect(await verified(headers, body.replace('1.00', '9.00'))).toBe('FAILURE');
    expect(await verified(headers, ` ${JSON.stringify(JSON.parse(body), null, 1)}`)).toBe('FAILURE');
    expect(await verified({ ...headers, 'paypal-transmission-time': '2026-01-01T00:00:00Z' }, body)).toBe('FAILURE');
    expect(await verified(headers, body, '9EMULATEDWEBHOOK9')).toBe('FAILURE');
    const incomplete = await call('POST', '/v1/notifications/verify-webhook-signature', {
      body: { webhook_event: {} },
    });
    expect(incomplete.status).toBe(400);
  });

  it('can be found in the list of events', async () => {
    for (const _ of [1, 2, 3]) {
      emulator.paypal.approveOrder(emulator.paypal.createOrder({ value: '1.00', currency: 'USD', status: 'CREATED' }));
    }
    const ids = emulator.paypal
      .events()
      .map(({ id }) => id)
      .reverse();
    const first = await call('GET', '/v1/notifications/webhooks-events?page_size=2');
    expect(first.body.events.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    const next = first.body.links.find(({ rel }: { rel: string }) => rel === 'next').href;
    const second = await call('GET', next.slice(emulator.url.length));
    expect(second.body.events.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    const early = await call('GET', '/v1/notifications/webhooks-events?end_time=2020-01-01T00:00:00Z');
    expect(early.body.events).toEqual([]);
  });
});

describe('a webhook comes', () => {
  it('after the answer, unless it is held back for it', async () => {
    emulator.webhookTiming = () => 'before_answer';
    await createIntent();
    isAnswered = true;
    expect(received).toMatchObject([{ answeredBefore: false }]);
  });

  it('twice, later or never, and again when it is sent again', async () => {
    emulator.webhookTiming = () => 'twice';
    await createIntent();
    await emulator.webhooksDelivered();
    expect(received).toHaveLength(2);

    emulator.webhookTiming = () => 'never';
    await createIntent();
    await emulator.webhooksDelivered();
    expect(received).toHaveLength(2);
    expect(await emulator.resendWebhook(emulator.stripe.events().at(-1)?.id ?? '')).toBe(204);
    expect(received).toHaveLength(3);

    emulator.webhookTiming = () => ({ laterMs: 1_000 });
    await createIntent();
    expect(received).toHaveLength(3);
    await vi.waitFor(() => expect(received).toHaveLength(4), 10_000);
  });

  it('with status 0 if no server listens at the address', async () => {
    emulator.webhooksTo = 'http://127.0.0.1:1';
    await createIntent();
    await emulator.webhooksDelivered();
    expect(emulator.webhookAnswers).toMatchObject([{ status: 0 }]);
  });
});

function createIntent(params: Partial<Stripe.PaymentIntentCreateParams> = {}) {
  const needed = { amount: 2550, currency: 'usd', allowed_payment_method_types: ['card' as const] };
  return stripe.paymentIntents.create({ ...needed, ...params });
}

async function verified(headers: Record<string, string>, event: string, webhookId = emulator.paypalWebhookId) {
  const signature = JSON.stringify({
    auth_algo: headers['paypal-auth-algo'],
    cert_url: headers['paypal-cert-url'],
    transmission_id: headers['paypal-transmission-id'],
    transmission_sig: headers['paypal-transmission-sig'],
    transmission_time: headers['paypal-transmission-time'],
    webhook_id: webhookId,
  });
  const body = `${signature.slice(0, -1)},"webhook_event":${event}}`;
  return (await call('POST', '/v1/notifications/verify-webhook-signature', { body })).body.verification_status;
}
