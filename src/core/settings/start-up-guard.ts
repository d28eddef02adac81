/**
 * What no single variable shows: settings that lack each other, and what is good enough for a desk and not for production. Asked of
 * the raw values, so that it is reported together with all other mistakes; a Worker with one of them serves nothing.
 */
import { secretBytes } from '../../contract/secret.ts';
import { ADDRESSES, neededBy, SECRETS, type SettingName } from './variables.ts';

/** Variables as Cloudflare hands them over: all of them text, any of them missing. */
export type Variables = { readonly [name: string]: unknown };

/** The binding of the queue from which a bridge takes events. */
const RELAY_QUEUE = 'PAYMENT_RELAY';

/** `your_api_key` of the contract's example is shorter, and so is whatever somebody makes up. */
const GATEWAY_KEY_MIN_LENGTH = 16;

/** Every reason to serve nothing, each as `NAME what is wrong`. */
export function guardProblems(env: Variables): string[] {
  return [
    ...deliveryProblems(env),
    ...gatewayProblems(env),
    ...authProblems(env),
    ...sharedSecretProblems(env),
    ...(env.ENVIRONMENT === 'development' ? liveKeyProblems(env) : productionProblems(env)),
  ];
}

/** What each way to the bridge needs. */
function deliveryProblems(env: Variables): string[] {
  if (textOf(env, 'BRIDGE_DELIVERY') !== 'pull') return isMissing(env, 'BRIDGE_URL') ? ['BRIDGE_URL is missing'] : [];
  if (env[RELAY_QUEUE] !== undefined) return [];
  return [
    `BRIDGE_DELIVERY is pull, and the queue ${RELAY_QUEUE} is not bound: uncomment its sections in wrangler.toml and deploy, or set push`,
  ];
}

/** What a gateway needs. */
function gatewayProblems(env: Variables): string[] {
  const gateway = textOf(env, 'PAYMENT_GATEWAY');
  const problems = neededBy(gateway)
    .filter((name) => isMissing(env, name))
    .map((name) => `${name} is missing, and PAYMENT_GATEWAY is ${gateway}`);
  // PayPal takes its own method whatever takes the others: with half of its settings, it would be another one's unawares.
  const paypal = neededBy('paypal');
  const present = [...paypal, 'PAYPAL_WEBHOOK_ID' as const].filter((name) => !isMissing(env, name)).join(' and ');
  if (gateway !== 'paypal' && present !== '') {
    problems.push(
      ...paypal.filter((name) => isMissing(env, name)).map((name) => `${name} is missing, beside ${present}`),
    );
  }
  if (gateway !== 'stripe' && !isMissing(env, 'STRIPE_WEBHOOK_SECRET') && isMissing(env, 'STRIPE_SECRET_KEY')) {
    problems.push('STRIPE_SECRET_KEY is missing, beside STRIPE_WEBHOOK_SECRET');
  }
  // Payments are kept under the account that they were made with.
  if (textOf(env, 'STRIPE_SECRET_KEY').startsWith('rk_') && isMissing(env, 'STRIPE_ACCOUNT_ID')) {
    problems.push(
      "STRIPE_ACCOUNT_ID is missing: Stripe does not show a restricted key its account. It is in Stripe's dashboard, under Settings, acct_…",
    );
  }
  return problems;
}

/** What each way to be let in needs. */
function authProblems(env: Variables): string[] {
  const mode = textOf(env, 'AUTH_MODE') || 'api_key';
  const problems: string[] = [];
  if ((mode === 'api_key' || mode === 'both') && isMissing(env, 'API_KEY_SECRET')) {
    problems.push(`API_KEY_SECRET is missing, and AUTH_MODE is ${mode}`);
  }
  if (mode === 'jwt' || mode === 'both') {
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'] as const) {
      if (isMissing(env, name)) problems.push(`${name} is missing, and AUTH_MODE is ${mode}`);
    }
    if (isMissing(env, 'JWT_SECRET_KEY') && isMissing(env, 'JWT_JWKS_URL')) {
      problems.push(`JWT_SECRET_KEY or JWT_JWKS_URL is missing, and AUTH_MODE is ${mode}`);
    }
    if (!isMissing(env, 'JWT_SECRET_KEY') && !isMissing(env, 'JWT_JWKS_URL')) {
      problems.push('JWT_SECRET_KEY and JWT_JWKS_URL are both set: tokens are signed in one way only');
    }
  }
  const access = ['ACCESS_TEAM_DOMAIN', 'ACCESS_AUDIENCE'] as const;
  const missing = access.filter((name) => isMissing(env, name));
  if (missing.length === 1)
    problems.push(`${missing[0]} is missing: Cloudflare Access needs both ${access.join(' and ')}`);
  return problems;
}

