/** GET /metrics: what the cron has measured, as Prometheus reads it. */
import { Hono } from 'hono/tiny';
import { readInstallation } from '../../../core/ledger/metrics/read-installation.ts';
import { readTotals } from '../../../core/ledger/metrics/read-measured.ts';
import { OPEN_METRICS, openMetrics } from '../../../core/monitoring/open-metrics.ts';
import { DEFAULT_TENANT } from '../../../core/security/credential.ts';
import { allContexts } from '../../../core/shards.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { requireScope } from '../middleware/require-scope.ts';

export const metricsRoute = new Hono<HttpEnv>().get('/', requireScope('metrics:read'), async function metrics(c) {
  const { tenant } = c.get('caller');
  if (tenant !== DEFAULT_TENANT) {
    const message = `The metrics are of the whole installation: only the organisation ${DEFAULT_TENANT} may read them.`;
    return errorResponse(c, 403, 'FORBIDDEN', message, { needed_scope: 'metrics:read' });
  }
  const nowMs = Date.now();
  const [first, ...others] = allContexts(c.get('shards')).map(({ db }) => db);
  if (first === undefined) throw new Error('an installation without a database');
  // Without one of them, sums would be too low, and would look as if counting had begun anew: then there is no answer.
  const [{ totals, installation }, ...more] = await Promise.all([
    readInstallation(first, nowMs),
    ...others.map(readTotals),
  ]);
  const { databaseMaxBytes } = c.get('settings');
  const text = openMetrics({ databases: [totals, ...more], installation, databaseMaxBytes });
  return c.body(text, 200, { 'Content-Type': OPEN_METRICS });
});
