/** The keys that `payctl gateway-check` works with: of the environment, or of .dev.vars. */
import type { SettingsReading } from '../../contract/misspelled-settings.ts';
import type { PayPalSettings } from '../../core/gateways/paypal/paypal-client.ts';
import type { StripeSettings } from '../../core/gateways/stripe/stripe-client.ts';
import { readSettings } from '../../core/settings/settings.ts';
import { VARIABLES } from '../../core/settings/variables.ts';
import { readDevVars } from '../../local/dev-vars.ts';
import { unusedSettings } from '../unused-settings.ts';

/** Of these two providers. */
const NAMES = [VARIABLES.stripe, VARIABLES.paypal].flatMap((area) => Object.values(area).map(({ name }) => name));
const PAYPAL_SANDBOX = 'https://api-m.sandbox.paypal.com';

const NO_KEYS = `There are no keys to test with. Put your own test keys into .dev.vars or the
environment:

  STRIPE_SECRET_KEY     dashboard.stripe.com, in a sandbox: Developers, API keys
  PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET
                        developer.paypal.com, Sandbox: Apps & Credentials
  PAYPAL_MERCHANT_ID    the account id of the sandbox's business account

To try the service without keys: npm run dev -- --gateway emulator`;

export interface CheckSettings {
  stripe: StripeSettings | null;
  paypal: PayPalSettings | null;
}

/** The same rules as the Worker's in development: a live key is a problem. */
export function checkSettings(env: NodeJS.ProcessEnv): SettingsReading<CheckSettings> {
  const devVars = readDevVars();
  const found: Record<string, string | undefined> = Object.fromEntries(
    NAMES.map((name) => [name, env[name] ?? devVars[name]]),
  );
  if (!found.STRIPE_SECRET_KEY && !found.PAYPAL_CLIENT_ID) return { kind: 'invalid', problems: [NO_KEYS] };

  return readSettings({
    ...unusedSettings(),
    ...found,
    PAYPAL_API_URL: found.PAYPAL_API_URL || PAYPAL_SANDBOX,
    ENVIRONMENT: 'development',
  });
}
