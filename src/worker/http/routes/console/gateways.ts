/** GET /console/api/gateways: the configured gateways, with their figures of the last day. */
import { Hono } from 'hono/tiny';
import type { ConsoleGateways } from '../../../../contract/console.ts';
import { PAYMENT_METHODS } from '../../../../contract/requests.ts';
import { gatewayKind } from '../../../../core/domain/gateway-kind.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { type OpenBreaker, openBreakers } from '../../../../core/ledger/metrics/open-breakers.ts';
import { percentileOf, sumWhere } from '../../../../core/monitoring/measured-sums.ts';
import { type Outcome, outcomeOf } from '../../../../core/monitoring/outcome.ts';
import { measuredInDay } from '../../../../core/monitoring/overview.ts';
import type { Settings } from '../../../../core/settings/settings.ts';
import type { HttpEnv } from '../../http-env.ts';

type ConsoleGateway = ConsoleGateways['gateways'][number];

export const gatewaysRoute = new Hono<HttpEnv>().get('/', async function gateways(c) {
  const shards = c.get('shards');
  const settings = c.get('settings');
  const { db, gateways } = shards.at(0);
  const nowMs = Date.now();
  const [counts, stopped] = await Promise.all([measuredInDay(shards, nowMs), openBreakers(db, nowMs)]);
  const stoppedUntil = (kind: string, operation: OpenBreaker['operation']) => {
    const breakers = stopped.filter((one) => gatewayKind(one.gateway) === kind && one.operation === operation);
    return breakers.length === 0 ? null : isoSeconds(Math.max(...breakers.map(({ untilMs }) => untilMs)));
  };
  return c.json<ConsoleGateways>({
    gateways: gateways.all.map((gateway): ConsoleGateway => {
      const kind = gatewayKind(gateway.name) as ConsoleGateway['kind'];
      const ended = (outcome: Outcome) =>
        sumWhere(counts, 'payments', (labels) => labels.gateway === kind && outcomeOf(labels) === outcome);
      const percentile = (percent: number) =>
        percentileOf(
          percent,
          counts,
          'gateway_ms',
          ({ gateway, operation }) => gateway === kind && operation === 'charge',
        );
      return {
        kind,
        methods: PAYMENT_METHODS.filter((method) => gateways.forMethod(method) === gateway),
        is_live: isLive(kind, settings),
        charges_stopped_until: stoppedUntil(kind, 'charge'),
        refunds_stopped_until: stoppedUntil(kind, 'refund'),
        completed: ended('completed'),
        failed: ended('failed'),
        p50_ms: percentile(50),
        p95_ms: percentile(95),
      };
    }),
  });
});

/** A gateway with the HTTP protocol does not say whether it is live: it counts as live. */
function isLive(kind: ConsoleGateway['kind'], { stripe, paypal }: Settings): boolean {
  switch (kind) {
    case 'sandbox':
      return false;
    case 'http':
      return true;
    case 'stripe':
      return stripe !== null && /^[a-z]+_live_/.test(stripe.secretKey);
    case 'paypal':
      return paypal !== null && new URL(paypal.apiUrl).hostname === 'api-m.paypal.com';
  }
}
