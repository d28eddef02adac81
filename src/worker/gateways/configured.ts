/** Which gateways there are, as the settings say. */
import type { Settings } from '../settings.ts';
import type { Gateway } from './gateway.ts';
import { createHttpGateway } from './http.ts';
import { createSandbox } from './sandbox.ts';

/** All that are configured: the one that takes new payments, and those that have taken payments before. */
function configuredGateways({ sandboxAllowed, httpGateway }: Settings): Gateway[] {
  return [
    ...(sandboxAllowed ? [createSandbox()] : []),
    ...(httpGateway === null ? [] : [createHttpGateway(httpGateway)]),
  ];
}

/** The gateway with this name, as rows of the ledger have it; null where it is not configured. */
export function gatewayNamed(settings: Settings, name: string): Gateway | null {
  return configuredGateways(settings).find((gateway) => gateway.name === name) ?? null;
}

/** The one that takes new payments. */
export function configuredGateway(settings: Settings): Gateway {
  const wanted = (name: string) => name.split(':')[0] === settings.gateway;
  const gateway = configuredGateways(settings).find(({ name }) => wanted(name));
  if (gateway === undefined) throw new Error('the settings name a gateway that they do not describe');
  return gateway;
}
