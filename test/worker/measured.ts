/** What tests have the cron measured: figures as it writes them. */
import { env } from 'cloudflare:workers';
import { type Counts, type Gauges, LABEL_SEPARATOR } from '../../src/core/ledger/metrics/measured.ts';
import { quietGauges } from '../data/gauges.ts';

export const labels = (...values: string[]) => values.join(LABEL_SEPARATOR);

export const NOTHING = quietGauges({ databaseBytes: null, jobs: {} as Gauges['jobs'] });

export async function measured(
  {
    counts = {},
    gauges = {},
    writtenAtMs = Date.now(),
  }: { counts?: Counts; gauges?: Partial<Gauges>; writtenAtMs?: number },
  db: D1Database = env.DB,
): Promise<void> {
  await db
    .prepare(
      `INSERT INTO metric_totals (one, counts, gauges, written_at_ms) VALUES (1, ?1, ?2, ?3)
       ON CONFLICT DO UPDATE SET counts = ?1, gauges = ?2, written_at_ms = ?3`,
    )
    .bind(JSON.stringify(counts), JSON.stringify({ ...NOTHING, ...gauges }), writtenAtMs)
    .run();
}
