/** The last released version on this version's tables, as after a rollback: migrations are never rolled back. See docs/upgrading.md. */
import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { monotonicFactory } from 'ulid';
import { describe, expect, it } from 'vitest';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { TEST_CARDS } from '../data/cards.ts';
// biome-ignore lint/correctness/useImportExtensions: it is JavaScript, and its declarations are beside it
import * as formerVersion from '../data/former-version.mjs';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { openService } from '../support/service.ts';
import { DAY_MS, gatewayOf, HOUR_MS, MINUTE_MS, type TestGateway } from './world.ts';

const NOON_MS = Date.UTC(2026, 10, 22, 12);
const ADDRESS = 'payer@example.com';

type Service = ReturnType<typeof openService>;

/** The former version and this one, on the same database, at the same gateway. */
function openBoth({ formerName = 'test', currentName = 'test' } = {}) {
  const { d1, sqlite } = openSqliteD1();
  applyMigrations(sqlite);
  const clock = { nowMs: NOON_MS };
  const state: TestGateway = {
    ...{
      movements: [],
      says: new Map(),
      losesNext: false,
      tookMs: 0,
      refusesRefunds: false,
      lookUps: 0,
      listingBreaks: false,
    },
    ...{ refundsOfCharge: [], listedChargesOf: [] },
  };
  const gateway = gatewayOf(state, clock, true);
  const ulid = monotonicFactory();
  const surroundings = { d1, nowMs: () => clock.nowMs, nextUlid: () => ulid(clock.nowMs) };
  return {
    former: formerVersion.openService({ ...surroundings, gateway: { ...gateway, name: formerName } }),
    current: openService({ ...surroundings, gateway: { ...gateway, name: currentName } }),
    gateway: state,
    sqlite,
    wait(ms: number): void {
      clock.nowMs += ms;
    },
    waitingEvents: () =>
      sqlite
        .prepare('SELECT event_id FROM events WHERE delivered_at_ms IS NULL ORDER BY sequence')
        .all()
        .map(({ event_id }) => String(event_id)),
  };
}

async function paid(service: Service, bookingId: string, card: string = TEST_CARDS.visa) {
  const transaction = await service.pay(card, bookingId, `key-${bookingId}`);
  if (transaction === null) throw new Error('the payment was not claimed');
  return transaction;
}

async function refunded(service: Service, transaction: Awaited<ReturnType<typeof paid>>, amount: string) {
  const refund = await service.refund(transaction, amount);
  if (refund === null) throw new Error('the refund was not claimed');
  return refund;
}

