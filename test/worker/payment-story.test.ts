/** One payment's story: what has happened to it, in order of time, and who did it. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { failureBecause } from '../../src/core/domain/failure.ts';
import { blockHash } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { rememberWebhook } from '../../src/core/ledger/providers/remember-webhook.ts';
import { writeExternalRefund } from '../../src/core/ledger/refunds/book-external-refund.ts';
import { findRefund } from '../../src/core/ledger/refunds/find-refund.ts';
import { reverseRefund } from '../../src/core/ledger/refunds/reverse-refund.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { answerPage, capture, challenged, held, voidPayment } from './held.ts';
import { expectEnvelope } from './matchers.ts';
import { database, newId } from './operation.ts';
import { type Answer, declined, paid, payment, refund, refundOf, send, sendWith } from './request.ts';

const storyOf = (id: string): Promise<Answer> => send('GET', `/payment/transactions/${id}`);

interface Entry {
  at: string;
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
    // Who, and why, is for operators.
    expect(recorded[0]).toMatchObject({ actor: 'operator', detail: {} });
  });

  it('has a refund that the payer’s bank took back, and the payment of it before', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made));
    const refundId = body.refund_transaction_id;
    const atMs = Date.now() + 1_000;
    const found = await findRefund(database, 'default', refundId);
    if (found === null) throw new Error('the refund of a test is not there');
    await reverseRefund(database, found.refund, failureBecause('refund_sent_back'), atMs, 'att_reversal');
    const story = await storyOf(made.transaction_id);
    expect(typesOf(story).filter((type) => type.startsWith('refund.'))).toEqual([
      'refund.attempted',
      'refund.completed',
      'refund.reversed',
    ]);
    const reversed = entryOf(story, 'refund.reversed');
    expect(reversed).toMatchObject({ id: refundId, actor: 'test', audit_entry: expect.any(Number) });
    expect(reversed.at).toBe(new Date(atMs).toISOString());
    // Its entry is that of the reversal now.
    expect(entryOf(story, 'refund.completed')).toMatchObject({ audit_entry: null, actor: null });
  });

  it('has a refund that was made at the provider, which nobody attempted here', async () => {
    const made = await paid();
    const reference = (await storyOf(made.transaction_id)).body.transaction.gateway_reference;
    const external = {
      refundId: newId('REF-'),
      eventId: newId('evt_'),
      transactionId: made.transaction_id,
      gatewayReference: `re_of_${made.transaction_id}`,
      chargeReference: reference,
      currency: 'USD',
      amountMinor: 500,
      reason: 'Made at the provider',
      movedAtMs: Date.now(),
      nowMs: Date.now(),
      nextLookupAtMs: null,
    };
    await writeExternalRefund(database, external);
    await writeExternalRefund(database, {
      ...external,
      ...{ refundId: newId('REF-'), eventId: newId('evt_'), gatewayReference: 're_too_much', amountMinor: 2_500 },
    });
    const story = await storyOf(made.transaction_id);
    expect(story.body.refunds).toMatchObject([{ kind: 'external', refund_amount: 5 }]);
    expect(typesOf(story)).not.toContain('refund.attempted');
    expect(entryOf(story, 'refund.completed')).toMatchObject({
      id: external.refundId,
      actor: 'test',
      detail: { amount: 5, kind: 'external', gateway_reference: external.gatewayReference },
    });
    expect(entryOf(story, 'refund.unbooked')).toMatchObject({ id: 're_too_much', detail: { amount: 25 } });
  });

  it('has a dispute behind the payment that it is about, though a provider’s times are whole seconds', async () => {
    const made = await paid();
    const secondMs = Math.floor(Date.now() / 1000) * 1000 - 1000;
    const dispute = {
      ...{ provider: 'stripe', disputeId: 'dp_second', transactionId: made.transaction_id, reason: 'fraudulent' },
      ...{ amountMinor: 2550, currency: 'USD', status: 'needs_response', openedAtMs: secondMs, reportedAtMs: secondMs },
    };
    await recordDispute(database, dispute, Date.now(), newId('evt_'), true);
    const types = typesOf(await storyOf(made.transaction_id));
    expect(types.slice(0, 2)).toEqual(['payment.attempted', 'payment.completed']);
    expect(types.indexOf('dispute.reported')).toBeGreaterThan(types.indexOf('dispute.opened'));
  });

  it('has each dispute once, from its opening to its newest report', async () => {
    const made = await paid();
    const openedAtMs = Date.now() + 5_000;
    const dispute = {
      ...{ provider: 'stripe', disputeId: 'dp_story', transactionId: made.transaction_id, reason: 'fraudulent' },
      ...{ currency: 'USD', amountMinor: 2_550, openedAtMs },
    };
    const report = (status: string, reportedAtMs: number) =>
      recordDispute(database, { ...dispute, status, reportedAtMs }, reportedAtMs, newId('evt_'), true);
    await report('needs_response', openedAtMs);
    await report('won', openedAtMs + 60_000);
    const story = await storyOf(made.transaction_id);
    expect(story.body.disputes).toMatchObject([{ dispute_id: 'dp_story', status: 'won', amount: 25.5 }]);
    const disputes = story.body.history.filter(({ type }: Entry) => type.startsWith('dispute.'));
    expect(disputes.map(({ type, detail }: Entry) => [type, detail.status])).toEqual([
      ['dispute.opened', undefined],
      ['dispute.reported', 'needs_response'],
      ['dispute.reported', 'won'],
    ]);
    expect(disputes.at(-1)).toMatchObject({ actor: 'test', audit_entry: expect.any(Number) });
  });

  it('says since when the gateway cannot determine an outcome, and when an event was sent again', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made));
    const refundId = body.refund_transaction_id;
    const atMs = Date.now() + 3_000;
    await env.DB.prepare('UPDATE transactions SET undetermined_at_ms = ?2 WHERE transaction_id = ?1')
      .bind(made.transaction_id, atMs)
      .run();
    await env.DB.prepare('UPDATE refunds SET undetermined_at_ms = ?2 WHERE refund_id = ?1').bind(refundId, atMs).run();
    await env.DB.prepare('UPDATE events SET replayed_at_ms = ?2 WHERE transaction_id = ?1 AND refund_id IS NULL')
      .bind(made.transaction_id, atMs)
      .run();
    const story = await storyOf(made.transaction_id);
    const at = new Date(atMs).toISOString();
    expect(entryOf(story, 'payment.outcome_undetermined')).toMatchObject({ at, id: made.transaction_id });
    expect(entryOf(story, 'refund.outcome_undetermined')).toMatchObject({ at, id: refundId });
    expect(entryOf(story, 'event.replayed')).toMatchObject({ at, id: story.body.events[0].event_id });
  });

  it('has a refund that failed, with why', async () => {
    const made = await paid();
    const pending = { refund_id: newId('REF-'), transaction_id: made.transaction_id };
    await env.DB.prepare(
      `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, error_code, failure_reason, created_at_ms,
         processed_at_ms)
       VALUES (?1, 'default', ?2, 'failed', 100, '', 'REFUND_NOT_ALLOWED', 'The charge is too old', ?3, ?3)`,
    )
      .bind(pending.refund_id, pending.transaction_id, Date.now())
      .run();
    const story = await storyOf(made.transaction_id);
    expect(typesOf(story)).not.toContain('refund.completed');
    expect(entryOf(story, 'refund.failed')).toMatchObject({
      id: pending.refund_id,
      detail: { error_code: 'REFUND_NOT_ALLOWED', error_message: 'The charge is too old' },
    });
  });

  it('says so where there is more than it shows', async () => {
    const made = await paid();
    expect((await storyOf(made.transaction_id)).body.is_complete).toBe(true);
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300)
       INSERT INTO provider_events (tenant, provider, event_id, event_type, received_at_ms, subject)
       SELECT 'default', 'stripe', 'evt_many_' || n, 'charge.updated', ?2 + n, ?1 FROM numbers`,
    )
      .bind(made.transaction_id, Date.now())
      .run();
    const story = await storyOf(made.transaction_id);
    expect(story.body.is_complete).toBe(false);
    expect(story.body.history.filter(({ type }: Entry) => type === 'webhook.handled')).toHaveLength(200);
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
