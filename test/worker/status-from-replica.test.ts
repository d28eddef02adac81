/** With STATUS_FROM_REPLICA, a status is read near its reader, and says nothing that a later write could have changed. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { apiKey, bearer, revokedKey } from './credentials.ts';
import { type LaggingReplica, laggingReplica } from './lagging-replica.ts';
import { cardNumbered, declined, paid, pay, payment, refund, refundOf, sendWith } from './request.ts';
import { sharingIssuer } from './tokens.ts';
import { watchedDatabase } from './watched-database.ts';

interface Asked {
  variables?: Record<string, string>;
  headers?: Record<string, string>;
}

/** The status, and how many round trips it took to the replica and to the primary. */
async function ask(replica: Pick<LaggingReplica, 'withSession' | 'roundTrips'>, id: string, asked: Asked = {}) {
  const { variables = {}, headers = {} } = asked;
  const database = watchedDatabase();
  const before = replica.roundTrips();
  const DB = { ...database.d1, withSession: replica.withSession };
  const bindings = { STATUS_FROM_REPLICA: 'true', ...variables, DB };
  const { status, body } = await sendWith(bindings, 'GET', `/payment/status/${id}`, { headers });
  return { status, body, trips: [replica.roundTrips() - before, database.roundTrips()] };
}

const BY_REPLICA = [1, 0];
const BY_BOTH = [1, 1];
const BY_PRIMARY = [0, 1];

async function refunded(of: { transaction_id: string; booking_id: string }, amount = 25.5): Promise<string> {
  const { status, body, text } = await refund(refundOf(of, { refund_amount: amount }));
  if (status !== 200) throw new Error(`the refund of a test failed: ${text}`);
  return body.refund_transaction_id;
}

/** As a bank's reversal is recorded. */
async function reverse(refundId: string): Promise<void> {
  await env.DB.prepare("UPDATE refunds SET status = 'reversed' WHERE refund_id = ?1").bind(refundId).run();
}

async function failRefund(refundId: string): Promise<void> {
  const columns =
    'refund_id, tenant, transaction_id, kind, amount_minor, reason, created_at_ms, created_by, written_by';
  await env.DB.prepare(
    `INSERT INTO refunds (${columns}, status, error_code, processed_at_ms)
     SELECT ?2, tenant, transaction_id, kind, 100, reason, created_at_ms, 'a test', 'a test', 'failed', 'REFUND_NOT_ALLOWED', 1
     FROM refunds WHERE refund_id = ?1`,
  )
    .bind(refundId, failedIdOf(refundId))
    .run();
}
const failedIdOf = (refundId: string) => `${refundId.slice(0, -1)}${refundId.endsWith('0') ? '1' : '0'}`;

/** A payment whose outcome nobody knows. */
async function unknown(): Promise<string> {
  const body = payment({ card_details: cardNumbered(TEST_CARDS.answersLate) });
  const answer = await sendWith({ PAYMENT_GATEWAY_TIMEOUT_MS: '50' }, 'POST', '/payment/process', { body });
  if (answer.status !== 502) throw new Error(`the payment of a test is ${answer.text}`);
  return answer.body.transaction_id;
}

describe('what no later write can change is answered by the replica alone', () => {
  it('a payment that failed', async () => {
    const { transaction_id } = await declined();
    const { body, trips } = await ask(await laggingReplica(), transaction_id);
    expect([body.status, body.transaction_id, trips]).toEqual(['failed', transaction_id, BY_REPLICA]);
  });

  it('a payment of which all was refunded, though the bank takes the refund back later', async () => {
    const made = await paid();
    const refundId = await refunded(made);
    const replica = await laggingReplica();
    await reverse(refundId);
    const expected = { status: 'refunded', refunded_amount: 25.5, refundable_amount: 0 };
    const late = await ask(replica, made.transaction_id);
    expect([late.body, late.trips]).toEqual([expect.objectContaining(expected), BY_REPLICA]);
    await replica.catchUp();
    expect((await ask(replica, made.transaction_id)).body).toEqual(late.body);
  });

  it('a refund that failed, and one that was reversed', async () => {
    const refundId = await refunded(await paid(), 10);
    await failRefund(refundId);
    await reverse(refundId);
    const replica = await laggingReplica();
    const failed = await ask(replica, failedIdOf(refundId));
    expect([failed.body.status, failed.trips]).toEqual(['failed', BY_REPLICA]);
    const reversed = await ask(replica, refundId);
    expect([reversed.body.status, reversed.trips]).toEqual(['reversed', BY_REPLICA]);
  });
});

