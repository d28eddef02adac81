import { describe, expect, it } from 'vitest';
import { COMPOSE_SIGNING_SECRET } from '../../src/contract/secret.ts';
import { BATCH_DEADLINE_MS, OUTCOME_BATCH_DEADLINE_MS } from '../../src/core/ledger/database.ts';
import { GRACE_MS } from '../../src/core/outcomes/ask-gateway.ts';
import { readSettings, type Settings } from '../../src/core/settings/settings.ts';
import type { Variables } from '../../src/core/settings/start-up-guard.ts';
import { GATEWAY_TIMEOUT_MAX_MS } from '../../src/core/settings/variables.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';

const DEVELOPMENT: Variables = {
  ENVIRONMENT: 'development',
  BRIDGE_URL: 'http://localhost:8004',
  ...LOCAL_SECRETS,
};
const SHARED = 'a secret that the issuer of tokens and this service have';
const TOKENS: Variables = {
  AUTH_MODE: 'jwt',
  JWT_ISSUER: 'https://issuer.example',
  JWT_AUDIENCE: 'payments',
  JWT_TENANT_CLAIM: 'org',
  JWT_JWKS_URL: 'https://issuer.example/jwks.json',
};
const PRODUCTION: Variables = {
  ...DEVELOPMENT,
  ENVIRONMENT: 'production',
  SANDBOX_ALLOWED: 'true',
  BRIDGE_URL: 'https://bridge.example',
};
/** What the gateway over HTTP needs. */
const GATEWAY: Variables = {
  PAYMENT_GATEWAY: 'http',
  PAYMENT_GATEWAY_URL: 'https://gateway.example/',
  PAYMENT_GATEWAY_API_KEY: 'key-of-the-gateway',
};

const STRIPE: Variables = { STRIPE_SECRET_KEY: 'sk_test_abc', STRIPE_WEBHOOK_SECRET: 'whsec_abc' };
const PAYPAL: Variables = {
  PAYPAL_CLIENT_ID: 'client',
  PAYPAL_CLIENT_SECRET: 'secret',
  PAYPAL_MERCHANT_ID: 'MERCHANTACC22',
  PAYPAL_WEBHOOK_ID: 'WEBHOOK1',
  PAYPAL_API_URL: 'https://api-m.sandbox.paypal.com',
};

function settings(variables: Variables): Settings {
  const read = readSettings(variables);
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return read.settings;
}

function problems(variables: Variables): string[] {
  const read = readSettings(variables);
  return read.kind === 'invalid' ? read.problems : [];
}

