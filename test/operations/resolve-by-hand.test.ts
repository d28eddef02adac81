/** What a person records of a payment or refund whose outcome the gateway cannot determine, and what stays guarded all the same. */
import { describe, expect, it } from 'vitest';
import { readCaseId } from '../../src/cli/case.ts';
import { resolveCase } from '../../src/cli/commands/resolve.ts';
import { lateRefundId } from '../../src/core/domain/transaction.ts';
import { findPayment, findRefundWithPayment } from '../../src/core/ledger/by-hand/find-by-id.ts';
import { listOpenCases, OPEN_CASE_STATEMENTS } from '../../src/core/ledger/by-hand/list-open-cases.ts';
import { dealWith, listResolutions, unbookedSubject } from '../../src/core/ledger/by-hand/resolutions.ts';
import { makeLookUpDue } from '../../src/core/ledger/look-ups/make-look-up-due.ts';
import { recordAuthorization } from '../../src/core/ledger/payments/record-substate.ts';
import { resolveNotified } from '../../src/core/recovery/resolve.ts';
import { recordByHand, type Verdict } from '../../src/core/recovery/resolve-by-hand.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openWorld, type World } from './world.ts';

const OPERATOR = { actor: 'operator:ada', requestId: 'req_1', address: null, isAdmin: false };
const COMPLETED: Verdict = { as: 'completed', reference: 'ch_found' };
const FAILED: Verdict = { as: 'failed' };

const deskOf = ({ context }: World) => ({ ...context.db, author: OPERATOR });

/** A payment whose charge was lost, and of which the gateway has said long enough that it cannot tell. */
async function undeterminedPayment(world: World): Promise<string> {
  world.gateway.losesNext = true;
  const { transactionId } = await world.pay();
  world.gateway.says.set(transactionId, { kind: 'undetermined', reason: 'the charge has no mark of ours' });
  await world.resolveAfter(HOUR_MS, transactionId);
  return transactionId;
}

async function undeterminedRefund(world: World): Promise<{ transactionId: string; refundId: string }> {
  const payment = await world.pay();
  world.gateway.losesNext = true;
  const refundId = await world.refund(payment, '10.00');
  world.gateway.says.set(refundId, { kind: 'undetermined', reason: 'two refunds fit' });
  await world.resolveAfter(HOUR_MS, refundId);
  return { transactionId: payment.transactionId, refundId };
}

async function recordAs(world: World, id: string, verdict: Verdict, reason = 'in the dashboard') {
  const db = deskOf(world);
  const found = id.startsWith('REF-') ? await findRefundWithPayment(db, id) : await findPayment(db, id);
  if (found === null) throw new Error(`there is no ${id}`);
  world.clock.nowMs += 1_000;
  return recordByHand(db, found, {
    ...{ verdict, reason, eventId: world.context.newId('evt_'), nowMs: world.clock.nowMs },
  });
}

const rowOf = (world: World, id: string) => {
  const [table, column] = id.startsWith('REF-') ? ['refunds', 'refund_id'] : ['transactions', 'transaction_id'];
  return world.rows(`SELECT * FROM ${table} WHERE ${column} = ?`, id)[0];
};
const eventTypes = ({ rows }: World) =>
  rows('SELECT event_type FROM events ORDER BY sequence').map((row) => row.event_type);
const openKinds = async (world: World) =>
  (await listOpenCases(deskOf(world), 100)).map(({ kind, subject }) => [kind, subject]);
const auditOf = (world: World, subject: string) =>
  world.rows(`SELECT actor, action, outcome FROM audit_entries WHERE subject = ? AND actor LIKE 'operator:%'`, subject);

