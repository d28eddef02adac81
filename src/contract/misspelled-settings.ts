/**
 * Finds misspelled settings, for all programs that read settings. Without this check, the default of a misspelled setting would
 * silently apply: another currency, another broker.
 */

/** The result of reading settings. `problems`: all of them, each as `NAME` and a description. */
export type SettingsReading<Settings> = { kind: 'valid'; settings: Settings } | { kind: 'invalid'; problems: string[] };

/** Typing errors, as insertions, omissions and replacements of a character; two swapped characters count as two. */
const TYPOS_MAX = 2;
/** Shorter names are close to too many others. */
const NAME_MIN_LENGTH = 8;

/**
 * Problems for variables whose names are close to a setting's. Only text is checked, because bindings are objects. A name that
 * extends a setting's, such as BRIDGE_URL_OLD, is not a misspelling.
 */
export function misspelledSettings(env: { readonly [name: string]: unknown }, known: ReadonlySet<string>): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (typeof value !== 'string' || known.has(name) || name.length < NAME_MIN_LENGTH) return [];
    const meant = [...known].find((setting) => isNear(name, setting));
    return meant === undefined ? [] : [`${name} is not a setting: did you mean ${meant}?`];
  });
}

function isNear(name: string, setting: string): boolean {
  if (Math.abs(name.length - setting.length) > TYPOS_MAX || name.startsWith(`${setting}_`)) return false;
  return editDistance(name, setting) <= TYPOS_MAX;
}

/** Levenshtein's, with one row of the table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i += 1) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (above[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
  }
  return row[to.length] ?? 0;
}
