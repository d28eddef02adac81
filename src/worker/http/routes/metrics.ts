/** GET /metrics: figures of the whole installation, for Prometheus and what reads like it. See docs/metrics.md. */
import { Hono } from 'hono/tiny';
import { readScrape } from '../../../core/ledger/metrics/read-scrape.ts';
import { OPEN_METRICS_TYPE, openMetrics } from '../../../core/monitoring/open-metrics.ts';
import { readEach } from '../../../core/monitoring/read-each.ts';
import type { HttpEnv } from '../http-env.ts';
import { ofInstallation } from '../middleware/of-installation.ts';
import { requireScope } from '../middleware/require-scope.ts';

export const metricsRoute = new Hono<HttpEnv>();

metricsRoute.get('/', requireScope('metrics:read'), ofInstallation(), async function metrics(c) {
  const nowMs = Date.now();
  const reads = await readEach(c.get('shards'), ({ db, shard }) => readScrape(db, shard === 0, nowMs));
  const [first] = reads;
  const text = openMetrics({
    databases: reads.map((read, shard) => ({
      shard,
      answers: read.kind === 'read',
      measured: read.kind === 'read' ? read.value.measured : null,
    })),
    ofInstallation: first?.kind === 'read' ? first.value.ofInstallation : null,
    databaseMaxBytes: c.get('settings').databaseMaxBytes,
    nowMs,
  });
  return c.body(text, 200, { 'Content-Type': OPEN_METRICS_TYPE });
});
