/** One payment's story: what has happened to it, in order of time, and who did it. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { blockHash } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { rememberWebhook } from '../../src/core/ledger/providers/remember-webhook.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { answerPage, capture, challenged, held, voidPayment } from './held.ts';
import { expectEnvelope } from './matchers.ts';
import { database } from './operation.ts';
import { type Answer, declined, paid, payment, refund, refundOf, send, sendWith } from './request.ts';

const storyOf = (id: string): Promise<Answer> => send('GET', `/payment/transactions/${id}`);

interface Entry {
  type: string;
  id: string;
  actor: string | null;
  request_id: string | null;
  audit_entry: number | null;
  detail: Record<string, unknown>;
}

const typesOf = ({ body }: Answer): string[] => body.history.map(({ type }: Entry) => type);
const entryOf = ({ body }: Answer, type: string): Entry => body.history.find((entry: Entry) => entry.type === type);

async function delivered(transactionId: string, atMs: number): Promise<void> {
  await env.DB.prepare('UPDATE events SET delivered_at_ms = ?2 WHERE transaction_id = ?1')
    .bind(transactionId, atMs)
    .run();
}

describe('the story of a payment', () => {
  it('that was paid and refunded in part has both, with their events, and what is left to refund', async () => {
    const headers = { 'X-Request-Id': 'request-of-the-refund' };
    const made = await paid();
    const body = refundOf(made, { refund_amount: 10 });
    const { body: refunded } = await send('POST', '/payment/refund', { body, headers });
    await delivered(made.transaction_id, Date.now());
    const story = await storyOf(made.transaction_id);
    expect(story.status).toBe(200);
    expect(story.body.transaction).toMatchObject({
      transaction_id: made.transaction_id,
      status: 'completed',
      refunded_amount: 10,
      refundable_amount: 15.5,
      pending_refund_amount: 0,
      capture_method: 'automatic',
      gateway: 'sandbox',
    });
    expect(story.body.refunds).toMatchObject([
      {
        refund_transaction_id: refunded.refund_transaction_id,
        kind: 'requested',
        status: 'completed',
        refund_amount: 10,
      },
    ]);
    expect(story.body.events).toMatchObject([
      { event_type: 'payment.success', delivered_at: expect.any(String), attempts: 0, last_error: null },
      { event_type: 'payment.refund', delivered_at: expect.any(String) },
    ]);
    expect(typesOf(story)).toEqual([
      'payment.attempted',
      'payment.completed',
      'event.written',
      'refund.attempted',
      'refund.completed',
      'event.written',
      'event.delivered',
      'event.delivered',
    ]);
    const times = story.body.history.map(({ at }: { at: string }) => at);
    expect(times).toEqual(times.toSorted());
    expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(entryOf(story, 'refund.completed')).toMatchObject({
      id: refunded.refund_transaction_id,
      actor: 'anonymous',
      request_id: 'request-of-the-refund',
      audit_entry: expect.any(Number),
    });
  });

  it('is found by the id of its refund as well', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made));
    const [byPayment, byRefund] = await Promise.all([
      storyOf(made.transaction_id),
      storyOf(body.refund_transaction_id),
    ]);
    expect(byRefund.body).toEqual(byPayment.body);
  });

  it('whose payer authenticated, and that was held and captured, has each of these, and who did it', async () => {
    const { transaction_id, booking_id, next_action } = await challenged({ capture_method: 'manual' });
    await answerPage(next_action.url, 'authenticated');
    await capture({ transaction_id, booking_id });
    const story = await storyOf(transaction_id);
    expect(typesOf(story).filter((type) => type.startsWith('payment.'))).toEqual([
      'payment.attempted',
      'payment.challenged',
      'payment.authorized',
      'payment.capture_begun',
      'payment.completed',
    ]);
    expect(entryOf(story, 'payment.challenged')).toMatchObject({ actor: 'anonymous', audit_entry: expect.any(Number) });
    expect(entryOf(story, 'payment.authorized').audit_entry).toBeGreaterThan(
      entryOf(story, 'payment.challenged').audit_entry ?? 0,
    );
    expect(story.text).not.toContain('token=');
  });

  it('that waits for its payer says until when, without the address that is the payer’s alone', async () => {
    const { transaction_id, next_action } = await challenged();
    const story = await storyOf(transaction_id);
    expect(story.body.transaction).toMatchObject({
      status: 'pending',
      expires_at: expect.any(String),
      processed_at: null,
    });
    expect(story.text).not.toContain(new URL(next_action.url).searchParams.get('token'));
  });

  it('that was voided has the void, and its reason', async () => {
    const made = await held();
    await voidPayment(made);
    const story = await storyOf(made.transaction_id);
    expect(typesOf(story)).toEqual([
      'payment.attempted',
      'payment.authorized',
      'payment.void_begun',
      'payment.failed',
      'event.written',
    ]);
    expect(entryOf(story, 'payment.failed').detail).toMatchObject({ error_code: 'PAYMENT_VOIDED' });
  });

  it('has the other attempts to pay the booking', async () => {
    const failed = await declined();
    const made = await paid({ booking_id: failed.booking_id });
    const story = await storyOf(made.transaction_id);
    expect(entryOf(story, 'booking.attempted')).toMatchObject({
      id: failed.transaction_id,
      detail: { status: 'failed' },
    });
    expect(typesOf(story)[0]).toBe('booking.attempted');
  });

  it('has the webhooks that were about it or about its refund', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made));
    const subjects = [made.transaction_id, body.refund_transaction_id, 'TXN-00000000000000000000000000'];
    for (const [index, subject] of subjects.entries()) {
      const webhook = { tenant: 'default', provider: 'stripe', eventId: `evt_story_${index}`, type: 'charge.updated' };
      await rememberWebhook(database, webhook, subject, Date.now());
    }
    const story = await storyOf(made.transaction_id);
    const webhooks = story.body.history.filter(({ type }: Entry) => type === 'webhook.handled');
    expect(webhooks.map(({ id }: Entry) => id)).toEqual(['evt_story_0', 'evt_story_1']);
  });

  it('has what a person has recorded of it, of its refund and of an external refund', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made));
    const refundId = body.refund_transaction_id;
    const subjects = [made.transaction_id, `${made.transaction_id}/re_1`, refundId, `${refundId}/outcome`];
    for (const subject of [...subjects, 'TXN-00000000000000000000000000']) {
      await env.DB.prepare(
        "INSERT INTO manual_resolutions (subject, tenant, reason, resolved_by, resolved_at_ms) VALUES (?1, 'default', 'seen', 'operator:ada', ?2)",
      )
        .bind(subject, Date.now())
        .run();
    }
    const story = await storyOf(made.transaction_id);
    const recorded = story.body.history.filter(({ type }: Entry) => type === 'resolution.recorded');
    expect(recorded.map(({ id }: Entry) => id).toSorted()).toEqual(subjects.toSorted());
    expect(recorded[0]).toMatchObject({ actor: 'operator:ada', detail: { reason: 'seen' } });
  });

  it('still says who did it when the audit log has been packed', async () => {
    const made = await paid();
    await paid(); // the block with the newest entry is not packed
    const inTwoHours = () => Date.now() + 2 * 60 * 60_000;
    await sealAudit({ db: database, nowMs: Date.now }, blockHash);
    await paid();
    await packAudit({ db: database, nowMs: inTwoHours }, { blockHash, pack, unpack, sha256: async () => '' });
    const left = await env.DB.prepare('SELECT count(*) AS entries FROM audit_entries WHERE subject = ?1')
      .bind(made.transaction_id)
      .first();
    expect(left).toEqual({ entries: 0 });
    const story = await storyOf(made.transaction_id);
    expect(entryOf(story, 'payment.attempted')).toMatchObject({ actor: 'anonymous', audit_entry: expect.any(Number) });
    expect(entryOf(story, 'payment.completed')).toMatchObject({ actor: 'anonymous', request_id: expect.any(String) });
  });

  it('of another organisation, and one that does not exist, is 404', async () => {
    const { headers } = await apiKey({ tenant: 'cinema-9' });
    const made = await paid();
    for (const id of [
      made.transaction_id,
      'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD',
      'REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD',
      'nothing',
    ]) {
      const answer = await sendWith(WITH_KEYS, 'GET', `/payment/transactions/${id}`, { headers });
      expect(answer.status).toBe(404);
      expectEnvelope(answer, 'TRANSACTION_NOT_FOUND');
    }
  });

  it('read by an admin is in the audit log', async () => {
    const { headers, keyId } = await apiKey({ scopes: ['admin'] });
    const made = await sendWith(WITH_KEYS, 'POST', '/payment/process', { body: payment(), headers });
    const { transaction_id } = made.body;
    await sendWith(WITH_KEYS, 'GET', `/payment/transactions/${transaction_id}`, { headers });
    const audited = await env.DB.prepare(
      "SELECT actor, outcome FROM audit_entries WHERE action = 'payment.read' AND subject = ?1",
    )
      .bind(transaction_id)
      .all();
    expect(audited.results).toEqual([{ actor: `key:${keyId}`, outcome: 'read' }]);
  });
});
