/** The last released version on this version's tables, as after a rollback: migrations are never rolled back. See docs/upgrading.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { ALL_MIGRATIONS } from '../simulation/sqlite-d1.ts';
import { NOON_MS, openBoth, paid, refunded } from './both-versions.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './world.ts';

const ADDRESS = 'payer@example.com';

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

it('the migrations come between what the former version writes and what both versions go on with', async () => {
  const both = openBoth('of the former version');
  const { former, gateway, wait } = both;
  const payment = await paid(former, 'BOOK-1');
  gateway.losesNext = true;
  const lost = await paid(former, 'BOOK-2');
  const declined = await paid(former, 'BOOK-3', TEST_CARDS.visaDeclined);
  const refund = await refunded(former, payment, '10.00');
  both.migrate();

  for (const service of [both.former, both.current]) {
    expect(await service.status(payment.transactionId)).toMatchObject({
      transaction: { status: 'completed', refundedMinor: 1000 },
    });
    expect(await service.status(declined.transactionId)).toMatchObject({ transaction: { status: 'failed' } });
    expect(await service.status(refund.refundId)).toMatchObject({ refund: { status: 'completed' } });
    expect((await paid(service, 'BOOK-1')).transactionId).toBe(payment.transactionId);
  }
  gateway.says.set(lost.transactionId, { kind: 'approved', reference: 'ref_found' });
  wait(HOUR_MS);
  await both.former.lookUpDue();
  expect(await both.current.status(lost.transactionId)).toMatchObject({ transaction: { status: 'completed' } });
  expect((await both.current.deliver(both.waitingEvents())).map(({ booking_id }) => booking_id)).toEqual([
    'BOOK-1',
    'BOOK-3',
    'BOOK-2',
  ]);
  expect(await both.former.deliver(both.waitingEvents())).toMatchObject([{ refund_transaction_id: refund.refundId }]);
  expect((await both.current.reconcile(NOON_MS - DAY_MS)).differences).toEqual([]);
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

it('the upgrade guide names each migration', () => {
  const guide = readFileSync('docs/upgrading.md', 'utf8');
  for (const { file } of ALL_MIGRATIONS) expect(guide).toContain(`\`${file.slice(0, 4)}\``);
});

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