describe.each([
  { writer: 'the former version', reader: 'this version' },
  { writer: 'this version', reader: 'the former version' },
])('what $writer has written, $reader goes on with', ({ writer }) => {
  function openRoles() {
    const both = openBoth();
    const [before, after] = writer === 'the former version' ? [both.former, both.current] : [both.current, both.former];
    return { ...both, before, after };
  }

  it('payments, declines and refunds, their events and replays of their requests', async () => {
    const { before, after, waitingEvents, gateway, wait } = openRoles();
    const payment = await paid(before, 'BOOK-1');
    const declined = await paid(before, 'BOOK-2', TEST_CARDS.visaDeclined);
    const refund = await refunded(before, payment, '10.00');
    expect([payment.status, declined.status, refund.status]).toEqual(['completed', 'failed', 'completed']);
    const moved = gateway.movements.length;

    expect(await after.status(payment.transactionId)).toMatchObject({
      transaction: { status: 'completed', amountMinor: 2550, refundedMinor: 1000 },
    });
    expect(await after.status(declined.transactionId)).toMatchObject({ transaction: { status: 'failed' } });
    expect(await after.status(refund.refundId)).toMatchObject({ refund: { status: 'completed', amountMinor: 1000 } });
    // The same request again is the same payment (invariant 8), and another one of the booking is a duplicate (invariant 1).
    expect((await paid(after, 'BOOK-1')).transactionId).toBe(payment.transactionId);
    expect((await after.pay(TEST_CARDS.visa, 'BOOK-1'))?.transactionId).toBe(payment.transactionId);
    expect(gateway.movements.length).toBe(moved);

    expect(await after.eventsStatus()).toMatchObject({ waiting: 3 });
    // A booking's events in their order: its refund behind its payment.
    expect(await after.deliver(waitingEvents())).toMatchObject([
      { event_type: 'payment.success', user_email: ADDRESS, booking_id: 'BOOK-1' },
      { event_type: 'payment.failed', user_email: ADDRESS, booking_id: 'BOOK-2' },
    ]);
    expect(await after.deliver(waitingEvents())).toMatchObject([
      { event_type: 'payment.refund', user_email: ADDRESS, refund_transaction_id: refund.refundId },
    ]);
    expect(waitingEvents()).toEqual([]);
    await after.sealAudit();

    wait(MINUTE_MS);
    expect(await refunded(after, payment, '15.50')).toMatchObject({ status: 'completed' });
    expect(await after.refund(payment, '0.01')).toBeNull();
    await after.deliver(waitingEvents());
    const { differences } = await before.reconcile(NOON_MS - DAY_MS);
    expect(differences).toEqual([]);
  });

  it('a payment and a refund whose outcome is not known', async () => {
    const { before, after, gateway, wait } = openRoles();
    gateway.losesNext = true;
    const lost = await paid(before, 'BOOK-1');
    const payment = await paid(before, 'BOOK-2');
    gateway.losesNext = true;
    const refund = await refunded(before, payment, '25.50');
    expect([lost.status, refund.status]).toEqual(['pending', 'pending']);

    gateway.says.set(lost.transactionId, { kind: 'approved', reference: 'ref_found' });
    gateway.says.set(refund.refundId, { kind: 'approved', reference: 'ref_refund_found' });
    wait(HOUR_MS);
    expect((await after.lookUp(lost.transactionId))?.kind).toBe('ended');
    expect((await after.lookUp(refund.refundId))?.kind).toBe('ended');
    expect(await before.status(lost.transactionId)).toMatchObject({
      transaction: { status: 'completed', gatewayReference: 'ref_found' },
    });
    expect(await before.status(refund.refundId)).toMatchObject({
      refund: { status: 'completed' },
      transaction: { status: 'refunded', refundedMinor: 2550, reservedMinor: 0 },
    });
  });

  it('a payment that the cron finds due', async () => {
    const { before, after, gateway, wait } = openRoles();
    gateway.losesNext = true;
    const { transactionId } = await paid(before, 'BOOK-1');
    gateway.says.set(transactionId, { kind: 'approved', reference: 'ref_found' });
    wait(HOUR_MS);
    await after.lookUpDue();
    expect(await before.status(transactionId)).toMatchObject({ transaction: { status: 'completed' } });
  });
});

/** Rows that break an invariant, each query named by what it finds. */
const VIOLATIONS = {
  'two live payments of a booking (invariant 1)': `
    SELECT booking_id FROM transactions WHERE status IN ('pending', 'completed') GROUP BY 1 HAVING count(*) > 1`,
  'a balance that is not that of the refunds (invariant 2)': `
    SELECT transaction_id FROM transactions t WHERE refunded_minor + reserved_minor > amount_minor
      OR refunded_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM refunds r
        WHERE r.transaction_id = t.transaction_id AND r.kind = 'requested' AND r.status = 'completed')`,
  'a payment without its one event (invariant 4)': `
    SELECT transaction_id FROM transactions t WHERE (status <> 'pending') <> (
      SELECT count(*) FROM events e WHERE e.transaction_id = t.transaction_id AND e.refund_id IS NULL)`,
  'a refund without its one event (invariant 4)': `
    SELECT refund_id FROM refunds r WHERE (kind = 'requested' AND status = 'completed') <> (
      SELECT count(*) FROM events e WHERE e.refund_id = r.refund_id)`,
  'an end without its one audit entry': `
    SELECT transaction_id FROM transactions t WHERE (status <> 'pending') <> (
      SELECT count(*) FROM audit_entries a WHERE a.subject = t.transaction_id AND a.action = 'payment.ended')`,
};