describe('where the replica lags, the primary is asked in the same request, and believed', () => {
  it('a payment that it does not have yet', async () => {
    const replica = await laggingReplica();
    const { transaction_id } = await declined();
    const { body, trips } = await ask(replica, transaction_id);
    expect([body.status, trips]).toEqual(['failed', BY_BOTH]);
  });

  it('a payment that nobody has made', async () => {
    const { status, trips } = await ask(await laggingReplica(), 'TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV');
    // The primary once more: whether it may have left for the archive.
    expect([status, trips]).toEqual([404, [1, 2]]);
  });

  it('another organisation’s payment, which is as unknown as none', async () => {
    const { transaction_id } = await declined();
    const issuer = sharingIssuer();
    const variables = { AUTH_MODE: 'jwt', ...issuer.variables };
    const headers = bearer(await issuer.token({ claims: { org: 'another' } }));
    const { status } = await ask(await laggingReplica(), transaction_id, { variables, headers });
    expect(status).toBe(404);
  });

  it('a payment that was pending, and whose look-up is due: it is made as ever', async () => {
    const id = await unknown();
    await env.DB.prepare('UPDATE transactions SET next_lookup_at_ms = 1 WHERE transaction_id = ?1').bind(id).run();
    const replica = await laggingReplica();
    const { body } = await ask(replica, id);
    expect(body.status).toBe('completed');
    expect(replica.roundTrips()).toBe(1);
  });

  it.each([
    ['all', 25.5, { status: 'refunded', refunded_amount: 25.5, refundable_amount: 0 }],
    ['a part', 10, { status: 'completed', refunded_amount: 10, refundable_amount: 15.5 }],
  ])('a completed payment of which %s has been refunded since', async (_, amount, expected) => {
    const made = await paid();
    const replica = await laggingReplica();
    await refunded(made, amount);
    const { body, trips } = await ask(replica, made.transaction_id);
    expect([body, trips]).toEqual([expect.objectContaining(expected), BY_BOTH]);
  });

  it('a completed refund that the bank has taken back since', async () => {
    const refundId = await refunded(await paid());
    const replica = await laggingReplica();
    await reverse(refundId);
    const { body, trips } = await ask(replica, refundId);
    expect([body.status, trips]).toEqual(['reversed', BY_BOTH]);
  });
});

describe('a caller that takes an answer of any age (Cache-Control: max-stale)', () => {
  const headers = { 'Cache-Control': 'no-transform, Max-Stale' };

  it('gets a completed payment or refund as the replica has it', async () => {
    const made = await paid();
    const refundId = await refunded(made, 10);
    const replica = await laggingReplica();
    await refunded(made, 15.5);
    await reverse(refundId);
    const late = await ask(replica, made.transaction_id, { headers });
    expect([late.body, late.trips]).toEqual([
      expect.objectContaining({ status: 'completed', refunded_amount: 10, refundable_amount: 15.5 }),
      BY_REPLICA,
    ]);
    const lateRefund = await ask(replica, refundId, { headers });
    expect([lateRefund.body.status, lateRefund.trips]).toEqual(['completed', BY_REPLICA]);
  });

  it.each([
    ['is pending', "status = 'pending', processed_at_ms = NULL", 'completed'],
    ['has a refund under way', 'reserved_minor = 100', 'completed'],
    ['is due to be compared with its provider', 'next_lookup_at_ms = 1', 'completed'],
  ])('gets the primary’s answer where the replica’s payment %s', async (_, change, status) => {
    const { transaction_id } = await paid();
    const replica = await laggingReplica();
    await replica.change(`UPDATE transactions SET ${change} WHERE transaction_id = ?1`, transaction_id);
    const { body, trips } = await ask(replica, transaction_id, { headers });
    expect([body.status, trips]).toEqual([status, BY_BOTH]);
  });

  it.each(['max-stale=60', 'max-age=60', 'no-cache'])('and no other one: %s', async (directive) => {
    const { transaction_id } = await paid();
    const { trips } = await ask(await laggingReplica(), transaction_id, { headers: { 'Cache-Control': directive } });
    expect(trips).toEqual(BY_BOTH);
  });
});

