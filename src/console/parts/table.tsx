/** A table that turns into cards on small screens. The roles stay then, which browsers take from cells that are no table cells. */
import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  name: string;
  /** Null: nothing, and no line of the card either. */
  cell: (row: Row) => ComponentChildren;
  /** Numbers stand below each other. */
  numeric?: boolean;
  /** What a card begins with. */
  leads?: boolean;
  /** Buttons: their column has a name for screen readers alone. */
  acts?: boolean;
}

interface Props<Row> {
  /** What it lists, for screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}

export function Table<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  return (
    <table role="table" class="table">
      <caption class="hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ name, numeric, acts }) => (
            <th key={name} role="columnheader" scope="col" class={numeric ? 'numeric' : undefined}>
              {acts ? <span class="hidden">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map((column) => (
              <Cell key={column.name} column={column} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const { name, cell, numeric, leads, acts } = column;
  const content = cell(row);
  const classes = [numeric && 'numeric', leads && 'leads', acts && 'acts', content === null && 'nothing'];
  return (
    <td role="cell" class={classes.filter(Boolean).join(' ') || undefined}>
      {!leads && !acts && (
        <span class="cell-name" aria-hidden="true">
          {name}
        </span>
      )}
      <div class="cell">{content}</div>
    </td>
  );
}
