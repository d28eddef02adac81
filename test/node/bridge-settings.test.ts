import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readBridgeSettings } from '../../src/bridge/settings.ts';

const SECRET = randomBytes(32).toString('base64');

function problems(env: Record<string, string | undefined>): string[] {
  const read = readBridgeSettings({ BRIDGE_SIGNING_SECRET: SECRET, ...env });
  return read.kind === 'invalid' ? read.problems : [];
}

describe('the bridge’s settings', () => {
  it.each([
    undefined,
    'amqp://localhost:5672/',
    'amqp://127.0.0.1/',
    'amqp://user:password@127.8.9.10:5672/vhost',
    'amqp://[::1]:5672/',
    'amqp://[0:0:0:0:0:0:0:1]/',
    'amqps://rabbitmq.example/',
  ])('take the broker at %s as it is', (url) => {
    expect(problems({ RABBITMQ_URL: url })).toEqual([]);
  });

  it.each([
    'amqp://rabbitmq:5672/',
    'amqp://10.0.0.7/',
    'amqp://0.0.0.0/',
    'amqp://[fd00::7]/',
    'amqp://localhost.example/',
    'amqp://127.0.0.1.example/',
    'amqp://127.0.0.1@rabbitmq.example/',
  ])('take the broker at %s only where it may go without encryption', (url) => {
    const refusal = [
      expect.stringMatching(/^RABBITMQ_URL must be an amqps: .* set RABBITMQ_PLAINTEXT_ALLOWED to true$/),
    ];
    expect(problems({ RABBITMQ_URL: url })).toEqual(refusal);
    expect(problems({ RABBITMQ_URL: url, RABBITMQ_PLAINTEXT_ALLOWED: 'false' })).toEqual(refusal);
    expect(problems({ RABBITMQ_URL: url, RABBITMQ_PLAINTEXT_ALLOWED: 'true' })).toEqual([]);
  });

  it.each([undefined, '', randomBytes(32).toString('base64')])(
    'have a previous secret where there is one',
    (previous) => {
      const read = readBridgeSettings({ BRIDGE_SIGNING_SECRET: SECRET, BRIDGE_SIGNING_SECRET_PREVIOUS: previous });
      expect(read).toMatchObject({ settings: { signingSecret: SECRET, previousSigningSecret: previous || null } });
    },
  );

  it.each([
    ['weak', btoa('a'.repeat(32)), 'must be at least 24 random bytes in base64'],
    ['the same', SECRET, 'must be another secret than BRIDGE_SIGNING_SECRET'],
    [
      'the same in other words',
      `whsec_${SECRET.replace('=', '')}`,
      'must be another secret than BRIDGE_SIGNING_SECRET',
    ],
  ])('refuse a previous secret that is %s', (_, previous, problem) => {
    const found = problems({ BRIDGE_SIGNING_SECRET_PREVIOUS: previous });
    expect(found).toEqual([expect.stringContaining(`BRIDGE_SIGNING_SECRET_PREVIOUS ${problem}`)]);
  });

  it('take nothing but true and false for that', () => {
    expect(problems({ RABBITMQ_PLAINTEXT_ALLOWED: '1' })).toEqual(['RABBITMQ_PLAINTEXT_ALLOWED must be true or false']);
  });

  describe('of one that pulls', () => {
    const PULL = {
      BRIDGE_SOURCE: 'pull',
      CLOUDFLARE_ACCOUNT_ID: 'a'.repeat(32),
      CLOUDFLARE_QUEUE_ID: 'b'.repeat(32),
      CLOUDFLARE_API_TOKEN: 'token',
      PAYMENT_SERVICE_URL: 'https://payments.example',
    };

    it('are those of the queue and of the service', () => {
      const read = readBridgeSettings({ BRIDGE_SIGNING_SECRET: SECRET, ...PULL });
      expect(read).toMatchObject({
        settings: {
          pull: {
            accountId: PULL.CLOUDFLARE_ACCOUNT_ID,
            queueId: PULL.CLOUDFLARE_QUEUE_ID,
            apiToken: 'token',
            apiUrl: 'https://api.cloudflare.com/client/v4',
            serviceUrl: 'https://payments.example',
          },
        },
      });
    });

    it.each(['CLOUDFLARE_ACCOUNT_ID', 'CLOUDFLARE_QUEUE_ID', 'CLOUDFLARE_API_TOKEN', 'PAYMENT_SERVICE_URL'])(
      'need %s',
      (name) => {
        for (const missing of [undefined, '']) {
          expect(problems({ ...PULL, [name]: missing })).toEqual([`${name} is missing, and BRIDGE_SOURCE is pull`]);
        }
      },
    );

    it.each([
      ['CLOUDFLARE_ACCOUNT_ID', 'payments'],
      ['CLOUDFLARE_QUEUE_ID', 'payment-relay'],
      ['CLOUDFLARE_API_TOKEN', 'two words'],
      ['PAYMENT_SERVICE_URL', 'http://payments.example'],
      ['PAYMENT_SERVICE_URL', 'payments.example'],
      ['CLOUDFLARE_API_URL', 'http://api.cloudflare.com/client/v4'],
      ['BRIDGE_SOURCE', 'push'],
      ['BRIDGE_METRICS_PORT', '0'],
      ['BRIDGE_METRICS_PORT', 'yes'],
    ])('refuse %s %s', (name, value) => {
      expect(problems({ ...PULL, [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} must be `))]);
    });

    it('are not needed by one that the Worker calls, which need not have them empty', () => {
      const empty = Object.fromEntries(Object.keys(PULL).map((name) => [name, '']));
      const read = readBridgeSettings({
        BRIDGE_SIGNING_SECRET: SECRET,
        ...empty,
        BRIDGE_SOURCE: 'http',
        BRIDGE_METRICS_PORT: '',
      });
      expect(read).toMatchObject({ settings: { pull: null, metricsPort: null } });
    });
  });
});
