/** What an event needs beside the rows that it is about. */

import type { Context } from '../context.ts';
import type { EventEnvelope } from '../domain/event.ts';
import type { Transaction } from '../domain/transaction.ts';
import { emailOf } from '../ledger/payments/find-payment.ts';
import { errorFields } from '../log.ts';
import { CannotOpen } from '../security/cipher.ts';

/** Null where the address can't be opened: the event is written already, and the sweep sends it when the key is there. */
export async function envelopeOf(
  { db, log }: Context,
  eventId: string,
  createdAtMs: number,
  transaction: Transaction,
): Promise<EventEnvelope | null> {
  try {
    return { eventId, createdAtMs, userEmail: await emailOf(db, transaction) };
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    log('error', 'event.left_to_sweep', { event_id: eventId, ...errorFields(error) });
    return null;
  }
}
