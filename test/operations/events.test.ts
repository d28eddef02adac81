import { describe, expect, it } from 'vitest';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import { eventsStatus } from '../../src/core/ledger/outbox/events-status.ts';
import { leaseDueEvents } from '../../src/core/ledger/outbox/lease-due-events.ts';
import { findReplayed, type Replay, replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { tableWalks } from '../support/query-plans.ts';
import { MINUTE_MS, openWorld, type World } from './world.ts';

describe('replayEvents', () => {
  it('makes a delivered event wait again as if it had never been sent, under its own id', async () => {
    const { world, eventIds } = await delivered(2);
    const [eventId = '', other = ''] = eventIds;
    const before = eventRow(world, eventId);
    expect(await replayEvents(world.context.db, { kind: 'event', eventId }, 1, world.clock.nowMs)).toEqual({
      replayed: 1,
      waiting: 0,
      lastId: eventId,
    });
    expect(eventRow(world, eventId)).toEqual({
      ...before,
      delivered_at_ms: null,
      attempts: 0,
      replayed_at_ms: world.clock.nowMs,
    });
    expect(eventRow(world, other)).toMatchObject({ delivered_at_ms: world.clock.nowMs, attempts: 1 });
  });

  it('has an event that waits already, and what waits behind it, sent at once, as the live events that they are', async () => {
    const world = openWorld();
    const payment = await world.pay();
    await world.refund(payment, '10.00');
    const [eventId = '', behind = ''] = world
      .rows('SELECT event_id FROM events ORDER BY sequence')
      .map((row) => String(row.event_id));
    const later = world.clock.nowMs + 6 * 60 * MINUTE_MS;
    world.tamper(`UPDATE events SET attempts = 4, last_error = 'no key', next_attempt_at_ms = ?`, later);
    const before = eventRow(world, eventId);
    const { db } = world.context;
    expect(await replayEvents(db, { kind: 'event', eventId }, 1, world.clock.nowMs)).toEqual({
      replayed: 0,
      waiting: 1,
      lastId: eventId,
    });
    expect(eventRow(world, eventId)).toEqual({ ...before, next_attempt_at_ms: 1 });
    expect(eventRow(world, behind)).toMatchObject({ next_attempt_at_ms: 1, replayed_at_ms: null });
  });

  it('leaves an event as it is that somebody is sending now', async () => {
    const { world, eventIds } = await delivered(1);
    const [eventId = ''] = eventIds;
    world.tamper(
      `UPDATE events SET delivered_at_ms = NULL, attempts = 4, last_error = 'refused', lease_id = 'L', leased_until_ms = ?,
         next_attempt_at_ms = 8`,
      world.clock.nowMs + 1,
    );
    const before = eventRow(world, eventId);
    const { db } = world.context;
    expect(await replayEvents(db, always(), 10, world.clock.nowMs)).toEqual({
      replayed: 0,
      waiting: 1,
      lastId: eventId,
    });
    expect(eventRow(world, eventId)).toEqual(before);
  });

  it('goes through a time in steps, and takes none twice although a sweep delivers between them', async () => {
    const { world, eventIds } = await delivered(5);
    const seen: (string | null)[] = [];
    let total = 0;
    let afterId: string | null = null;
    do {
      const step = await replayEvents(world.context.db, { ...always(), afterId }, 2, world.clock.nowMs);
      total += step.replayed;
      seen.push(step.lastId);
      afterId = step.lastId;
      world.deliverAll();
    } while (afterId !== null);
    expect({ total, seen }).toEqual({ total: 5, seen: [eventIds[1], eventIds[3], eventIds[4], null] });
  });

  it('takes only the events of the time, from its first millisecond on and without its last, and of the type', async () => {
    const { world, eventIds } = await delivered(3);
    const createdAt = (index: number) => Number(eventRow(world, eventIds[index] ?? '').created_at_ms);
    const { db } = world.context;
    const time = { kind: 'range' as const, fromMs: createdAt(1), toMs: createdAt(2), eventType: null, afterId: null };
    expect(await replayEvents(db, { ...time, eventType: 'payment.refund' }, 10, world.clock.nowMs)).toEqual({
      replayed: 0,
      waiting: 0,
      lastId: null,
    });
    expect(await replayEvents(db, time, 10, world.clock.nowMs)).toEqual({
      replayed: 1,
      waiting: 0,
      lastId: eventIds[1],
    });
    world.clock.nowMs += 1;
    const rest = {
      kind: 'range' as const,
      fromMs: 0,
      toMs: createdAt(2) + 1,
      eventType: 'payment.success' as const,
      afterId: null,
    };
    expect(await replayEvents(db, rest, 10, world.clock.nowMs)).toEqual({
      replayed: 2,
      waiting: 1,
      lastId: eventIds[2],
    });
  });

  it('lets a booking’s events go out in their order again (invariant 4)', async () => {
    const world = openWorld();
    const { bookingId } = await world.pay(TEST_CARDS.visaDeclined);
    const payment = await world.pay(TEST_CARDS.visa, bookingId);
    await world.refund(payment, '10.00');
    world.deliverAll();
    await replayEvents(world.context.db, always(), 10, world.clock.nowMs);

    const types: unknown[] = [];
    for (let sweep = 0; sweep < 4; sweep += 1) {
      const lease = { leaseId: `lease ${sweep}`, nowMs: world.clock.nowMs, untilMs: world.clock.nowMs + MINUTE_MS };
      for (const { eventId } of await leaseDueEvents(world.context.db, lease, 10)) {
        types.push(eventRow(world, eventId).event_type);
        world.tamper('UPDATE events SET delivered_at_ms = 1 WHERE event_id = ?', eventId);
      }
    }
    expect(types).toEqual(['payment.failed', 'payment.success', 'payment.refund']);
  });
});

describe('findReplayed', () => {
  it('finds the events of a payment, its refunds and its disputes, in the order in which they were written', async () => {
    const { world, payment, refundId } = await disputedAndRefunded();
    const { transactionId, bookingId, tenant } = payment;
    const typesOf = async (which: Replay) =>
      (await findReplayed(world.context.db, which, 10)).map(({ eventType }) => eventType);
    const all = ['payment.success', 'payment.refund', 'payment.dispute'];
    expect(await typesOf({ kind: 'payment', transactionId })).toEqual(all);
    expect(await typesOf({ kind: 'refund', refundId })).toEqual(['payment.refund']);
    expect(await typesOf({ kind: 'booking', tenant, bookingId })).toEqual(['payment.failed', ...all]);
    expect(await typesOf({ kind: 'booking', tenant: 'another', bookingId })).toEqual([]);
  });

  it.each(['payment', 'refund', 'booking'] as const)('walks through no table for a %s', async (kind) => {
    const { context, rows } = openWorld();
    const statements: string[] = [];
    const { d1 } = context.db;
    const watched: D1Database = {
      prepare(sql) {
        statements.push(sql);
        return d1.prepare(sql);
      },
      batch: (batch) => d1.batch(batch),
    };
    const which = { kind, transactionId: 'TXN-1', refundId: 'REF-1', tenant: 'default', bookingId: 'BOOK-1' } as Replay;
    await findReplayed({ ...context.db, d1: watched }, which, 10);
    expect(statements).toHaveLength(1);
    const [sql = ''] = statements;
    const plan = rows(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => String(detail));
    expect(plan.length).toBeGreaterThan(0);
    expect(tableWalks(sql, plan)).toEqual([]);
  });
});

describe('what was sent again', () => {
  it('is in the audit log, once, with who had it done, also if the first answer of the database was lost', async () => {
    const { world, eventIds } = await delivered(1);
    const [eventId = ''] = eventIds;
    const db = { ...world.context.db, author: { ...world.context.db.author, actor: 'operator:ada' } };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await replayEvents(db, { kind: 'event', eventId }, 1, world.clock.nowMs);
    }
    expect(world.rows(`SELECT actor, subject, detail FROM audit_entries WHERE action = 'events.resent'`)).toEqual([
      { actor: 'operator:ada', subject: eventId, detail: JSON.stringify({ events: 1, first: eventId, last: eventId }) },
    ]);
  });
});

