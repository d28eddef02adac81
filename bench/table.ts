/** The figures as a person reads them. */
import type { Line } from './figure.ts';

/** The title, and a row for each line: what, value, target, and whether it was reached. */
export function tableOf(title: string, lines: readonly Line[]): string {
  const rows = lines.map((line) => [line.what, valueText(line), targetText(line), verdictText(line), line.note ?? '']);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const shown = rows.map(([what = '', value = '', target = '', verdict = '', note = '']) => {
    const [first = 0, second = 0, third = 0, fourth = 0] = widths;
    return `  ${what.padEnd(first)}  ${value.padStart(second)}  ${target.padEnd(third)}  ${verdict.padEnd(fourth)}  ${note}`.trimEnd();
  });
  return `${[title, ...shown].join('\n')}\n`;
}

/** Whether a line reaches its target; undefined where it has none. */
export function isReached({ value, target }: Line): boolean | undefined {
  if (target === undefined) return undefined;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

function verdictText(line: Line): string {
  const reached = isReached(line);
  return reached === undefined ? '' : reached ? 'reached' : 'MISSED';
}

function valueText({ value, unit }: Line): string {
  return unit === '$' ? `$${value.toFixed(2)}` : `${number(value)} ${unit}`;
}

function targetText({ target }: Line): string {
  if (target === undefined) return '';
  return 'atLeast' in target ? `≥ ${number(target.atLeast)}` : `≤ ${number(target.atMost)}`;
}

/** Three digits where it is small, whole where it is large. */
function number(value: number): string {
  return Math.abs(value) < 100
    ? value.toLocaleString('en', { maximumSignificantDigits: 3 })
    : Math.round(value).toLocaleString('en');
}
