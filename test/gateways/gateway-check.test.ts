/** `payctl gateway-check` as a person runs it, at the emulator in place of the providers' own test environments. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';

const NOTHING_SET = Object.fromEntries(
  ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'STRIPE_API_URL', 'PAYPAL_CLIENT_ID', 'PAYPAL_CLIENT_SECRET']
    .concat(['PAYPAL_MERCHANT_ID', 'PAYPAL_WEBHOOK_ID', 'PAYPAL_API_URL'])
    .map((name) => [name, '']),
);

describe('payctl gateway-check', () => {
  let emulator: GatewayEmulator;
  beforeAll(async () => {
    emulator = await startGatewayEmulator();
  });
  afterAll(() => emulator.stop());

  const keys = () => ({
    STRIPE_SECRET_KEY: emulator.stripeSecretKey,
    STRIPE_API_URL: emulator.url,
    PAYPAL_CLIENT_ID: emulator.paypalClientId,
    PAYPAL_CLIENT_SECRET: emulator.paypalClientSecret,
    PAYPAL_MERCHANT_ID: emulator.paypalMerchantId,
    PAYPAL_WEBHOOK_ID: emulator.paypalWebhookId,
    PAYPAL_API_URL: emulator.url,
  });

  /** @param onLine for a person who does what it asks for */
  function check(env: Record<string, string>, args: string[], onLine: (line: string) => void = () => {}) {
    const child = spawn(process.execPath, ['src/cli/payctl.ts', 'gateway-check', ...args], {
      env: { ...process.env, ...NOTHING_SET, ...env },
      timeout: 30_000,
    });
    let output = '';
    let stdout = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
        onLine(String(text));
      });
    }
    return new Promise<{ code: number | null; output: string; stdout: string }>((resolve) => {
      child.once('close', (code) => resolve({ code, output, stdout }));
    });
  }

  it('passes where the provider does what it documents, once the order has been approved', async () => {
    const { code, output } = await check(keys(), [], (line) => {
      const [, order] = /token=([A-Z0-9]+)/.exec(line) ?? [];
      if (order !== undefined) emulator.paypal.approveOrder(order);
    });
    expect(output).not.toMatch(/NOT OK|skipped {2}/);
    expect(output).toMatch(/Stripe.*PayPal/s);
    expect(code).toBe(0);
    for (const secret of [emulator.stripeSecretKey, emulator.paypalClientSecret]) expect(output).not.toContain(secret);
    expect(emulator.misfits).toEqual([]);
  }, 40_000);

  it('says what was not tried, where nobody approves the order', async () => {
    const { code, output } = await check({ ...keys(), STRIPE_SECRET_KEY: '' }, ['--approval-seconds', '0']);
    expect(output).toMatch(/Stripe: STRIPE_SECRET_KEY is not set/);
    expect(output).toMatch(/skipped .*the order was not approved/);
    const results = output.split('\n').filter((line) => /^(RESULT|ok|skipped) /.test(line));
    const starts = results.map((line) => /^\S+ +/.exec(line)?.[0].length);
    expect(results.length).toBeGreaterThan(5);
    expect(new Set(starts).size).toBe(1);
    expect(code).toBe(0);
  }, 40_000);

  it('prints JSON for a program', async () => {
    const { code, stdout } = await check({ ...keys(), STRIPE_SECRET_KEY: '' }, ['--approval-seconds', '0', '--json']);
    const [paypal, ...others] = JSON.parse(stdout);
    expect(others).toEqual([]);
    expect(paypal).toMatchObject({ provider: 'PayPal', api_url: emulator.url });
    expect(paypal.checks).toContainEqual({
      what: 'charge, refund and look-ups',
      expected: 'approved',
      got: 'the order was not approved',
      outcome: 'skipped',
    });
    expect(code).toBe(0);
  }, 40_000);

  it('names what is not as it should be, and ends with 1', async () => {
    emulator.fault = ({ operation }) =>
      operation === 'refunds.create' ? { kind: 'error_500', committed: false, cached: true } : { kind: 'normal' };
    const { code, output } = await check(
      { ...keys(), PAYPAL_CLIENT_ID: '', PAYPAL_CLIENT_SECRET: '', PAYPAL_MERCHANT_ID: '', PAYPAL_WEBHOOK_ID: '' },
      [],
    );
    emulator.fault = () => ({ kind: 'normal' });
    expect(output).toMatch(/NOT OK +a partial refund/);
    expect(code).toBe(1);
  }, 40_000);

  it.each([
    ['without keys', {}, 'There are no keys'],
    ['with a live key', { STRIPE_SECRET_KEY: 'sk_live_abcdefgh' }, 'STRIPE_SECRET_KEY is a live key'],
    ['with half of PayPal’s settings', { PAYPAL_CLIENT_ID: 'client' }, 'PAYPAL_CLIENT_SECRET is missing'],
  ])('tries nothing %s, and says why', async (_, env, why) => {
    const { code, output } = await check(env, []);
    expect(output).toContain(why);
    expect(code).toBe(2);
  });
});
