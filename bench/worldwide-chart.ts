/** The chart of docs/deploying.md: a row for each city, a dot for each placement. It reads in a light and in a dark page. */
import { CITIES, type City, SOURCE } from './city-round-trips.ts';

export interface Setting {
  name: string;
  msByCity: Record<City, number>;
}

const WIDTH = 760;
const LEFT = 120;
const RIGHT = 24;
const TOP = 76;
const ROW = 26;
const LEGEND_COLUMN = 300;
const LEGEND_ROW = 24;
const DOT = 5.5;
const AXIS_STEP_MS = 100;
/** Told apart by colour-blind readers too (Okabe and Ito), and by shape. */
const COLOURS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7'];

/** An SVG. @param trips what it was made of, in words */
export function worldwideChart(settings: readonly Setting[], trips: string): string {
  const slowest = Math.max(...settings.flatMap(({ msByCity }) => Object.values(msByCity)));
  const endMs = Math.ceil(slowest / AXIS_STEP_MS) * AXIS_STEP_MS;
  const x = (ms: number) => Math.round((LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT)) * 10) / 10;
  const y = (row: number) => TOP + row * ROW + ROW / 2;
  const bottom = TOP + CITIES.length * ROW;
  const marks = Array.from({ length: endMs / AXIS_STEP_MS + 1 }, (_, index) => index * AXIS_STEP_MS);
  const cities = CITIES.toSorted((a, b) => lowest(settings, a) - lowest(settings, b));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 62}" role="img" aria-labelledby="title">`,
    '<title id="title">Milliseconds of a payment from twelve cities, by placement of Worker and database</title>',
    '<style>',
    'text { font: 13px system-ui, sans-serif; fill: #1f2328 } .quiet { fill: #59636e; font-size: 12px }',
    '.grid { stroke: #d1d9e0 } .row { stroke: #d1d9e0; stroke-width: 2 }',
    '@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid, .row { stroke: #3d444d } }',
    '</style>',
    ...legend(settings),
    ...marks.map((ms) => `<path class="grid" d="M${x(ms)} ${TOP}V${bottom}"/>`),
    ...marks.map((ms) => `<text class="quiet" x="${x(ms)}" y="${bottom + 18}" text-anchor="middle">${ms}</text>`),
    ...cities.flatMap((city, row) => [
      `<text x="${LEFT - 14}" y="${y(row) + 4}" text-anchor="end">${city}</text>`,
      ...rowOf(settings, city, y(row), x),
    ]),
    `<text class="quiet" x="${LEFT}" y="${bottom + 36}">ms on an open connection, without what the gateway takes. Modelled: ${trips};</text>`,
    `<text class="quiet" x="${LEFT}" y="${bottom + 52}">round trips published by IBM Cloud, ${SOURCE.period}; 10 ms to the client.</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function lowest(settings: readonly Setting[], city: City): number {
  return Math.min(...settings.map(({ msByCity }) => msByCity[city]));
}

function rowOf(settings: readonly Setting[], city: City, y: number, x: (ms: number) => number): string[] {
  const all = settings.map(({ msByCity }) => x(msByCity[city]));
  const line = `<path class="row" d="M${Math.min(...all)} ${y}H${Math.max(...all)}"/>`;
  return [line, ...settings.map((_, index) => mark(index, all[index] ?? 0, y))];
}

function legend(settings: readonly Setting[]): string[] {
  return settings.flatMap(({ name }, index) => {
    const [left, top] = [LEFT + (index % 2) * LEGEND_COLUMN, 20 + Math.floor(index / 2) * LEGEND_ROW];
    return [mark(index, left, top), `<text x="${left + 14}" y="${top + 4}">${name}</text>`];
  });
}

function mark(index: number, x: number, y: number): string {
  const colour = `fill="${COLOURS[index]}"`;
  switch (index) {
    case 0:
      return `<circle cx="${x}" cy="${y}" r="${DOT}" ${colour}/>`;
    case 1:
      return `<rect x="${x - DOT}" y="${y - DOT}" width="${2 * DOT}" height="${2 * DOT}" ${colour}/>`;
    case 2:
      return `<path d="M${x} ${y - 7}l7 7l-7 7l-7 -7z" ${colour}/>`;
    default:
      return `<path d="M${x} ${y - 6.5}l6.5 11.5h-13z" ${colour}/>`;
  }
}
