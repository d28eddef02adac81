/** The search of payments over all databases, newest first, in pages that a position joins. */
import type { Transaction } from '../domain/transaction.ts';
import { audit } from '../ledger/audit/insert-entry.ts';
import type { Database, Statements } from '../ledger/database.ts';
import { type PaymentSearch, type SearchedPage, searchPage } from '../ledger/payments/search-page.ts';
import { shardOfBooking } from '../shards.ts';

export interface PaymentsPage {
  /** Newest first. There may be fewer than the limit, even none, while there is a `nextBefore`. */
  payments: Transaction[];
  /** The id of a payment, perhaps another organisation's, behind which the next page begins; null: there are no more. */
  nextBefore: string | null;
}

/** Of a search that goes over many databases, each of which has its share of the rows. */
const ROWS_OF_DATABASE_MIN = 10;

/**
 * @param databases all of them, in their order
 * @throws LedgerUnavailable
 */
export async function searchPayments(
  databases: readonly Database[],
  search: PaymentSearch,
  nowMs: number,
): Promise<PaymentsPage> {
  const { tenant, filters, limit } = search;
  const shard =
    filters.bookingId === undefined ? null : await shardOfBooking(tenant, filters.bookingId, databases.length);
  const searched = databases.filter((_, number) => shard === null || number === shard);
  const rowsMax = Math.max(ROWS_OF_DATABASE_MIN, Math.floor(search.rowsMax / searched.length));
  const pages = await Promise.all(
    searched.map((db, index) =>
      searchPage(db, { ...search, rowsMax }, index === 0 ? searchAudit(db, search, nowMs) : {}),
    ),
  );
  return together(pages, limit);
}

/** Ids begin with the time, whichever database made them, so one position holds for all of them. */
function together(pages: readonly SearchedPage[], limit: number): PaymentsPage {
  const positions = pages.flatMap(({ examinedUntil }) => examinedUntil ?? []);
  // Up to here, each database has been searched.
  const until = positions.toSorted().at(-1) ?? null;
  const found = pages
    .flatMap(({ payments }) => payments)
    .filter(({ transactionId }) => until === null || transactionId >= until)
    .toSorted((a, b) => (a.transactionId < b.transactionId ? 1 : -1));
  const payments = found.slice(0, limit);
  return { payments, nextBefore: found.length > limit ? (payments.at(-1)?.transactionId ?? null) : until };
}

/** Reads of an admin are audited, in a batch that reads. By which filters, and not for what: that may be a user's id. */
function searchAudit(db: Database, { tenant, filters }: PaymentSearch, nowMs: number): Statements {
  if (!db.author.isAdmin) return {};
  const names = Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : name));
  return {
    audited: audit(db, tenant, {
      atMs: nowMs,
      action: 'payments.searched',
      subject: 'transactions',
      outcome: 'read',
      detail: { filters: names.toSorted().join(' ') },
    }),
  };
}
