/** GET /console/api/session: who has signed in, and what the pages show. */
import { Hono } from 'hono/tiny';
import type { ConsoleSession } from '../../../../contract/console.ts';
import { currencyExponent } from '../../../../core/domain/money.ts';
import type { HttpEnv } from '../../http-env.ts';
import { seesInstallation } from '../../middleware/of-installation.ts';

export const sessionRoute = new Hono<HttpEnv>().get('/', (c) => {
  const { production, currency } = c.get('settings');
  const { tenant, actor } = c.get('credential');
  return c.json<ConsoleSession>({
    actor,
    organisation: tenant,
    environment: production ? 'production' : 'development',
    currency,
    currency_decimals: currencyExponent(currency) ?? 0,
    sees_installation: seesInstallation(tenant),
    signed_in_by: c.get('signedInBy'),
  });
});
