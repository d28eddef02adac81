/** Times, durations, counts and sizes as people read them: in English, whatever the browser's language is, because the texts around them are. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** As the pages say of themselves: `lang` in index.html. */
export const LOCALE = 'en';

/** In the reader's zone: `Nov 30, 2026, 14:03`. */
export function localTime(iso: string, seconds = false): string {
  const time = seconds
    ? ({ hour: '2-digit', minute: '2-digit', second: '2-digit' } as const)
    : ({ hour: '2-digit', minute: '2-digit' } as const);
  return new Intl.DateTimeFormat(LOCALE, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hourCycle: 'h23',
    ...time,
  }).format(new Date(iso));
}

/** `2026-11-30 14:03:22 UTC`. */
export function utcTime(iso: string): string {
  return `${new Date(iso).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

/** One unit: `45 s`, `12 min`, `3 h`, `4 days`. */
export function durationText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.round(ms / SECOND_MS))} s`;
  if (ms < 100 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 48 * HOUR_MS) return `${Math.round(ms / HOUR_MS)} h`;
  return `${Math.round(ms / DAY_MS)} days`;
}

/** `3 min ago`, `in 20 s`. */
export function relativeTime(iso: string, nowMs: number): string {
  const ms = Date.parse(iso) - nowMs;
  if (Math.abs(ms) < SECOND_MS) return 'now';
  return ms > 0 ? `in ${durationText(ms)}` : `${durationText(-ms)} ago`;
}

/** A measured duration; a dash if nothing was measured. */
export function millisecondsText(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 * SECOND_MS ? `${countText(Math.round(ms))} ms` : `${(ms / SECOND_MS).toFixed(1)} s`;
}

export function countText(count: number): string {
  return new Intl.NumberFormat(LOCALE).format(count);
}

/** `97.4%`. 100 is written only where nothing failed. */
export function percentText(percent: number | null): string {
  if (percent === null) return '–';
  const shown = percent < 100 ? Math.min(percent, 99.9) : percent;
  return `${shown === 100 ? '100' : shown.toFixed(1)}%`;
}

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1 event`, `2 events`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** The value of a datetime-local field, in the reader's time zone; empty if the text is not a time. */
export function localInput(iso: string | undefined): string {
  const time = new Date(iso ?? '');
  if (Number.isNaN(time.getTime())) return '';
  const digits = (number: number, count = 2) => String(number).padStart(count, '0');
  const date = [digits(time.getFullYear(), 4), digits(time.getMonth() + 1), digits(time.getDate())].join('-');
  return `${date}T${digits(time.getHours())}:${digits(time.getMinutes())}`;
}

/** The time in UTC of a datetime-local field; empty if the field is empty. */
export function utcOfInput(value: string): string {
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? '' : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
