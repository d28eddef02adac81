/** Draws a chart with uPlot. Loaded when there is something to draw. */
import uPlot from 'uplot';
import { LOCALE } from '../text/format.ts';

export interface Line {
  name: string;
  /** A property of the style sheet. */
  colour: `--${string}`;
  values: readonly (number | null)[];
}

export interface Drawn {
  show(at: readonly number[], lines: readonly Line[], bucketSeconds: number): void;
  remove(): void;
}

interface Options {
  lines: readonly Line[];
  /** A value of the scale. */
  tick: (value: number) => string;
  top: number;
  /** Bars stand on each other, the first one below. */
  bars: boolean;
  /** Which bucket the pointer is at. */
  onPoint: (index: number | null) => void;
}

const HEIGHT_PX = 180;

export function drawChart(place: HTMLElement, { lines, tick, top, bars, onPoint }: Options): Drawn {
  const colour = (name: string) => getComputedStyle(place).getPropertyValue(name).trim();
  /** Asked for at each drawing: somebody may choose other colours. */
  const coloured = (name: string) => () => colour(name);
  const font = `12px ${getComputedStyle(place).fontFamily}`;
  const axis: uPlot.Axis = {
    font,
    stroke: coloured('--chart-text'),
    grid: { stroke: coloured('--chart-line'), width: 1 },
    ticks: { show: false },
  };
  // On each other: the tallest is drawn first, and what it stands on over it.
  const ordered = bars ? lines.toReversed() : lines;
  let bucketSeconds = 0;
  const chart = new uPlot(
    {
      width: Math.max(place.clientWidth, 1),
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, points: { show: !bars }, drag: { x: false, y: false } },
      padding: [8, 20, 0, 0],
      // A bucket's bar begins where the bucket does, and the last one ends with the scale.
      scales: {
        x: { time: true, range: (_, min, max) => [min, max + bucketSeconds] },
        y: { range: (_, __, max) => [0, Math.max(top, max * 1.1)] },
      },
      axes: [
        { ...axis, size: 30, values: timeLabels },
        { ...axis, size: 58, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [
        {},
        ...ordered.map(
          ({ colour: name }): uPlot.Series => ({
            stroke: coloured(name),
            width: bars ? 0 : 2,
            ...(bars && { fill: coloured(name) }),
            ...(bars && uPlot.paths.bars && { paths: uPlot.paths.bars({ size: [0.8, 24], align: 1 }) }),
            points: { show: false },
            spanGaps: false,
          }),
        ),
      ],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    },
    [[]],
    place,
  );
  const fit = new ResizeObserver(() => chart.setSize({ width: Math.max(place.clientWidth, 1), height: HEIGHT_PX }));
  fit.observe(place);
  const redraw = () => chart.redraw(false, true);
  addEventListener('themechange', redraw);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', redraw);
  return {
    show(at, shown, seconds) {
      bucketSeconds = seconds;
      chart.setData([[...at], ...(bars ? stacked(shown).toReversed() : shown.map(({ values }) => [...values]))]);
    },
    remove() {
      fit.disconnect();
      removeEventListener('themechange', redraw);
      system.removeEventListener('change', redraw);
      chart.destroy();
    },
  };
}

/** Each with all that it stands on. */
function stacked(lines: readonly Line[]): number[][] {
  const sums: number[][] = [];
  for (const { values } of lines) {
    const below = sums.at(-1);
    sums.push(values.map((value, index) => (value ?? 0) + (below?.[index] ?? 0)));
  }
  return sums;
}

const HOUR_SECONDS = 3600;

/** Hours where the ticks are within days, else days. */
function timeLabels(_: uPlot, ticks: number[]): string[] {
  const [first = 0, second = first] = ticks;
  const options: Intl.DateTimeFormatOptions =
    second - first < 24 * HOUR_SECONDS
      ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
      : { month: 'short', day: 'numeric' };
  const format = new Intl.DateTimeFormat(LOCALE, options);
  return ticks.map((tick) => format.format(new Date(tick * 1000)));
}
