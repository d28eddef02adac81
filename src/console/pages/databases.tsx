/** Databases: how full each one is, and whether its jobs run. */
import type { ConsoleDatabases } from '../../contract/console.ts';
import { Ago, Card, Empty, Notice, PageTitle, Pill } from '../parts/basics.tsx';
import { Load } from '../parts/load.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { bytesText, countText, percentText } from '../text/format.ts';
import { type Status, spacedOut } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

type Database = ConsoleDatabases['databases'][number];
type Job = Database['jobs'][number];

const EVERY_MS = 30_000;
/** The limits of the service: from the first on, it warns; from the second on, it accepts no new payments. */
const FILLING_PERCENT = 70;
const FULL_PERCENT = 95;
/** The cron runs each minute. */
const CRON_LATE_MS = 5 * 60_000;

export function DatabasesPage() {
  const databases = useLoaded<ConsoleDatabases>('/databases', EVERY_MS);
  return (
    <>
      <div class="page-head">
        <PageTitle page="databases" />
      </div>
      <Load of={databases}>
        {(data) => data.databases.map((database) => <DatabaseCard key={database.number} database={database} />)}
      </Load>
    </>
  );
}

const JOB_COLUMNS: readonly Column<Job>[] = [
  { name: 'Job', leads: true, cell: ({ job }) => spacedOut(job) },
  { name: 'Due', numeric: true, cell: ({ backlog }) => countText(backlog) },
  { name: 'Last run', cell: ({ last_ran_at }) => (last_ran_at === null ? 'Not yet' : <Ago at={last_ran_at} />) },
];

function DatabaseCard({ database }: { database: Database }) {
  const { number, bytes, max_bytes, cron_ran_at, jobs, problem } = database;
  const percent = bytes === null ? null : (100 * bytes) / max_bytes;
  return (
    <Card flush title={number === 0 ? 'DB' : `DB_${number}`} aside={<Pill {...statusOf(database, percent)} />}>
      <div class="card-text">
        {problem !== null && (
          <Notice tone="bad" title="This database could not be read">
            <p>{problem}</p>
          </Notice>
        )}
        {bytes !== null && (
          <>
            <p>
              {bytesText(bytes)} of {bytesText(max_bytes)}, {percentText(percent)}
            </p>
            <progress
              class={`bar ${percent !== null && percent >= FILLING_PERCENT ? 'bad' : ''}`}
              max={max_bytes}
              value={bytes}
              aria-label="Storage used"
            />
            <p class="small">New payments stop at {FULL_PERCENT}%.</p>
          </>
        )}
        <p class="small">
          The cron{' '}
          {cron_ran_at === null ? (
            'has not run yet'
          ) : (
            <>
              ran <Ago at={cron_ran_at} />
            </>
          )}
          .
        </p>
      </div>
      {problem !== null ? null : jobs.length === 0 ? (
        <Empty title="No job has run yet" />
      ) : (
        <Table caption="Jobs" columns={JOB_COLUMNS} rows={jobs} keyOf={({ job }) => job} />
      )}
    </Card>
  );
}

function statusOf({ problem, cron_ran_at }: Database, percent: number | null): Status {
  if (problem !== null) return { text: 'Could not be read', tone: 'bad' };
  if (percent !== null && percent >= FULL_PERCENT) return { text: 'Full', tone: 'bad' };
  if (percent !== null && percent >= FILLING_PERCENT) return { text: 'Filling up', tone: 'waiting' };
  if (cron_ran_at === null) return { text: 'Not measured yet', tone: 'quiet' };
  if (Date.now() - Date.parse(cron_ran_at) > CRON_LATE_MS) return { text: 'Cron is late', tone: 'bad' };
  return { text: 'Healthy', tone: 'good' };
}
