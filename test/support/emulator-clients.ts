/** Callers of the emulator: Stripe's own SDK, and PayPal by HTTP. */
import { Stripe } from 'stripe';
import type { GatewayEmulator } from '../../src/emulator/emulator.ts';

/** It sends nothing a second time by itself. */
export function stripeClientOf({ url, stripeSecretKey }: Pick<GatewayEmulator, 'url' | 'stripeSecretKey'>): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(stripeSecretKey, {
    host: hostname,
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(),
  });
}

export interface PayPalAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever PayPal answers, a test looks into.
  body: any;
}

export type PayPalCaller = (
  method: string,
  path: string,
  options?: { body?: unknown; requestId?: string; token?: string; prefer?: string },
) => Promise<PayPalAnswer>;

type PayPalLogin = Pick<GatewayEmulator, 'url' | 'paypalClientId'>;

/** Calls with a token that it has got before; whole resources are asked for. */
export async function paypalCallerOf(
  emulator: PayPalLogin & Pick<GatewayEmulator, 'paypalClientSecret'>,
): Promise<PayPalCaller> {
  const { body: login } = await paypalLogin(emulator, emulator.paypalClientSecret);
  return async (method, path, { body, requestId, token = login.access_token, prefer = 'return=representation' } = {}) =>
    answerOf(
      await fetch(`${emulator.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          prefer,
          ...(requestId !== undefined && { 'paypal-request-id': requestId }),
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    );
}

export async function paypalLogin({ url, paypalClientId }: PayPalLogin, secret: string): Promise<PayPalAnswer> {
  return answerOf(
    await fetch(`${url}/v1/oauth2/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${paypalClientId}:${secret}`)}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    }),
  );
}

async function answerOf(response: Response): Promise<PayPalAnswer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}
