/** `npm run gateway-emulator`: Stripe and PayPal on this machine, for somebody who wants to see the service pay. */
import { whenNpmIsGone } from '../../scripts/processes.ts';
import { EMULATOR_CREDENTIALS } from './credentials.ts';
import { startGatewayEmulator } from './emulator.ts';

const DEFAULT_PORT = 8005;
const DEFAULT_WEBHOOKS_TO = 'http://127.0.0.1:8003';
const SEND_AGAIN_AFTER_MS = 10_000;

const { GATEWAY_EMULATOR_PORT = String(DEFAULT_PORT), WEBHOOKS_TO = DEFAULT_WEBHOOKS_TO } = process.env;
const port = Number(GATEWAY_EMULATOR_PORT);
if (!Number.isInteger(port) || port < 1 || port > 65_535)
  fail(`GATEWAY_EMULATOR_PORT is no port: ${GATEWAY_EMULATOR_PORT}`);
if (!URL.canParse(WEBHOOKS_TO)) fail(`WEBHOOKS_TO is no address: ${WEBHOOKS_TO}`);

const emulator = await startGatewayEmulator({
  port,
  webhooksTo: WEBHOOKS_TO,
  sendsWebhooksAgainAfterMs: SEND_AGAIN_AFTER_MS,
  log: console.log,
}).catch((error) =>
  fail(error.code === 'EADDRINUSE' ? `the port ${port} is taken: set GATEWAY_EMULATOR_PORT` : error.message),
);
const { url } = emulator;

console.log(`Stripe and PayPal, emulated, at ${url}. Webhooks go to ${WEBHOOKS_TO}/webhooks/stripe and /webhooks/paypal.
It remembers what it moved until it ends.

  For a Worker that you run yourself, in its .dev.vars:
  PAYMENT_GATEWAY=stripe
  STRIPE_API_URL=${url}
  STRIPE_SECRET_KEY=${EMULATOR_CREDENTIALS.stripeSecretKey}
  STRIPE_WEBHOOK_SECRET=${EMULATOR_CREDENTIALS.stripeWebhookSecret}
  PAYPAL_API_URL=${url}
  PAYPAL_CLIENT_ID=${EMULATOR_CREDENTIALS.paypalClientId}
  PAYPAL_CLIENT_SECRET=${EMULATOR_CREDENTIALS.paypalClientSecret}
  PAYPAL_MERCHANT_ID=${EMULATOR_CREDENTIALS.paypalMerchantId}
  PAYPAL_WEBHOOK_ID=${EMULATOR_CREDENTIALS.paypalWebhookId}

  cards and tokens             Stripe's own: 4242424242424242, pm_card_visa, pm_card_visa_chargeDeclined, pm_card_createDispute, …
  a token for one use          curl -X POST ${url}/emulator/stripe/tokens -d '{"like":"pm_card_visa"}'
  an approved order            curl -X POST ${url}/emulator/orders -d '{"value":"25.50","currency":"USD","custom_id":"BOOK-2"}'

  the next card is declined    curl -X POST ${url}/emulator/faults -d '{"operation":"payment_intents.confirm","fault":{"kind":"decline","code":"card_declined"}}'
  the next answer is lost      curl -X POST ${url}/emulator/faults -d '{"operation":"payment_intents.confirm","fault":{"kind":"error_500","committed":true,"cached":true}}'
  the next order is declined   curl -X POST ${url}/emulator/faults -d '{"operation":"orders.capture","fault":{"kind":"issue","status":422,"issue":"INSTRUMENT_DECLINED"}}'
  the next payment is pending  curl -X POST ${url}/emulator/faults -d '{"operation":"payment_intents.confirm","fault":{"kind":"pending"}}'
  the next refund is pending   curl -X POST ${url}/emulator/faults -d '{"operation":"refunds.create","fault":{"kind":"pending"}}'
  what is pending ends         curl -X POST ${url}/emulator/end -d '{"id":"pi_…, re_… or PayPal’s id","end":"succeeded or failed"}'

  a refund by dashboard        curl -X POST ${url}/emulator/stripe/refund -d '{"intent":"pi_…"}'
                               curl -X POST ${url}/emulator/paypal/refund -d '{"capture":"…","value":"5.00"}'
  a dispute                    curl -X POST ${url}/emulator/disputes -d '{"charge":"pi_… or PayPal’s capture"}'
  the dispute goes on          curl -X POST ${url}/emulator/disputes -d '{"dispute":"du_… or PP-…","status":"under_review, won or lost"}'
  what there is                curl ${url}/emulator/state
`);

const end = () => void emulator.stop().then(() => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
whenNpmIsGone(end);

function fail(message: string): never {
  console.error(`gateway-emulator: ${message}`);
  process.exit(1);
}
