/** `npm run gateway-emulator`, as a person uses it: each line that it prints is run as it is printed, and does what it says. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway, GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import { PayPalClient } from '../../src/core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { paypalEvent } from '../../src/core/gateways/paypal/paypal-webhook.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { stripeEvent } from '../../src/core/gateways/stripe/stripe-webhook.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import { paypalCallerOf, stripeClientOf } from '../support/emulator-clients.ts';
import { paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';

const run = promisify(execFile);

/** What has come to the webhooks, as the service reads it. */
const told: { type: string; about: string | undefined; status: string | undefined }[] = [];
const shop = createServer((request, response) => {
  void text(request).then((body) => {
    const event = request.url === '/webhooks/stripe' ? stripeEvent(JSON.parse(body)) : paypalEvent(body);
    const notice = event?.notice;
    const status = notice?.about === 'dispute' ? notice.dispute.status : undefined;
    told.push({ type: event?.type ?? 'none', about: notice?.about, status });
    response.end('{}');
  });
});

let child: ChildProcess;
let output = '';
let stripeClient: Stripe;
let stripe: Gateway;
let paypal: Gateway;
let url: string;

beforeAll(async () => {
  const webhooksTo = await listening(shop);
  url = `http://127.0.0.1:${await freePort()}`;
  child = spawn(process.execPath, ['src/emulator/main.ts'], {
    env: { ...process.env, GATEWAY_EMULATOR_PORT: new URL(url).port, WEBHOOKS_TO: webhooksTo },
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
  await vi.waitFor(() => expect(output).toContain('what there is'), 30_000);
  stripeClient = stripeClientOf({ url, stripeSecretKey: EMULATOR_CREDENTIALS.stripeSecretKey });
  const { stripeSecretKey, paypalClientId, paypalClientSecret, paypalMerchantId } = EMULATOR_CREDENTIALS;
  stripe = createStripeGateway({ secretKey: stripeSecretKey, accountId: null, webhookSecret: null, apiUrl: url });
  const settings = {
    ...{ clientId: paypalClientId, clientSecret: paypalClientSecret, merchantId: paypalMerchantId },
    ...{ webhookId: null, apiUrl: url },
  };
  paypal = createPayPalGateway(settings, new PayPalClient(settings, undefined, new Map()));
}, 60_000);
afterAll(async () => {
  child.kill();
  await once(child, 'exit');
  await new Promise((resolve) => shop.close(resolve));
});

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Runs a printed line. `words` are what a person puts in place of the words between its quotes. */
async function printed(name: string, words: Record<string, string> = {}): Promise<Record<string, string>> {
  const lines = output.split('\n');
  const at = lines.findIndex((line) => line.trim().startsWith(`${name}  `));
  let command = lines[at]?.slice(lines[at]?.indexOf('curl '));
  if (at === -1 || command === undefined) throw new Error(`nothing is printed for ${name}`);
  for (const [placeholder, word] of Object.entries(words)) {
    if (!command.includes(`"${placeholder}"`)) throw new Error(`${command} has no "${placeholder}"`);
    command = command.replace(`"${placeholder}"`, `"${word}"`);
  }
  const { stdout } = await run('sh', ['-c', command.replace('curl ', 'curl -s ')]);
  const answer = JSON.parse(stdout);
  expect(answer).not.toHaveProperty('error');
  return answer;
}

const signal = () => AbortSignal.timeout(10_000);
const payByCard = (transaction: Transaction, token = 'pm_card_visa') =>
  stripe.charge({ transaction, instrument: { kind: 'token', token }, signal: signal() });

async function payByPayPal(): Promise<{ transaction: Transaction; outcome: GatewayOutcome }> {
  const { order } = await printed('an approved order');
  const transaction = pendingTransaction({ paymentMethod: 'paypal', gatewayIntent: order ?? '', bookingId: 'BOOK-2' });
  const instrument = { kind: 'paypal', email: 'payer@example.com', paymentId: order ?? '' } as const;
  return { transaction, outcome: await paypal.charge({ transaction, instrument, signal: signal() }) };
}

function referenceOf(outcome: GatewayOutcome): string {
  if (outcome.kind !== 'approved') throw new Error(`the payment of a test was ${outcome.kind}`);
  return outcome.reference;
}

/** The next webhook of this type, as it is about such a thing. */
async function toldOf(type: string, about: string): Promise<(typeof told)[number]> {
  const index = () => told.findIndex((one) => one.type === type && one.about === about);
  await vi.waitFor(() => expect(index()).not.toBe(-1), 10_000);
  return told.splice(index(), 1)[0] as (typeof told)[number];
}

describe('the printed lines', () => {
  it('that make something go wrong, do so with the next payment', async () => {
    await printed('the next card is declined');
    expect(await payByCard(pendingTransaction())).toMatchObject({ kind: 'declined', code: 'CARD_DECLINED' });

    await printed('the next answer is lost');
    const transaction = pendingTransaction();
    expect(await payByCard(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await stripe.lookUpCharge(transaction, signal())).toMatchObject({ kind: 'approved' });

    await printed('the next order is declined');
    expect((await payByPayPal()).outcome).toMatchObject({ kind: 'declined', cause: 'funding_declined' });
  });

  it('make a token that is good for one payment', async () => {
    const { token } = await printed('a token for one use');
    expect(await payByCard(pendingTransaction(), token)).toMatchObject({ kind: 'approved' });
    expect(await payByCard(pendingTransaction(), token)).toMatchObject({ cause: 'unknown_token' });
  });

  it('have a payment and a refund pending, and end them', async () => {
    await printed('the next payment is pending');
    const transaction = pendingTransaction();
    const { intent = '' } = (await payByCard(transaction)) as { intent?: string };
    expect(await stripe.lookUpCharge(transaction, signal())).toEqual({ kind: 'in_progress' });
    const ends = (id: string, end: string) =>
      printed('what is pending ends', { 'pi_…, re_… or PayPal’s id': id, 'succeeded or failed': end });
    await ends(intent, 'succeeded');
    expect(await stripe.lookUpCharge(transaction, signal())).toEqual({ kind: 'approved', reference: intent });

    await printed('the next refund is pending');
    const paid = paidTransaction(transaction, intent);
    const refund = pendingRefund(paid);
    expect(await stripe.refund({ refund, transaction: paid, signal: signal() })).toMatchObject({ kind: 'unknown' });
    const { stripe: books } = (await printed('what there is')) as unknown as {
      stripe: { refunds: { id: string; refundId: string }[] };
    };
    await ends(books.refunds.find(({ refundId }) => refundId === refund.refundId)?.id ?? '', 'failed');
    expect(await stripe.lookUpRefund(refund, paid, signal())).toMatchObject({ kind: 'declined' });
  });

  it('authenticate the payer of an authorization, and have it expire', async () => {
    const { id, status } = await stripeClient.paymentIntents.create({
      ...{ amount: 2550, currency: 'usd', allowed_payment_method_types: ['card'], capture_method: 'manual' },
      ...{ payment_method: 'pm_card_threeDSecure2Required', confirm: true },
    });
    expect(status).toBe('requires_action');
    await printed('the payer authenticates', { 'pi_…': id, 'completed or failed': 'completed' });
    expect((await stripeClient.paymentIntents.retrieve(id)).status).toBe('requires_capture');
    await printed('a hold at Stripe expires', { 'pi_…': id });
    expect((await stripeClient.paymentIntents.retrieve(id)).status).toBe('canceled');
  });

  it('make refunds by dashboard, and disputes that go on, at either provider', async () => {
    const intent = referenceOf(await payByCard(pendingTransaction()));
    await printed('a refund by dashboard', { 'pi_…': intent });
    await toldOf('refund.created', 'external_refund');

    const capture = referenceOf((await payByPayPal()).outcome);
    const charged = referenceOf(await payByCard(pendingTransaction()));
    const disputes = {
      stripe: [charged, 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed'],
      paypal: [capture, 'CUSTOMER.DISPUTE.CREATED', 'CUSTOMER.DISPUTE.UPDATED', 'CUSTOMER.DISPUTE.RESOLVED'],
    } as const;
    for (const [charge, created, updated, closed] of Object.values(disputes)) {
      const { dispute = '' } = await printed('a dispute', { 'pi_… or PayPal’s capture': charge });
      const goesOn = (status: string) =>
        printed('the dispute goes on', { 'du_… or PP-…': dispute, 'under_review, won or lost': status });
      await toldOf(created, 'dispute');
      await goesOn('under_review');
      expect((await toldOf(updated, 'dispute')).status).toMatch(/^under_review$/i);
      await goesOn('lost');
      expect((await toldOf(closed, 'dispute')).status).toMatch(/^(lost|resolved)$/i);
    }
  });

  it('play PayPal’s payer, and let orders and authorizations expire', async () => {
    const { order = '' } = await printed('one to authorize');
    for (const line of ['the payer approves', 'the payer cancels']) {
      expect(await printed(line, { '…': order })).toEqual({ payer_sent_to: null });
    }
    const call = await paypalCallerOf({ url, ...EMULATOR_CREDENTIALS });
    const { body } = await call('POST', `/v2/checkout/orders/${order}/authorize`, { body: {} });
    const { id } = body.purchase_units[0].payments.authorizations[0];
    await printed('a hold at PayPal expires', { '…': id });
    expect((await call('GET', `/v2/payments/authorizations/${id}`)).body.status).toBe('VOIDED');

    const { order: left = '' } = await printed('an approved order');
    await printed('an order expires', { '…': left });
    expect((await call('GET', `/v2/checkout/orders/${left}`)).status).toBe(404);
  });

  it('of PayPal’s dashboard, too', async () => {
    const capture = referenceOf((await payByPayPal()).outcome);
    const line = output.match(/curl -X POST \S+\/emulator\/paypal\/refund .*/)?.[0] ?? '';
    const { stdout } = await run('sh', ['-c', line.replace('"…"', `"${capture}"`)]);
    expect(JSON.parse(stdout)).toHaveProperty('refund');
    await toldOf('PAYMENT.CAPTURE.REFUNDED', 'external_refund');
  });
});
