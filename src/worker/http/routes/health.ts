/**
 * GET /health: the Worker runs, and what takes which payments, once it is configured. Free of the rate limit, and of
 * everything that could be down.
 */
import { Hono } from 'hono/tiny';
import { PAYMENT_METHODS } from '../../../contract/requests.ts';
import type { HealthResponse } from '../../../contract/responses.ts';
import { gatewayKind } from '../../../core/domain/gateway-kind.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import type { Gateway } from '../../../core/gateways/gateway.ts';
import { configuredGateways } from '../../../core/gateways/registry.ts';
import { environmentSettings } from '../../environment-settings.ts';
import type { HttpEnv } from '../http-env.ts';

export const healthRoute = new Hono<HttpEnv>().get('/', (c) =>
  c.json<HealthResponse>({
    status: 'healthy',
    service: 'payment-service',
    timestamp: isoSeconds(Date.now()),
    ...routesOf(c.env),
  }),
);

function kindOf(gateway: Gateway | null): string | null {
  return gateway === null ? null : gatewayKind(gateway.name);
}

function routesOf(env: HttpEnv['Bindings']): Pick<HealthResponse, 'payment_gateways'> {
  const read = environmentSettings(env);
  if (read.kind === 'invalid') return {};
  const gateways = configuredGateways(read.settings);
  const routes = PAYMENT_METHODS.map((method) => [method, kindOf(gateways.forMethod(method))]);
  return { payment_gateways: Object.fromEntries(routes) };
}
