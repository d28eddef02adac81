/** Which gateways there are, as the settings say. */
import type { Settings } from '../settings.ts';
import type { Gateway } from './gateway.ts';
import { createHttpGateway } from './http.ts';
import { createSandbox } from './sandbox.ts';

/** The gateway with this name, as rows of the ledger have it; null where it is not configured. */
export function gatewayNamed(settings: Settings, name: string): Gateway | null {
  if (name === 'sandbox') return createSandbox();
  if (name === 'http' && settings.httpGateway !== null) return createHttpGateway(settings.httpGateway);
  return null;
}

/** The one that takes new payments. */
export function configuredGateway(settings: Settings): Gateway {
  const gateway = gatewayNamed(settings, settings.gateway);
  if (gateway === null) throw new Error('the settings name a gateway that they do not describe');
  return gateway;
}
