/** Which gateways there are, and which of them takes which method, as the settings say. */
import type { PaymentMethod } from '../../contract/requests.ts';
import type { Settings } from '../settings.ts';
import type { Gateway } from './gateway.ts';
import { createHttpGateway } from './http.ts';
import { createPayPalGateway } from './paypal.ts';
import { createSandbox } from './sandbox.ts';
import { createStripeGateway } from './stripe.ts';

export interface Gateways {
  /** All that are configured: those that take new payments, and those that have taken payments before. */
  readonly all: readonly Gateway[];
  /** The one that takes new payments by this method; null where the method is disabled. */
  forMethod(method: PaymentMethod): Gateway | null;
  /** The one with this name, as rows of the ledger have it; null where it is not configured any more. */
  named(name: string): Gateway | null;
}

/**
 * `stripe` goes to Stripe and `paypal` to PayPal, where they are configured. Everything else, and `paypal` without PayPal, goes
 * to the gateway that PAYMENT_GATEWAY names.
 */
export function configuredGateways(settings: Settings): Gateways {
  const configured = {
    sandbox: settings.sandboxAllowed ? createSandbox() : null,
    http: settings.httpGateway && createHttpGateway(settings.httpGateway),
    stripe: settings.stripe && createStripeGateway(settings.stripe),
    paypal: settings.paypal && createPayPalGateway(settings.paypal),
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
    named: (name) => all.find((gateway) => gateway.name === name) ?? null,
  };
}
