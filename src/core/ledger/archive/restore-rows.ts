/** Events and transactions from the archive, back in their tables. Safe to repeat: a row that is there stays as it is. */

import { type Database, rowOf, runBatch } from '../database.ts';
import type { EventRow } from './archive-events.ts';
import type { ArchivedTransaction, StoredRow } from './archive-transactions.ts';

/** All columns of the tables whose rows leave, by the migrations. */
export const RESTORED_COLUMNS = {
  events: [
    ...['sequence', 'event_id', 'tenant', 'booking_id', 'event_type', 'transaction_id', 'refund_id', 'created_at_ms'],
    ...['attempts', 'lease_id', 'leased_until_ms', 'next_attempt_at_ms', 'delivered_at_ms', 'last_error'],
    ...['replayed_at_ms'],
  ],
  transactions: [
    ...['transaction_id', 'tenant', 'booking_id', 'user_id', 'user_email', 'status', 'currency', 'amount_minor'],
    ...['reserved_minor', 'refunded_minor', 'payment_method', 'card_brand', 'card_last4', 'gateway'],
    ...['gateway_reference', 'error_code', 'failure_reason', 'created_at_ms', 'processed_at_ms', 'next_lookup_at_ms'],
    ...['lookups', 'gateway_intent', 'failure_cause', 'sealed_email', 'undetermined_at_ms', 'ended_by', 'counted'],
    ...['capture_method', 'hold_minutes', 'substate', 'substate_by', 'expires_at_ms', 'sealed_action_url'],
    ...['sealed_return_url', 'authorization_reference', 'step', 'step_by', 'step_at_ms', 'asked_at_ms'],
    ...['attempted_entry', 'substate_entry', 'step_entry', 'ended_entry'],
    ...['challenged_at_ms', 'challenged_entry', 'authorized_at_ms', 'gateway_ms'],
  ],
  refunds: [
    ...['refund_id', 'tenant', 'transaction_id', 'status', 'amount_minor', 'reason', 'gateway_reference'],
    ...['error_code', 'failure_reason', 'created_at_ms', 'processed_at_ms', 'next_lookup_at_ms', 'lookups', 'kind'],
    ...['failure_cause', 'undetermined_at_ms', 'created_by', 'written_by', 'created_entry', 'written_entry'],
    ...['reversed_at_ms', 'gateway_ms'],
  ],
  disputes: [
    ...['tenant', 'provider', 'dispute_id', 'transaction_id', 'status', 'reason', 'currency', 'amount_minor'],
    ...['opened_at_ms', 'told_at_ms', 'written_by', 'told_by', 'told_entry'],
  ],
  dispute_reports: [
    ...['event_id', 'tenant', 'provider', 'dispute_id', 'transaction_id', 'status', 'reason', 'currency'],
    ...['amount_minor', 'opened_at_ms', 'reported_at_ms'],
  ],
  unbooked_refunds: ['transaction_id', 'gateway_reference', 'amount_minor', 'found_at_ms', 'found_by'],
} as const;

type Table = keyof typeof RESTORED_COLUMNS;

const KEYS: Readonly<Record<Table, readonly string[]>> = {
  events: ['sequence'],
  transactions: ['transaction_id'],
  refunds: ['refund_id'],
  disputes: ['tenant', 'provider', 'dispute_id'],
  dispute_reports: ['event_id'],
  unbooked_refunds: ['transaction_id', 'gateway_reference'],
};

const isThere = (table: Table) =>
  `EXISTS (SELECT 1 FROM ${table} WHERE ${KEYS[table].map((column) => `${column} = value ->> '${column}'`).join(' AND ')})`;

const insert = (table: Table) => `
  INSERT INTO ${table} (${RESTORED_COLUMNS[table].join()})
  SELECT ${RESTORED_COLUMNS[table].map((column) => `value ->> '${column}'`).join()} FROM json_each(?1)
  WHERE NOT ${isThere(table)}`;

const countThere = (table: Table) => `SELECT count(*) AS there FROM json_each(?1) WHERE ${isThere(table)}`;

/** A statement binds a text of two megabytes at most. */
const ROWS_AT_ONCE = 500;

/** A row could not be restored: what it belongs to is not there, or something else is in its place. */
export class NotRestored extends Error {
  override name = 'NotRestored';
}

// An event is rendered from its rows when it is sent again.
const COUNT_UNFOUNDED = `
  SELECT count(*) AS unfounded FROM json_each(?1)
  WHERE CASE WHEN value ->> 'event_type' = 'payment.dispute'
    THEN NOT EXISTS (SELECT 1 FROM dispute_reports WHERE event_id = value ->> 'event_id')
    ELSE NOT EXISTS (SELECT 1 FROM transactions WHERE transaction_id = value ->> 'transaction_id') END`;

/** @throws NotRestored where transactions are missing that the events report; none of the events is restored then */
export async function restoreEvents(db: Database, events: readonly EventRow[]): Promise<void> {
  const steps = inSteps(events);
  for (const step of steps) {
    const { counted } = await runBatch(db, { counted: db.d1.prepare(COUNT_UNFOUNDED).bind(step) });
    const unfounded = rowOf<{ unfounded: number }>(counted)?.unfounded ?? 0;
    if (unfounded > 0) {
      throw new NotRestored(`The transactions of ${unfounded} of these events have left as well: restore those first`);
    }
  }
  for (const step of steps) {
    await runBatch(db, { events: db.d1.prepare(insert('events')).bind(step) });
  }
}

// What is restored keeps its booking paid by itself again.
const FREE_BOOKINGS = `
  DELETE FROM archived_bookings WHERE (tenant, booking_id) IN (
    SELECT value ->> 'tenant', value ->> 'booking_id' FROM json_each(?1)
    WHERE value ->> 'status' = 'completed' AND NOT ${isThere('transactions')})`;

/** @throws NotRestored where the booking of one has another payment */
export async function restoreTransactions(db: Database, archived: readonly ArchivedTransaction[]): Promise<void> {
  for (let start = 0; start < archived.length; start += ROWS_AT_ONCE) {
    const some = archived.slice(start, start + ROWS_AT_ONCE);
    const of = (rows: StoredRow[]) => JSON.stringify(rows);
    const transactions = of(some.map(({ transaction }) => transaction));
    const prepared = (table: Table, rows: StoredRow[]) => db.d1.prepare(insert(table)).bind(of(rows));
    const { counted } = await runBatch(db, {
      freed: db.d1.prepare(FREE_BOOKINGS).bind(transactions),
      transactions: db.d1.prepare(insert('transactions')).bind(transactions),
      refunds: prepared(
        'refunds',
        some.flatMap(({ refunds }) => refunds),
      ),
      disputes: prepared(
        'disputes',
        some.flatMap(({ disputes }) => disputes),
      ),
      reports: prepared(
        'dispute_reports',
        some.flatMap(({ dispute_reports }) => dispute_reports),
      ),
      unbooked: prepared(
        'unbooked_refunds',
        some.flatMap(({ unbooked_refunds }) => unbooked_refunds),
      ),
      counted: db.d1.prepare(countThere('transactions')).bind(transactions),
    });
    const there = rowOf<{ there: number }>(counted)?.there;
    if (there !== some.length) throw new NotRestored(`${some.length - (there ?? 0)} transactions were not taken`);
  }
}

function inSteps(rows: readonly StoredRow[]): string[] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, step) =>
    JSON.stringify(rows.slice(step * ROWS_AT_ONCE, (step + 1) * ROWS_AT_ONCE)),
  );
}
