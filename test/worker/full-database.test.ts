/** A database that is nearly full takes nothing new, and records the outcome of what is under way (invariant 10). */
import { expect, it, vi } from 'vitest';
import { held, holdRequest } from './held.ts';
import { newKey } from './idempotent-requests.ts';
import { recordingWork, wakeJobs } from './queue.ts';
import { paid, payment, refundOf, sendWith } from './request.ts';
import { transactionsOf } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

/** Less than any database has. */
const FULL = { DATABASE_MAX_GB: '0.000001' };

/** An isolate that has had an answer of its database, which tells the size. */
async function knowing<Bindings extends Record<string, unknown>>(bindings: Bindings): Promise<Bindings> {
  await sendWith(bindings, 'GET', '/payment/status/TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV');
  return bindings;
}

it('nothing is claimed, no round trip is made but the one that asks for the size, and the answer says that no money moved', async () => {
  await paid();
  const [database, request] = [watchedDatabase(), payment()];
  const full = await knowing({ ...FULL, DB: database.d1 });
  const before = database.roundTrips();
  const { status, headers, body } = await sendWith(full, 'POST', '/payment/process', { body: request });
  expect({ status, retry: headers.get('Retry-After'), body }).toMatchObject({
    status: 503,
    retry: '60',
    body: { error: { code: 'SERVICE_UNAVAILABLE', message: expect.stringContaining('no money moved') } },
  });
  expect(database.roundTrips() - before).toBe(1);
  expect(await transactionsOf(String(request.booking_id))).toEqual([]);
});

it('a refund is not begun either', async () => {
  const refund = refundOf(await paid());
  expect(await sendWith(await knowing(FULL), 'POST', '/payment/refund', { body: refund })).toMatchObject({
    status: 503,
  });
  expect(await sendWith({}, 'POST', '/payment/refund', { body: refund })).toMatchObject({ status: 200 });
});

it('what is known is answered: a status, and the replay of a request', async () => {
  const [key, request] = [newKey(), payment()];
  const headers = { 'Idempotency-Key': key };
  const first = await sendWith({}, 'POST', '/payment/process', { body: request, headers });
  const replayed = await sendWith(FULL, 'POST', '/payment/process', { body: request, headers });
  expect(replayed).toMatchObject({ status: 200, body: first.body });
  const path = `/payment/status/${first.body.transaction_id}`;
  expect(await sendWith(FULL, 'GET', path)).toMatchObject({ status: 200 });
});

it('money that is held is captured and released', async () => {
  for (const step of ['capture', 'void']) {
    const request = holdRequest(await held());
    expect(await sendWith(FULL, 'POST', `/payment/${step}`, { body: request })).toMatchObject({ status: 200 });
  }
});

it('it goes on as soon as there is room, in the same isolate', async () => {
  const request = payment();
  expect(await sendWith(FULL, 'POST', '/payment/process', { body: request })).toMatchObject({ status: 503 });
  expect(await sendWith({}, 'POST', '/payment/process', { body: request })).toMatchObject({ status: 200 });
});

it('the cron raises the alarm each minute', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
  await wakeJobs({ ...FULL, PAYMENT_WORK: recordingWork().binding });
  const events = logged.mock.calls.map(([line]) => JSON.parse(line).event);
  logged.mockRestore();
  expect(events).toEqual(['database.full']);
});
