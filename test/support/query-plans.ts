/** Which lines of SQLite's query plans walk through a table. */

/** Plans that name a table's walk, and read no more than a row or two. */
const BOUNDED: readonly [scan: RegExp, of: RegExp, why: string][] = [
  [/./, /LIMIT 0$/, 'it is never run to a row: it only names what the schema must have'],
  [/^SCAN job_slots$/, /FROM job_slots/, 'it has a row for each slot of each job'],
  [/^SCAN (audit_blocks|audit_seals)$/, /DESC LIMIT 1/, 'the newest row: the walk ends with the first'],
  [/^SCAN archived_ranges$/, /SELECT 1 FROM archived_ranges LIMIT 1/, 'whether there is a row: it ends with the first'],
];

/**
 * The lines of a plan that walk through a real table, and not through what the statement itself has put together before.
 *
 * @param details the column `detail` of EXPLAIN QUERY PLAN
 */
export function tableWalks(sql: string, details: readonly string[]): string[] {
  const text = sql.trim().replace(/\s+/g, ' ');
  const ownResults = details.flatMap((detail) => /^(?:MATERIALIZE|CO-ROUTINE) (\S+)/.exec(detail)?.[1] ?? []);
  return details.filter((detail) => {
    const [, table = ''] = /^SCAN (\S+)/.exec(detail) ?? [];
    if (table === '' || ownResults.includes(table)) return false;
    if (/VIRTUAL TABLE|CONSTANT ROW|^SCAN \(/.test(detail)) return false;
    return !BOUNDED.some(([plan, of]) => plan.test(detail) && of.test(text));
  });
}
