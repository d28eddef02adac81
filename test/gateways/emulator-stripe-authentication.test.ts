/** 3-D Secure of the emulated Stripe: by its page, as a browser uses it, and by a control call. */
import type { Stripe } from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';

const RETURN_URL = 'https://shop.example/paid?booking=B%201#top';

let emulator: GatewayEmulator;
let stripe: Stripe;

beforeEach(async () => {
  emulator = await startGatewayEmulator();
  stripe = stripeClientOf(emulator);
});
afterEach(async () => {
  expect(emulator.misfits).toEqual([]);
  await emulator.stop();
});

describe('a payment that requires authentication', () => {
  it('succeeds once the payer has authenticated, and sends the payer back', async () => {
    const waiting = await challenge();
    expect(waiting).toMatchObject({ status: 'requires_action', latest_charge: null, last_payment_error: null });
    expect(waiting.next_action).toEqual({
      type: 'redirect_to_url',
      redirect_to_url: { return_url: RETURN_URL, url: expect.stringMatching(/\/stripe\/authenticate\/\w{32}$/) },
    });
    expect(emulator.stripe.charges()).toEqual([]);

    const address = await answerPage(urlOf(waiting), 'completed');

    const back = new URL(address ?? '');
    expect(address?.startsWith('https://shop.example/paid?booking=B%201&payment_intent=pi_')).toBe(true);
    expect(back.hash).toBe('#top');
    expect(Object.fromEntries(back.searchParams)).toEqual({
      booking: 'B 1',
      payment_intent: waiting.id,
      payment_intent_client_secret: waiting.client_secret,
      redirect_status: 'succeeded',
    });
    const paid = await stripe.paymentIntents.retrieve(waiting.id, { expand: ['latest_charge'] });
    expect(paid).toMatchObject({ status: 'succeeded', next_action: null, amount_received: 2550 });
    const { payment_method_details: details } = paid.latest_charge as Stripe.Charge;
    expect(details?.card?.three_d_secure).toMatchObject({ result: 'authenticated' });
    expect(typesOfEvents()).toEqual([
      'payment_intent.created',
      'payment_intent.requires_action',
      'charge.succeeded',
      'payment_intent.succeeded',
    ]);
    const last = JSON.parse(emulator.stripe.events().at(-1)?.body ?? '');
    expect(last.data.object.metadata).toEqual({ transaction_id: 'TXN-1' });
  });

  it('can be confirmed when it is created', async () => {
    const waiting = await stripe.paymentIntents.create({
      ...{ amount: 2550, currency: 'usd', payment_method: 'pm_card_threeDSecure2Required', confirm: true },
      ...{ return_url: RETURN_URL, automatic_payment_methods: { enabled: true } },
    });
    expect(waiting.next_action?.redirect_to_url?.return_url).toBe(RETURN_URL);
    await answerPage(urlOf(waiting), 'completed');
    expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe('succeeded');
  });

  it('is left to Stripe’s own script where no address to return to is given', async () => {
    const waiting = await challenge({ return_url: undefined });
    expect(waiting.next_action).toMatchObject({ type: 'use_stripe_sdk' });
    const { stripe_js: url = '' } = (waiting.next_action?.use_stripe_sdk ?? {}) as { stripe_js?: string };
    expect(await answerPage(url, 'completed')).toBeNull();
    expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe('succeeded');
  });

  it('whose authentication fails can be tried with another card', async () => {
    const waiting = await challenge();
    expect(await answerPage(urlOf(waiting), 'failed')).toMatch(/&redirect_status=failed#top$/);

    const failed = await stripe.paymentIntents.retrieve(waiting.id);
    expect(failed).toMatchObject({
      status: 'requires_payment_method',
      payment_method: null,
      latest_charge: null,
      last_payment_error: {
        type: 'invalid_request_error',
        code: 'payment_intent_authentication_failure',
        payment_method: { object: 'payment_method' },
      },
    });
    expect(typesOfEvents().slice(-2)).toEqual(['payment_intent.requires_action', 'payment_intent.payment_failed']);
    const paid = await stripe.paymentIntents.confirm(waiting.id, { payment_method: 'pm_card_visa' });
    expect(paid.status).toBe('succeeded');
  });

  it.each([
    ['4000008260003178', 'insufficient_funds'],
    ['4000008400001629', 'generic_decline'],
  ])('by %s is declined after it', async (number, declineCode) => {
    const waiting = await challenge({ payment_method: await methodOf(number) });
    expect(await answerPage(urlOf(waiting), 'completed')).toContain('redirect_status=failed');
    const declined = await stripe.paymentIntents.retrieve(waiting.id, { expand: ['latest_charge'] });
    expect(declined).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { type: 'card_error', code: 'card_declined', decline_code: declineCode },
      latest_charge: { status: 'failed', captured: false },
    });
    expect(typesOfEvents().slice(-2)).toEqual(['charge.failed', 'payment_intent.payment_failed']);
  });

  it('is declined at once where the look-up of 3-D Secure fails', async () => {
    const declined = challenge({ payment_method: await methodOf('4000008400001280') });
    await expect(declined).rejects.toMatchObject({ statusCode: 402, code: 'card_declined' });
  });

  it('is authenticated once only', async () => {
    const waiting = await challenge();
    await answerPage(urlOf(waiting), 'completed');
    const before = typesOfEvents();
    const page = await fetch(urlOf(waiting));
    expect(await page.text()).toContain(
      'This authentication is over. Nothing has changed: the payment is <b>succeeded</b>.',
    );
    const again = await post(urlOf(waiting), 'failed');
    expect(again.status).toBe(409);
    expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe('succeeded');
    expect(typesOfEvents()).toEqual(before);
  });

  it('can be canceled, and not be completed afterwards', async () => {
    const waiting = await challenge();
    const canceled = await stripe.paymentIntents.cancel(waiting.id);
    expect(canceled).toMatchObject({ status: 'canceled', next_action: null });
    const refused = await post(urlOf(waiting), 'completed');
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('<b>canceled</b>')]);
    expect(emulator.stripe.charges()).toEqual([]);
    expect(typesOfEvents().at(-1)).toBe('payment_intent.canceled');
  });

  it('that was confirmed again with another card leaves the first card’s page without effect', async () => {
    const first = await challenge();
    const second = await stripe.paymentIntents.confirm(first.id, {
      payment_method: 'pm_card_authenticationRequired',
      return_url: RETURN_URL,
    });
    expect((await post(urlOf(first), 'completed')).status).toBe(409);
    await answerPage(urlOf(second), 'completed');
    expect(emulator.stripe.charges()).toHaveLength(1);
  });

  it('needs an address to return to that is one', async () => {
    const refused = challenge({ return_url: 'shop' });
    await expect(refused).rejects.toMatchObject({ statusCode: 400, code: 'url_invalid', param: 'return_url' });
  });
});

