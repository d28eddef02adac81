/** GET /console/api/session: who has signed in, and what the pages show. */
import { Hono } from 'hono/tiny';
import type { ConsoleSession } from '../../../../contract/console.ts';
import type { HttpEnv } from '../../http-env.ts';
import { seesInstallation } from '../../middleware/of-installation.ts';

export const sessionRoute = new Hono<HttpEnv>().get('/', (c) => {
  const { production } = c.get('settings');
  const { tenant, actor } = c.get('credential');
  return c.json<ConsoleSession>({
    actor,
    organisation: tenant,
    environment: production ? 'production' : 'development',
    sees_installation: seesInstallation(tenant),
    signed_in_by: c.get('signedInBy'),
  });
});