it.each([1, 2, 3, 4, 5])('both versions at once on the same bookings keep the invariants (seed %i)', async (seed) => {
  const { former, current, gateway, sqlite, waitingEvents, wait } = openBoth();
  let state = seed * 7919;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return (state >>> 8) % limit;
  };
  const either = () => (below(2) === 0 ? former : current);
  const payments: Awaited<ReturnType<typeof paid>>[] = [];
  const ids: string[] = [];
  for (let step = 0; step < 60; step += 1) {
    wait(below(60_000));
    gateway.losesNext = below(3) === 0;
    const payment = payments[below(payments.length || 1)];
    const id = ids[below(ids.length || 1)];
    switch (below(4)) {
      case 0: {
        const bookingId = `BOOK-${below(6)}`;
        const card = below(4) === 0 ? TEST_CARDS.visaDeclined : TEST_CARDS.visa;
        const both = [either(), either()].map((service) =>
          service.pay(card, bookingId, `key-${below(9)}-${bookingId}`),
        );
        for (const claimed of await Promise.all(both)) {
          if (claimed === null) continue;
          payments.push(claimed);
          ids.push(claimed.transactionId);
        }
        break;
      }
      case 1: {
        if (payment === undefined) break;
        const both = [either(), either()].map((service) => service.refund(payment, below(2) === 0 ? '10.00' : '25.50'));
        for (const reserved of await Promise.all(both)) if (reserved !== null) ids.push(reserved.refundId);
        break;
      }
      case 2: {
        if (id === undefined) break;
        gateway.says.set(id, below(2) === 0 ? { kind: 'approved', reference: `ref_${id}` } : { kind: 'not_found' });
        wait(below(3) * HOUR_MS);
        await Promise.all([either(), either()].map((service) => service.lookUp(id)));
        break;
      }
      default:
        await either().deliver(waitingEvents());
    }
  }
  expect(payments.length).toBeGreaterThan(5);
  for (const [violation, sql] of Object.entries(VIOLATIONS)) expect(sqlite.prepare(sql).all(), violation).toEqual([]);
});

it('the former version charges nothing for a booking whose payment has left for the archive', async () => {
  const { former, current, gateway, sqlite } = openBoth();
  const { transactionId } = await paid(current, 'BOOK-1');
  sqlite.exec('DELETE FROM events; DELETE FROM idempotency_keys');
  sqlite.prepare('DELETE FROM transactions WHERE transaction_id = ?').run(transactionId);
  await expect(former.pay(TEST_CARDS.visa, 'BOOK-1')).rejects.toThrow('a claim left neither its own payment');
  expect(gateway.movements).toHaveLength(1);
});

it('the former version sends what an operator had sent again by this one', async () => {
  const { former, current, waitingEvents } = openBoth();
  await paid(current, 'BOOK-1');
  const [eventId = ''] = waitingEvents();
  await current.deliver([eventId]);
  expect(waitingEvents()).toEqual([]);
  await replayEvents(current.db, { kind: 'event', eventId }, 1, NOON_MS);
  expect(await former.deliver([eventId])).toMatchObject([{ event_id: eventId, user_email: ADDRESS }]);
  expect(waitingEvents()).toEqual([]);
});

describe('a payment that belongs to a Stripe account whose name the former version does not know', () => {
  const names = { formerName: 'stripe:test', currentName: 'stripe:acct_1' };

  it('stays pending until this version is deployed again', async () => {
    const { former, current, gateway, wait } = openBoth(names);
    gateway.losesNext = true;
    const { transactionId } = await paid(current, 'BOOK-1');
    gateway.says.set(transactionId, { kind: 'approved', reference: 'ref_found' });
    wait(HOUR_MS);
    expect((await former.lookUp(transactionId))?.kind).toBe('open');
    expect(former.logged).toContainEqual({
      event: 'gateway.not_configured',
      fields: { gateway: 'stripe:acct_1', id: transactionId },
    });
    expect(gateway.lookUps).toBe(0);
    wait(HOUR_MS);
    expect((await current.lookUp(transactionId))?.kind).toBe('ended');
  });

  it('has its follow-ups given up', async () => {
    const { former, current, sqlite, wait } = openBoth(names);
    const { refundId } = await refunded(current, await paid(current, 'BOOK-1'), '10.00');
    const nextLookUp = () => sqlite.prepare('SELECT next_lookup_at_ms AS atMs FROM refunds').get();
    expect(nextLookUp()).toEqual({ atMs: expect.any(Number) });
    wait(30 * DAY_MS);
    await former.lookUp(refundId);
    expect(nextLookUp()).toEqual({ atMs: null });
  });

  it('has its refunds fail, and no money moves', async () => {
    const { former, current, gateway, wait } = openBoth(names);
    const payment = await paid(current, 'BOOK-1');
    expect(await refunded(former, payment, '10.00')).toMatchObject({ status: 'failed' });
    expect(gateway.movements.filter(({ kind }) => kind === 'refund')).toEqual([]);
    wait(MINUTE_MS);
    expect(await refunded(current, payment, '25.50')).toMatchObject({ status: 'completed' });
  });
});

