/** Stripe's lists: newest first, filtered, by pages; and the objects that an answer may show whole in the place of an id. */

import { seconds } from './stripe-books.ts';
import { invalid, missing } from './stripe-errors.ts';

export interface ListParams {
  created?: number | { gt?: number; gte?: number; lt?: number; lte?: number };
  limit?: number;
  starting_after?: string;
  ending_before?: string;
  expand?: string[];
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

export interface Row {
  id: string;
  createdAtMs: number;
}

/** @param rows oldest first */
export function page<R extends Row>(
  rows: Iterable<R>,
  params: ListParams,
  kind: string,
): { rows: R[]; hasMore: boolean } {
  const limit = params.limit ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`Invalid integer: ${limit}. limit must be between 1 and ${MAX_LIMIT}.`, { param: 'limit' });
  }
  const newestFirst = [...rows].reverse();
  const place = (param: 'starting_after' | 'ending_before') => {
    const id = params[param];
    const index = newestFirst.findIndex((row) => row.id === id);
    if (index === -1) throw missing(kind, String(id), param, 400);
    return index;
  };
  const before = params.ending_before === undefined ? newestFirst.length : place('ending_before');
  const after = params.starting_after === undefined ? 0 : place('starting_after') + 1;
  const wanted = newestFirst.slice(after, before).filter((row) => isWithin(seconds(row.createdAtMs), params.created));
  const rowsOfPage = params.ending_before === undefined ? wanted.slice(0, limit) : wanted.slice(-limit);
  return { rows: rowsOfPage, hasMore: wanted.length > rowsOfPage.length };
}

function isWithin(created: number, range: ListParams['created']): boolean {
  if (range === undefined) return true;
  if (typeof range === 'number') return created === range;
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = range;
  return created > gt && created >= gte && created < lt && created <= lte;
}

export type Expansions<R> = Readonly<Record<string, (row: R) => unknown>>;

/** @param expand the `expand` of a list has `data.` before each name */
export function expanded<R>(
  shown: Record<string, unknown>,
  row: R,
  expand: string[] = [],
  known: Expansions<R>,
  prefix = '',
) {
  for (const path of expand) {
    const name = path.startsWith(prefix) ? path.slice(prefix.length) : '';
    const show = known[name];
    if (show === undefined) {
      throw invalid(`This property cannot be expanded (${path}).`, { param: 'expand' });
    }
    shown[name] = show(row);
  }
  return shown;
}