describe('the page', () => {
  it('is HTML with two buttons, and is not kept', async () => {
    const response = await fetch(urlOf(await challenge()));
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const page = await response.text();
    expect(page).toContain('<html lang="en">');
    expect(page).toContain('$25.50');
    expect(
      [...page.matchAll(/<button name="authentication" value="(\w+)">([\w ]+)</g)].map((match) => match.slice(1)),
    ).toEqual([
      ['completed', 'Complete authentication'],
      ['failed', 'Fail authentication'],
    ]);
  });

  it('does not exist for another secret, and wants one of its answers', async () => {
    const url = urlOf(await challenge());
    expect((await fetch(`${url}x`)).status).toBe(404);
    expect((await post(url, 'maybe')).status).toBe(400);
    expect((await fetch(url, { method: 'PUT' })).status).toBe(405);
    expect(emulator.stripe.intents()).toMatchObject([{ status: 'requires_action' }]);
  });
});

describe('the control call', () => {
  it.each([
    ['completed', 'succeeded'],
    ['failed', 'requires_payment_method'],
  ])('plays the payer without a browser: %s', async (authentication, status) => {
    const waiting = await challenge();
    const answer = await control({ intent: waiting.id, authentication });
    expect(answer).toMatchObject({ status: 200, body: { intent: waiting.id } });
    expect(answer.body.redirect).toContain('https://shop.example/paid?booking=B%201&payment_intent=');
    expect((await stripe.paymentIntents.retrieve(waiting.id)).status).toBe(status);
    const again = await control({ intent: waiting.id, authentication });
    expect(again).toEqual({ status: 400, body: { error: `${waiting.id} waits for no authentication` } });
  });
});

async function challenge(params: { payment_method?: string; return_url?: string | undefined } = {}) {
  const { id } = await stripe.paymentIntents.create({
    ...{ amount: 2550, currency: 'usd', allowed_payment_method_types: ['card'] },
    metadata: { transaction_id: 'TXN-1' },
  });
  const { payment_method = 'pm_card_threeDSecure2Required' } = params;
  const returnUrl = 'return_url' in params ? params.return_url : RETURN_URL;
  return stripe.paymentIntents.confirm(id, {
    payment_method,
    ...(returnUrl !== undefined && { return_url: returnUrl }),
  });
}

async function methodOf(number: string): Promise<string> {
  const card = { number, exp_month: 12, exp_year: new Date().getUTCFullYear() + 1, cvc: '123' };
  return (await stripe.paymentMethods.create({ type: 'card', card })).id;
}

const urlOf = (intent: Stripe.PaymentIntent) => intent.next_action?.redirect_to_url?.url ?? expect.fail('no page');

const typesOfEvents = () => emulator.stripe.events().map(({ type }) => type);

function post(url: string, authentication: string): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams({ authentication }), redirect: 'manual' });
}

/** @returns where the browser is sent */
async function answerPage(url: string, authentication: string): Promise<string | null> {
  const response = await post(url, authentication);
  const address = response.headers.get('location');
  expect(response.status).toBe(address === null ? 200 : 303);
  return address;
}

async function control(body: object): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`${emulator.url}/emulator/stripe/authentication`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}
