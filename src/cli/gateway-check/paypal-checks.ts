/** Checks of the PayPal adapter. An order needs a payer's approval, which a person gives in the browser. */
import type { Transaction } from '../../core/domain/transaction.ts';
import type { Gateway, GatewayOutcome } from '../../core/gateways/gateway.ts';
import {
  PayPalClient,
  type PayPalSettings,
  paypalWhy,
  type Schemas,
} from '../../core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../core/gateways/paypal/paypal-gateway.ts';
import type { WebhookReading } from '../../core/gateways/webhook.ts';
import { certificatesInMemory } from './certificates-in-memory.ts';
import { type Check, check } from './check.ts';
import { holdChecks, newOrderCheck } from './paypal-hold-checks.ts';
import { AMOUNT_MINOR, CURRENCY, newRefund, newTransaction } from './rows.ts';

const CALL_DEADLINE_MS = 20_000;

/** Asks a person to approve the order behind the link; returns whether it was approved. */
export type Approval = (link: string, isApproved: () => Promise<boolean>) => Promise<boolean>;

export async function* paypalChecks(settings: PayPalSettings, approval: Approval): AsyncGenerator<Check> {
  const client = new PayPalClient(settings);
  const gateway = createPayPalGateway(settings, client);
  const signal = () => AbortSignal.timeout(CALL_DEADLINE_MS);
  const pay = (orderId: string, transaction = newTransaction({ gatewayIntent: orderId })) =>
    gateway.charge({
      transaction,
      instrument: { kind: 'paypal', email: 'payer@example.com', paymentId: orderId },
      signal: signal(),
    });
  const isDeclined = (cause: string) => (got: GatewayOutcome) => got.kind === 'declined' && got.cause === cause;

  const wrong = createPayPalGateway({
    ...settings,
    clientSecret: 'thisSecretIsWrong',
    clientId: `${settings.clientId}x`,
  });
  yield await check(
    'a wrong secret',
    'failed, and the reason names the setting',
    () =>
      wrong.charge({
        transaction: newTransaction(),
        instrument: { kind: 'paypal', email: '', paymentId: '5O190127TN364715T' },
        signal: signal(),
      }),
    (got: GatewayOutcome) => got.kind === 'failed' && /PAYPAL_CLIENT_SECRET/.test(got.reason ?? ''),
  );
  yield await check(
    'an order that does not exist',
    'order_not_found',
    () => pay('5O190127TN364715T'),
    isDeclined('order_not_found'),
  );

  const transaction = newTransaction();
  const order = await createOrder(client, transaction, signal());
  if (order.kind === 'failed') {
    yield { what: 'an order', expected: 'created', got: order.reason, passed: false };
    return;
  }
  const { id: orderId, approveLink } = order;
  yield await check(
    'an order that is not approved',
    'order_not_approved',
    () => pay(orderId),
    isDeclined('order_not_approved'),
  );
  yield await check(
    'an order over another amount',
    'order_differs',
    () => pay(orderId, newTransaction({ gatewayIntent: orderId, amountMinor: AMOUNT_MINOR + 1 })),
    isDeclined('order_differs'),
  );
  const elsewhere = createPayPalGateway({ ...settings, merchantId: 'ANETHERSHAP22' }, client);
  yield await check(
    'an order for another merchant',
    'order_differs',
    () =>
      elsewhere.charge({
        transaction: newTransaction(),
        instrument: { kind: 'paypal', email: '', paymentId: orderId },
        signal: signal(),
      }),
    isDeclined('order_differs'),
  );
  yield await check(
    'a webhook with a forged signature',
    'refused',
    () => forgedWebhook(gateway, settings),
    (got: WebhookReading | string) => (typeof got === 'string' ? null : got.kind === 'refused'),
  );

  const challenged = yield* newOrderCheck(gateway);

  if (!(await approval(approveLink, async () => (await statusOf(client, orderId, signal())) === 'APPROVED'))) {
    yield {
      what: 'charge, refund and look-ups',
      expected: 'approved',
      got: 'the order was not approved',
      passed: null,
    };
    return;
  }
  yield* paidChecks(gateway, { ...transaction, gatewayIntent: orderId }, pay, signal);
  if (challenged !== null) yield* holdChecks(gateway, challenged, approval);
}

