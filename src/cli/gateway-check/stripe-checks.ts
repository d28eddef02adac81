/** Checks of the Stripe adapter: charges, declines, refunds, look-ups, the fence, holds, challenges, the list, and a webhook. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Stripe } from 'stripe';
import { Redacted } from '../../contract/redacted.ts';
import { readCard } from '../../core/domain/card.ts';
import type { Gateway, GatewayOutcome, Instrument, LookUp, Movement } from '../../core/gateways/gateway.ts';
import {
  type StripeSettings,
  stripeClient,
  stripeFailure,
  stripeWhy,
} from '../../core/gateways/stripe/stripe-client.ts';
import { createStripeGateway } from '../../core/gateways/stripe/stripe-gateway.ts';
import type { WebhookReading } from '../../core/gateways/webhook.ts';
import { certificatesInMemory } from './certificates-in-memory.ts';
import { type Check, check } from './check.ts';
import { newRefund, newTransaction } from './rows.ts';
import { stripeChallengeChecks, stripeHoldChecks } from './stripe-waiting-checks.ts';

const CALL_DEADLINE_MS = 20_000;
const EVENT_DEADLINE_MS = 30_000;
const EVENT_POLL_MS = 1_000;
const TEST_SECRET = 'whsec_thisIsOnlyForTheCheck';

const DECLINES: [token: string, code: string][] = [
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'INSUFFICIENT_FUNDS'],
  ['pm_card_chargeDeclinedExpiredCard', 'CARD_EXPIRED'],
  ['pm_card_chargeDeclinedIncorrectCvc', 'INVALID_CARD'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'CARD_DECLINED'],
  ['pm_card_authenticationRequired', 'CARD_DECLINED'],
  ['pm_unknown', 'INVALID_CARD'],
];

export async function* stripeChecks(settings: StripeSettings): AsyncGenerator<Check> {
  const gateway = createStripeGateway(settings);
  const signal = () => AbortSignal.timeout(CALL_DEADLINE_MS);
  const token = (name: string): Instrument => ({ kind: 'token', token: name });
  const pay = (transaction = newTransaction(), instrument = token('pm_card_visa')) =>
    gateway.charge({ transaction, instrument, signal: signal() });

  const wrongKey = createStripeGateway({ ...settings, secretKey: 'sk_test_thisKeyIsWrong' });
  yield await check(
    'a wrong key',
    'failed, and the reason names the setting',
    () => wrongKey.charge({ transaction: newTransaction(), instrument: token('pm_card_visa'), signal: signal() }),
    (got: GatewayOutcome) => got.kind === 'failed' && /STRIPE_SECRET_KEY/.test(got.reason ?? ''),
  );

  const transaction = newTransaction();
  let reference = '';
  yield await check(
    'a charge with pm_card_visa',
    'approved',
    () => pay(transaction),
    (got: GatewayOutcome) => {
      if (got.kind === 'approved') reference = got.reference;
      return got.kind === 'approved';
    },
  );
  if (reference === '') return; // nothing else could come to another end
  const isThat = (got: { kind: string; reference?: string }) => got.kind === 'approved' && got.reference === reference;
  yield await check('the same charge again', 'the same charge', () => pay(transaction), isThat);
  yield await check(
    'look-up of the charge, by our id',
    'found',
    () => gateway.lookUpCharge(transaction, signal()),
    isThat,
  );
  const kept = { ...transaction, gatewayIntent: reference };
  yield await check(
    'look-up of the charge, by its intent',
    'found',
    () => gateway.lookUpCharge(kept, signal()),
    isThat,
  );

  for (const [name, code] of DECLINES) {
    const paying = () => pay(newTransaction(), token(name));
    yield await check(name, code, paying, (got: GatewayOutcome) => got.kind === 'declined' && got.code === code);
  }
  yield await check(
    'a raw card number',
    'approved, or card numbers are not allowed',
    () => pay(newTransaction(), rawCard()),
    (got: GatewayOutcome) =>
      got.kind === 'approved' || (got.kind === 'failed' && /card numbers/.test(got.reason ?? '')),
  );
  yield* refundChecks(gateway, { ...transaction, status: 'completed', gatewayReference: reference }, signal);
  yield* fenceChecks(gateway, signal);
  yield* stripeHoldChecks(gateway, signal);
  yield* stripeChallengeChecks(gateway, signal);
  yield await check(
    'the list of movements',
    'has the charge',
    () => movementsOf(gateway, transaction.createdAtMs),
    (got: Movement[]) => got.some(({ id, amountMinor }) => id === transaction.transactionId && amountMinor === 2550),
  );
  yield* webhookChecks(settings, transaction.transactionId);
}

async function* refundChecks(
  gateway: Gateway,
  transaction: ReturnType<typeof newTransaction>,
  signal: () => AbortSignal,
): AsyncGenerator<Check> {
  const refund = newRefund(transaction, 1000);
  let reference = '';
  const payBack = (one = refund) => gateway.refund({ refund: one, transaction, signal: signal() });
  yield await check('a partial refund', 'approved', payBack, (got: GatewayOutcome) => {
    if (got.kind === 'approved') reference = got.reference;
    return got.kind === 'approved';
  });
  const isThat = (got: { kind: string; reference?: string }) => got.kind === 'approved' && got.reference === reference;
  yield await check('the same refund again', 'the same refund', payBack, isThat);
  const lookUp = () => gateway.lookUpRefund(refund, transaction, signal());
  yield await check('look-up of the refund', 'found', lookUp, isThat);
  yield await check(
    'a refund of more than is left',
    'REFUND_NOT_ALLOWED',
    () => payBack(newRefund(transaction, 2000)),
    (got: GatewayOutcome) => got.kind === 'declined' && got.code === 'REFUND_NOT_ALLOWED',
  );
}

async function* fenceChecks(gateway: Gateway, signal: () => AbortSignal): AsyncGenerator<Check> {
  const transaction = newTransaction();
  const cancel = async () => gateway.cancelCharge?.(transaction, signal());
  yield await check(
    'cancelling a charge that was never sent',
    'cancelled',
    cancel,
    (got: { kind: string }) => got.kind === 'cancelled',
  );
  yield await check(
    'that charge, sent after all',
    'not charged',
    () => gateway.charge({ transaction, instrument: { kind: 'token', token: 'pm_card_visa' }, signal: signal() }),
    (got: GatewayOutcome) => got.kind !== 'approved',
  );
  yield await check(
    'look-up of that charge',
    'cancelled',
    () => gateway.lookUpCharge(transaction, signal()),
    (got: LookUp) => got.kind === 'cancelled',
  );
}

async function movementsOf(gateway: Gateway, fromMs: number): Promise<Movement[]> {
  const found: Movement[] = [];
  for await (const movement of gateway.listMovements?.(fromMs - 60_000, Date.now() + 60_000) ?? [])
    found.push(movement);
  return found;
}

/** Stripe's own event of the charge, signed here as Stripe signs it: what the Worker makes of a real one. */
async function* webhookChecks(settings: StripeSettings, transactionId: string): AsyncGenerator<Check> {
  const secret = settings.webhookSecret ?? TEST_SECRET;
  const gateway = createStripeGateway({ ...settings, webhookSecret: secret });
  const what = "a webhook with Stripe's event of the charge";
  let event: string | null;
  try {
    event = await eventOf(settings, transactionId);
  } catch (error) {
    const { reason } = stripeWhy(stripeFailure(error));
    yield { what, expected: 'about the payment', got: `its events cannot be read: ${reason}`, passed: false };
    return;
  }
  if (event === null) {
    yield { what, expected: 'about the payment', got: 'Stripe has no such event yet', passed: false };
    return;
  }
  const read = (body: string) => {
    const header = Stripe.webhooks.generateTestHeaderString({ payload: event, secret });
    const headers: Record<string, string> = { 'stripe-signature': header };
    const webhook = {
      header: (name: string) => headers[name],
      body: Uint8Array.from(new TextEncoder().encode(body)),
      nowMs: Date.now(),
      certificates: certificatesInMemory(),
    };
    return Promise.resolve(gateway.readWebhook?.(webhook, AbortSignal.timeout(CALL_DEADLINE_MS)));
  };
  yield await check(
    what,
    'about the payment',
    () => read(event),
    (got: WebhookReading) => {
      if (got.kind !== 'event') return false;
      const { notice } = got.event;
      return notice?.about === 'payment' && notice.transactionId === transactionId;
    },
  );
  const altered = event.replace('"succeeded"', '"failed"');
  yield await check(
    'the same webhook, altered',
    'refused',
    () => read(altered),
    (got: WebhookReading) => got.kind === 'refused',
  );
}

async function eventOf(settings: StripeSettings, transactionId: string): Promise<string | null> {
  const stripe = await stripeClient(settings, { signal: null, retries: 1 }, (url, init) => fetch(url, init));
  for (const deadlineMs = performance.now() + EVENT_DEADLINE_MS; performance.now() < deadlineMs; ) {
    const { data } = await stripe.events.list({ type: 'payment_intent.succeeded', limit: 20 });
    const found = data.find(
      ({ data: { object } }) => 'metadata' in object && object.metadata?.transaction_id === transactionId,
    );
    if (found !== undefined) return JSON.stringify(found);
    await sleep(EVENT_POLL_MS);
  }
  return null;
}

function rawCard(): Instrument {
  const card = readCard({
    card_number: new Redacted('4242424242424242'),
    expiry_month: new Redacted('12'),
    expiry_year: new Redacted(String(new Date().getUTCFullYear() + 2)),
    cvv: new Redacted('123'),
    cardholder_name: new Redacted('Gateway Check'),
  });
  if (card === null) throw new Error("Stripe's own test card is not accepted as a card");
  return { kind: 'card', card };
}
