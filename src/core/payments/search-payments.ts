/** The search of payments over all databases, newest first, in pages that a position joins. */
import type { Context } from '../context.ts';
import type { Transaction } from '../domain/transaction.ts';
import { audit } from '../ledger/audit/insert-entry.ts';
import type { Statements } from '../ledger/database.ts';
import { type PaymentFilters, type SearchedPage, searchPage } from '../ledger/payments/search-page.ts';
import { allContexts, contextOfBooking, type Shards } from '../shards.ts';

export interface PaymentSearch {
  tenant: string;
  filters: PaymentFilters;
  /** `nextBefore` of the page before; null: the first page. */
  before: string | null;
  /** Payments that a page has at most. */
  limit: number;
}

export interface PaymentsPage {
  /** Newest first. There may be fewer than the limit, even none, while there is a `nextBefore`. */
  payments: Transaction[];
  /** The id of a payment, perhaps another organisation's, behind which the next page begins; null: there are no more. */
  nextBefore: string | null;
}

/** @throws LedgerUnavailable */
export async function searchPayments(
  shards: Shards,
  { tenant, filters, before, limit }: PaymentSearch,
): Promise<PaymentsPage> {
  const { bookingId } = filters;
  const contexts = bookingId === undefined ? allContexts(shards) : [await contextOfBooking(shards, tenant, bookingId)];
  const pages = await Promise.all(
    contexts.map((context, index) => {
      const also = index === 0 ? searchAudit(context, tenant, filters) : {};
      return searchPage(context.db, tenant, filters, before, limit, also);
    }),
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
function searchAudit({ db, nowMs }: Context, tenant: string, filters: PaymentFilters): Statements {
  if (!db.author.isAdmin) return {};
  const names = Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : name));
  return {
    audited: audit(db, tenant, {
      atMs: nowMs(),
      action: 'payments.searched',
      subject: 'transactions',
      outcome: 'read',
      detail: { filters: names.toSorted().join(' ') },
    }),
  };
}
