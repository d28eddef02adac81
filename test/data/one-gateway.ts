/** Gateways of which there is one, that takes everything: as in most tests. */

import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { Gateways } from '../../src/core/gateways/registry.ts';

/** @param named what is found by a name in the ledger; by default this gateway, whatever the name */
export function oneGateway(gateway: Gateway, named: (name: string) => Gateway | null = () => gateway): Gateways {
  return {
    all: [gateway],
    forMethod: (method) => (gateway.methods.includes(method) ? gateway : null),
    nameInLedger: async ({ name }) => ({ kind: 'named', name }),
    named: async (name) => {
      const found = named(name);
      return found === null ? { kind: 'not_configured' } : { kind: 'configured', gateway: found };
    },
  };
}
