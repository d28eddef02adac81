/** Ids begin with the millisecond in which they were made, so a time range is a range of the primary key. */

import { decodeTime, encodeTime } from 'ulid';

/** Milliseconds since 1970: from the first one on, up to and without the second. */
export interface TimeRange {
  fromMs: number;
  toMs: number;
}

/** Clocks differ: the one that an id was made by may have been so far ahead or behind. */
export const CLOCK_SLACK_MS = 60_000;

const TIME_CHARACTERS = 10;
const ULID_LENGTH = 26;
const LATEST_MS = 2 ** 48 - 1;

/** An id and the time in its row are read off the same clock, one after the other. */
export const ROW_SLACK_MS = 2;

type Prefix = 'TXN-' | 'REF-' | 'evt_';

/** All ids of this range, by whatever clock, are greater than the one and less than the other; both are shorter than any id. */
export function idRange(prefix: Prefix, range: TimeRange) {
  return idsAround(prefix, range, CLOCK_SLACK_MS);
}

/** All ids whose own time is in the range. */
export function idsOfTime(prefix: Prefix, range: TimeRange) {
  return idsAround(prefix, range, 0);
}

/** The same of rows whose own time is in the range. */
export function idsMadeIn(prefix: Prefix, range: TimeRange) {
  return idsAround(prefix, range, ROW_SLACK_MS);
}

function idsAround(prefix: Prefix, { fromMs, toMs }: TimeRange, slackMs: number) {
  return { after: `${prefix}${ulidTime(fromMs - slackMs)}`, before: `${prefix}${ulidTime(toMs + slackMs)}` };
}

function ulidTime(timeMs: number): string {
  return encodeTime(Math.trunc(Math.min(Math.max(timeMs, 0), LATEST_MS)), TIME_CHARACTERS);
}

/** Whether the id of a payment or refund was made by then. */
export function wasMadeBy(id: string, timeMs: number): boolean {
  const prefix = id.startsWith('REF-') ? 'REF-' : 'TXN-';
  return id.startsWith(prefix) && id < idRange(prefix, { fromMs: 0, toMs: timeMs }).before;
}

/** When the id of a payment or refund was made. Its first characters say so. */
export function madeAtMs(id: string): number {
  return decodeTime(id.slice('TXN-'.length, 'TXN-'.length + TIME_CHARACTERS).padEnd(ULID_LENGTH, '0'));
}