describe('eventsStatus', () => {
  it('is empty where nothing waits', async () => {
    const { world } = await delivered(2);
    expect(await eventsStatus(world.context.db, world.clock.nowMs)).toEqual({
      waiting: 0,
      leased: 0,
      replayed: 0,
      due: 0,
      oldest: null,
      mostFailed: null,
    });
  });

  it('shows how many wait and are being sent, which is the oldest, and which has failed most', async () => {
    const { world, eventIds } = await delivered(4);
    const [sent = '', oldest = '', failing = '', leased = ''] = eventIds;
    world.tamper('UPDATE events SET delivered_at_ms = NULL, attempts = 0 WHERE event_id <> ?', sent);
    world.tamper(`UPDATE events SET attempts = 7, last_error = 'the bridge answered 503' WHERE event_id = ?`, failing);
    world.tamper(`UPDATE events SET attempts = 2, last_error = 'unroutable' WHERE event_id = ?`, oldest);
    world.tamper(
      `UPDATE events SET lease_id = 'L', leased_until_ms = ? WHERE event_id = ?`,
      ...[world.clock.nowMs + 1, leased],
    );
    world.tamper(
      `UPDATE events SET lease_id = 'E', leased_until_ms = ? WHERE event_id = ?`,
      ...[world.clock.nowMs, failing],
    );
    expect(await eventsStatus(world.context.db, world.clock.nowMs)).toMatchObject({
      waiting: 3,
      leased: 1,
      oldest: { eventId: oldest, eventType: 'payment.success', attempts: 2 },
      mostFailed: { eventId: failing, attempts: 7, lastError: 'the bridge answered 503' },
    });
  });
});

/** A payment of a booking whose first payment was declined, with a refund and a dispute. */
async function disputedAndRefunded() {
  const world = openWorld();
  const { bookingId } = await world.pay(TEST_CARDS.visaDeclined);
  const payment = await world.pay(TEST_CARDS.visa, bookingId);
  const refundId = await world.refund(payment, '10.00');
  await world.pay();
  const { transactionId } = payment;
  await recordDispute(
    world.context.db,
    {
      ...{ provider: 'stripe', disputeId: 'dp_1', transactionId, status: 'needs_response', reason: 'fraudulent' },
      ...{ currency: 'USD', amountMinor: 2550, openedAtMs: 1_000, reportedAtMs: 2_000 },
    },
    world.clock.nowMs,
    'evt_dispute',
    true,
  );
  return { world, payment, refundId };
}

const always = () => ({
  kind: 'range' as const,
  fromMs: 0,
  toMs: Number.MAX_SAFE_INTEGER,
  eventType: null,
  afterId: null,
});

/** So many payments of different bookings, whose events have been delivered. */
async function delivered(payments: number): Promise<{ world: World; eventIds: string[] }> {
  const world = openWorld();
  for (let payment = 0; payment < payments; payment += 1) await world.pay();
  world.deliverAll();
  const eventIds = world
    .rows('SELECT event_id FROM events ORDER BY sequence')
    .map(({ event_id: eventId }) => String(eventId));
  return { world, eventIds };
}

function eventRow(world: World, eventId: string) {
  const [row] = world.rows('SELECT * FROM events WHERE event_id = ?', eventId);
  if (row === undefined) throw new Error(`there is no event ${eventId}`);
  return row;
}
