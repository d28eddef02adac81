/** Records as CSV (RFC 4180), safe to open in a spreadsheet: a text that begins as a formula does is preceded by an apostrophe. */
import { stringify } from 'csv-stringify/sync';
import { decimalText } from '../../core/domain/money.ts';

/** An amount: printed as a decimal number, and no formula, although it may begin with a minus. */
export interface Amount {
  minor: number;
  currency: string;
}

export type Cell = string | number | null | Amount;
export type Columns<Row> = readonly (readonly [name: string, cell: (row: Row) => Cell])[];

export function csvHeader<Row>(columns: Columns<Row>): string {
  return `${columns.map(([name]) => name).join(',')}\n`;
}

export function csvLines<Row>(columns: Columns<Row>, rows: readonly Row[]): string {
  const records = rows.map((row) => columns.map(([, cell]) => printed(cell(row))));
  return stringify(records, { escape_formulas: true, cast: { string: textCell, object: negativeCell } });
}

/** A line feed is not among what `escape_formulas` looks at, and spreadsheets skip it. */
function textCell(text: string): string {
  return text.startsWith('\n') ? `'${text}` : text;
}

/** An amount that begins with a digit is taken for no formula anyway. */
function printed(cell: Cell): Cell {
  const isPositive = typeof cell === 'object' && cell !== null && cell.minor >= 0;
  return isPositive ? decimalText(cell.minor, cell.currency) : cell;
}

function negativeCell(amount: Record<string, unknown>) {
  const { minor, currency } = amount as unknown as Amount;
  return { value: `-${decimalText(-minor, currency)}`, escape_formulas: false };
}