/** Whoever learns one secret must not have another one with it. */
function sharedSecretProblems(env: Variables): string[] {
  const problems: string[] = [];
  for (const [index, name] of SECRETS.entries()) {
    const same = SECRETS.slice(0, index).find((other) => bytesOf(env, other) === bytesOf(env, name));
    if (same !== undefined && textOf(env, name) !== '')
      problems.push(`${name} is the same as ${same}: make one of its own`);
  }
  return problems;
}

/** However it is spelled: with or without `whsec_` before it. */
function bytesOf(env: Variables, name: SettingName): string {
  return secretBytes(textOf(env, name)) ?? textOf(env, name);
}

function isMissing(env: Variables, name: SettingName): boolean {
  return textOf(env, name) === '';
}

function textOf(env: Variables, name: SettingName): string {
  return String(env[name] ?? '').trim();
}

/** What is good enough for a desk only. */
function productionProblems(env: Variables): string[] {
  const problems: string[] = [];
  if (textOf(env, 'AUTH_MODE') === 'none') {
    problems.push('AUTH_MODE is none, which lets everybody in: set api_key, jwt or both');
  }
  const gatewayKey = textOf(env, 'PAYMENT_GATEWAY_API_KEY');
  if (gatewayKey !== '' && gatewayKey.length < GATEWAY_KEY_MIN_LENGTH) {
    problems.push(`PAYMENT_GATEWAY_API_KEY must have ${GATEWAY_KEY_MIN_LENGTH} characters or more`);
  }
  if (env.SANDBOX_ALLOWED !== 'true') {
    const sandboxes = [
      [(env.PAYMENT_GATEWAY ?? 'sandbox') === 'sandbox', 'PAYMENT_GATEWAY is the sandbox'],
      [/^[a-z]+_test_/.test(textOf(env, 'STRIPE_SECRET_KEY')), 'STRIPE_SECRET_KEY is a test key'],
      [isPayPalSandbox(env), "PAYPAL_API_URL is PayPal's sandbox"],
    ] as const;
    for (const [used, what] of sandboxes) {
      if (used) problems.push(`${what}, which charges nobody: to have it all the same, set SANDBOX_ALLOWED to true`);
    }
  }
  for (const name of ADDRESSES) {
    if (/^\s*http:/i.test(String(env[name]))) problems.push(`${name} must be an https address`);
  }
  for (const name of ['CORS_ORIGINS', 'RETURN_URL_ORIGINS'] as const) {
    if (/(^|[\s,])http:/i.test(textOf(env, name))) problems.push(`${name} must have https origins only`);
  }
  return problems;
}

/** On a desk, nobody wants to be charged. PayPal's keys do not say which they are, but the address does. */
function liveKeyProblems(env: Variables): string[] {
  const problems: string[] = [];
  if (/^[a-z]+_live_/.test(textOf(env, 'STRIPE_SECRET_KEY'))) {
    problems.push('STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is development: take a test key');
  }
  const url = textOf(env, 'PAYPAL_API_URL');
  const isLivePayPal = url === '' || /^(?!.*\bsandbox\b).*\bpaypal\.com$/.test(hostOf(url));
  if (textOf(env, 'PAYPAL_CLIENT_ID') !== '' && isLivePayPal) {
    problems.push(
      'PAYPAL_API_URL is where PayPal moves real money, and ENVIRONMENT is development: set https://api-m.sandbox.paypal.com',
    );
  }
  return problems;
}

/** In canonical spelling; nothing where it is not an address. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function isPayPalSandbox(env: Variables): boolean {
  return textOf(env, 'PAYPAL_CLIENT_ID') !== '' && /\bsandbox\b/.test(hostOf(textOf(env, 'PAYPAL_API_URL')));
}
