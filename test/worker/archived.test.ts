/** Payments that have left for the archive, as callers see them. */
import { env } from 'cloudflare:workers';
import { beforeEach, expect, it } from 'vitest';
import { clearLedger } from './backlog.ts';
import { declined, paid, payment, refundOf, send } from './request.ts';

beforeEach(clearLedger);

/** As the job leaves it. */
async function leaves({ transaction_id }: { transaction_id: string }): Promise<void> {
  await env.DB.batch([
    env.DB.prepare('DELETE FROM events'),
    env.DB.prepare('DELETE FROM transactions WHERE transaction_id = ?1').bind(transaction_id),
    env.DB.prepare("UPDATE job_positions SET position = ?1 WHERE job = 'transactions_left'").bind(Date.now()),
  ]);
}

const ARCHIVED = {
  error: {
    code: 'TRANSACTION_NOT_FOUND',
    details: { archived: true, next_step: expect.stringContaining('in the archive') },
  },
};

it('a booking that an archived payment has paid gets the 409 of a paid one, and is not charged', async () => {
  const transaction = await paid();
  await leaves(transaction);
  const { booking_id } = transaction;
  const { status, body } = await send('POST', '/payment/process', { body: payment({ booking_id }) });
  expect(status).toBe(409);
  expect(body).toMatchObject({
    error: {
      code: 'DUPLICATE_TRANSACTION',
      message: 'Transaction already processed',
      details: { transaction_id: null, status: 'completed', archived: true },
    },
  });
  const { results } = await env.DB.prepare('SELECT 1 FROM transactions').all();
  expect(results).toEqual([]);
});

it('a booking whose archived payment has failed can be paid', async () => {
  const transaction = await declined();
  await leaves(transaction);
  const { booking_id } = transaction;
  expect(await send('POST', '/payment/process', { body: payment({ booking_id }) })).toMatchObject({ status: 200 });
});

it('the status of an archived payment is a 404 that says so', async () => {
  const transaction = await paid();
  await leaves(transaction);
  expect(await send('GET', `/payment/status/${transaction.transaction_id}`)).toMatchObject({
    status: 404,
    body: ARCHIVED,
  });
});

it.each(['refund', 'capture', 'void'])('a %s of an archived payment is a 404 that says so', async (step) => {
  const transaction = await paid();
  await leaves(transaction);
  const { booking_id, user_id, original_transaction_id: transaction_id } = refundOf(transaction);
  const body = step === 'refund' ? refundOf(transaction) : { booking_id, transaction_id, user_id };
  expect(await send('POST', `/payment/${step}`, { body })).toMatchObject({ status: 404, body: ARCHIVED });
});

it.each([
  ['of later times', '01ZZZZZZZZ'],
  ['that are not ids', 'not-a-ulid'],
])('ids %s are not said to be archived', async (_, time) => {
  await leaves(await paid());
  const { status, body } = await send('GET', `/payment/status/TXN-${time}ABCDEFGHJKMNPQRS`);
  expect({ status, body }).toMatchObject({ status: 404, body: { error: { details: {} } } });
  expect(JSON.stringify(body)).not.toContain('archive');
});