async function* paidChecks(
  gateway: Gateway,
  transaction: Transaction & { gatewayIntent: string },
  pay: (orderId: string, transaction: Transaction) => Promise<GatewayOutcome>,
  signal: () => AbortSignal,
): AsyncGenerator<Check> {
  const orderId = transaction.gatewayIntent;
  let reference = '';
  const keep = (got: GatewayOutcome) => {
    if (got.kind === 'approved') reference = got.reference;
    return got.kind === 'approved';
  };
  yield await check(
    'the approved order, for another booking',
    'order_of_another_booking',
    () => pay(orderId, newTransaction({ gatewayIntent: orderId })),
    (got: GatewayOutcome) => got.kind === 'declined' && got.cause === 'order_of_another_booking',
  );
  yield await check('a charge of the approved order', 'approved', () => pay(orderId, transaction), keep);
  const isThat = (got: { kind: string; reference?: string }) => got.kind === 'approved' && got.reference === reference;
  yield await check('look-up of the charge', 'found', () => gateway.lookUpCharge(transaction, signal()), isThat);
  yield await check('the same charge again', 'the same charge', () => pay(orderId, transaction), isThat);
  yield await check(
    'another payment with the same order',
    'order_used',
    () => pay(orderId, newTransaction({ gatewayIntent: orderId })),
    (got: GatewayOutcome) => got.kind === 'declined' && got.cause === 'order_used',
  );

  const paid = { ...transaction, status: 'completed' as const, gatewayReference: reference };
  const refund = newRefund(paid, 1000);
  const payBack = (one = refund) => gateway.refund({ refund: one, transaction: paid, signal: signal() });
  yield await check('a partial refund', 'approved', payBack, keep);
  yield await check('the same refund again', 'the same refund', payBack, isThat);
  yield await check('look-up of the refund', 'found', () => gateway.lookUpRefund(refund, paid, signal()), isThat);
  yield await check(
    'a refund of more than is left',
    'REFUND_NOT_ALLOWED',
    () => payBack(newRefund(paid, 2000)),
    (got: GatewayOutcome) => got.kind === 'declined' && got.code === 'REFUND_NOT_ALLOWED',
  );
}

async function createOrder(
  client: PayPalClient,
  { bookingId }: Transaction,
  signal: AbortSignal,
): Promise<{ kind: 'created'; id: string; approveLink: string } | { kind: 'failed'; reason: string }> {
  const body = {
    intent: 'CAPTURE',
    purchase_units: [{ custom_id: bookingId, amount: { currency_code: CURRENCY, value: '25.50' } }],
  };
  const answer = await client.call({ method: 'POST', path: '/v2/checkout/orders', body, signal });
  const { id, links } = (answer.kind === 'answered' ? (answer.body ?? {}) : {}) as Partial<Schemas['order']>;
  const approveLink = links?.find(({ rel }) => rel === 'approve' || rel === 'payer-action')?.href;
  return id === undefined || approveLink === undefined
    ? { kind: 'failed', reason: paypalWhy(answer).reason }
    : { kind: 'created', id, approveLink };
}

async function statusOf(client: PayPalClient, orderId: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await client.call({ method: 'GET', path: `/v2/checkout/orders/${orderId}`, signal });
  return answer.kind === 'answered' ? (answer.body as Partial<Schemas['order']> | undefined)?.status : undefined;
}

/** @returns why it was not tried, where no webhook is set up */
async function forgedWebhook(
  gateway: Gateway,
  { webhookId, apiUrl }: PayPalSettings,
): Promise<WebhookReading | string> {
  if (webhookId === null || gateway.readWebhook === undefined) return 'PAYPAL_WEBHOOK_ID is not set';
  const headers: Record<string, string> = {
    'paypal-transmission-id': 'b2384410-f8d2-11e4-8bf3-77339302725b',
    'paypal-transmission-time': new Date().toISOString(),
    'paypal-transmission-sig': Buffer.alloc(256, 1).toString('base64'),
    'paypal-cert-url': `${apiUrl.replace('api-m', 'api')}/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77`,
    'paypal-auth-algo': 'SHA256withRSA',
  };
  const body = JSON.stringify({
    id: 'WH-2WR32451HC0233532-67976317FL4543714',
    event_type: 'PAYMENT.CAPTURE.COMPLETED',
    create_time: '2026-01-01T00:00:00Z',
    resource: { id: '2GG279541U471931P' },
  });
  return gateway.readWebhook(
    {
      header: (name) => headers[name],
      body: Uint8Array.from(new TextEncoder().encode(body)),
      nowMs: Date.now(),
      certificates: certificatesInMemory(),
    },
    AbortSignal.timeout(CALL_DEADLINE_MS),
  );
}
