/**
 * Published round trips between twelve cities: means of 30 days between IBM Cloud's data centers, measured by IBM. Cloudflare has a data
 * center in each of these cities, and publishes no such table of its own network.
 */

export const SOURCE = {
  page: 'https://cloud.ibm.com/docs/vpc?topic=vpc-network-latency-dashboard',
  period: '18 Oct 2025 to 16 Nov 2025',
  read_on: '2026-11-29',
};

export const CITIES = [
  'Dallas',
  'Toronto',
  'Washington DC',
  'Frankfurt',
  'London',
  'Madrid',
  'Montreal',
  'Chennai',
  'Osaka',
  'Sydney',
  'Tokyo',
  'São Paulo',
] as const;
export type City = (typeof CITIES)[number];

/** Milliseconds between two data centers of one city, in the same source: 0.6 to 2.1, so the longest. */
export const WITHIN_CITY_MS = 2;

/** In the order of `CITIES`, from the city of the row to that of the column. */
const ROUND_TRIPS_MS: readonly (readonly number[])[] = [
  [0, 34, 32, 122, 112, 117, 42, 246, 150, 185, 142, 142],
  [34, 0, 19, 93, 82, 106, 10, 222, 144, 216, 136, 127],
  [31, 20, 0, 86, 75, 87, 16, 234, 147, 215, 139, 116],
  [122, 93, 85, 0, 13, 29, 89, 141, 235, 249, 224, 194],
  [112, 82, 76, 13, 0, 27, 79, 144, 247, 260, 236, 185],
  [119, 106, 88, 29, 27, 0, 102, 150, 260, 274, 250, 204],
  [41, 11, 16, 89, 79, 102, 0, 218, 152, 223, 145, 125],
  [246, 217, 240, 142, 142, 154, 216, 0, 111, 125, 100, 357],
  [151, 142, 148, 235, 246, 260, 150, 111, 0, 125, 9, 289],
  [185, 213, 214, 252, 261, 275, 222, 125, 124, 0, 118, 323],
  [142, 136, 143, 224, 235, 250, 147, 100, 9, 117, 0, 282],
  [143, 129, 116, 195, 185, 204, 124, 352, 289, 325, 282, 0],
];

export function roundTripMs(from: City, to: City): number {
  if (from === to) return WITHIN_CITY_MS;
  const trip = ROUND_TRIPS_MS[CITIES.indexOf(from)]?.[CITIES.indexOf(to)];
  if (trip === undefined) throw new Error(`no round trip is published from ${from} to ${to}`);
  return trip;
}
