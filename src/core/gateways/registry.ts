/** The configured gateways, and the gateway for each payment method. */
import type { PaymentMethod } from '../../contract/requests.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings/settings.ts';
import {
  type AccountMemory,
  gatewayNamed,
  type NamedGateway,
  type NameInLedger,
  nameInLedger,
} from './account-names.ts';
import type { Gateway } from './gateway.ts';
import { createHttpGateway } from './http/http-gateway.ts';
import { PLATFORM } from './json-call.ts';
import { loggedOutside } from './logged-outside.ts';
import { PayPalClient } from './paypal/paypal-client.ts';
import { createPayPalGateway } from './paypal/paypal-gateway.ts';
import { createSandbox } from './sandbox/sandbox-gateway.ts';
import { createStripeGateway } from './stripe/stripe-gateway.ts';

export interface ConfiguredGateways {
  /** All that are configured: those that take new payments, and those that have taken payments before. */
  readonly all: readonly Gateway[];
  /** The one that takes new payments by this method; null where the method is disabled. */
  forMethod(method: PaymentMethod): Gateway | null;
}

export interface Gateways extends ConfiguredGateways {
  /** The name under which the ledger keeps a charge with this gateway: it includes the account that charges. */
  nameInLedger(gateway: Gateway): Promise<NameInLedger>;
  /**
   * The gateway with this name in the ledger. One that is configured with a key of another account is `not_configured`: that key must
   * never answer for a charge of this one.
   */
  named(name: string): Promise<NamedGateway>;
}

/** The request that calls are made for, by which they are found in the logs of both sides. */
export interface OnBehalf {
  /** Gets a line for each call to a provider that numbers them. */
  log?: Log;
  /** Null: no request asked for it. */
  requestId?: string | null;
}

/**
 * `stripe` goes to Stripe and `paypal` to PayPal, where they are configured. Everything else, and `paypal` without PayPal, goes
 * to the gateway that PAYMENT_GATEWAY names.
 */
export function configuredGateways(settings: Settings, { log, requestId }: OnBehalf = {}): ConfiguredGateways {
  const outside = log === undefined ? PLATFORM : loggedOutside(log);
  const configured = {
    sandbox: settings.sandboxAllowed ? createSandbox() : null,
    http: settings.httpGateway && createHttpGateway(settings.httpGateway, requestId ?? null),
    stripe: settings.stripe && createStripeGateway(settings.stripe, outside),
    paypal: settings.paypal && createPayPalGateway(settings.paypal, new PayPalClient(settings.paypal, outside)),
  };
  const { stripe, paypal } = configured;
  const main = configured[settings.gateway];
  const routes: Readonly<Record<PaymentMethod, Gateway | null>> = {
    credit_card: main,
    debit_card: main,
    paypal: paypal ?? main,
    stripe,
  };
  const all = Object.values(configured).filter((gateway) => gateway !== null);
  return {
    all,
    forMethod(method) {
      const gateway = routes[method];
      return gateway?.methods.includes(method) ? gateway : null;
    },
  };
}

/** The same with the names that they have in the ledger. */
export function namedGateways(configured: ConfiguredGateways, accounts: AccountMemory): Gateways {
  return {
    ...configured,
    nameInLedger: (gateway) => nameInLedger(gateway, accounts),
    named: (name) => gatewayNamed(name, configured.all, accounts),
  };
}