describe('the primary alone is asked', () => {
  it('without the setting', async () => {
    const { transaction_id } = await declined();
    const { trips } = await ask(await laggingReplica(), transaction_id, {
      variables: { STATUS_FROM_REPLICA: 'false' },
      headers: { 'Cache-Control': 'max-stale' },
    });
    expect(trips).toEqual(BY_PRIMARY);
  });

  it('for a caller with an API key, and one that was revoked is told nothing', async () => {
    const { transaction_id } = await declined();
    const replica = await laggingReplica();
    const variables = { AUTH_MODE: 'api_key' };
    const { headers } = await apiKey();
    const known = await ask(replica, transaction_id, { variables, headers });
    expect([known.status, known.trips]).toEqual([200, BY_PRIMARY]);
    const revoked = await ask(replica, transaction_id, { variables, headers: (await revokedKey()).headers });
    expect([revoked.status, revoked.body.transaction_id, revoked.trips]).toEqual([401, undefined, BY_PRIMARY]);
  });

  it('for an admin, whose reads are in the audit log', async () => {
    const { transaction_id } = await declined();
    const issuer = sharingIssuer();
    const variables = { AUTH_MODE: 'jwt', ...issuer.variables };
    const headers = bearer(await issuer.token({ claims: { scope: 'admin payments:read' } }));
    const { status, trips } = await ask(await laggingReplica(), transaction_id, { variables, headers });
    expect([status, trips]).toEqual([200, BY_PRIMARY]);
    const audited = await env.DB.prepare(
      "SELECT count(*) AS entries FROM audit_entries WHERE action = 'status.read' AND subject = ?1",
    )
      .bind(transaction_id)
      .first();
    expect(audited).toEqual({ entries: 1 });
  });
});

describe('a replica that does not answer costs its deadline, and no answer', () => {
  const broken = (batch: () => Promise<never>) => {
    let tries = 0;
    const session = { prepare: (sql: string) => env.DB.prepare(sql), getBookmark: () => null };
    const failingBatch = () => {
      tries += 1;
      return batch();
    };
    const withSession = () => ({ ...session, batch: failingBatch });
    return { withSession, roundTrips: () => tries } as unknown as LaggingReplica;
  };

  it.each([
    ['cannot be reached', () => Promise.reject(new Error('D1_ERROR: Network connection lost.'))],
    ['has not been migrated yet', () => Promise.reject(new Error('D1_ERROR: no such column: t.step: SQLITE_ERROR'))],
    ['is silent', () => new Promise<never>(() => {})],
  ])('it %s', async (_, batch) => {
    const { transaction_id } = await declined();
    const startedAtMs = Date.now();
    const { body, trips } = await ask(broken(batch), transaction_id);
    expect([body.status, trips]).toEqual(['failed', BY_BOTH]);
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  });
});

it('a session of D1 itself answers, too', async () => {
  const { transaction_id } = await declined();
  const bindings = { STATUS_FROM_REPLICA: 'true' };
  const answer = await sendWith(bindings, 'GET', `/payment/status/${transaction_id}`);
  expect([answer.status, answer.body.status]).toEqual([200, 'failed']);
  const { body } = await pay();
  expect((await sendWith(bindings, 'GET', `/payment/status/${body.transaction_id}`)).body.status).toBe('completed');
});