it('an event of a dispute waits while the former version runs, and what comes after it in its booking waits with it', async () => {
  const { former, current, waitingEvents, wait } = openBoth();
  const payment = await paid(current, 'BOOK-1');
  const dispute = {
    ...{ provider: 'stripe', disputeId: 'dp_1', transactionId: payment.transactionId, status: 'needs_response' },
    ...{ reason: 'fraudulent', currency: 'USD', amountMinor: 2550, openedAtMs: NOON_MS, reportedAtMs: NOON_MS },
  };
  await recordDispute(current.db, dispute, NOON_MS, 'evt_dispute', true);
  await refunded(former, payment, '10.00');

  expect(await former.deliver(waitingEvents())).toMatchObject([{ event_type: 'payment.success' }]);
  for (let sweep = 0; sweep < 2; sweep += 1) {
    wait(HOUR_MS);
    expect(await former.deliver(waitingEvents())).toEqual([]);
  }
  expect(waitingEvents()).toEqual(['evt_dispute', expect.any(String)]);
  wait(HOUR_MS);
  expect(await current.deliver(waitingEvents())).toMatchObject([
    { event_id: 'evt_dispute', event_type: 'payment.dispute', status: 'needs_response', user_email: ADDRESS },
  ]);
  expect(await current.deliver(waitingEvents())).toMatchObject([{ event_type: 'payment.refund' }]);
  const { differences } = await current.reconcile(NOON_MS - DAY_MS);
  expect(differences).toEqual([]);
});

describe('the tables', () => {
  it('have all that any statement of the former version can name, and refuse nothing that they took', () => {
    const before = openSqliteD1().sqlite;
    const after = openSqliteD1().sqlite;
    applyMigrations(before, (sql, file) => (file <= formerVersion.LAST_MIGRATION ? sql : ''));
    applyMigrations(after);

    for (const table of namesOf(before, 'table')) {
      const columns = columnsOf(before, table);
      const stillThere = columnsOf(after, table).slice(0, columns.length);
      // A column that may be empty now refuses nothing that it took.
      expect(
        stillThere.map((column, index) => ({ ...column, notnull: column.notnull || columns[index]?.notnull })),
      ).toEqual(columns);
      // A statement that does not name a new column leaves it out.
      for (const added of columnsOf(after, table).slice(columns.length)) {
        expect(added.notnull === 0 || added.dflt_value !== null, `${table}.${added.name}`).toBe(true);
      }
      const [former, current] = [constraintsOf(before, table), constraintsOf(after, table)];
      const unique = former.unique.filter(({ name }) => !(String(name) in REPLACED_BY_TRIGGERS));
      // Without it, events refuse nothing that they took.
      const references = former.references.filter((key) => !(table === 'events' && key.table === 'transactions'));
      expect(current).toEqual({ ...former, unique, references });
    }
    for (const kind of ['view', 'trigger']) {
      const tablesAndViews = [...namesOf(before, 'table'), ...namesOf(before, 'view')];
      const known = sqlOf(after, kind, tablesAndViews).filter(
        ({ name, sql }) => !guardsNewColumns(before, String(sql)) && !REFUSE_NOTHING_NEW.includes(String(name)),
      );
      const former = sqlOf(before, kind, tablesAndViews);
      expect(known.filter(refusesAsMuch)).toEqual(former.filter(refusesAsMuch));
    }
    // Other indexes come and go: only a statement that demands one by its name would fail without it.
    expect(readFileSync('test/data/former-version.mjs', 'utf8')).not.toMatch(/INDEXED\s+BY/i);
  });

  it('come from migrations that the upgrade guide names, each of them', () => {
    const guide = readFileSync('docs/upgrading.md', 'utf8');
    for (const file of readdirSync('migrations')) expect(guide).toContain(`\`${file.slice(0, 4)}\``);
  });
});

