/** The state of the installation: alerts, then figures that link to their details, then charts. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type AlertName, type ConsoleOverview, OVERVIEW_HOURS, type OverviewHours } from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import { Ago, Card, Empty, Notice, PageTitle, Pill } from '../parts/basics.tsx';
import { Charts } from '../parts/charts.tsx';
import { Load } from '../parts/load.tsx';
import { NotReadNotice } from '../parts/not-read.tsx';
import { Table } from '../parts/table.tsx';
import { amountText } from '../text/amount.ts';
import { counted, countText, durationText, millisecondsText, percentText } from '../text/format.ts';
import { addressOf, type PageName } from '../text/route.ts';
import { failureName, gatewayText, methodText } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

const EVERY_MS = 15_000;
/** Of ranges above 24 hours: for each request, the databases add up every minute of the range. */
const LONG_EVERY_MS = 5 * 60_000;
const LONG_ABOVE_HOURS = 24;
const HOURS: Record<OverviewHours, string> = { 1: 'Hour', 24: '24 hours', 168: '7 days', 720: '30 days' };
const HOUR_MS = 3_600_000;

/** The page that shows the cause of each alert. */
const ALERT_PAGES: Record<AlertName, PageName> = {
  events_waiting: 'events',
  pending_growing: 'payments',
  success_rate_low: 'payments',
  database_filling: 'databases',
  reconciliation_differs: 'reconciliation',
  bridge_away: 'events',
  job_not_run: 'databases',
  cron_not_run: 'databases',
  needs_person: 'cases',
};
const ALERT_FILTERS: Partial<Record<AlertName, Record<string, string>>> = {
  pending_growing: { status: 'pending' },
  success_rate_low: { status: 'failed' },
};

export function OverviewPage({ query }: { query: URLSearchParams }) {
  const { announce } = useConsole();
  const hours = OVERVIEW_HOURS.find((choice) => String(choice) === query.get('hours')) ?? 24;
  const overview = useLoaded<ConsoleOverview>(
    `/overview?hours=${hours}`,
    hours > LONG_ABOVE_HOURS ? LONG_EVERY_MS : EVERY_MS,
  );
  // Announces alerts only when they have changed.
  const alerts = overview.data?.alerts.map(({ message }) => message).join(' ') ?? '';
  const saidAlerts = useRef('');
  useEffect(() => {
    if (alerts !== '' && alerts !== saidAlerts.current) announce(alerts);
    saidAlerts.current = alerts;
  }, [alerts, announce]);

  return (
    <>
      <div class="page-head">
        <PageTitle page="overview" />
        <nav class="segments" aria-label="Time shown">
          {OVERVIEW_HOURS.map((choice) => (
            <a
              key={choice}
              href={addressOf('overview', { hours: choice === 24 ? undefined : String(choice) })}
              aria-current={choice === hours ? 'true' : undefined}
            >
              {HOURS[choice]}
            </a>
          ))}
        </nav>
      </div>
      <Load of={overview} lines={12}>
        {(data) => <Overview data={data} />}
      </Load>
    </>
  );
}

function Overview({ data }: { data: ConsoleOverview }) {
  const from = sinceMinute(data);
  const { series } = data;
  return (
    <>
      {data.alerts.map(({ alert, message, since }) => (
        <Notice key={alert} tone="bad" title={message}>
          <p class="small">
            {/* The message is stored when the alert begins; that of cron_not_run is written for each answer. */}
            {alert === 'cron_not_run' ? 'Began' : 'Figures from when it began,'} <Ago at={since} /> ·{' '}
            <a href={addressOf(ALERT_PAGES[alert], ALERT_FILTERS[alert])}>Show details</a>
          </p>
        </Notice>
      ))}
      <NotReadNotice databases={data.not_read} />
      <Figures data={data} from={from} />
      <Charts series={series} />
      <div class="columns even">
        <Card title="Waiting">
          <Waiting waiting={data.now_waiting} />
        </Card>
        <Card title="Why payments failed">
          <Failures data={data} from={from} />
        </Card>
        <Card title="By gateway" flush>
          <Shares
            caption="Payments by gateway"
            rows={data.gateways.map(({ gateway, ...counts }) => ({
              ...counts,
              name: gatewayText(gateway),
              address: addressOf('payments', { gateway: gateway.split(':')[0] ?? '', created_from: from }),
            }))}
          />
        </Card>
        <Card title="By method" flush>
          <Shares
            caption="Payments by method"
            rows={data.methods.map(({ payment_method, ...counts }) => ({
              ...counts,
              name: methodText(payment_method),
              address: addressOf('payments', { payment_method, created_from: from }),
            }))}
          />
        </Card>
      </div>
      <p class="small foot">
        {data.counted_at === null ? (
          'Nothing has been counted yet: the cron counts once a minute.'
        ) : (
          <>
            Updated <Ago at={data.counted_at} />; updates{' '}
            {data.hours > LONG_ABOVE_HOURS ? 'every 5 minutes' : 'once a minute'}. Of{' '}
            {counted(data.challenges.completed + data.challenges.failed, 'payer')} redirected for authentication,{' '}
            {countText(data.challenges.completed)} completed the payment. The rate limit refused{' '}
            {counted(data.rate_limited, 'request')}.
          </>
        )}
      </p>
    </>
  );
}