describe('a payment that the gateway cannot determine', () => {
  it('is not recorded once its money is found to be held: it can be captured or voided', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    const before = await findPayment(deskOf(world), id);
    if (before === null) throw new Error('the payment of a test is not there');
    const { nowMs } = world.clock;
    const authorization = { transactionId: id, attemptId: 'att_1', nowMs, expiresAtMs: nowMs + HOUR_MS };
    await recordAuthorization(world.context.db, { ...authorization, authorizationReference: 'auth_1' });
    expect(await openKinds(world)).toEqual([]);
    for (const verdict of [COMPLETED, FAILED]) {
      expect(await recordAs(world, id, verdict)).toEqual({ kind: 'not_undetermined' });
      // Nor by somebody who has looked at it before.
      const byHand = { verdict, reason: '', eventId: world.context.newId('evt_'), nowMs };
      expect(await recordByHand(deskOf(world), before, byHand)).not.toMatchObject({ kind: 'recorded' });
    }
    expect(rowOf(world, id)).toMatchObject({ status: 'pending', substate: 'authorized', undetermined_at_ms: null });
    expect(eventTypes(world)).toEqual([]);
  });

  it('is in the list, until a person has recorded that it is paid, with its event', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    expect(await openKinds(world)).toEqual([['payment_undetermined', id]]);
    const recorded = await recordAs(world, id, COMPLETED);
    expect(recorded).toMatchObject({ kind: 'recorded', row: { status: 'completed', gatewayReference: 'ch_found' } });
    expect(eventTypes(world)).toEqual(['payment.success']);
    expect(await openKinds(world)).toEqual([]);
    expect(auditOf(world, id)).toEqual([
      { actor: 'operator:ada', action: 'outcome.resolved', outcome: 'asked' },
      { actor: 'operator:ada', action: 'payment.ended', outcome: 'completed' },
    ]);
    expect(await listResolutions(deskOf(world), 10)).toMatchObject([
      { subject: id, reason: 'in the dashboard', resolvedBy: 'operator:ada' },
    ]);
  });

  it('keeps the reason out of the audit log', async () => {
    const world = openWorld();
    await recordAs(world, await undeterminedPayment(world), FAILED, 'Ada Lovelace called');
    const log = JSON.stringify(world.rows('SELECT * FROM audit_entries'));
    expect(log).not.toContain('Lovelace');
  });

  it('frees its booking if it is recorded as failed (invariant 1)', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    await recordAs(world, id, FAILED);
    expect(eventTypes(world)).toEqual(['payment.failed']);
    const again = await world.pay(TEST_CARDS.visa, String(rowOf(world, id)?.booking_id));
    expect(again.status).toBe('completed');
  });

  it.each([
    ['a follow-up', (world: World, id: string) => world.resolveAfter(HOUR_MS, id)],
    ['a webhook', (world: World, id: string) => resolveNotified(world.context, id)],
  ])('is refunded if its charge turns up by %s after it was recorded as failed (invariant 1)', async (_, finds) => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    await recordAs(world, id, FAILED);
    world.gateway.says.set(id, { kind: 'approved', reference: 'ch_late' });
    await finds(world, id);
    const refundId = lateRefundId(id);
    await world.resolveAfter(MINUTE_MS, refundId);
    expect(rowOf(world, refundId)).toMatchObject({ kind: 'late_charge', status: 'completed', amount_minor: 2550 });
    expect(rowOf(world, id)).toMatchObject({ status: 'failed', gateway_reference: 'ch_late' });
    expect(eventTypes(world)).toEqual(['payment.failed']);
  });

  it('stays paid, and is paid once, whatever a webhook says after it was recorded as completed', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    await recordAs(world, id, COMPLETED);
    world.gateway.says.set(id, { kind: 'approved', reference: 'ch_found' });
    await resolveNotified(world.context, id);
    await world.resolveAfter(DAY_MS, id);
    expect(rowOf(world, id)).toMatchObject({ status: 'completed', gateway_reference: 'ch_found' });
    expect(eventTypes(world)).toEqual(['payment.success']);
  });

  it('is left as a look-up has ended it while the person was looking (invariant 6)', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    const db = deskOf(world);
    const found = await findPayment(db, id);
    world.gateway.says.set(id, { kind: 'approved', reference: 'ch_ours' });
    await world.resolveAfter(DAY_MS, id);
    if (found === null) throw new Error('no payment');
    const byHand = { verdict: FAILED, reason: 'too late', eventId: 'evt_late', nowMs: world.clock.nowMs };
    expect(await recordByHand(db, found, byHand)).toMatchObject({ kind: 'ended_before', row: { status: 'completed' } });
    expect(eventTypes(world)).toEqual(['payment.success']);
    expect(await listResolutions(db, 10)).toEqual([]);
  });

  it('agrees with the gateway’s list, if the person has found the charge that is there', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    world.gateway.movements.push({
      ...{ kind: 'charge', id, reference: 'ch_found', amountMinor: 2550, currency: 'USD', status: 'succeeded' },
      movedAtMs: world.clock.nowMs,
    });
    await recordAs(world, id, COMPLETED);
    world.deliverAll();
    world.clock.nowMs += HOUR_MS;
    expect((await world.reconcile()).differences).toEqual([]);
  });
});

