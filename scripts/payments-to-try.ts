/**
 * The payments that `npm run dev` prints: lines for a shell, each of which succeeds, or is answered
 * with the page of the payer, with the settings of this machine.
 */
import { minorUnits } from '../src/core/domain/money.ts';
import { stripeAmount } from '../src/core/gateways/stripe/stripe-amount.ts';
import { readMoney } from '../src/emulator/paypal-money.ts';
import { emulatorUrl } from '../src/emulator/service-settings.ts';
import { isChargeable } from '../src/emulator/stripe-money.ts';

export interface TrialSettings {
  servicePort: number;
  /** Where Stripe and PayPal are emulated; null where the gateways are those of .dev.vars. */
  emulatorPort: number | null;
  /** As .dev.vars has them. */
  currency: string;
  maxAmount: string;
  authMode: string;
  /** Of a state that is not wrangler's own; the operator's commands need it. */
  persistTo: string | null;
}

/** The second one is for currencies in which the first has too many decimals, or is too little for a card. */
const AMOUNTS = ['25.50', '2550'];

const CARD =
  '"payment_method":"credit_card","card_details":{"card_number":"4111111111111111","expiry_month":"12","expiry_year":"2025","cvv":"123","cardholder_name":"John Doe"}';

/** What to print, line by line: commands, and what has to be known of them. */
export function paymentsToTry(settings: TrialSettings): string[] {
  return [...credentialLines(settings), ...paymentLines(settings)];
}

function paymentLines(settings: TrialSettings): string[] {
  const { emulatorPort, currency } = settings;
  const pay = (amount: string, fields: string, booking = 'BOOK') =>
    `curl -X POST http://localhost:${settings.servicePort}/payment/process -H 'Content-Type: application/json'${authorization(settings)} -d '{"user_id":"user_123","booking_id":"${booking}-'$(date +%s)'","amount":${amount},${fields}}'`;
  if (emulatorPort === null) {
    const amount = amountOf(settings, (literal) => minorUnits(literal, currency) !== null) ?? AMOUNTS[0] ?? '';
    return [pay(amount, CARD)];
  }

  const returnUrl = `"return_url":"http://localhost:${settings.servicePort}/demo"`;
  const atStripe = amountOf(settings, (literal) => stripeTakes(literal, currency));
  const atPayPal = amountOf(
    settings,
    (literal) => readMoney({ currency_code: currency, value: literal }).kind === 'valid',
  );
  return [
    ...(atStripe === null
      ? [`Stripe takes no ${currency}`]
      : [
          pay(atStripe, '"payment_method":"stripe","payment_method_token":"pm_card_visa"'),
          pay(
            atStripe,
            `"payment_method":"stripe","payment_method_token":"pm_card_threeDSecure2Required",${returnUrl}`,
            'BOOK-A',
          ),
        ]),
    ...(atPayPal === null
      ? [`PayPal takes no ${currency}`]
      : [
          pay(
            atPayPal,
            `"payment_method":"paypal","paypal_details":{"email":"payer@example.com","payment_id":"${approvedOrder(emulatorPort, atPayPal, currency)}"}`,
            'BOOK-P',
          ),
          pay(atPayPal, `"payment_method":"paypal",${returnUrl}`, 'BOOK-R'),
        ]),
  ];
}

/** The first amount that the provider takes and PAYMENT_MAX_AMOUNT allows, which is one itself; null where there is none. */
function amountOf({ currency, maxAmount }: TrialSettings, takes: (literal: string) => boolean): string | null {
  const max = minorUnits(maxAmount, currency) ?? 0;
  const isAllowed = (literal: string) => (minorUnits(literal, currency) ?? Number.POSITIVE_INFINITY) <= max;
  return [...AMOUNTS, maxAmount.trim()].find((literal) => isAllowed(literal) && takes(literal)) ?? null;
}

function stripeTakes(literal: string, currency: string): boolean {
  const amountMinor = minorUnits(literal, currency);
  const amount = amountMinor === null ? null : stripeAmount(amountMinor, currency);
  return amount !== null && isChargeable(amount, currency.toLowerCase());
}

/** A command within the JSON that the shell puts together. */
function approvedOrder(emulatorPort: number, value: string, currency: string): string {
  return `'$(curl -s -X POST ${emulatorUrl(emulatorPort)}/emulator/orders -d '{"value":"${value}","currency":"${currency}"}' | grep -oE '[A-Z0-9]{17}')'`;
}

function takesKeys(authMode: string): boolean {
  return authMode === 'api_key' || authMode === 'both';
}

function authorization({ authMode }: TrialSettings): string {
  if (authMode === 'none') return '';
  return ` -H "Authorization: Bearer $${takesKeys(authMode) ? 'KEY' : 'TOKEN'}"`;
}

function credentialLines({ authMode, persistTo }: TrialSettings): string[] {
  if (authMode === 'none') return [];
  if (!takesKeys(authMode)) return ['With TOKEN set to a token of JWT_ISSUER that has the scope payments:write:'];
  const place = persistTo === null ? '' : ` --persist-to ${shellWord(persistTo)}`;
  return [`KEY=$(npx payctl keys create try-it --scopes payments:write${place})`];
}

/** As one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
