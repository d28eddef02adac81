/** All that the ledger has of one payment, and which entries of the audit log report it. */

import type { Refund, RefundKind, Transaction } from '../domain/transaction.ts';
import type { AuditRow } from './audit/hash-chain.ts';
import { type PackedColumn, packedIn } from './audit/pack-block.ts';
import { DISPUTE_COLUMNS, REFUND_COLUMNS, SHOWN_REFUND_KIND, TRANSACTION_COLUMNS } from './columns.ts';
import { type Database, rowOf, rowsOf, runBatch, type Statements } from './database.ts';
import type { RecordedDispute } from './payments/record-dispute.ts';
import { eventsOfPayments, type RecordedEvent } from './read-payment-records.ts';

/** `…Entry`: the number of the entry in the audit log; null where a former version wrote the row, or nothing has happened yet. */
export interface StoryRows {
  payment: Transaction & {
    lookUps: number;
    undeterminedAtMs: number | null;
    challengedAtMs: number | null;
    authorizedAtMs: number | null;
    attemptedEntry: number | null;
    challengedEntry: number | null;
    substateEntry: number | null;
    stepEntry: number | null;
    endedEntry: number | null;
  };
  /** Other payments of the booking, the newest ones. */
  otherAttempts: Transaction[];
  refunds: (Refund & {
    shownKind: RefundKind | 'external';
    undeterminedAtMs: number | null;
    reversedAtMs: number | null;
    createdEntry: number | null;
    writtenEntry: number | null;
  })[];
  /** External refunds for which the payment had no room. */
  unbookedRefunds: { reference: string; amountMinor: number; foundAtMs: number }[];
  events: RecordedEvent[];
  disputes: (RecordedDispute & { toldEntry: number | null })[];
  /** Statuses of its disputes that were published. */
  disputeReports: { disputeId: string; status: string; reportedAtMs: number }[];
  webhooks: { provider: string; eventId: string; type: string; subject: string; receivedAtMs: number }[];
  /** What a person has dealt with elsewhere. */
  resolutions: { subject: string; reason: string; resolvedBy: string; resolvedAtMs: number }[];
  /** Whether there is no more of anything than that. */
  isComplete: boolean;
}

/** Of each kind of rows. A payment has one or two of most. */
const ROWS_MAX = 200;

const PAYMENT = `
  SELECT ${TRANSACTION_COLUMNS}, t.lookups AS lookUps, t.undetermined_at_ms AS undeterminedAtMs,
    t.challenged_at_ms AS challengedAtMs, t.authorized_at_ms AS authorizedAtMs, t.attempted_entry AS attemptedEntry,
    t.challenged_entry AS challengedEntry, t.substate_entry AS substateEntry, t.step_entry AS stepEntry, t.ended_entry AS endedEntry
  FROM transactions t WHERE t.transaction_id = ?1 AND (?2 IS NULL OR t.tenant = ?2)`;
const OTHER_ATTEMPTS = `
  SELECT ${TRANSACTION_COLUMNS} FROM transactions own JOIN transactions t USING (tenant, booking_id)
  WHERE own.transaction_id = ?1 AND t.transaction_id <> ?1 ORDER BY t.transaction_id DESC LIMIT ${ROWS_MAX}`;
const REFUNDS = `
  SELECT ${REFUND_COLUMNS}, ${SHOWN_REFUND_KIND} AS shownKind, r.undetermined_at_ms AS undeterminedAtMs, r.reversed_at_ms AS reversedAtMs,
    r.created_entry AS createdEntry, r.written_entry AS writtenEntry
  FROM refunds r WHERE r.transaction_id = ?1 ORDER BY r.refund_id LIMIT ${ROWS_MAX}`;
const UNBOOKED = `
  SELECT gateway_reference AS reference, amount_minor AS amountMinor, found_at_ms AS foundAtMs
  FROM unbooked_refunds WHERE transaction_id = ?1 ORDER BY found_at_ms LIMIT ${ROWS_MAX}`;
const DISPUTES = `
  SELECT ${DISPUTE_COLUMNS}, d.told_entry AS toldEntry FROM disputes d WHERE d.transaction_id = ?1 ORDER BY d.opened_at_ms
  LIMIT ${ROWS_MAX}`;
const DISPUTE_REPORTS = `
  SELECT dispute_id AS disputeId, status, reported_at_ms AS reportedAtMs FROM dispute_reports WHERE transaction_id = ?1
  ORDER BY reported_at_ms LIMIT ${ROWS_MAX}`;
const OWN_IDS = '(SELECT ?1 AS id UNION ALL SELECT refund_id FROM refunds WHERE transaction_id = ?1)';
const WEBHOOKS = `
  SELECT provider, event_id AS eventId, event_type AS type, w.subject, received_at_ms AS receivedAtMs
  FROM ${OWN_IDS} own JOIN provider_events w ON w.subject = own.id WHERE w.subject IS NOT NULL
  ORDER BY received_at_ms LIMIT ${ROWS_MAX}`;
