/** GET /health: the Worker runs. Free of the rate limit, and of everything that could be down. */
import { Hono } from 'hono';
import type { HealthResponse } from '../../contract/responses.ts';
import { isoSeconds } from '../../payments/timestamp.ts';
import type { HttpEnv } from './context.ts';

export const healthRoute = new Hono<HttpEnv>().get('/', (c) =>
  c.json<HealthResponse>({ status: 'healthy', service: 'payment-service', timestamp: isoSeconds(Date.now()) }),
);
