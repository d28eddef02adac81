/** Times as people and programs write them, in ISO 8601. */

const ISO_8601 = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** Milliseconds of an ISO 8601 time, or null. A date is its midnight; a date or a time without a zone is in UTC. */
export function isoTimeMs(text: string): number | null {
  const [, date, time = '00:00', zone = 'Z'] = ISO_8601.exec(text) ?? [];
  if (date === undefined) return null;
  const ms = Date.parse(`${date}T${time}${zone}`);
  // A 30th of February would be a day in March.
  const isDay = Number.isFinite(ms) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  return isDay ? ms : null;
}