/** The start of the time shown, rounded to the minute, so that the links do not change with each refresh. */
function sinceMinute({ now, hours }: ConsoleOverview): string {
  return `${new Date(Date.parse(now) - hours * HOUR_MS).toISOString().slice(0, 16)}:00Z`;
}

function Figures({ data, from }: { data: ConsoleOverview; from: string }) {
  const { completed, failed, voided, success_rate, volume, refunds, processing_ms, gateway_ms } = data;
  const since = { created_from: from };
  return (
    <ul class="figures">
      <Figure
        name="Success rate"
        value={percentText(success_rate)}
        href={addressOf('payments', since)}
        below={belowRate(completed + failed, voided)}
      />
      <Figure
        name="Volume"
        value={
          volume.length === 0
            ? '–'
            : volume.map(({ captured, currency }) => <span key={currency}>{amountText(captured, currency)}</span>)
        }
        href={addressOf('payments', { status: 'completed', ...since })}
        below={`${countText(completed)} completed`}
      />
      <Figure
        name="Failed"
        value={countText(failed)}
        href={addressOf('payments', { status: 'failed', ...since })}
        below={data.failures[0] ? `Mostly: ${failureName(data.failures[0].error_code)}` : 'None'}
      />
      <Figure
        name="Refunds"
        value={countText(refunds.completed)}
        href={addressOf('payments', { status: 'refunded', ...since })}
        below={belowRefunds(data)}
      />
      <Figure
        name="Processing, p95"
        value={millisecondsText(processing_ms.p95)}
        href={addressOf('gateways')}
        below={`Median ${millisecondsText(processing_ms.p50)}`}
      />
      <Figure
        name="Gateway, p95"
        value={millisecondsText(gateway_ms.p95)}
        href={addressOf('gateways')}
        below={`Median ${millisecondsText(gateway_ms.p50)}`}
      />
    </ul>
  );
}

function belowRate(judged: number, voided: number): string {
  const ended = judged === 0 ? 'No finished payments' : `${countText(judged)} finished`;
  return voided === 0 ? ended : `${ended}, ${countText(voided)} voided`;
}

function belowRefunds({ volume, refunds }: ConsoleOverview): string {
  const amounts = volume.filter(({ refunded }) => refunded > 0);
  const texts = [
    ...amounts.map(({ refunded, currency }) => amountText(refunded, currency)),
    ...(refunds.failed > 0 ? [`${countText(refunds.failed)} failed`] : []),
  ];
  return texts.join(', ') || 'None';
}

function Figure({ name, value, below, href }: { name: string; value: ComponentChildren; below: string; href: string }) {
  return (
    <li>
      <a href={href}>
        <span class="figure-name">{name}</span>
        <span class="figure-value">{value}</span>
        <span class="figure-below">{below}</span>
      </a>
    </li>
  );
}

function Waiting({ waiting }: { waiting: ConsoleOverview['now_waiting'] }) {
  const oldest = (seconds: number | null) => (seconds === null ? '' : `oldest ${durationText(seconds * 1000)}`);
  const lines: readonly [string, number, string, string][] = [
    ['Undelivered events', waiting.events, oldest(waiting.events_oldest_seconds), addressOf('events')],
    [
      'Payments with unknown outcome',
      waiting.pending,
      oldest(waiting.pending_oldest_seconds),
      addressOf('payments', { status: 'pending' }),
    ],
    ['Awaiting payer authentication', waiting.challenged, '', addressOf('payments', { status: 'pending' })],
    ['Holds to capture or void', waiting.authorized, '', addressOf('payments', { status: 'authorized' })],
    ['Cases that need a person', waiting.cases, '', addressOf('cases')],
    ['Open disputes', waiting.disputes, '', addressOf('disputes')],
  ];
  return (
    <ul class="lines">
      {lines.map(([name, count, below, href]) => (
        <li key={name}>
          <a href={href}>
            <span>
              {name}
              {count > 0 && below && <span class="below">{below}</span>}
            </span>
            <span class={count > 0 ? 'number' : 'number none'}>{countText(count)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Failures({ data, from }: { data: ConsoleOverview; from: string }) {
  if (data.failures.length === 0) return <Empty title="No payment failed" />;
  const most = Math.max(...data.failures.map(({ count }) => count));
  return (
    <ul class="lines">
      {data.failures.map(({ error_code, count }) => (
        <li key={error_code}>
          <a href={addressOf('payments', { status: 'failed', created_from: from })}>
            <span>
              {failureName(error_code)}
              <progress class="bar" max={most} value={count} aria-hidden="true" />
            </span>
            <span class="number">{countText(count)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

interface Share {
  name: string;
  address: string;
  completed: number;
  failed: number;
}

function Shares({ caption, rows }: { caption: string; rows: readonly Share[] }) {
  if (rows.length === 0) return <Empty title="No finished payments" />;
  return (
    <Table
      caption={caption}
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        { name: 'Name', leads: true, cell: ({ name, address }) => <a href={address}>{name}</a> },
        { name: 'Completed', numeric: true, cell: ({ completed }) => countText(completed) },
        { name: 'Failed', numeric: true, cell: ({ failed }) => countText(failed) },
        {
          name: 'Success',
          numeric: true,
          cell: ({ completed, failed }) => {
            const ended = completed + failed;
            return ended === 0 ? <Pill text="None" tone="quiet" /> : percentText((100 * completed) / ended);
          },
        },
      ]}
    />
  );
}
