/** GET /console/api/overview */
import { Hono } from 'hono/tiny';
import * as z from 'zod/mini';
import { type ConsoleOverview, OVERVIEW_HOURS } from '../../../../contract/console.ts';
import { readOverview } from '../../../../core/monitoring/overview.ts';
import type { HttpEnv } from '../../http-env.ts';
import { validateQuery } from '../../middleware/validate.ts';

const USUAL_HOURS = 24;

const query = z.strictObject({
  hours: z.optional(z.enum(OVERVIEW_HOURS.map(String), { error: () => `must be one of ${OVERVIEW_HOURS.join(', ')}` })),
});

export const overviewRoute = new Hono<HttpEnv>().get('/', validateQuery(query), async function overview(c) {
  const asked = c.req.valid('query').hours;
  const hours = OVERVIEW_HOURS.find((one) => String(one) === asked) ?? USUAL_HOURS;
  return c.json<ConsoleOverview>(await readOverview(c.get('shards'), hours, Date.now()));
});
