/** A ledger with payments that requests can ask about, and give back. */
import { DatabaseSync } from 'node:sqlite';
import { localDatabaseFile } from '../test/support/local-database.ts';
import { fillLedger } from './bulk-ledger.ts';
import { type Place, startCountedService } from './counted-service.ts';
import { packLedger } from './pack-ledger.ts';
import { type MadePayment, newBookingId, processRequest } from './requests.ts';

/**
 * Has the service make some payments, whose events are delivered and whose audit entries are sealed.
 *
 * @throws Error where that is not so: what is copied from them would be wrong as often
 */
export async function makePayments(place: Place, payments: number): Promise<void> {
  const service = await startCountedService(place);
  try {
    for (let n = 0; n < payments; n += 1) await service.send(processRequest(newBookingId()));
    await service.counts(payments);
    await service.runCron();
  } finally {
    await service.stop();
  }
  requireAtRest(localDatabaseFile(place.directory), payments);
}

/** Counts that must be 0 once nothing is left to do. */
const LEFT_TO_DO = {
  'payments without an outcome': "SELECT count(*) FROM transactions WHERE status = 'pending'",
  'events not delivered': 'SELECT count(*) FROM events WHERE delivered_at_ms IS NULL',
  'audit entries not sealed':
    'SELECT (SELECT count(*) FROM audit_entries) - (SELECT coalesce(sum(entries), 0) FROM audit_blocks)',
  'slots of jobs in use': 'SELECT count(*) FROM job_slots WHERE leased_until_ms > 0',
};

function requireAtRest(file: string, payments: number): void {
  const database = new DatabaseSync(file, { readOnly: true });
  const count = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  try {
    const made = count('SELECT count(*) FROM transactions');
    if (made !== payments) throw new Error(`${made} payments were made, and not ${payments}`);
    for (const [what, sql] of Object.entries(LEFT_TO_DO)) {
      if (count(sql) !== 0) throw new Error(`the example has ${what}: ${count(sql)}`);
    }
  } finally {
    database.close();
  }
}

/** Copies of a few payments that the service makes. @param wanted a multiple of `made` */
export async function makeLedger(
  place: Place,
  { made, wanted, onCopied = () => {} }: { made: number; wanted: number; onCopied?: (payments: number) => void },
): Promise<MadePayment[]> {
  await makePayments(place, made);
  await fillLedger(localDatabaseFile(place.directory), { example: made, wanted, onCopied });
  await packLedger(localDatabaseFile(place.directory));
  return paymentsIn(localDatabaseFile(place.directory));
}

function paymentsIn(file: string): MadePayment[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database
      .prepare('SELECT booking_id, transaction_id FROM transactions')
      .all()
      .map(({ booking_id, transaction_id }) => ({
        bookingId: String(booking_id),
        transactionId: String(transaction_id),
      }));
  } finally {
    database.close();
  }
}