/** Unique indexes that no statement names in ON CONFLICT, and the triggers that refuse the same rows. */
const REPLACED_BY_TRIGGERS: Record<string, string> = {
  transactions_one_per_booking: 'transactions_claim_free_bookings',
  events_one_per_payment: 'events_report_one_outcome',
};
const REFUSE_NOTHING_NEW = [
  ...Object.values(REPLACED_BY_TRIGGERS),
  'events_are_named',
  'events_stay_found',
  // It ignores the seals of a former version, which the blocks of this one make needless.
  'audit_seals_are_of_former_versions',
  // Only in an installation with more than one database, which the former version does not have.
  'transactions_in_place',
  'refunds_in_place',
  // They fire where a transaction is deleted, which only this version does.
  'transactions_leave_bookings_paid',
  'transactions_take_refunds',
  'transactions_take_unbooked_refunds',
  'transactions_take_disputes',
  'transactions_take_dispute_reports',
];

/** An entry may leave its table when its block is packed. */
const refusesAsMuch = ({ name }: { name?: unknown }) => name !== 'audit_entries_stay_there';

function namesOf(sqlite: DatabaseSync, type: string): string[] {
  const found = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%' ORDER BY 1");
  return found.all(type).map(({ name }) => String(name));
}

function columnsOf(sqlite: DatabaseSync, table: string) {
  return sqlite.prepare('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?)').all(table);
}

/** Unique indexes, which ON CONFLICT names as well, and foreign keys. */
function constraintsOf(sqlite: DatabaseSync, table: string) {
  return {
    unique: sqlite
      .prepare(
        `SELECT l.name, s.sql FROM pragma_index_list(?) l LEFT JOIN sqlite_schema s ON s.name = l.name
         WHERE l."unique" ORDER BY 1`,
      )
      .all(table),
    references: sqlite.prepare('SELECT "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY 1, 2').all(table),
  };
}

/** Of these tables and views: the triggers, or the views themselves. */
function sqlOf(sqlite: DatabaseSync, type: string, tables: readonly string[]) {
  return sqlite
    .prepare('SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = ? ORDER BY name')
    .all(type)
    .filter(({ tbl_name }) => tables.includes(String(tbl_name)));
}

/** Whether it is a trigger that fires only where a column is written that these tables do not have. */
function guardsNewColumns(before: DatabaseSync, sql: string): boolean {
  const [, columns, table] = /BEFORE UPDATE OF ([\w, ]+) ON (\w+)/.exec(sql) ?? [];
  if (columns === undefined || table === undefined) return false;
  const known = columnsOf(before, table).map(({ name }) => name);
  return columns.split(', ').every((column) => !known.includes(column));
}

/** As the version before addresses were encrypted (migration 0007) read what an event is rendered from. */
const ADDRESS_BEFORE_0007 = `
  SELECT t.user_email AS userEmail
  FROM events e JOIN transactions t USING (transaction_id) LEFT JOIN refunds r USING (refund_id)
  WHERE e.event_id IN (SELECT value FROM json_each(?1)) ORDER BY e.sequence`;

describe('a version from before addresses were encrypted', () => {
  it('renders no address of a payment that a later version took, and the later version does', async () => {
    const { current, sqlite, waitingEvents } = openBoth();
    await paid(current, 'BOOK-1');
    const eventIds = waitingEvents();
    expect(sqlite.prepare(ADDRESS_BEFORE_0007).all(JSON.stringify(eventIds))).toMatchObject([{ userEmail: null }]);
    expect(await current.deliver(eventIds)).toMatchObject([{ user_email: ADDRESS }]);
  });
});