describe('what a person may not record', () => {
  it.each([COMPLETED, FAILED])(
    'is the outcome %j of a payment that the gateway may still answer for',
    async (verdict) => {
      const world = openWorld();
      world.gateway.losesNext = true;
      const { transactionId } = await world.pay();
      expect(await recordAs(world, transactionId, verdict)).toEqual({ kind: 'not_undetermined' });
      expect(rowOf(world, transactionId)?.status).toBe('pending');
      expect(auditOf(world, transactionId)).toEqual([]);
    },
  );

  it('is another outcome of a payment that has ended', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    expect(await recordAs(world, transactionId, FAILED)).toMatchObject({ kind: 'ended_before' });
    expect(rowOf(world, transactionId)?.status).toBe('completed');
  });
});

describe('a refund that the gateway cannot determine', () => {
  it('is paid when a person says so: the balance and the event follow', async () => {
    const world = openWorld();
    const { transactionId, refundId } = await undeterminedRefund(world);
    expect(await openKinds(world)).toEqual([['refund_undetermined', refundId]]);
    expect(await recordAs(world, refundId, COMPLETED)).toMatchObject({
      kind: 'recorded',
      row: { status: 'completed' },
    });
    expect(rowOf(world, transactionId)).toMatchObject({ refunded_minor: 1000, reserved_minor: 0 });
    expect(eventTypes(world)).toEqual(['payment.success', 'payment.refund']);
    expect(await openKinds(world)).toEqual([]);
  });

  it('gives its amount back if it is recorded as failed, without an event', async () => {
    const world = openWorld();
    const { transactionId, refundId } = await undeterminedRefund(world);
    expect(await recordAs(world, refundId, FAILED)).toMatchObject({ kind: 'recorded', eventId: null });
    expect(rowOf(world, transactionId)).toMatchObject({ refunded_minor: 0, reserved_minor: 0, status: 'completed' });
    expect(eventTypes(world)).toEqual(['payment.success']);
  });
});

describe('what a person has dealt with elsewhere', () => {
  /** A late charge that the gateway has refused to pay back. */
  async function keptLateCharge(world: World): Promise<string> {
    const id = await undeterminedPayment(world);
    await recordAs(world, id, FAILED);
    world.gateway.says.set(id, { kind: 'approved', reference: 'ch_late' });
    const refundId = lateRefundId(id);
    world.gateway.says.set(refundId, { kind: 'declined', code: 'PAYMENT_FAILED' });
    await world.resolveAfter(HOUR_MS, id);
    await world.resolveAfter(MINUTE_MS, refundId);
    return refundId;
  }

  it('leaves the list: a late charge that could not be refunded, once, and the first reason stays', async () => {
    const world = openWorld();
    const refundId = await keptLateCharge(world);
    expect(await openKinds(world)).toEqual([['late_charge_kept', refundId]]);
    const db = deskOf(world);
    await dealWith(db, { subject: refundId, reason: 'by bank transfer', atMs: world.clock.nowMs });
    const second = await dealWith(db, { subject: refundId, reason: 'again', atMs: world.clock.nowMs + 1 });
    expect(second).toMatchObject({ reason: 'by bank transfer', resolvedBy: 'operator:ada' });
    expect(await openKinds(world)).toEqual([]);
    expect(auditOf(world, refundId)).toEqual([
      { actor: 'operator:ada', action: 'outcome.dealt_with', outcome: 'done' },
    ]);
    expect(rowOf(world, refundId)?.status).toBe('failed');
  });

  it('can be a refund that the bank returned after a person had recorded it as paid', async () => {
    const world = openWorld();
    const { refundId } = await undeterminedRefund(world);
    await recordAs(world, refundId, COMPLETED);
    world.gateway.says.set(refundId, { kind: 'declined', code: 'PAYMENT_FAILED' });
    await world.resolveAfter(DAY_MS, refundId);
    expect(await openKinds(world)).toEqual([['refund_reversed', refundId]]);
    await dealWith(deskOf(world), { subject: refundId, reason: 'in cash', atMs: world.clock.nowMs });
    expect(await openKinds(world)).toEqual([]);
    expect(await listResolutions(deskOf(world), 10)).toHaveLength(2);
  });

  it('can be an external refund that the payment had no room for, named by both ids', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    world.tamper(`INSERT INTO unbooked_refunds VALUES (?, 're_1', 9900, 1, 'evt_1')`, transactionId);
    const subject = unbookedSubject(transactionId, 're_1');
    expect(await openKinds(world)).toEqual([['external_refund_unbooked', subject]]);
    const unbooked = { transactionId, gatewayReference: 're_1' };
    await dealWith(deskOf(world), { subject, reason: 'talked to the payer', atMs: 2 }, unbooked);
    expect(await openKinds(world)).toEqual([]);
  });

  it('is nothing that is paid, or still under way', async () => {
    const world = openWorld();
    const paid = await world.refund(await world.pay(), '10.00');
    const { refundId: open } = await undeterminedRefund(world);
    for (const subject of [paid, open]) {
      expect(await dealWith(deskOf(world), { subject, reason: 'x', atMs: 1 })).toBeNull();
      expect(auditOf(world, subject)).toEqual([]);
    }
  });
});

