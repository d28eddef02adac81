/** All payments or refunds of a time range, a page at a time: of all databases, and of the archive. */

import type { ArchivedTransaction } from '../../core/ledger/archive/archive-transactions.ts';
import { archiveWaitsUntilMs } from '../../core/ledger/archive/archive-waits.ts';
import type { Database } from '../../core/ledger/database.ts';
import { archivedPayment, archivedRefunds } from '../../core/ledger/finance/archived-rows.ts';
import {
  belongsTo,
  type ExportedPayment,
  type ExportedRefund,
  isWithin,
} from '../../core/ledger/finance/exported-rows.ts';
import { paymentsEnded, type Wanted } from '../../core/ledger/finance/payments-ended.ts';
import { refundsMoved } from '../../core/ledger/finance/refunds-moved.ts';
import { archivedObjects } from '../archived-objects.ts';
import type { Ledger } from '../ledger-access.ts';
import { archivedTransactions } from './archived-transactions.ts';

/** Some megabyte. */
const ROWS_PER_PAGE = 2_000;

export interface Page {
  payments: ExportedPayment[];
  refunds: ExportedRefund[];
}

export interface ReadingOptions {
  wants: { payments: boolean; refunds: boolean };
  /** Whether what is in the archive is left out. */
  withoutArchive: boolean;
  rowsPerPage?: number;
}

/** What an export found out beside its rows. */
export interface Findings {
  /** So far. */
  rowsRead: number;
  /** Up to when the payments were made that may be missing, because they are in the archive; null where none may be. */
  archivedUntilMs: number | null;
}

/** @throws Error where rows of the time left a database for the archive while it was read, or came back from it */
export async function* readLedger(
  { databases, archive }: Pick<Ledger, 'databases' | 'archive'>,
  wanted: Wanted,
  options: ReadingOptions,
  findings: Findings,
): AsyncGenerator<Page> {
  for (const db of databases) {
    for await (const page of readDatabase(db, archive, wanted, options, findings)) {
      findings.rowsRead += page.payments.length + page.refunds.length;
      yield page;
    }
  }
}

async function* readDatabase(
  db: Database,
  archive: Ledger['archive'],
  wanted: Wanted,
  { wants, withoutArchive, rowsPerPage = ROWS_PER_PAGE }: ReadingOptions,
  findings: Findings,
): AsyncGenerator<Page> {
  const [objects, waitsUntilMs] = [await archivedObjects(db, wanted), await archiveWaitsUntilMs(db)];
  const foundIn = (records: readonly ArchivedTransaction[]) => pageOf(records, wanted, wants);
  if (wants.payments) {
    for await (const payments of paymentsEnded(db, wanted, rowsPerPage)) yield { payments, refunds: [] };
  }
  if (wants.refunds) {
    for await (const refunds of refundsMoved(db, wanted, rowsPerPage)) yield { payments: [], refunds };
  }
  if (withoutArchive) {
    if (objects.length > 0) {
      const last = Math.max(...objects.map(({ lastSequence }) => lastSequence));
      findings.archivedUntilMs = Math.max(findings.archivedUntilMs ?? 0, last);
    }
    return;
  }
  for await (const records of archivedTransactions(db, archive, objects)) yield foundIn(records);

  // What was read of one of them before it moved, and of the other after that, would be there twice or not at all.
  const known = new Set(objects.map(({ object }) => object));
  const moved = (await archivedObjects(db, wanted)).filter(({ object }) => !known.has(object));
  for await (const records of archivedTransactions(db, archive, moved)) {
    const { payments, refunds } = foundIn(records);
    if (payments.length + refunds.length > 0) throw movedMeanwhile();
  }
  if ((await archiveWaitsUntilMs(db)) !== waitsUntilMs) throw movedMeanwhile();
}

function movedMeanwhile(): Error {
  return new Error('Payments of this time were archived or restored during the export: run this again');
}

function pageOf(records: readonly ArchivedTransaction[], wanted: Wanted, wants: ReadingOptions['wants']): Page {
  const ofTenant = records.filter(({ transaction }) => wanted.tenant === null || transaction.tenant === wanted.tenant);
  return {
    payments: wants.payments
      ? ofTenant.map(archivedPayment).filter(({ processedAtMs }) => isWithin(wanted, processedAtMs))
      : [],
    refunds: wants.refunds ? ofTenant.flatMap(archivedRefunds).filter((refund) => belongsTo(refund, wanted)) : [],
  };
}
