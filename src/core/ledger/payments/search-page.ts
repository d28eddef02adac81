/**
 * The search of an organisation's payments, newest first. Each search goes along one index, takes a bounded number of rows from it, and filters
 * those: so a page costs the same however many payments there are, and may have found fewer than are wanted.
 */

import type { PaymentMethod } from '../../../contract/requests.ts';
import type { ShownStatus } from '../../../contract/search.ts';
import { shownStatus, type Transaction } from '../../domain/transaction.ts';
import { DEFAULT_TENANT } from '../../security/credential.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import type { D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch, type Statements } from '../database.ts';
import { idsMadeIn } from '../id-range.ts';

/** All that are given have to match. */
export interface PaymentFilters {
  bookingId?: string | undefined;
  userId?: string | undefined;
  status?: ShownStatus | undefined;
  paymentMethod?: PaymentMethod | undefined;
  /** Its whole name, or the part before the colon. */
  gateway?: string | undefined;
  /** The provider's name for the charge, the order or intent, or a refund. */
  reference?: string | undefined;
  /** Milliseconds since 1970. */
  createdFromMs?: number | undefined;
  /** Up to and without it. */
  createdToMs?: number | undefined;
}

export interface SearchedPage {
  /** Newest first. */
  payments: Transaction[];
  /** Older ones than this id have not been looked at; null: there are none. */
  examinedUntil: string | null;
}

/** Rows that a page of the API reads at most, in all databases together. */
export const PAGE_MAX_ROWS = 100;
/** A row that an index has found is two: that of the index, and its own. */
const ROWS_OF_INDEXED = 2;
/** Of the rows of a page, for what is few as a rule. If there is more of it, recent payments are nearly all like that, and found by their time. */
const SHARE_OF_FEW = 0.4;
const GATEWAYS_MAX = 10;

