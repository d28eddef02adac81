/** Requests to be recorded that no payment is behind: health, methods, unknown paths, web pages, rate limits, webhooks. */

import type { Recorder } from './recorder.ts';
import { newAddress, payment, sendWith } from './request.ts';

const STRIPE = {
  STRIPE_SECRET_KEY: 'sk_test_of_the_recording',
  STRIPE_ACCOUNT_ID: 'acct_1',
  STRIPE_WEBHOOK_SECRET: 'whsec_b2YgdGhlIHJlY29yZGluZw',
};
const METHODS = '/payment/methods';
const WITH_ORIGINS = { CORS_ORIGINS: 'https://desk.example, https://shop.example' };
const SHOP = { Origin: 'https://shop.example' };
const BURST = 20;

export async function askAtFrontDoor(recorder: Recorder): Promise<void> {
  await askForHealthAndMethods(recorder);
  await askForWhatIsNotThere(recorder);
  await askFromWebPages(recorder);
  await askTooOften(recorder);
  await askWebhooks(recorder);
}

async function askForHealthAndMethods({ ask }: Recorder): Promise<void> {
  await ask('payment methods', 'GET', METHODS);
  await ask('payment methods, without a body', 'HEAD', METHODS);
  await ask('payment methods, with Stripe', 'GET', METHODS, { variables: STRIPE });
  await ask('payment methods, all with Stripe', 'GET', METHODS, {
    variables: { ...STRIPE, PAYMENT_GATEWAY: 'stripe' },
  });
  await ask('health', 'GET', '/health');
  await ask('health, without a body', 'HEAD', '/health');
  await ask('health, with Stripe', 'GET', '/health', { variables: STRIPE });
  await ask('a request id of the caller', 'GET', METHODS, { headers: { 'X-Request-Id': 'request-of-a-caller' } });
  await ask('a Worker without its settings', 'GET', METHODS, { variables: { BRIDGE_URL: '' } });
}

async function askForWhatIsNotThere({ ask }: Recorder): Promise<void> {
  for (const path of [
    '/',
    '/nothing',
    '/payment',
    '/payment/nothing',
    '/payment/status',
    '/payment/status/TXN-1/more',
  ]) {
    await ask(`nothing at ${path}`, 'GET', path);
  }
  for (const path of ['/health', METHODS, '/payment/status/TXN-1']) {
    for (const method of ['POST', 'DELETE', 'OPTIONS']) await ask(`${method} ${path}`, method, path);
  }
  for (const path of ['/payment/process', '/payment/refund']) {
    for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS']) await ask(`${method} ${path}`, method, path);
  }
}

async function askFromWebPages({ ask }: Recorder): Promise<void> {
  const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
  const process = '/payment/process';
  await ask('a preflight, with no pages allowed', 'OPTIONS', process, { headers: { ...SHOP, ...preflight } });
  await ask('a preflight of an allowed page', 'OPTIONS', process, {
    variables: WITH_ORIGINS,
    headers: { ...SHOP, ...preflight },
  });
  await ask('a preflight of another page', 'OPTIONS', process, {
    variables: WITH_ORIGINS,
    headers: { ...preflight, Origin: 'https://other.example' },
  });
  await ask('an allowed page', 'GET', METHODS, { variables: WITH_ORIGINS, headers: SHOP });
  await ask('an allowed page that pays', 'POST', process, {
    variables: WITH_ORIGINS,
    headers: SHOP,
    body: payment({ booking_id: 'BOOK-page' }),
  });
  await ask('another page', 'GET', METHODS, { variables: WITH_ORIGINS, headers: { Origin: 'https://other.example' } });
  await ask('no page, with pages allowed', 'GET', METHODS, { variables: WITH_ORIGINS });
}

async function askTooOften({ ask, wait }: Recorder): Promise<void> {
  const address = newAddress();
  await ask('the first request of an address', 'GET', METHODS, { address });
  await ask('the second', 'GET', '/payment/status/TXN-1', { address });
  for (let sent = 3; sent < BURST; sent += 1) await sendWith({}, 'GET', METHODS, { address });
  await ask('the last of a burst', 'GET', METHODS, { address });
  await ask('one too many', 'GET', METHODS, { address });
  await ask('one too many that would pay', 'POST', '/payment/process', {
    address,
    body: payment({ booking_id: 'BOOK-too-many' }),
  });
  wait(10_001);
  await ask('the same address ten seconds later', 'GET', METHODS, { address });
  await ask('other limits', 'GET', METHODS, { variables: { RATE_LIMIT_PER_MINUTE: '60', RATE_LIMIT_BURST: '5' } });
  await ask('an exempt address', 'GET', METHODS, {
    address: '203.0.113.7',
    variables: { RATE_LIMIT_EXEMPT: '203.0.113.7' },
  });
}

async function askWebhooks({ ask }: Recorder): Promise<void> {
  for (const path of ['/webhooks/stripe', '/webhooks/paypal']) {
    await ask(`${path}, without the provider`, 'POST', path, { body: {} });
    await ask(`GET ${path}`, 'GET', path);
  }
  await ask('/webhooks/stripe, without a signature', 'POST', '/webhooks/stripe', { variables: STRIPE, body: {} });
  const { STRIPE_WEBHOOK_SECRET: _, ...withoutSecret } = STRIPE;
  await ask('/webhooks/stripe, without its secret', 'POST', '/webhooks/stripe', { variables: withoutSecret, body: {} });
  await ask('no such webhook', 'POST', '/webhooks/nobody', { body: {} });
}
