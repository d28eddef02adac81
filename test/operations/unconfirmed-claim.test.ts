/** For how long a payment that never reached its gateway holds the booking, as docs/api.md says it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configuredGateways } from '../../src/core/gateways/registry.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { readSettings } from '../../src/core/settings/settings.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { MINUTE_MS, openWorld } from './world.ts';

const ALL_GATEWAYS = {
  ...LOCAL_VARIABLES,
  BRIDGE_URL: 'http://bridge.test',
  PAYMENT_GATEWAY: 'http',
  PAYMENT_GATEWAY_URL: 'http://gateway.test',
  PAYMENT_GATEWAY_API_KEY: 'key-of-the-tests',
  STRIPE_SECRET_KEY: 'sk_test_51OfTheseTestsAndOfNobodyElse',
  PAYPAL_CLIENT_ID: 'client',
  PAYPAL_CLIENT_SECRET: 'secret-of-the-tests',
  PAYPAL_MERCHANT_ID: 'ABCDEFGHJKLMN',
  PAYPAL_API_URL: 'https://api-m.sandbox.paypal.com',
};
const LOOK_UP_DEADLINE_MS = 1_000;

function realGateways() {
  const read = readSettings(ALL_GATEWAYS);
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return configuredGateways(read.settings).all.map((gateway) => [gateway.name.split(':')[0], gateway] as const);
}

describe('a payment that never reached its gateway', () => {
  it.each(realGateways())('holds the booking for as long as the API guide says, with %s', async (name, real) => {
    const world = openWorld();
    const scripted = world.context.gateways.all[0];
    if (scripted === undefined) throw new Error('there is no gateway');
    const { knownWithinMs } = real;
    const cancelCharge = real.cancelCharge && (async () => ({ kind: 'cancelled' as const }));
    const context = {
      ...world.context,
      gateways: oneGateway({ ...scripted, knownWithinMs, ...(cancelCharge && { cancelCharge }) }),
    };
    world.gateway.losesNext = true;
    const { transactionId } = await world.pay();
    const row = () => world.rows('SELECT * FROM transactions WHERE transaction_id = ?', transactionId)[0];

    for (let round = 0; row()?.status === 'pending' && round < 30; round += 1) {
      world.clock.nowMs = Number(row()?.next_lookup_at_ms);
      await resolveOutcome(context, transactionId, LOOK_UP_DEADLINE_MS);
    }
    expect(row()?.status).toBe('failed');
    const heldForMs = world.clock.nowMs - Number(row()?.created_at_ms);
    const [fromMs, toMs] = name === 'paypal' ? [10 * MINUTE_MS, 15 * MINUTE_MS] : [0, MINUTE_MS];
    expect(heldForMs).toBeGreaterThan(fromMs);
    expect(heldForMs).toBeLessThanOrEqual(toMs);
  });

  it('is described in docs/api.md by these figures', () => {
    const guide = readFileSync('docs/api.md', 'utf8');
    expect(guide).toContain('for up to a minute, with PayPal for 10 to 15 minutes: 409');
    expect(guide).toContain('PayPal cannot cancel one: there it is `failed` after 10 to 15 minutes');
  });
});
