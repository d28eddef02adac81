/** What a person at a desk does most, through `payctl` and a whole stack: a refund, an outcome that is recorded by hand, and an export. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Desk, startDesk } from '../support/desk.ts';

const DAY_MS = 24 * 60 * 60_000;

let desk: Desk;
beforeAll(async () => {
  desk = await startDesk('desk');
});
afterAll(() => desk?.stop());

it('refunds a part of a payment, with its event, and the audit log joins the operator with the key', async () => {
  const { booking, id } = await desk.paid();
  const refunded = await desk.order(['refund', id, '--amount', '5.00', '--reason', 'Screen broken', '--yes', '--json']);
  expect(refunded.exitCode).toBe(0);
  const { refund_id: refundId, request_id: requestId, ...rest } = JSON.parse(refunded.stdout);
  expect(rest).toMatchObject({ outcome: 'done', amount_minor: 500, refundable_minor: 2050, status: 'completed' });
  const actions = ['refund.ordered', 'refund.attempted', 'refund.ended'];
  expect(new Set(desk.requestIdsOf([id, refundId], actions))).toEqual(new Set([requestId]));
  expect(desk.auditOf(id).at(-1)).toBe('operator refund.ordered asked');
  expect(desk.auditOf(refundId)).toEqual(['key refund.attempted claimed', 'key refund.ended completed']);
  expect((await desk.eventsOf(booking, 2)).map(({ type }) => type)).toEqual(['payment.success', 'payment.refund']);
  expect(desk.gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(1);
});

it('records how a payment of unknown outcome ended, with its event, and by whom', async () => {
  const { booking, id } = await desk.undetermined();
  const found = ['--as', 'completed', '--reference', 'ch_desk', '--reason', 'in the dashboard'];
  const { exitCode, stdout } = await desk.atDesk(['resolve', id, ...found, '--yes', '--json']);
  desk.gateway.fault = () => ({ kind: 'normal' });
  expect(exitCode).toBe(0);
  const { event_id: eventId, status } = JSON.parse(stdout);
  expect(status).toBe('completed');
  await desk.stack.worker.sweep();
  await desk.stack.worker.sweep();
  expect(await desk.eventsOf(booking, 1)).toEqual([{ type: 'payment.success', eventId }]);
  expect(desk.auditOf(id).slice(-2)).toEqual(['operator outcome.resolved asked', 'operator payment.ended completed']);
});

it('exports what was captured', async () => {
  const { booking, id } = await desk.paid();
  const now = Date.now();
  const [from, to] = [now - DAY_MS, now + DAY_MS].map((ms) => new Date(ms).toISOString()) as [string, string];
  const { exitCode, stdout } = await desk.atDesk(['export', 'payments', '--from', from, '--to', to]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`^${id},default,${booking},completed,credit_card,.*,USD,25\\.50,25\\.50,0\\.00,,`, 'm'),
  );
});
