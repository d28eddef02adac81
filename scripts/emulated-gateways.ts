/** Stripe and PayPal, emulated by `npm run dev -- --gateway emulator`: where they are, and what has the Worker pay with them. */
import { join } from 'node:path';
import { EMULATOR_CREDENTIALS } from '../src/emulator/credentials.ts';
import { PROJECT } from './local-settings.ts';

/** What was paid with the emulator is known to nobody else: it stays apart from what a test key has paid. */
export const EMULATED_STATE = join(PROJECT, '.wrangler/emulated');

export function emulatorUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** The Worker's variables in place of those in .dev.vars; none where there is no emulator. */
export function emulatorVariables(emulatorPort: number | null): Record<string, string> {
  if (emulatorPort === null) return {};
  const url = emulatorUrl(emulatorPort);
  return {
    PAYMENT_GATEWAY: 'stripe',
    STRIPE_SECRET_KEY: EMULATOR_CREDENTIALS.stripeSecretKey,
    STRIPE_WEBHOOK_SECRET: EMULATOR_CREDENTIALS.stripeWebhookSecret,
    STRIPE_API_URL: url,
    PAYPAL_CLIENT_ID: EMULATOR_CREDENTIALS.paypalClientId,
    PAYPAL_CLIENT_SECRET: EMULATOR_CREDENTIALS.paypalClientSecret,
    PAYPAL_MERCHANT_ID: EMULATOR_CREDENTIALS.paypalMerchantId,
    PAYPAL_WEBHOOK_ID: EMULATOR_CREDENTIALS.paypalWebhookId,
    PAYPAL_API_URL: url,
  };
}
