/** The charts of the overview, and the same data as a table. The drawing library is loaded when there is something to draw. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConsoleOverview } from '../../contract/console.ts';
import { countText, localTime, millisecondsText, percentText } from '../text/format.ts';
import { Card } from './basics.tsx';
import type { Drawn, Line } from './draw-chart.ts';
import { Table } from './table.tsx';

type Series = ConsoleOverview['series'];
/** Enough for a reader: the newest buckets. */
const TABLE_MAX_ROWS = 100;

interface Plot {
  title: string;
  /** For screen readers. */
  summary: string;
  lines: readonly Line[];
  format: (value: number | null) => string;
  /** Formats a value of the scale. */
  tick: (value: number) => string;
  /** Where the scale ends, at least. */
  top: number;
  bars: boolean;
}

export function Charts({ series }: { series: Series }) {
  const { completed, failed, refunds, processing_p95_ms, gateway_p95_ms } = series;
  const [isTableOpen, setTableOpen] = useState(false);
  const rates = completed.map((count, index) => rate(count, failed[index] ?? 0));
  const plots: readonly Plot[] = [
    {
      title: 'Payments and refunds',
      summary: `${countText(sum(completed))} completed, ${countText(sum(failed))} failed, ${countText(sum(refunds))} refunds.`,
      lines: [
        { name: 'Completed', colour: '--chart-good', values: completed },
        { name: 'Failed', colour: '--chart-bad', values: failed },
        { name: 'Refunds', colour: '--chart-other', values: refunds },
      ],
      format: (value) => countText(value ?? 0),
      tick: countText,
      top: 4,
      bars: true,
    },
    {
      title: 'Success rate',
      summary: `Between ${percentText(least(rates))} and ${percentText(most(rates))}.`,
      lines: [{ name: 'Success rate', colour: '--chart-good', values: rates }],
      format: percentText,
      tick: (value) => `${value}%`,
      top: 100,
      bars: false,
    },
    {
      title: 'Response time, 95th percentile',
      summary: `Processing took ${millisecondsText(most(processing_p95_ms))} at most, the gateway ${millisecondsText(most(gateway_p95_ms))}.`,
      lines: [
        { name: 'Processing', colour: '--chart-good', values: processing_p95_ms },
        { name: 'Gateway', colour: '--chart-other', values: gateway_p95_ms },
      ],
      format: millisecondsText,
      tick: millisecondsText,
      top: 100,
      bars: false,
    },
  ];
  return (
    <div class="charts">
      {plots.map((plot) => (
        <Card key={plot.title} title={plot.title}>
          <Chart plot={plot} series={series} />
        </Card>
      ))}
      <details class="as-table" onToggle={(event) => setTableOpen(event.currentTarget.open)}>
        <summary>The charts as a table</summary>
        {isTableOpen && <SeriesTable series={series} rates={rates} />}
      </details>
    </div>
  );
}

function Chart({ plot, series }: { plot: Plot; series: Series }) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const { lines, format, tick, top, bars } = plot;

  // Drawn once, then updated.
  useEffect(() => {
    let isGone = false;
    void import('./draw-chart.ts').then(({ drawChart }) => {
      if (isGone || place.current === null) return;
      drawn.current = drawChart(place.current, { lines, tick, top, bars, onPoint: setPointed });
      drawn.current.show(series.at, lines, series.bucket_seconds);
    });
    return () => {
      isGone = true;
      drawn.current?.remove();
      drawn.current = null;
    };
  }, []);
  useEffect(() => drawn.current?.show(series.at, lines, series.bucket_seconds), [series]);

  const at = pointed === null ? undefined : series.at[pointed];
  return (
    <figure class="chart">
      <figcaption>
        <ul class="legend">
          {lines.map(({ name, values, colour }) => (
            <li key={name} class={colour.slice(2)}>
              {name}
              {pointed !== null && at !== undefined && <b> {format(values[pointed] ?? null)}</b>}
            </li>
          ))}
        </ul>
        <span class="small">{at === undefined ? '' : localTime(new Date(at * 1000).toISOString())}</span>
        <span class="hidden">{plot.summary}</span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}

function SeriesTable({ series, rates }: { series: Series; rates: readonly (number | null)[] }) {
  const rows = series.at
    .map((at, index) => ({ at, index }))
    .toReversed()
    .slice(0, TABLE_MAX_ROWS);
  const count = (values: readonly number[]) => (row: { index: number }) => countText(values[row.index] ?? 0);
  const time = (values: readonly (number | null)[]) => (row: { index: number }) =>
    millisecondsText(values[row.index] ?? null);
  return (
    <Table
      caption={`The charts as a table, newest first, at most ${TABLE_MAX_ROWS} rows`}
      rows={rows}
      keyOf={({ at }) => String(at)}
      columns={[
        { name: 'From', leads: true, cell: ({ at }) => localTime(new Date(at * 1000).toISOString()) },
        { name: 'Completed', numeric: true, cell: count(series.completed) },
        { name: 'Failed', numeric: true, cell: count(series.failed) },
        { name: 'Success', numeric: true, cell: ({ index }) => percentText(rates[index] ?? null) },
        { name: 'Refunds', numeric: true, cell: count(series.refunds) },
        { name: 'Processing', numeric: true, cell: time(series.processing_p95_ms) },
        { name: 'Gateway', numeric: true, cell: time(series.gateway_p95_ms) },
      ]}
    />
  );
}

function rate(completed: number, failed: number): number | null {
  return completed + failed === 0 ? null : (100 * completed) / (completed + failed);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function measured(values: readonly (number | null)[]): number[] {
  return values.filter((value): value is number => value !== null);
}

function least(values: readonly (number | null)[]): number | null {
  const found = measured(values);
  return found.length === 0 ? null : Math.min(...found);
}

function most(values: readonly (number | null)[]): number | null {
  const found = measured(values);
  return found.length === 0 ? null : Math.max(...found);
}
