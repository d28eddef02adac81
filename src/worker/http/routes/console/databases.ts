/** GET /console/api/databases: how full each database is, and the backlogs of its jobs, as the cron measured them. */
import { Hono } from 'hono/tiny';
import type { ConsoleDatabases } from '../../../../contract/console.ts';
import type { Context } from '../../../../core/context.ts';
import { isoSeconds, timeOrNull } from '../../../../core/domain/timestamp.ts';
import { LedgerMisplaced, LedgerNotMigrated, type LedgerUnavailable } from '../../../../core/ledger/database.ts';
import { readTotals } from '../../../../core/ledger/metrics/read-measured.ts';
import { readEach } from '../../../../core/monitoring/read-each.ts';
import { bindingOf } from '../../../../core/shards.ts';
import type { HttpEnv } from '../../http-env.ts';

type ConsoleDatabase = ConsoleDatabases['databases'][number];

export const databasesRoute = new Hono<HttpEnv>().get('/', async function databases(c) {
  const { databaseMaxBytes } = c.get('settings');
  const reads = await readEach(c.get('shards'), readDatabase);
  return c.json<ConsoleDatabases>({
    databases: reads.map((read, number) => ({
      number,
      max_bytes: databaseMaxBytes,
      ...(read.kind === 'read' ? read.value : { ...NOT_READ, problem: problemOf(number, read.error) }),
    })),
  });
});

const NOT_READ = { bytes: null, cron_ran_at: null, jobs: [] };

async function readDatabase({ db }: Context): Promise<Omit<ConsoleDatabase, 'number' | 'max_bytes'>> {
  const totals = await readTotals(db);
  return {
    // D1 reports the size with this answer. Without it, the size of the last measurement.
    bytes: db.fillLevel?.size.bytes ?? totals?.gauges.databaseBytes ?? null,
    cron_ran_at: totals === null ? null : isoSeconds(totals.writtenAtMs),
    jobs: Object.entries(totals?.gauges.jobs ?? {}).map(([job, { backlog, endedAtMs }]) => ({
      job,
      backlog,
      last_ran_at: timeOrNull(endedAtMs),
    })),
    problem: null,
  };
}

function problemOf(number: number, error: LedgerUnavailable | LedgerNotMigrated): string {
  if (error instanceof LedgerMisplaced) {
    return `The binding ${bindingOf(number)} belongs to another database, or to one without a place: \`npx payctl shards\` shows them.`;
  }
  if (error instanceof LedgerNotMigrated) return 'It lacks migrations of this version: run `npm run deploy`.';
  return 'It does not answer.';
}