describe('the settings', () => {
  it('refuse a misspelled name, which would leave the default in force', () => {
    expect(problems({ ...DEVELOPMENT, PAYMENT_CURENCY: 'EUR', CORS_ORIGIN: 'https://shop.example' })).toEqual([
      'PAYMENT_CURENCY is not a setting: did you mean PAYMENT_CURRENCY?',
      'CORS_ORIGIN is not a setting: did you mean CORS_ORIGINS?',
    ]);
  });

  it('ignore bindings and other variables', () => {
    expect(problems({ ...DEVELOPMENT, DB: {}, PAYMENT_EVENTS: {}, BRIDGE_URL_OLD: 'x', SENTRY_DSN: 'x' })).toEqual([]);
  });

  it('need nothing but the bridge and the key of fingerprints in development', () => {
    expect(settings(DEVELOPMENT)).toMatchObject({
      production: false,
      gateway: 'sandbox',
      httpGateway: null,
      gatewayTimeoutMs: 10_000,
      currency: 'USD',
      maxAmountMinor: 10_000_000,
      returnUrlOrigins: [],
      holdMinutes: 30,
      authenticationMinutes: 15,
      rateLimit: { perMinute: 100, burst: 20, exempt: [], failOpen: true },
    });
  });

  it('need the address of a bridge, or a queue from which it takes events', () => {
    expect(settings(DEVELOPMENT)).toMatchObject({ bridgeDelivery: 'push', bridgeUrl: DEVELOPMENT.BRIDGE_URL });
    const pull = { ...DEVELOPMENT, BRIDGE_DELIVERY: 'pull', BRIDGE_URL: '' };
    expect(settings({ ...pull, PAYMENT_RELAY: {} })).toMatchObject({ bridgeDelivery: 'pull', bridgeUrl: null });
    expect(settings({ ...pull, PAYMENT_RELAY: {}, BRIDGE_URL: DEVELOPMENT.BRIDGE_URL }).bridgeUrl).toBeNull();

    expect(problems({ ...DEVELOPMENT, BRIDGE_URL: '' })).toEqual(['BRIDGE_URL is missing']);
    expect(problems({ ...DEVELOPMENT, BRIDGE_URL: '', PAYMENT_RELAY: {} })).toEqual(['BRIDGE_URL is missing']);
    expect(problems(pull)).toEqual([expect.stringMatching(/^BRIDGE_DELIVERY is pull, .*PAYMENT_RELAY is not bound/)]);
    expect(problems({ ...DEVELOPMENT, BRIDGE_DELIVERY: 'both' })).toEqual(['BRIDGE_DELIVERY must be push or pull']);
  });

  it('are production’s where nothing is said of it', () => {
    expect(settings({ ...PRODUCTION, ENVIRONMENT: undefined }).production).toBe(true);
  });

  it('name every mistake at once', () => {
    const found = problems({
      ENVIRONMENT: 'staging',
      PAYMENT_GATEWAY: 'bank',
      SANDBOX_ALLOWED: 'yes',
      PAYMENT_GATEWAY_TIMEOUT_MS: '1h',
      PAYMENT_CURRENCY: 'dollars',
      BRIDGE_URL: 'ftp://bridge',
      BRIDGE_SIGNING_SECRET: 'replace-me',
      FINGERPRINT_KEY: 'replace-me',
      CARD_FINGERPRINT_KEY: 'replace-me',
      ENCRYPTION_KEY: 'replace-me',
      API_KEY_SECRET: 'replace-me',
      PAYMENT_GATEWAY_URL: 'ftp://gateway',
      PAYMENT_GATEWAY_HOLDS: 'yes',
      RETURN_URL_ORIGINS: 'shop.example',
      PAYMENT_HOLD_MINUTES: '2881',
      PAYMENT_AUTHENTICATION_MINUTES: '121',
      RATE_LIMIT_PER_MINUTE: '0',
      RATE_LIMIT_BURST: '1.5',
      RATE_LIMIT_EXEMPT: 'nowhere',
      RATE_LIMIT_FAIL_OPEN: '1',
    });
    for (const name of [
      'ENVIRONMENT',
      'PAYMENT_GATEWAY',
      'SANDBOX_ALLOWED',
      'PAYMENT_GATEWAY_TIMEOUT_MS',
      'PAYMENT_CURRENCY',
      'BRIDGE_URL',
      'BRIDGE_SIGNING_SECRET',
      'FINGERPRINT_KEY',
      'CARD_FINGERPRINT_KEY',
      'ENCRYPTION_KEY',
      'API_KEY_SECRET',
      'PAYMENT_GATEWAY_URL',
      'PAYMENT_GATEWAY_HOLDS',
      'RETURN_URL_ORIGINS',
      'PAYMENT_HOLD_MINUTES',
      'PAYMENT_AUTHENTICATION_MINUTES',
      'RATE_LIMIT_PER_MINUTE',
      'RATE_LIMIT_BURST',
      'RATE_LIMIT_EXEMPT',
      'RATE_LIMIT_FAIL_OPEN',
    ]) {
      expect(found).toContainEqual(expect.stringContaining(`${name} `));
    }
  });

  it('let nobody in by default', () => {
    const { auth, velocity, corsOrigins } = settings(PRODUCTION);
    expect(auth).toEqual({
      apiKeySecrets: [LOCAL_SECRETS.API_KEY_SECRET],
      newKeySecret: LOCAL_SECRETS.API_KEY_SECRET,
      jwt: null,
    });
    expect(velocity).toMatchObject({ attemptsPerCard: 10, attemptsPerUser: 30, declinePercent: 80 });
    expect(corsOrigins).toEqual([]);
  });

  it.each([
    ['a key set', TOKENS, { algorithm: 'RS256', jwksUrl: 'https://issuer.example/jwks.json' }],
    ['a key set of elliptic curves', { ...TOKENS, JWT_ALGORITHM: 'ES256' }, { algorithm: 'ES256' }],
    [
      'a shared secret',
      { ...TOKENS, JWT_JWKS_URL: '', JWT_SECRET_KEY: SHARED },
      { algorithm: 'HS256', secret: SHARED },
    ],
  ])('take tokens by %s', (_, variables, signedWith) => {
    expect(settings({ ...PRODUCTION, ...variables }).auth).toMatchObject({
      apiKeySecrets: [],
      jwt: { issuer: 'https://issuer.example', audience: 'payments', tenantClaim: 'org', signedWith },
    });
  });

  it.each([
    ['no issuer', { JWT_ISSUER: '' }, 'JWT_ISSUER'],
    ['no audience', { JWT_AUDIENCE: ' ' }, 'JWT_AUDIENCE'],
    ['nothing that they are signed with', { JWT_JWKS_URL: '' }, 'JWT_SECRET_KEY or JWT_JWKS_URL'],
    ['two ways to be signed', { JWT_SECRET_KEY: SHARED }, 'JWT_SECRET_KEY and JWT_JWKS_URL'],
    ['an algorithm that is none', { JWT_ALGORITHM: 'none' }, 'JWT_ALGORITHM'],
    ['the secret of an example', { JWT_JWKS_URL: '', JWT_SECRET_KEY: 'your_jwt_secret' }, 'JWT_SECRET_KEY'],
    ['a secret that repeats itself', { JWT_JWKS_URL: '', JWT_SECRET_KEY: 'qzkvwxjp'.repeat(4) }, 'JWT_SECRET_KEY'],
    [
      'a secret that counts',
      { JWT_JWKS_URL: '', JWT_SECRET_KEY: '12345678901234567890123456789012' },
      'JWT_SECRET_KEY',
    ],
    ['a long secret of an example', { JWT_JWKS_URL: '', JWT_SECRET_KEY: 'change-me-'.repeat(4) }, 'JWT_SECRET_KEY'],
  ])('refuse tokens with %s', (_, variables, named) => {
    expect(problems({ ...DEVELOPMENT, ...TOKENS, ...variables })).toEqual([expect.stringContaining(named)]);
  });

  it('name a secret of a provider that is one of this service’s too', () => {
    const same = { ...STRIPE, STRIPE_WEBHOOK_SECRET: 'whsec_dGVzdC1lbmNyeXB0aW9uLWtleS1vZi10aGUtd29ya2U' };
    expect(problems({ ...DEVELOPMENT, ...same })).toEqual([
      'STRIPE_WEBHOOK_SECRET is the same as ENCRYPTION_KEY: make one of its own',
    ]);
  });

  it('name each secret that is another one’s too, in whatever spelling', () => {
    const same = { CARD_FINGERPRINT_KEY: `whsec_${LOCAL_SECRETS.FINGERPRINT_KEY.replace(/=+$/, '')}` };
    expect(problems({ ...PRODUCTION, ...same })).toEqual([
      expect.stringMatching(/^CARD_FINGERPRINT_KEY is the same as FINGERPRINT_KEY/),
    ]);
  });

  it('take keys of the former secret beside those of the current one, which comes first', () => {
    const previous = 'Zm9ybWVyLXNlY3JldC1vZi1hbGwtdGhlLWFwaS1rZXlz';
    const { auth } = settings({ ...PRODUCTION, API_KEY_SECRET_PREVIOUS: previous });
    expect(auth.apiKeySecrets).toEqual([LOCAL_SECRETS.API_KEY_SECRET, previous]);
    expect(settings({ ...PRODUCTION, API_KEY_SECRET_PREVIOUS: ' ' }).auth.apiKeySecrets).toHaveLength(1);
    expect(settings({ ...PRODUCTION, ...TOKENS, API_KEY_SECRET_PREVIOUS: previous }).auth.apiKeySecrets).toEqual([]);
  });

  it.each([
    ['is the current one', LOCAL_SECRETS.API_KEY_SECRET, 'API_KEY_SECRET_PREVIOUS is the same as API_KEY_SECRET'],
    [
      'is that of something else',
      LOCAL_SECRETS.FINGERPRINT_KEY,
      'API_KEY_SECRET_PREVIOUS is the same as FINGERPRINT_KEY',
    ],
    ['is guessable', btoa('a'.repeat(32)), 'API_KEY_SECRET_PREVIOUS must be at least 24 random bytes in base64'],
    ['is the text of an example', 'replace-me', 'API_KEY_SECRET_PREVIOUS must be at least 24 random bytes in base64'],
  ])('refuse a former secret of API keys that %s', (_, secret, problem) => {
    expect(problems({ ...PRODUCTION, API_KEY_SECRET_PREVIOUS: secret })).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    ['is too short', btoa('twenty-four bytes of key')],
    ['is too long', btoa('forty bytes of key, which are eight more')],
  ])('refuse an encryption key that %s', (_, key) => {
    expect(problems({ ...DEVELOPMENT, ENCRYPTION_KEY: key })).toEqual([expect.stringContaining('ENCRYPTION_KEY')]);
    expect(problems({ ...DEVELOPMENT, ENCRYPTION_KEY_PREVIOUS: `${LOCAL_SECRETS.ENCRYPTION_KEY} ${key}` })).toEqual([
      expect.stringContaining('ENCRYPTION_KEY_PREVIOUS'),
    ]);
  });

  it.each(['https://other.example/', 'other.example', '*', 'null'])('refuse "%s" as an origin', (origin) => {
    const found = problems({ ...DEVELOPMENT, CORS_ORIGINS: `https://good.example ${origin}` });
    expect(found).toEqual([expect.stringMatching(/^CORS_ORIGINS entry 2 is not an origin/)]);
    expect(found.join()).not.toContain(origin);
  });

  it('read where payers may be sent back to, how long money is held, and how long a payer has to authenticate', () => {
    const variables = {
      RETURN_URL_ORIGINS: 'https://shop.example, http://localhost:3000',
      PAYMENT_HOLD_MINUTES: '2880',
      PAYMENT_AUTHENTICATION_MINUTES: '120',
    };
    expect(settings({ ...DEVELOPMENT, ...variables })).toMatchObject({
      returnUrlOrigins: ['https://shop.example', 'http://localhost:3000'],
      holdMinutes: 2880,
      authenticationMinutes: 120,
    });
  });

  it.each(['0', '1.5', '-1'])('refuse %s minutes', (minutes) => {
    const found = problems({
      ...DEVELOPMENT,
      PAYMENT_HOLD_MINUTES: minutes,
      PAYMENT_AUTHENTICATION_MINUTES: minutes,
    });
    expect(found).toEqual([
      expect.stringMatching(/^PAYMENT_HOLD_MINUTES must be/),
      expect.stringMatching(/^PAYMENT_AUTHENTICATION_MINUTES must be/),
    ]);
  });

  it('read how long payments are kept, which is beyond refunds and chargebacks', () => {
    expect(settings({ ...DEVELOPMENT, TRANSACTIONS_KEPT_DAYS: '180' })).toMatchObject({ transactionsKeptDays: 180 });
    expect(settings(DEVELOPMENT)).toMatchObject({ transactionsKeptDays: 400 });
    expect(problems({ ...DEVELOPMENT, TRANSACTIONS_KEPT_DAYS: '179' })).toEqual([
      'TRANSACTIONS_KEPT_DAYS must be 180 or more',
    ]);
  });

  it('name all that production lacks', () => {
    const found = problems({}).join('\n');
    expect(found).toContain('BRIDGE_URL');
    expect(found).toContain('BRIDGE_SIGNING_SECRET');
    expect(found).toContain('FINGERPRINT_KEY');
  });

  it('name at once what is missing and what production does not allow', () => {
    const found = problems({ ...PRODUCTION, SANDBOX_ALLOWED: 'false', BRIDGE_SIGNING_SECRET: undefined });
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringContaining('BRIDGE_SIGNING_SECRET'),
        expect.stringContaining('SANDBOX_ALLOWED'),
      ]),
    );
  });

  it.each([
    ['the sandbox, unless it is allowed', { SANDBOX_ALLOWED: 'false' }, 'SANDBOX_ALLOWED'],
    ['a bridge without encryption', { BRIDGE_URL: 'http://bridge.example' }, 'BRIDGE_URL'],
    ['the same behind a blank', { BRIDGE_URL: ' HTTP://bridge.example' }, 'BRIDGE_URL'],
    [
      'a gateway without encryption',
      { ...GATEWAY, PAYMENT_GATEWAY_URL: 'http://gateway.example' },
      'PAYMENT_GATEWAY_URL',
    ],
    ['that everybody may call', { AUTH_MODE: 'none' }, 'AUTH_MODE'],
    [
      'the secret of compose.yaml, however it is spelled',
      { BRIDGE_SIGNING_SECRET: `whsec_${COMPOSE_SIGNING_SECRET}` },
      'BRIDGE_SIGNING_SECRET is the one of compose.yaml',
    ],
    ['a key set without encryption', { ...TOKENS, JWT_JWKS_URL: 'http://issuer.example/jwks.json' }, 'JWT_JWKS_URL'],
    [
      'the gateway’s key of an example',
      { ...GATEWAY, PAYMENT_GATEWAY_API_KEY: 'your_api_key' },
      'PAYMENT_GATEWAY_API_KEY',
    ],
    [
      'web pages without encryption',
      { CORS_ORIGINS: 'https://shop.example http://shop.example' },
      'CORS_ORIGINS must have https origins only',
    ],
    [
      'that payers are sent back without encryption',
      { RETURN_URL_ORIGINS: 'https://shop.example,http://shop.example' },
      'RETURN_URL_ORIGINS must have https origins only',
    ],
  ])('in production refuse %s', (_, variables, named) => {
    expect(settings(PRODUCTION).production).toBe(true);
    expect(problems({ ...PRODUCTION, ...variables })).toEqual([expect.stringContaining(named)]);
  });

  describe.each(Object.keys(LOCAL_SECRETS))('with %s', (name) => {
    it.each(['', 'replace-me', 'c2hvcnQ=', 'not base64 at all, though it is long enough', undefined])(
      'refuse the secret "%s"',
      (secret) => {
        const found = problems({ ...DEVELOPMENT, [name]: secret });
        expect(found.length).toBeGreaterThan(0);
        for (const problem of found) expect(problem).toMatch(new RegExp(`^${name} `));
      },
    );

    it.each([
      ['of one byte', btoa('a'.repeat(32))],
      ['of seven different bytes', btoa('abcdefg'.repeat(5))],
      ['whose bytes are a placeholder', btoa('changeme-'.repeat(4))],
      ['that is a placeholder without encoding', 'PutYourSecretHereBeforeYouDeploy'],
    ])('refuse a secret %s, though it is long enough', (_, secret) => {
      expect(problems({ ...DEVELOPMENT, [name]: secret })).toEqual([expect.stringContaining(`${name} must be`)]);
    });

    it('refuse a secret that is base64 to the eye and to no decoder', () => {
      const undecodable = 'A'.repeat(33);
      expect(() => atob(undecodable)).toThrow();
      expect(problems({ ...DEVELOPMENT, [name]: undecodable })).toHaveLength(1);
    });
  });

  it('take a signing secret with its prefix', () => {
    const secret = `whsec_${DEVELOPMENT.BRIDGE_SIGNING_SECRET}`;
    expect(settings({ ...DEVELOPMENT, BRIDGE_SIGNING_SECRET: secret }).bridgeSigningSecret).toBe(secret);
  });

  it('have a gateway over HTTP where it is described, and use it where they name it', () => {
    const httpGateway = { url: 'https://gateway.example/', apiKey: 'key-of-the-gateway' };
    expect(settings({ ...DEVELOPMENT, ...GATEWAY })).toMatchObject({ gateway: 'http', httpGateway });
    // Payments that it took can be settled and refunded, though another one takes the new ones.
    expect(settings({ ...DEVELOPMENT, ...GATEWAY, PAYMENT_GATEWAY: 'sandbox' })).toMatchObject({
      gateway: 'sandbox',
      httpGateway,
    });
  });

  it('have a gateway over HTTP hold money only where they say that it can', () => {
    expect(settings({ ...DEVELOPMENT, ...GATEWAY }).httpGateway?.holds).toBe(false);
    expect(settings({ ...DEVELOPMENT, ...GATEWAY, PAYMENT_GATEWAY_HOLDS: 'true' }).httpGateway?.holds).toBe(true);
    expect(settings({ ...DEVELOPMENT, PAYMENT_GATEWAY_HOLDS: 'true' }).httpGateway).toBeNull();
  });

  it.each(['PAYMENT_GATEWAY_URL', 'PAYMENT_GATEWAY_API_KEY'])(
    'name %s where a gateway over HTTP is named and it is missing or empty',
    (name) => {
      for (const value of [undefined, '', ' ']) {
        expect(problems({ ...DEVELOPMENT, ...GATEWAY, [name]: value })).toEqual([
          `${name} is missing, and PAYMENT_GATEWAY is http`,
        ]);
      }
    },
  );

  it('need no permission for the sandbox in production where a gateway over HTTP is named', () => {
    expect(problems({ ...PRODUCTION, ...GATEWAY, SANDBOX_ALLOWED: undefined })).toEqual([]);
  });

  it('have Stripe and PayPal where they are configured, whatever takes the cards', () => {
    expect(settings({ ...DEVELOPMENT, ...STRIPE, ...PAYPAL })).toMatchObject({
      gateway: 'sandbox',
      stripe: { secretKey: 'sk_test_abc', webhookSecret: 'whsec_abc', apiUrl: 'https://api.stripe.com' },
      paypal: {
        clientId: 'client',
        clientSecret: 'secret',
        merchantId: 'MERCHANTACC22',
        webhookId: 'WEBHOOK1',
        apiUrl: 'https://api-m.sandbox.paypal.com',
      },
    });
    expect(settings(DEVELOPMENT)).toMatchObject({ stripe: null, paypal: null });
  });

  it.each([
    ['Stripe without its key', { PAYMENT_GATEWAY: 'stripe' }, ['STRIPE_SECRET_KEY']],
    [
      'PayPal without its settings',
      { PAYMENT_GATEWAY: 'paypal' },
      ['PAYPAL_CLIENT_ID', 'PAYPAL_CLIENT_SECRET', 'PAYPAL_MERCHANT_ID'],
    ],
    ['half of PayPal’s settings', { ...PAYPAL, PAYPAL_CLIENT_SECRET: '' }, ['PAYPAL_CLIENT_SECRET']],
    [
      'Stripe with its webhook’s secret only',
      { PAYMENT_GATEWAY: 'stripe', STRIPE_WEBHOOK_SECRET: 'whsec_abc' },
      ['STRIPE_SECRET_KEY'],
    ],
    ['a webhook’s secret without a key', { STRIPE_WEBHOOK_SECRET: 'whsec_abc' }, ['STRIPE_SECRET_KEY']],
    ['a publishable key', { ...STRIPE, STRIPE_SECRET_KEY: 'pk_test_abc' }, ['STRIPE_SECRET_KEY']],
    ['a secret that is none of a webhook', { ...STRIPE, STRIPE_WEBHOOK_SECRET: 'abc' }, ['STRIPE_WEBHOOK_SECRET']],
    ['an e-mail as the merchant id', { ...PAYPAL, PAYPAL_MERCHANT_ID: 'shop@example.com' }, ['PAYPAL_MERCHANT_ID']],
    ['a live key on a desk', { ...STRIPE, STRIPE_SECRET_KEY: 'sk_live_abc' }, ['STRIPE_SECRET_KEY']],
    ['a restricted key without its account', { ...STRIPE, STRIPE_SECRET_KEY: 'rk_test_abc' }, ['STRIPE_ACCOUNT_ID']],
    ['an account that is none', { ...STRIPE, STRIPE_ACCOUNT_ID: 'abc' }, ['STRIPE_ACCOUNT_ID']],
    ['PayPal’s real money on a desk', { ...PAYPAL, PAYPAL_API_URL: '' }, ['PAYPAL_API_URL']],
    ['the same under its other name', { ...PAYPAL, PAYPAL_API_URL: 'https://api.paypal.com' }, ['PAYPAL_API_URL']],
    [
      'a webhook of PayPal’s without PayPal',
      { PAYPAL_WEBHOOK_ID: 'WEBHOOK1' },
      ['PAYPAL_CLIENT_ID', 'PAYPAL_CLIENT_SECRET', 'PAYPAL_MERCHANT_ID'],
    ],
    ['a secret that no header can carry', { ...PAYPAL, PAYPAL_CLIENT_SECRET: 'sécret…' }, ['PAYPAL_CLIENT_SECRET']],
    ['an address with a path', { ...STRIPE, STRIPE_API_URL: 'https://proxy.example/stripe' }, ['STRIPE_API_URL']],
    ['an address that is none', { ...STRIPE, STRIPE_API_URL: 'api.stripe.com' }, ['STRIPE_API_URL']],
  ])('refuse %s', (_, variables, named) => {
    const found = problems({ ...DEVELOPMENT, ...variables });
    expect(found.map((problem) => problem.split(' ')[0])).toEqual(named);
  });

  it.each([
    ['Stripe’s test key', STRIPE, 'STRIPE_SECRET_KEY'],
    ['PayPal’s sandbox', PAYPAL, 'PAYPAL_API_URL'],
  ])('in production refuse %s like any sandbox, unless it is allowed', (_, variables, named) => {
    const production = { ...PRODUCTION, ...GATEWAY, ...variables };
    expect(problems(production)).toEqual([]);
    expect(problems({ ...production, SANDBOX_ALLOWED: 'false' })).toEqual([expect.stringMatching(named)]);
  });

  it('in production take live keys, over https only', () => {
    const live = {
      ...PRODUCTION,
      SANDBOX_ALLOWED: 'false',
      PAYMENT_GATEWAY: 'stripe',
      STRIPE_SECRET_KEY: 'sk_live_abc',
    };
    expect(problems(live)).toEqual([]);
    expect(problems({ ...live, STRIPE_API_URL: 'http://api.stripe.com' })).toEqual([
      'STRIPE_API_URL must be an https address',
    ]);
  });

  it('allow raw cards unless they are told not to', () => {
    const of = (RAW_CARDS_ALLOWED?: string) => settings({ ...DEVELOPMENT, RAW_CARDS_ALLOWED }).rawCardsAllowed;
    expect([of(), of('true'), of('false')]).toEqual([true, true, false]);
    expect(problems({ ...DEVELOPMENT, RAW_CARDS_ALLOWED: 'no' })).toEqual(['RAW_CARDS_ALLOWED must be true or false']);
  });

  it('read statuses from a replica only where they are told to', () => {
    const of = (STATUS_FROM_REPLICA?: string) => settings({ ...DEVELOPMENT, STATUS_FROM_REPLICA }).statusFromReplica;
    expect([of(), of('false'), of('true')]).toEqual([false, false, true]);
    expect(problems({ ...DEVELOPMENT, STATUS_FROM_REPLICA: 'yes' })).toEqual([
      'STATUS_FROM_REPLICA must be true or false',
    ]);
  });

  it('publish disputes only where they are told to', () => {
    const of = (PUBLISH_DISPUTES?: string) => settings({ ...DEVELOPMENT, PUBLISH_DISPUTES }).publishDisputes;
    expect([of(), of('false'), of('true')]).toEqual([false, false, true]);
    expect(problems({ ...DEVELOPMENT, PUBLISH_DISPUTES: '1' })).toEqual(['PUBLISH_DISPUTES must be true or false']);
  });

  it('count the largest amount in the currency’s minor units (invariant 7)', () => {
    const of = (PAYMENT_MAX_AMOUNT: string, PAYMENT_CURRENCY: string) =>
      settings({ ...DEVELOPMENT, PAYMENT_MAX_AMOUNT, PAYMENT_CURRENCY }).maxAmountMinor;
    expect([of('500.50', 'USD'), of('500', 'JPY'), of('500.5', 'KWD')]).toEqual([50_050, 500, 500_500]);
  });

  it.each([
    ['0', 'USD'],
    ['-5', 'USD'],
    ['much', 'USD'],
    ['500.50', 'JPY'],
    ['', 'USD'],
  ])('refuse "%s" %s as the largest amount', (PAYMENT_MAX_AMOUNT, PAYMENT_CURRENCY) => {
    expect(problems({ ...DEVELOPMENT, PAYMENT_MAX_AMOUNT, PAYMENT_CURRENCY })).toEqual([
      expect.stringMatching(/^PAYMENT_MAX_AMOUNT /),
    ]);
  });

  it('read exempt addresses, networks and direct, separated by commas or blanks', () => {
    const RATE_LIMIT_EXEMPT = '192.0.2.1, 10.0.0.0/8 2001:db8::/32,direct';
    expect(settings({ ...DEVELOPMENT, RATE_LIMIT_EXEMPT }).rateLimit.exempt).toHaveLength(4);
    expect(problems({ ...DEVELOPMENT, RATE_LIMIT_EXEMPT: '192.0.2.1 directly' })).toEqual([
      'RATE_LIMIT_EXEMPT entry 2 is neither an address, a network nor direct',
    ]);
  });

  it('leave time for the ledger on both sides of the slowest gateway, in what a Worker outlives its client', () => {
    const longestMs = BATCH_DEADLINE_MS + GATEWAY_TIMEOUT_MAX_MS + GRACE_MS + OUTCOME_BATCH_DEADLINE_MS;
    expect(longestMs).toBeLessThanOrEqual(25_000);
  });

  it('have no limit that the limiter’s storage cannot hold', () => {
    expect(problems({ ...DEVELOPMENT, RATE_LIMIT_BURST: '1001' })).toHaveLength(1);
  });
});
