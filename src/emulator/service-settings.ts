/** What this service's settings are, to pay with the emulator. */
import { EMULATOR_CREDENTIALS } from './credentials.ts';

/** @param url of the emulator, http://127.0.0.1:PORT */
export function settingsFor(url: string): Record<string, string> {
  return {
    PAYMENT_GATEWAY: 'stripe',
    STRIPE_API_URL: url,
    STRIPE_SECRET_KEY: EMULATOR_CREDENTIALS.stripeSecretKey,
    STRIPE_WEBHOOK_SECRET: EMULATOR_CREDENTIALS.stripeWebhookSecret,
    PAYPAL_API_URL: url,
    PAYPAL_CLIENT_ID: EMULATOR_CREDENTIALS.paypalClientId,
    PAYPAL_CLIENT_SECRET: EMULATOR_CREDENTIALS.paypalClientSecret,
    PAYPAL_MERCHANT_ID: EMULATOR_CREDENTIALS.paypalMerchantId,
    PAYPAL_WEBHOOK_ID: EMULATOR_CREDENTIALS.paypalWebhookId,
  };
}

/** Where it listens on this machine. */
export function emulatorUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}
