/**
 * What background work finds: rows as an outage or a busy day leaves them. They are written past the service, since paying them one
 * by one would take longer than what is measured.
 */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { PaymentEvent } from '../src/contract/events.ts';
import { type AuditRow, CHAIN_START } from '../src/core/ledger/audit/hash-chain.ts';
import { localDatabaseFile } from '../test/support/local-database.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const ENTRIES_OF_BLOCK = 1_000;

/** Statements for as many rows, as of now. */
export interface BacklogOf {
  count: number;
  nowMs: number;
  /** As rows name it. */
  gateway: string;
}

/** Writes a backlog into the database of the Worker that stores in the directory. */
export function writeBacklog(directory: string, write: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(localDatabaseFile(directory));
  try {
    write(database);
  } finally {
    database.close();
  }
}

export type Backlog = (database: DatabaseSync, backlog: BacklogOf) => void;

/** A backlog that statements write. */
export function statements(of: (backlog: BacklogOf) => string[]): Backlog {
  return (database, backlog) => {
    for (const statement of of(backlog)) database.exec(statement);
  };
}

/** Of ten rows, eight are pending payments and two are pending refunds: all due at their gateway. */
export function pendingRows({ count, nowMs, gateway }: BacklogOf): string[] {
  const refunds = Math.floor(count / 5);
  return [
    payments('PEND', count - refunds, {
      status: 'pending',
      gateway,
      nowMs,
      next_lookup_at_ms: `${nowMs - 60_000} + n % 1000`,
    }),
    payments('PREF', refunds, { ...paid(nowMs), gateway, nowMs, reserved_minor: '100' }),
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, next_lookup_at_ms)
     ${numbers(refunds)} SELECT ${id('REF-', 'PREF')}, 'default', ${id('TXN-', 'PREF')}, 'pending', 100, 'bench',
       ${nowMs - HOUR_MS}, ${nowMs - 60_000} + n % 1000 FROM numbers`,
  ];
}

/** Completed payments whose events wait. */
export function waitingEvents({ count, nowMs, gateway }: BacklogOf): string[] {
  return [
    payments('EVNT', count, { ...paid(nowMs), gateway, nowMs }),
    `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
     ${numbers(count)} SELECT ${id('evt_', 'EVNT')}, 'default', 'EVNT-' || n, 'payment.success', ${id('TXN-', 'EVNT')},
       ${nowMs - HOUR_MS} FROM numbers`,
  ];
}

/** The same, half of them of a refund that followed the payment: each booking has two events, in the order of their ids. */
export function eventsOfAnOutage({ count, nowMs, gateway }: BacklogOf): string[] {
  const bookings = count / 2;
  const refunded = { ...paid(nowMs), gateway, nowMs, refunded_minor: '100' };
  const event = (series: string, type: string, refund: string) =>
    `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
     ${numbers(bookings)} SELECT ${id('evt_', series)}, 'default', 'OUTG-' || n, '${type}', ${id('TXN-', 'OUTG')}, ${refund},
       ${nowMs - HOUR_MS} FROM numbers`;
  return [
    payments('OUTG', bookings, refunded),
    `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms)
     ${numbers(bookings)} SELECT ${id('REF-', 'OUTG')}, 'default', ${id('TXN-', 'OUTG')}, 'completed', 100, 'bench',
       ${nowMs - HOUR_MS}, ${nowMs - HOUR_MS} FROM numbers`,
    event('OUTA', 'payment.success', 'NULL'),
    event('OUTB', 'payment.refund', id('REF-', 'OUTG')),
  ];
}

/** The messages of `waitingEvents`, as the request that has written the event sends them. */
export function eventMessages(count: number): { kind: 'event'; event: PaymentEvent }[] {
  return Array.from({ length: count }, (_, index) => {
    const n = String(index + 1).padStart(7, '0');
    return {
      kind: 'event',
      event: {
        event_id: `evt_${SERIES}EVNT${n}`,
        user_id: 'user',
        user_email: null,
        booking_id: `EVNT-${index + 1}`,
        event_type: 'payment.success',
        transaction_id: `TXN-${SERIES}EVNT${n}`,
        amount: 25.5,
        payment_method: 'credit_card',
        timestamp: '2026-01-01T00:00:00Z',
      },
    };
  });
}

/** As a payment leaves them: what was claimed, and what came of it. */
export function unsealedEntries({ count, nowMs }: BacklogOf): string[] {
  return [
    `INSERT INTO audit_entries (at_ms, tenant, actor, request_id, address, action, subject, outcome, detail)
     ${numbers(count)} SELECT ${nowMs - HOUR_MS} + n, 'default', 'anonymous', ${id('', 'AUDT')}, '198.18.0.1', 'payment',
       ${id('TXN-', 'AUDT')}, iif(n % 2 = 1, 'claimed', 'completed'), '{"amount_minor":2550,"currency":"USD"}' FROM numbers`,
  ];
}

/** The same in blocks of a thousand, whose seals nothing has been altered behind. */
export function writeSealedEntries(database: DatabaseSync, { count, nowMs }: Omit<BacklogOf, 'gateway'>): void {
  for (const statement of unsealedEntries({ count, nowMs: nowMs - HOUR_MS, gateway: '' })) database.exec(statement);
  const entriesAfter = database.prepare('SELECT * FROM audit_entries WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const seal = database.prepare(
    'INSERT INTO audit_blocks (last_sequence, first_sequence, entries, at_ms, hash) VALUES (?, ?, ?, ?, ?)',
  );
  let hash = CHAIN_START;
  database.exec('BEGIN');
  for (let sealed = 0; ; ) {
    const block = entriesAfter.all(sealed, ENTRIES_OF_BLOCK) as unknown as AuditRow[];
    const [first, last] = [block[0], block.at(-1)];
    if (first === undefined || last === undefined) break;
    const lines = [hash, ...block.map((entry) => JSON.stringify(Object.values(entry)))];
    hash = createHash('sha256').update(lines.join('\n')).digest('hex');
    seal.run(last.sequence, first.sequence, block.length, last.at_ms, hash);
    sealed = last.sequence;
  }
  database.exec('COMMIT');
}

/** Delivered events of a year ago, of payments that are not in the database: nothing looks at them. */
export function oldEvents({ count, nowMs }: BacklogOf): string[] {
  return [
    'PRAGMA foreign_keys = OFF',
    `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms, attempts, delivered_at_ms)
     ${numbers(count)} SELECT ${id('evt_', 'OLDE')}, 'default', 'OLD-' || n, 'payment.success', ${id('TXN-', 'OLDE')},
       ${nowMs - 365 * DAY_MS} + n, 1, ${nowMs - 365 * DAY_MS} + n FROM numbers`,
  ];
}

export function expiredKeys({ count, nowMs }: BacklogOf): string[] {
  return [
    `INSERT INTO idempotency_keys (tenant, path, idempotency_key, fingerprint, claimed_id, created_at_ms)
     ${numbers(count)} SELECT 'default', '/payment/process', 'key-' || n, printf('%064d', n), ${id('TXN-', 'KEYS')},
       ${nowMs - 2 * DAY_MS} + n FROM numbers`,
  ];
}

export function expiredCounters({ count, nowMs }: BacklogOf): string[] {
  return [
    `INSERT INTO velocity_counters (window_start_ms, tenant, subject, attempts)
     ${numbers(count)} SELECT ${nowMs - DAY_MS} + n / 100, 'default', printf('%064d', n), 1 FROM numbers`,
  ];
}

/** As ULIDs are: 26 characters in all, with the name of the series and a number at the end. */
const SERIES = '01ARZ3NDEKTSV4R';

const id = (prefix: string, series: string) => `'${prefix}${SERIES}${series}' || printf('%07d', n)`;
const numbers = (count: number) =>
  `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;

const paid = (nowMs: number) => ({
  status: 'completed',
  processed_at_ms: String(nowMs - HOUR_MS),
  gateway_reference: "'ref'",
});

/** Other columns by their names, as SQL. */
function payments(
  series: string,
  count: number,
  { status, gateway, nowMs, ...others }: { status: string; gateway: string; nowMs: number } & Record<string, unknown>,
): string {
  return `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
      gateway, created_at_ms, ${Object.keys(others).join(', ')})
    ${numbers(count)} SELECT ${id('TXN-', series)}, 'default', '${series}-' || n, 'user', '${status}', 'USD', 2550,
      'credit_card', '${gateway}', ${nowMs - HOUR_MS}, ${Object.values(others).join(', ')} FROM numbers`;
}