// Of the id itself, or of something of it behind a slash, after which comes the 0.
const RESOLUTIONS = `
  SELECT m.subject, m.reason, m.resolved_by AS resolvedBy, m.resolved_at_ms AS resolvedAtMs
  FROM ${OWN_IDS} own JOIN manual_resolutions m ON m.subject >= own.id AND m.subject < own.id || '0'
  ORDER BY m.resolved_at_ms LIMIT ${ROWS_MAX}`;

/** The tenant's payment, or null; without a tenant, anybody's. `also` are statements for the same batch. One batch, so that all is of one moment. */
export async function readPaymentStory(
  db: Database,
  tenant: string | null,
  transactionId: string,
  also: Statements = {},
): Promise<StoryRows | null> {
  const { d1 } = db;
  const of = (sql: string) => d1.prepare(sql).bind(transactionId);
  const results = await runBatch(db, {
    payment: d1.prepare(PAYMENT).bind(transactionId, tenant),
    otherAttempts: of(OTHER_ATTEMPTS),
    refunds: of(REFUNDS),
    unbookedRefunds: of(UNBOOKED),
    events: eventsOfPayments(d1, [transactionId]),
    disputes: of(DISPUTES),
    disputeReports: of(DISPUTE_REPORTS),
    webhooks: of(WEBHOOKS),
    resolutions: of(RESOLUTIONS),
    ...also,
  });
  const payment = rowOf<StoryRows['payment']>(results.payment);
  if (payment === null) return null;
  const rows = {
    otherAttempts: rowsOf<Transaction>(results.otherAttempts),
    refunds: rowsOf<StoryRows['refunds'][number]>(results.refunds),
    unbookedRefunds: rowsOf<StoryRows['unbookedRefunds'][number]>(results.unbookedRefunds),
    // Of the refunds and the reports, of which there are no more either.
    events: rowsOf<RecordedEvent>(results.events).slice(0, 2 * ROWS_MAX),
    disputes: rowsOf<StoryRows['disputes'][number]>(results.disputes),
    disputeReports: rowsOf<StoryRows['disputeReports'][number]>(results.disputeReports),
    webhooks: rowsOf<StoryRows['webhooks'][number]>(results.webhooks),
    resolutions: rowsOf<StoryRows['resolutions'][number]>(results.resolutions),
  };
  const isComplete = Object.values(rows).every(({ length }) => length < ROWS_MAX);
  return { payment, ...rows, isComplete };
}

/** Blocks have a thousand entries at most. */
const BLOCKS_MAX = 20;

const ENTRIES = 'SELECT e.* FROM audit_entries e WHERE e.sequence IN (SELECT value FROM json_each(?1))';
const PACKED = `
  SELECT DISTINCT b.first_sequence, b.packed FROM json_each(?1) wanted
    JOIN audit_blocks b ON b.last_sequence = (SELECT min(last_sequence) FROM audit_blocks WHERE last_sequence >= wanted.value)
  WHERE b.first_sequence <= wanted.value AND b.packed IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM audit_entries WHERE sequence = wanted.value) LIMIT ${BLOCKS_MAX}`;

/** Who did what an entry of the audit log reports. */
export type AuditedBy = Pick<AuditRow, 'sequence' | 'actor' | 'request_id'>;

/** The entries with these numbers, as far as the database has them, also in packed blocks. Those in the archive are missing. */
export async function auditEntriesNumbered(
  db: Database,
  sequences: readonly number[],
  unpack: (packed: Uint8Array) => Promise<string[]>,
): Promise<Map<number, AuditedBy>> {
  const wanted = JSON.stringify(sequences);
  const { entries, blocks } = await runBatch(db, {
    entries: db.d1.prepare(ENTRIES).bind(wanted),
    blocks: db.d1.prepare(PACKED).bind(wanted),
  });
  const found = rowsOf<AuditedBy>(entries);
  for (const { first_sequence, packed } of rowsOf<{ first_sequence: number; packed: PackedColumn }>(blocks)) {
    const bytes = packedIn(packed);
    // One that was altered has no lines: `payctl audit verify` says so.
    const lines = bytes === null ? [] : await unpack(bytes).catch((): string[] => []);
    // The last line is the seal.
    const end = first_sequence + lines.length - 1;
    const own = sequences.filter((sequence) => sequence >= first_sequence && sequence < end);
    found.push(...own.map((sequence) => JSON.parse(lines[sequence - first_sequence] ?? '{}') as AuditedBy));
  }
  return new Map(found.map((entry) => [entry.sequence, entry]));
}
