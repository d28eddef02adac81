/** A ledger with payments that requests can ask about, and give back. */
import { DatabaseSync } from 'node:sqlite';
import { fillLedger } from './bulk-ledger.ts';
import { type CountedService, type Place, startCountedService } from './counted-service.ts';
import { databaseFile } from './local-worker.ts';
import { packLedger } from './pack-ledger.ts';
import { type MadePayment, newBookingId, processRequest } from './requests.ts';

/** Has the service make some payments, whose events are delivered and whose audit entries are sealed. */
export async function makePayments(place: Place, payments: number): Promise<void> {
  const service = await startCountedService(place);
  try {
    await pay(service, payments);
  } finally {
    await service.stop();
  }
}

async function pay(service: CountedService, payments: number): Promise<void> {
  for (let n = 0; n < payments; n += 1) await service.send(processRequest(newBookingId()));
  await service.counts(payments);
  await service.runCron();
  await service.counts(payments);
}

/** Copies of a few payments that the service makes. @param wanted a multiple of `made` */
export async function makeLedger(
  place: Place,
  { made, wanted, onCopied = () => {} }: { made: number; wanted: number; onCopied?: (payments: number) => void },
): Promise<MadePayment[]> {
  await makePayments(place, made);
  await fillLedger(databaseFile(place.directory), { example: made, wanted, onCopied });
  await packLedger(databaseFile(place.directory));
  return paymentsIn(databaseFile(place.directory));
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
