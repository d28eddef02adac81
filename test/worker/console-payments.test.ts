/** Payments in the console: the public API's own operations, for whoever has signed in. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { AT_DESK, accessTeam, FROM_CONSOLE, signedIn } from './console.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { held, holdRequest } from './held.ts';
import { newKey } from './idempotent-requests.ts';
import { expectEnvelope } from './matchers.ts';
import { paid, payment, refundOf, sendWith } from './request.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';

const desk = await signedIn();

/** Of another organisation than `default`. */
async function paidElsewhere(tenant: string): Promise<{ transaction_id: string; booking_id: string }> {
  const { headers } = await apiKey({ tenant });
  return (await sendWith(WITH_KEYS, 'POST', '/payment/process', { body: payment(), headers })).body;
}

const auditedOf = async (subject: string) =>
  (
    await env.DB.prepare('SELECT action, actor, tenant FROM audit_entries WHERE subject = ?1 ORDER BY sequence')
      .bind(subject)
      .all()
  ).results;

it('a payment is found by its booking, and its story is shown', async () => {
  const { transaction_id, booking_id } = await paid();
  const { body: page } = await desk.get(`transactions?booking_id=${booking_id}`);
  expect(page.transactions).toEqual([expect.objectContaining({ transaction_id, status: 'completed' })]);
  const { body: story } = await desk.get(`transactions/${transaction_id}`);
  expect(story.transaction).toMatchObject({ transaction_id, booking_id, user_id: 'user_123' });
  expect(await auditedOf(transaction_id)).toContainEqual({
    action: 'payment.read',
    actor: `key:${desk.keyId}`,
    tenant: 'default',
  });
});

it('a refund is that of the API: once for a key, with its event, and under the name of who ordered it', async () => {
  const one = await paid();
  const headers = { 'Idempotency-Key': newKey() };
  const first = await desk.post('refund', refundOf(one, { refund_amount: 10 }), { headers });
  const again = await desk.post('refund', refundOf(one, { refund_amount: 10 }), { headers });
  expect([first.status, again.status, again.headers.get('Idempotent-Replayed')]).toEqual([200, 200, 'true']);
  const { body } = await sendWith(WITH_KEYS, 'POST', '/payment/refund', {
    body: refundOf(one, { refund_amount: 10 }),
    headers: { ...headers, ...desk.headers },
  });
  expect(body.refund_transaction_id).toBe(first.body.refund_transaction_id);
  expect(await refundsOf(one.transaction_id)).toHaveLength(1);
  expect(await eventTypesOf(one.booking_id)).toEqual(['payment.success', 'payment.refund']);
  expect(await auditedOf(first.body.refund_transaction_id)).toContainEqual(
    expect.objectContaining({ action: 'refund.attempted', actor: `key:${desk.keyId}` }),
  );
});

it.each([
  ['captured', 'capture', 'completed'],
  ['voided', 'void', 'failed'],
])('a hold is %s', async (_, verb, status) => {
  const hold = await held();
  expect((await desk.post(verb, holdRequest(hold))).status).toBe(200);
  expect(await transaction(hold.transaction_id)).toMatchObject({ status });
});

it.each(['refund', 'capture', 'void'])('%s takes no body that is too large', async (path) => {
  expect((await desk.post(path, { user_id: 'x'.repeat(17 * 1024) })).status).toBe(413);
});

describe('who has signed in without a key', () => {
  it('at a desk is named in the audit log', async () => {
    const one = await paid();
    const answer = await sendWith(AT_DESK, 'POST', '/console/api/refund', {
      body: refundOf(one),
      headers: FROM_CONSOLE,
    });
    expect(answer.status).toBe(200);
    expect(await auditedOf(answer.body.refund_transaction_id)).toContainEqual(
      expect.objectContaining({ action: 'refund.attempted', actor: 'console:desk' }),
    );
  });

  it('through Access is named in the audit log, without an address', async () => {
    const [one, team] = [await paid(), await accessTeam()];
    const headers = { ...FROM_CONSOLE, ...(await team.headers()) };
    const answer = await sendWith(team.variables, 'POST', '/console/api/refund', { body: refundOf(one), headers });
    const entries = await auditedOf(answer.body.refund_transaction_id);
    expect(entries).toContainEqual(
      expect.objectContaining({ action: 'refund.attempted', actor: 'access:7335d417-61da-459d-899c-0a01c76a2f94' }),
    );
    expect(JSON.stringify(entries)).not.toContain('@');
  });
});

describe('of another organisation', () => {
  it('nothing is found, shown, refunded, captured or voided', async () => {
    const one = await paidElsewhere('cinema-3');
    expect((await desk.get(`transactions?booking_id=${one.booking_id}`)).body.transactions).toEqual([]);
    const asked = [
      await desk.get(`transactions/${one.transaction_id}`),
      await desk.post('refund', refundOf(one)),
      await desk.post('capture', holdRequest(one)),
      await desk.post('void', holdRequest(one)),
    ];
    for (const answer of asked) {
      expect(answer.status).toBe(404);
      expectEnvelope(answer, 'TRANSACTION_NOT_FOUND');
    }
    expect(await transaction(one.transaction_id)).toMatchObject({ status: 'completed', refunded_minor: 0 });
  });

  it('its own admins see and refund it', async () => {
    const one = await paidElsewhere('cinema-4');
    const theirs = await signedIn('cinema-4');
    expect((await theirs.get(`transactions/${one.transaction_id}`)).status).toBe(200);
    expect((await theirs.post('refund', refundOf(one))).status).toBe(200);
  });
});

describe('a script', () => {
  const SCRIPT = '<script>alert(1)</script>';

  it('in a booking, a user id and a reason comes back as JSON that no browser runs', async () => {
    const { transaction_id, booking_id } = await paid({ booking_id: `B${SCRIPT}`, user_id: SCRIPT });
    await desk.post('refund', refundOf({ transaction_id, booking_id }, { reason: SCRIPT, user_id: SCRIPT }));
    for (const path of [
      `transactions?booking_id=${encodeURIComponent(booking_id)}`,
      `transactions/${transaction_id}`,
    ]) {
      const answer = await desk.get(path);
      expect(answer.text).toContain(SCRIPT);
      expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
      expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    }
  });

  it('in what is refused does not come back', async () => {
    const answers = [
      await desk.get(`transactions?${encodeURIComponent(SCRIPT)}=1`),
      await desk.get(`transactions/${encodeURIComponent(SCRIPT)}`),
      await desk.get(`overview?hours=${encodeURIComponent(SCRIPT)}`),
      await desk.post('refund', { [SCRIPT]: SCRIPT, user_id: 7 }),
    ];
    for (const { status, text } of answers) {
      expect([404, 422]).toContain(status);
      expect(text).not.toContain('alert(1)');
    }
  });
});