describe('a look-up that a person wants at once', () => {
  it('is due now, also of a payment that is looked up every six hours', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    expect(Number(rowOf(world, id)?.next_lookup_at_ms)).toBeGreaterThan(world.clock.nowMs + MINUTE_MS);
    expect(await makeLookUpDue(deskOf(world), id, world.clock.nowMs)).toBe(true);
    expect(auditOf(world, id)).toEqual([{ actor: 'operator:ada', action: 'look_up.ordered', outcome: 'asked' }]);
    world.gateway.says.set(id, { kind: 'approved', reference: 'ch_now' });
    await world.resolveAfter(0, id);
    expect(rowOf(world, id)).toMatchObject({ status: 'completed', gateway_reference: 'ch_now' });
  });

  it('is none of a payment that has ended, and then the audit log has no order of it', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    expect(await makeLookUpDue(deskOf(world), transactionId, world.clock.nowMs)).toBe(false);
    expect(auditOf(world, transactionId)).toEqual([]);
  });
});

it('the list reads the rows that need somebody by their index, and no others', () => {
  const { sqlite, close } = openSqliteD1();
  applyMigrations(sqlite);
  const planOf = (sql: string) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
  const { external_refund_unbooked, ...large } = OPEN_CASE_STATEMENTS;
  const first = Object.fromEntries(Object.entries(large).map(([name, sql]) => [name, planOf(sql)[0]]));
  expect(first).toEqual({
    payment_undetermined: expect.stringContaining('USING INDEX transactions_undetermined'),
    refund_undetermined: expect.stringContaining('USING INDEX refunds_undetermined'),
    late_charge_kept: expect.stringContaining('USING INDEX refunds_kept'),
    refund_reversed: expect.stringContaining('USING INDEX refunds_reversed'),
  });
  expect(planOf(external_refund_unbooked)[0]).toContain(' u');
  close();
});

describe('what cannot be recorded is refused with what can be done', () => {
  const AS_FAILED = { kind: 'record', verdict: FAILED, reason: 'I think so' } as const;
  const DEALT_WITH = { kind: 'deal', reason: 'paid back' } as const;
  const RETRY = { kind: 'retry' } as const;
  const refusal = (world: World, id: string, act: Parameters<typeof resolveCase>[2]) =>
    resolveCase([deskOf(world)], readCaseId(id), act, { yes: true, json: true }).then(
      () => 'carried out',
      (error: Error) => error.message,
    );

  it('while the gateway is still asked: to wait, or to have it asked', async () => {
    const world = openWorld();
    world.gateway.losesNext = true;
    const { transactionId } = await world.pay();
    world.gateway.losesNext = false;
    const paid = await world.pay();
    world.gateway.losesNext = true;
    const refundId = await world.refund(paid, '10.00');
    for (const id of [transactionId, refundId]) {
      for (const act of [AS_FAILED, DEALT_WITH]) {
        const message = await refusal(world, id, act);
        expect(message).toMatch(new RegExp(`^${id} is pending, and the service is still asking `));
        expect(message).toMatch(new RegExp(`Wait, or have it ask within a minute: \`payctl resolve ${id} --retry\`$`));
        expect(message).not.toContain('--as');
      }
    }
  });

  it('of unknown outcome: to record the outcome', async () => {
    const world = openWorld();
    const id = await undeterminedPayment(world);
    expect(await refusal(world, id, DEALT_WITH)).toBe(
      `${id} is pending, and the gateway cannot determine its outcome: record how it ended with --as`,
    );
  });

  it('of known outcome: nothing is asked', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    expect(await refusal(world, transactionId, RETRY)).toBe(
      `The outcome of ${transactionId} is already known: completed`,
    );
    expect(await refusal(world, transactionId, DEALT_WITH)).toBe(`${transactionId} is completed: it needs no action`);
  });
});
