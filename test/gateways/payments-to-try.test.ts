/** The payments that `npm run dev` prints, made with the gateways' own adapters: whatever the currency, they are ones that a provider takes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { paymentsToTry } from '../../scripts/payments-to-try.ts';
import { minorUnits } from '../../src/core/domain/money.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { pendingTransaction } from '../support/rows.ts';

const SETTINGS = {
  servicePort: 8003,
  emulatorPort: 8005,
  currency: 'USD',
  maxAmount: '100000',
  authMode: 'none',
  persistTo: null,
};

/** What a printed line pays, or null where it says that the provider does not take the currency. */
function amountIn(line: string | undefined): string | null {
  return /"amount":([\d.]+),/.exec(line ?? '')?.[1] ?? null;
}

const payPalLine = (lines: string[]) => lines.find((line) => /PayPal takes no|paypal_details/.test(line));

const ZERO_DECIMALS = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' ');
const THREE_DECIMALS = 'BHD IQD JOD KWD LYD OMR TND'.split(' ');
/** Two decimals by ISO 4217, and fewer at a provider; and those in which 25.50 is little. */
const PECULIAR = 'HUF TWD MGA CZK MXN THB'.split(' ');

describe('the printed payments', () => {
  let emulator: GatewayEmulator;

  beforeEach(async () => {
    emulator = await startGatewayEmulator();
  });
  afterEach(() => emulator.stop());

  it.each(['USD', 'EUR', ...ZERO_DECIMALS, ...THREE_DECIMALS, ...PECULIAR])('in %s succeed', async (currency) => {
    const lines = paymentsToTry({ ...SETTINGS, currency });
    const [byCard, byPayPal] = [lines[0], payPalLine(lines)];
    const transaction = (literal: string) =>
      pendingTransaction({ amountMinor: minorUnits(literal, currency) ?? 0, currency });
    const signal = AbortSignal.timeout(5_000);

    const atStripe = amountIn(byCard);
    if (atStripe === null)
      expect([byCard, currency]).toEqual([`Stripe takes no ${currency}`, expect.stringMatching(/IQD|LYD/)]);
    else {
      const stripe = createStripeGateway({
        secretKey: emulator.stripeSecretKey,
        accountId: null,
        webhookSecret: null,
        apiUrl: emulator.url,
      });
      const instrument = { kind: 'token', token: 'pm_card_visa' } as const;
      expect(await stripe.charge({ transaction: transaction(atStripe), instrument, signal })).toMatchObject({
        kind: 'approved',
      });
    }

    const atPayPal = amountIn(byPayPal);
    if (atPayPal === null) expect(byPayPal).toBe(`PayPal takes no ${currency}`);
    else {
      expect(byPayPal).toContain(`'{"value":"${atPayPal}","currency":"${currency}"}'`);
      const paymentId = await approvedOrder(atPayPal, currency);
      const paypal = createPayPalGateway({
        clientId: EMULATOR_CREDENTIALS.paypalClientId,
        clientSecret: EMULATOR_CREDENTIALS.paypalClientSecret,
        merchantId: EMULATOR_CREDENTIALS.paypalMerchantId,
        webhookId: null,
        apiUrl: emulator.url,
      });
      const instrument = { kind: 'paypal', email: 'payer@example.com', paymentId } as const;
      expect(
        await paypal.charge({ transaction: transaction(atPayPal), instrument, signal, deadlineMs: Date.now() + 5_000 }),
      ).toMatchObject({ kind: 'approved' });
    }
    expect(emulator.misfits).toEqual([]);
  });

  async function approvedOrder(value: string, currency: string): Promise<string> {
    const response = await fetch(`${emulator.url}/emulator/orders`, {
      method: 'POST',
      body: JSON.stringify({ value, currency }),
    });
    return /[A-Z0-9]{17}/.exec(await response.text())?.[0] ?? '';
  }

  it.each(['AUD', 'BRL', 'HUF', 'JPY', 'TWD', 'USD'])('include one by PayPal in %s', (currency) => {
    expect(amountIn(payPalLine(paymentsToTry({ ...SETTINGS, currency })))).not.toBeNull();
  });

  it('include those whose payer has to authenticate or approve, by either provider, for amounts that it takes', () => {
    const lines = paymentsToTry({ ...SETTINGS, currency: 'JPY' }).filter((line) => line.includes('"return_url"'));
    expect(lines).toEqual([
      expect.stringMatching(/"BOOK-A-.*"pm_card_threeDSecure2Required","return_url":"http:\/\/localhost:8003\/demo"/),
      expect.stringMatching(/"BOOK-R-.*"payment_method":"paypal","return_url":"http:\/\/localhost:8003\/demo"/),
    ]);
    expect(lines.map(amountIn)).toEqual(['2550', '2550']);
  });

  it.each([
    [{ maxAmount: '20' }, '20'],
    [{ maxAmount: '10.5' }, '10.5'],
    [{ maxAmount: '25.5' }, '25.50'],
    [{ currency: 'JPY' }, '2550'],
    [{ currency: 'JPY', maxAmount: '100' }, '100'],
  ])('are within the settings %o', (settings, amount) => {
    expect(amountIn(paymentsToTry({ ...SETTINGS, ...settings })[0])).toBe(amount);
    expect(amountIn(paymentsToTry({ ...SETTINGS, ...settings, emulatorPort: null })[0])).toBe(amount);
  });

  it.each([
    ['none', []],
    ['api_key', ["KEY=$(npx payctl keys create try-it --scopes payments:write --persist-to 'my data')"]],
    ['both', ["KEY=$(npx payctl keys create try-it --scopes payments:write --persist-to 'my data')"]],
    ['jwt', ['With TOKEN set to a token of JWT_ISSUER that has the scope payments:write:']],
  ])('have with AUTH_MODE=%s the credentials that they need', (authMode, before) => {
    const lines = paymentsToTry({ ...SETTINGS, emulatorPort: null, authMode, persistTo: 'my data' });
    expect(lines.slice(0, -1)).toEqual(before);
    const authorization =
      { none: '', jwt: '"Authorization: Bearer $TOKEN"' }[authMode] ?? '"Authorization: Bearer $KEY"';
    expect(lines.at(-1)).toContain(authorization);
    expect(lines.at(-1)?.includes('Authorization')).toBe(authMode !== 'none');
  });
});
