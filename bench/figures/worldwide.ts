/**
 * How long a payment takes from twelve cities, under different placements of Worker and database. It is a model and no measurement: the
 * trips of a payment, as `rows` has counted them, times published round trips. What the gateway, D1 and the Worker take is the same
 * in each and not in it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT } from '../../src/local/project.ts';
import { CITIES, type City, roundTripMs, SOURCE, WITHIN_CITY_MS } from '../city-round-trips.ts';
import { type CountedOperation, type Figure, type Line, NotMeasurable } from '../figure.ts';
import { type Setting, worldwideChart } from '../worldwide-chart.ts';

const CHART = 'docs/worldwide-latency.svg';
/** Assumed, and the same for all: from a client to the first data center in its city. */
const LAST_MILE_MS = 10;
/** Before the first request of a connection: TCP, and TLS 1.3. */
const HANDSHAKES = 2;
/** Without a hint, D1 is where its creation was asked for: here, by a CI service in eastern North America. */
const CREATED_IN: City = 'Washington DC';
/** Where D1's location hints lead, as far as the source has a city there. */
const HINTS: Readonly<Record<string, City>> = {
  wnam: 'Dallas',
  enam: 'Washington DC',
  weur: 'Frankfurt',
  apac: 'Tokyo',
  oc: 'Sydney',
};
/** The FastAPI service commits twice to PostgreSQL and waits for RabbitMQ's confirm, all in its own region. */
const TRIPS_OF_FASTAPI = 3;

/** Round trips of one payment. */
interface Trips {
  toD1: number;
  toLimiter: number;
}

/** Milliseconds of a payment from this city, on an open connection; and how far away the server is with which the client shakes hands. */
interface Way {
  name: string;
  ms(city: City, trips: Trips): number;
  handshakeMs(city: City): number;
}

const atEdge = () => LAST_MILE_MS;

/** The Worker and the client's limiter are in the client's city, and each batch goes to D1. */
function nearClient(d1: City): Omit<Way, 'name'> {
  return {
    ms: (city, { toD1, toLimiter }) => LAST_MILE_MS + toLimiter * WITHIN_CITY_MS + toD1 * roundTripMs(city, d1),
    handshakeMs: atEdge,
  };
}

/** The request goes to D1's city once; the Worker, the limiter and D1 are there. */
function nearDatabase(d1: City): Omit<Way, 'name'> {
  return {
    ms: (city, { toD1, toLimiter }) => LAST_MILE_MS + roundTripMs(city, d1) + (toLimiter + toD1) * WITHIN_CITY_MS,
    handshakeMs: atEdge,
  };
}

/** D1 has a read replica in each of its regions. The Worker is in the client's city, and asks the nearest one, once. */
function nearestReplicaMs(city: City, { toLimiter }: Trips): number {
  const nearest = Math.min(...Object.values(HINTS).map((region) => roundTripMs(city, region)));
  return LAST_MILE_MS + toLimiter * WITHIN_CITY_MS + nearest;
}

const WAYS: readonly Way[] = [
  { name: 'default placement, D1 in enam', ...nearClient(CREATED_IN) },
  { name: 'smart placement, D1 in enam', ...nearDatabase(CREATED_IN) },
  { name: 'smart placement, D1 in weur', ...nearDatabase('Frankfurt') },
  {
    name: 'FastAPI service in Frankfurt',
    ms: (city) => LAST_MILE_MS + roundTripMs(city, 'Frankfurt') + TRIPS_OF_FASTAPI * WITHIN_CITY_MS,
    handshakeMs: (city) => LAST_MILE_MS + roundTripMs(city, 'Frankfurt'),
  },
];

export const worldwide: Figure = {
  name: 'worldwide',
  title: 'worldwide: a payment from 12 cities, modelled from counted trips and published distances',
  async measure({ earlier }) {
    const rows = earlier.get('rows')?.details as { operations: Record<string, CountedOperation> } | undefined;
    const { process: payment, status } = rows?.operations ?? {};
    if (payment === undefined || status === undefined) {
      throw new NotMeasurable('it is made of rows: measure that first, with --only rows,worldwide');
    }
    const trips: Trips = { toD1: payment.roundTrips, toLimiter: payment.durableObjectCalls };
    const settings = WAYS.map((way) => ({ name: way.name, msByCity: byCity((city) => way.ms(city, trips)) }));
    const shown = `${trips.toD1} trips to D1, ${trips.toLimiter} to the limiter`;
    await writeFile(join(PROJECT, CHART), worldwideChart(settings, shown));
    const newConnections = WAYS.map((way) => byCity((city) => HANDSHAKES * way.handshakeMs(city)));
    const hints = Object.entries(HINTS).map(([hint, city]) => ({
      hint,
      mean_ms: mean(CITIES.map((from) => nearDatabase(city).ms(from, trips))),
    }));
    const statusTrips: Trips = { toD1: status.roundTrips, toLimiter: status.durableObjectCalls };
    const statusMs = {
      replica: byCity((city) => nearestReplicaMs(city, statusTrips)),
      primary: byCity((city) => nearClient(CREATED_IN).ms(city, statusTrips)),
      smart: byCity((city) => nearDatabase(CREATED_IN).ms(city, statusTrips)),
    };
    const meanStatusMs = (of: keyof typeof statusMs) => Math.round(mean(Object.values(statusMs[of])));
    const best = hints.reduce((a, b) => (b.mean_ms < a.mean_ms ? b : a));
    return {
      lines: [
        ...settings.flatMap((setting, index) => linesOf(setting, newConnections[index] ?? {})),
        {
          what: `the hint with the lowest mean, ${best.hint}`,
          value: best.mean_ms,
          unit: 'ms',
          note: `with smart placement, if each city pays as often; ${shown}`,
        },
        {
          what: 'a status that a replica near the reader answers: mean',
          value: mean(Object.values(statusMs.replica)),
          unit: 'ms',
          note: `by the primary in enam ${meanStatusMs('primary')} ms, with smart placement ${meanStatusMs('smart')} ms`,
        },
      ],
      details: {
        trips,
        last_mile_ms: LAST_MILE_MS,
        source: SOURCE,
        settings,
        new_connection_ms: newConnections,
        hints,
        status_ms: statusMs,
      },
    };
  },
};

function linesOf({ name, msByCity }: Setting, handshakes: Partial<Record<City, number>>): Line[] {
  const all = Object.values(msByCity);
  const first = CITIES.map((city) => msByCity[city] + (handshakes[city] ?? 0));
  const [fastest, slowest] = [Math.min(...all), Math.max(...all)];
  return [
    {
      what: `${name}: mean`,
      value: mean(all),
      unit: 'ms',
      note: `${fastest} to ${slowest} ms; ${Math.round(mean(first))} ms with a new connection`,
    },
    { what: `${name}: slowest but one city`, value: all.toSorted((a, b) => a - b).at(-2) ?? Number.NaN, unit: 'ms' },
  ];
}

function byCity(of: (city: City) => number): Record<City, number> {
  return Object.fromEntries(CITIES.map((city) => [city, of(city)])) as Record<City, number>;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
