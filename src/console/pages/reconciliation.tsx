/** Reconciliation with the providers: its runs and their differences. */
import { useState } from 'preact/hooks';
import type { ConsoleReconciliation, ConsoleReconciliations } from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import { Button, Card, Empty, Id, PageTitle, Pill, Time } from '../parts/basics.tsx';
import { Load } from '../parts/load.tsx';
import { ProblemNotice } from '../parts/problem.tsx';
import { Table } from '../parts/table.tsx';
import type { Problem } from '../text/answer.ts';
import { counted, countText } from '../text/format.ts';
import { addressOfPayment } from '../text/route.ts';
import { type Status, spacedOut } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

const RUNNING_EVERY_MS = 5_000;
const EVERY_MS = 60_000;

export function ReconciliationPage() {
  const { service, announce } = useConsole();
  const [isRunning, setRunning] = useState(false);
  const runs = useLoaded<ConsoleReconciliations>('/reconciliations', isRunning ? RUNNING_EVERY_MS : EVERY_MS);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const runsNow = runs.data?.reconciliations.some(({ ended_at }) => ended_at === null) ?? false;
  if (runsNow !== isRunning) setRunning(runsNow);

  async function run() {
    setBusy(true);
    const answer = await service.post<ConsoleReconciliations>('/reconciliations', {});
    setBusy(false);
    setProblem(answer.kind === 'ok' ? null : answer);
    if (answer.kind === 'ok') announce('Reconciliation started');
    await runs.reload();
  }

  return (
    <>
      <div class="page-head">
        <PageTitle page="reconciliation" />
        <div class="actions">
          <Button kind="primary" icon="reconciliation" busy={busy || runsNow} onClick={() => void run()}>
            {runsNow ? 'Running…' : 'Run now'}
          </Button>
        </div>
      </div>
      <p class="lead">
        Each night, the service compares every payment and refund of the day before with the provider’s records. “Run
        now” compares the last 24 hours. Reconciliation changes nothing.
      </p>
      {problem && (
        <ProblemNotice
          problem={problem}
          title="The reconciliation was not started"
          lost={{
            title: 'the reconciliation may have started',
            check: 'If it has, the list shows it as running. While it runs, no second one starts.',
          }}
        />
      )}
      <Load of={runs}>
        {({ reconciliations }) =>
          reconciliations.length === 0 ? (
            <Card>
              <Empty title="No reconciliation yet">The first one runs tonight. You can also run one now.</Empty>
            </Card>
          ) : (
            reconciliations.map((one) => <Run key={one.started_at + one.from} run={one} />)
          )
        }
      </Load>
    </>
  );
}

function statusOf({ ended_at, differences }: ConsoleReconciliation): Status {
  if (differences.length > 0) return { text: counted(differences.length, 'difference'), tone: 'bad' };
  return ended_at === null ? { text: 'Running', tone: 'active' } : { text: 'No differences', tone: 'good' };
}

function Run({ run }: { run: ConsoleReconciliation }) {
  const { from, to, started_at, ended_at, compared_until, payments, refunds, movements, differences } = run;
  const done = share(run);
  return (
    <Card
      flush={differences.length > 0}
      title={
        <>
          <Time at={from} /> – <Time at={to} />
        </>
      }
      aside={<Pill {...statusOf(run)} />}
    >
      <div class="card-text">
        <p>
          {counted(payments, 'payment')} and {counted(refunds, 'refund')} compared
          {movements !== null && ` with ${counted(movements, 'movement')} at the provider`}.
        </p>
        {ended_at === null ? (
          <>
            <progress class="bar" max={1} value={done} aria-label="Progress" />
            <p class="small">
              Compared until <Time at={compared_until} />
            </p>
          </>
        ) : (
          <p class="small">
            Started <Time at={started_at} />, ended <Time at={ended_at} />
          </p>
        )}
      </div>
      {differences.length > 0 && (
        <Table
          caption={`${countText(differences.length)} differences`}
          rows={differences}
          keyOf={({ kind, subject, message }) => `${kind}/${subject}/${message}`}
          columns={[
            {
              name: 'About',
              leads: true,
              cell: ({ subject, transaction_id, kind }) => (
                <>
                  {transaction_id === null ? (
                    <Id>{subject ?? '–'}</Id>
                  ) : (
                    <a href={addressOfPayment(transaction_id)}>
                      <Id>{subject ?? transaction_id}</Id>
                    </a>
                  )}
                  <span class="below">{spacedOut(kind)}</span>
                </>
              ),
            },
            { name: 'What differs, and what to do', cell: ({ message }) => message },
          ]}
        />
      )}
    </Card>
  );
}

function share({ from, to, compared_until }: ConsoleReconciliation): number {
  const [start, end, now] = [from, to, compared_until].map((time) => Date.parse(time)) as [number, number, number];
  return end > start ? (now - start) / (end - start) : 1;
}