const SELECT = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t`;
/** `?1`: the id before which the page begins. `?2`: the id behind which the search ends. `?3`: how many rows to take. */
const PAGE = 't.transaction_id < ?1 AND t.transaction_id > ?2 ORDER BY t.transaction_id DESC LIMIT ?3';

const OF_BOOKING = `${SELECT} WHERE t.tenant = ?4 AND t.booking_id = ?5 AND ${PAGE}`;
const OF_USER = `${SELECT} WHERE t.tenant = ?4 AND t.user_id = ?5 AND ${PAGE}`;
// The conditions are those of the partial indexes.
const FAILED = `${SELECT} WHERE t.tenant = ?4 AND t.status = 'failed' AND ${PAGE}`;
const REFUNDED = `${SELECT} WHERE t.tenant = ?4 AND t.status = 'refunded' AND ${PAGE}`;
const OF_ORGANISATION = `${SELECT} WHERE t.tenant = ?4 AND t.tenant <> '${DEFAULT_TENANT}' AND ${PAGE}`;
/** By the primary key, of any tenant. */
const ALL = `${SELECT} WHERE ${PAGE}`;
/** In no order, of any tenant. */
const PENDING = `
  ${SELECT} WHERE t.status = 'pending' AND t.next_lookup_at_ms IS NOT NULL AND t.next_lookup_at_ms > 0 LIMIT ?1`;
const LIVE = "status IN ('pending', 'completed', 'refunded')";
// A provider gives each charge, order and refund a name of its own, so there are few. The index of intents has the gateway first: the names of
// gateways are gone through, one row each.
const OF_REFERENCE = `
  WITH RECURSIVE gateways (name) AS (
    SELECT min(gateway) FROM transactions WHERE gateway_intent IS NOT NULL AND ${LIVE}
    UNION ALL
    SELECT (SELECT min(gateway) FROM transactions WHERE gateway > name AND gateway_intent IS NOT NULL AND ${LIVE})
    FROM gateways WHERE name IS NOT NULL LIMIT ${GATEWAYS_MAX})
  ${SELECT} WHERE t.transaction_id IN (
    SELECT transaction_id FROM transactions WHERE gateway_reference = ?5 AND tenant = ?4
    UNION
    SELECT transaction_id FROM refunds WHERE gateway_reference = ?5 AND tenant = ?4
    UNION
    SELECT i.transaction_id FROM gateways JOIN transactions i ON i.gateway = name
    WHERE i.gateway_intent = ?5 AND i.tenant = ?4 AND i.${LIVE}) AND ${PAGE}`;

export interface PaymentSearch {
  tenant: string;
  filters: PaymentFilters;
  /** The page begins behind this id, going back in time; null: with the newest payment. */
  before: string | null;
  /** Payments that are wanted. */
  limit: number;
  /** Rows that are read at most. */
  rowsMax: number;
}

/**
 * The next page of payments that match, of one database.
 *
 * @param also statements for the same batch
 * @throws LedgerUnavailable
 */
export async function searchPage(db: Database, search: PaymentSearch, also: Statements = {}): Promise<SearchedPage> {
  const { tenant, filters, before, limit, rowsMax } = search;
  const { createdFromMs = 0, createdToMs = Number.POSITIVE_INFINITY } = filters;
  const made = idsMadeIn('TXN-', { fromMs: createdFromMs, toMs: createdToMs });
  const bounds = { ...made, before: before !== null && before < made.before ? before : made.before };
  const matching = (rows: Transaction[]) => rows.filter((payment) => matches(payment, tenant, filters, bounds));

  const few = fewOf(db, search);
  if (few !== null) {
    const rows = await read(db, few.statement, also);
    if (rows.length < few.limit) return { payments: newestFirst(matching(rows)), examinedUntil: null };
  }
  const along = indexFor(filters, tenant);
  const rowsLeft = rowsMax - (few?.limit ?? 0) * ROWS_OF_INDEXED;
  const most = Math.floor(rowsLeft / (along.isPrimary ? 1 : ROWS_OF_INDEXED));
  const take = along.isExact ? Math.min(limit + 1, most) : most;
  const statement = db.d1.prepare(along.sql).bind(bounds.before, bounds.after, take, ...along.parameters);
  const rows = await read(db, statement, few === null ? also : {});
  return { payments: matching(rows), examinedUntil: rows.length < take ? null : (rows.at(-1)?.transactionId ?? null) };
}

async function read(db: Database, statement: D1PreparedStatement, also: Statements): Promise<Transaction[]> {
  const { found } = await runBatch(db, { found: statement, ...also });
  return rowsOf<Transaction>(found);
}

/** The statement that finds what is few as a rule, and how many rows of it are too many; null where the filters name nothing like that. */
function fewOf(
  { d1 }: Database,
  { filters: { bookingId, userId, reference, status }, rowsMax }: PaymentSearch,
): { statement: D1PreparedStatement; limit: number } | null {
  if (bookingId !== undefined || userId !== undefined || reference !== undefined) return null;
  if (status !== 'pending' && status !== 'authorized') return null;
  const limit = Math.floor((rowsMax * SHARE_OF_FEW) / ROWS_OF_INDEXED);
  return { statement: d1.prepare(PENDING).bind(limit), limit };
}

interface Index {
  sql: string;
  parameters: string[];
  /** Whether each row that it finds matches. */
  isExact: boolean;
  isPrimary?: true;
}

function indexFor(filters: PaymentFilters, tenant: string): Index {
  const { bookingId, reference, userId, status, paymentMethod, gateway } = filters;
  const isNoMore = (...rest: unknown[]) => [...rest, paymentMethod, gateway].every((one) => one === undefined);
  // Which payments have a reference, only the statement knows: a refund may have it.
  if (reference !== undefined) {
    return { sql: OF_REFERENCE, parameters: [tenant, reference], isExact: isNoMore(bookingId, userId, status) };
  }
  if (bookingId !== undefined) {
    return { sql: OF_BOOKING, parameters: [tenant, bookingId], isExact: isNoMore(userId, status) };
  }
  if (userId !== undefined) return { sql: OF_USER, parameters: [tenant, userId], isExact: isNoMore(status) };
  if (status === 'failed') return { sql: FAILED, parameters: [tenant], isExact: isNoMore() };
  if (status === 'refunded') return { sql: REFUNDED, parameters: [tenant], isExact: isNoMore() };
  if (tenant !== DEFAULT_TENANT) return { sql: OF_ORGANISATION, parameters: [tenant], isExact: isNoMore(status) };
  return { sql: ALL, parameters: [], isExact: false, isPrimary: true };
}

function matches(
  payment: Transaction,
  tenant: string,
  filters: PaymentFilters,
  { before, after }: { before: string; after: string },
): boolean {
  const { transactionId, createdAtMs, gateway } = payment;
  const { createdFromMs = 0, createdToMs = Number.POSITIVE_INFINITY } = filters;
  const isWanted = <Value>(filter: Value | undefined, value: Value) => filter === undefined || filter === value;
  return (
    payment.tenant === tenant &&
    transactionId < before &&
    transactionId > after &&
    createdAtMs >= createdFromMs &&
    createdAtMs < createdToMs &&
    isWanted(filters.bookingId, payment.bookingId) &&
    isWanted(filters.userId, payment.userId) &&
    isWanted(filters.status, shownStatus(payment)) &&
    isWanted(filters.paymentMethod, payment.paymentMethod) &&
    (filters.gateway === undefined || gateway === filters.gateway || gateway.startsWith(`${filters.gateway}:`))
  );
}

function newestFirst(payments: Transaction[]): Transaction[] {
  return payments.toSorted((a, b) => (a.transactionId < b.transactionId ? 1 : -1));
}
