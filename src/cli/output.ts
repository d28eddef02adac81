/** How the commands print: tables and facts for people, JSON for programs; all of it on standard output. */

/** As a terminal shows it on one line. Texts of gateways and callers may hold line breaks, or escapes that would move the cursor. */
function shown(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

const GAP = '  ';

/** Lines of columns, each as wide as its widest cell. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(shown));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length)))
      .join(GAP)
      .trimEnd(),
  );
}

export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const line of columns([headings, ...rows])) console.log(line);
}

/** A name and its value a line, the values below each other. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  for (const line of columns(facts)) console.log(line);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
