/**
 * GET /ready: whether payments and events get through, for an uptime monitor. It needs no key, and reveals no figures. An isolate asks the databases
 * once a second: a flood from many addresses must not take them from payments.
 */
import { createMiddleware } from 'hono/factory';
import { Hono } from 'hono/tiny';
import type { ReadyResponse } from '../../../contract/responses.ts';
import { backgroundCaller } from '../../../core/caller.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { findReadyProblems, type ReadyProblem } from '../../../core/monitoring/readiness.ts';
import type { Bindings } from '../../bindings.ts';
import type { HttpEnv } from '../http-env.ts';
import { withShards } from '../middleware/with-shards.ts';

const KEPT_MS = 1_000;

const foundByEnvironment = new WeakMap<Bindings, { problems: ReadyProblem[]; atMs: number }>();

export const readyRoute = new Hono<HttpEnv>();

readyRoute.get(
  '/',
  createMiddleware<HttpEnv>(async function asMonitor(c, next) {
    c.set('caller', backgroundCaller('monitor', c.get('requestId')));
    return next();
  }),
  withShards(),
  async function showReadiness(c) {
    const nowMs = Date.now();
    const kept = foundByEnvironment.get(c.env);
    const isFresh = kept !== undefined && nowMs - kept.atMs < KEPT_MS;
    const found = isFresh ? kept.problems : await findReadyProblems(c.get('shards'));
    if (!isFresh) foundByEnvironment.set(c.env, { problems: found, atMs: nowMs });
    const isReady = !found.some(({ isUrgent }) => isUrgent);
    const problems = found.map(({ alert, sinceMs, message }) => ({ alert, since: isoSeconds(sinceMs), message }));
    return c.json<ReadyResponse>({ status: isReady ? 'ready' : 'not_ready', problems }, isReady ? 200 : 503);
  },
);
