/** Ids begin with the millisecond in which they were made, so a time range is a range of the primary key. */

import { encodeTime } from 'ulid';

/** Milliseconds since 1970: from the first one on, up to and without the second. */
export interface TimeRange {
  fromMs: number;
  toMs: number;
}

/** Clocks differ: the one that an id was made by may have been so far ahead or behind. */
export const CLOCK_SLACK_MS = 60_000;

const TIME_CHARACTERS = 10;
const LATEST_MS = 2 ** 48 - 1;

/** All ids of this range are greater than the one and less than the other; both are shorter than any id. */
export function idRange(prefix: 'TXN-' | 'REF-' | 'evt_', { fromMs, toMs }: TimeRange) {
  return {
    after: `${prefix}${ulidTime(fromMs - CLOCK_SLACK_MS)}`,
    before: `${prefix}${ulidTime(toMs + CLOCK_SLACK_MS)}`,
  };
}

function ulidTime(timeMs: number): string {
  return encodeTime(Math.trunc(Math.min(Math.max(timeMs, 0), LATEST_MS)), TIME_CHARACTERS);
}

/** Whether the id of a payment or refund was made by then. */
export function wasMadeBy(id: string, timeMs: number): boolean {
  const prefix = id.startsWith('REF-') ? 'REF-' : 'TXN-';
  return id.startsWith(prefix) && id < idRange(prefix, { fromMs: 0, toMs: timeMs }).before;
}
