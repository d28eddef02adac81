/**
 * The account of a Stripe key. Stripe names it for a secret key (`GET /v1/account`). A restricted key cannot be given the permission to
 * ask, so its account comes from the settings.
 */
import * as z from 'zod/mini';
import { hex } from '../../security/hmac.ts';
import type { Gateway, GatewayAccount } from '../gateway.ts';
import type { Fetch } from '../json-call.ts';
import { beforeDeadline, type StripeSettings, stripeClient, stripeFailure, stripeWhy } from './stripe-client.ts';

const account = z.object({ id: z.string().check(z.regex(/^acct_\w{1,64}$/)) });

export function stripeAccount(settings: StripeSettings, send: Fetch): NonNullable<Gateway['account']> {
  return { keyName: () => keyName(settings), ask: (signal) => askAccount(settings, send, signal) };
}

/** A key has far too many random characters for its hash to be guessed. */
async function keyName({ secretKey, accountId }: StripeSettings): Promise<string> {
  const text = new TextEncoder().encode(`account of a Stripe key ${secretKey} ${accountId ?? ''}`);
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', text)));
}

async function askAccount(settings: StripeSettings, send: Fetch, signal: AbortSignal): Promise<GatewayAccount> {
  const { secretKey, accountId } = settings;
  if (accountId !== null && isRestricted(secretKey)) return { kind: 'known', account: accountId };
  try {
    const stripe = await stripeClient(settings, { signal, retries: 1 }, send);
    const answer = account.safeParse(await beforeDeadline(signal, stripe.rawRequest('GET', '/v1/account')));
    if (!answer.success) return { kind: 'unreachable', reason: 'Stripe did not return the account of the key' };
    if (accountId === null || answer.data.id === accountId) return { kind: 'known', account: answer.data.id };
    return {
      kind: 'unreachable',
      reason: `STRIPE_SECRET_KEY is of the account ${answer.data.id}, and STRIPE_ACCOUNT_ID is another one`,
      cause: 'gateway_not_configured',
    };
  } catch (error) {
    return { kind: 'unreachable', ...stripeWhy(stripeFailure(error)) };
  }
}

export function isRestricted(secretKey: string): boolean {
  return secretKey.startsWith('rk_');
}
