/** GET /ready: whether payments and events get through, for an uptime monitor. It needs no key, and reveals no figures. */
import { createMiddleware } from 'hono/factory';
import { Hono } from 'hono/tiny';
import type { ReadyResponse } from '../../../contract/responses.ts';
import { backgroundCaller } from '../../../core/caller.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { findReadyProblems } from '../../../core/monitoring/readiness.ts';
import type { HttpEnv } from '../http-env.ts';
import { withShards } from '../middleware/with-shards.ts';

export const readyRoute = new Hono<HttpEnv>();

readyRoute.get(
  '/',
  createMiddleware<HttpEnv>(async function asMonitor(c, next) {
    c.set('caller', backgroundCaller('monitor', c.get('requestId')));
    return next();
  }),
  withShards(),
  async function showReadiness(c) {
    const found = await findReadyProblems(c.get('shards'));
    const isReady = !found.some(({ isUrgent }) => isUrgent);
    const problems = found.map(({ alert, sinceMs, message }) => ({ alert, since: isoSeconds(sinceMs), message }));
    return c.json<ReadyResponse>({ status: isReady ? 'ready' : 'not_ready', problems }, isReady ? 200 : 503);
  },
);
