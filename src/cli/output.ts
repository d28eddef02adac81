/** Output of the commands: tables and facts for people, JSON for programs, always on standard output. */
import { isoSeconds } from '../core/domain/timestamp.ts';

/** As a terminal shows it on one line. Texts of gateways and callers may hold line breaks, or escapes that would move the cursor. */
function shown(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

const GAP = '  ';

/** Of the terminal; a file or a pipe has no width. */
function screenWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** A last column narrower than this is not worth wrapping. */
const WRAPPED_MIN_CELLS = 20;

const lengthOf = (text: string) => [...text].length;

/** Lines of columns, each as wide as its widest cell. Only the last one is wrapped, to the width that the others leave. */
function columns(rows: readonly (readonly string[])[], width: number): string[] {
  const cells = rows.map((row) => row.map(shown));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => lengthOf(row[column] ?? ''))));
  const others = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  return cells.flatMap((row) =>
    wrapped(row.at(-1) ?? '', Math.max(WRAPPED_MIN_CELLS, width - others)).map((last, index) =>
      widths
        .map((one, column) => {
          if (column === widths.length - 1) return last;
          const cell = index === 0 ? (row[column] ?? '') : '';
          return cell + ' '.repeat(one - lengthOf(cell));
        })
        .join(GAP)
        .trimEnd(),
    ),
  );
}

/** Lines of whole words. A word that is longer than a line has one of its own, so that it can be copied. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/**
 * Prints a line of headings, and then the rows. On a terminal that is too narrow for them, prints what all rows have in common once, above the
 * table of the rest; and where that is still too wide, each row as facts.
 */
export function printTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width = screenWidth(),
): void {
  const all = headings.map((heading, column) => ({ heading, cells: rows.map((row) => row[column] ?? '') }));
  const differs = ({ cells }: Column) => rows.length === 1 || cells.some((cell) => cell !== cells[0]);
  const whole = linesThatFit(all, width);
  const rest = whole ?? linesThatFit(all.filter(differs), width);
  if (rest === null) {
    for (const index of rows.keys()) {
      if (index > 0) console.log();
      printFilled(all, index, width);
    }
    return;
  }
  const shared = whole === null ? all.filter((column) => !differs(column)) : [];
  if (printFilled(shared, 0, width) > 0) console.log();
  for (const line of rest) console.log(line);
}

interface Column {
  heading: string;
  cells: readonly string[];
}

/** Null where one of them is wider than the terminal, or there are no columns. */
function linesThatFit(table: readonly Column[], width: number): string[] | null {
  if (table.length === 0) return null;
  const rows = (table[0]?.cells ?? []).map((_, index) => table.map(({ cells }) => cells[index] ?? ''));
  const lines = columns([table.map(({ heading }) => heading), ...rows], width);
  return lines.every((line) => lengthOf(line) <= width) ? lines : null;
}

/** The cells of a row as facts, without the empty ones. Returns how many there are. */
function printFilled(table: readonly Column[], row: number, width: number): number {
  const facts = table.map(({ heading, cells }) => [heading, cells[row] ?? ''] as const);
  const filled = facts.filter(([, value]) => value !== '');
  printFacts(filled, width);
  return filled.length;
}

/** Prints a name and its value a line, the values below each other. */
export function printFacts(
  facts: readonly (readonly [name: string, value: string])[],
  width = screenWidth(),
  print: (line: string) => void = console.log,
): void {
  for (const line of columns(facts, width)) print(line);
}

/** What a question is about: on standard error, since standard output may be on its way into a file. */
export function showFacts(facts: readonly (readonly [name: string, value: string])[]): void {
  printFacts(facts, process.stderr.isTTY ? process.stderr.columns : Number.POSITIVE_INFINITY, console.error);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** A value of the domain as the API would show it: names in snake case, times in ISO 8601. Amounts stay in minor units. */
export function inSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (!TIME.test(name)) return [snake, inSnakeCase(field)];
      return [snake.replace(/_ms$/, ''), typeof field === 'number' ? isoSeconds(field) : field];
    }),
  );
}
const TIME = /(At|Since|Until)Ms$/;

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** How long ago, in the unit that says it in few digits. */
export function ageOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
