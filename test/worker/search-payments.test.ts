/** The search of payments: every filter, alone and with others, page by page, over several databases and for one organisation only. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import type { Scope } from '../../src/core/security/credential.ts';
import { shardOfBooking, shardOfId } from '../../src/core/shards.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { COUNT, databases, FOUR, inEach, migrateAll, place } from './four-databases.ts';
import { held } from './held.ts';
import { expectEnvelope } from './matchers.ts';
import { database } from './operation.ts';
import { type Answer, declined, paid, refund, refundOf, send, sendWith } from './request.ts';
import { type Searchable, searchable, store } from './searchable.ts';
import { watchedDatabase } from './watched-database.ts';

type Query = Record<string, string | undefined>;
type Ask = (query: Query) => Promise<Answer>;

const TENANTS = ['default', 'cinema-2'];

const pathOf = (query: Query) => {
  const given = Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined);
  return `/payment/transactions?${new URLSearchParams(given)}`;
};

/** The same, done slowly. */
function matches(payment: Searchable, tenant: string, query: Query): boolean {
  const { booking_id, user_id, status, payment_method, gateway, reference, created_from, created_to } = query;
  return (
    payment.tenant === tenant &&
    (booking_id === undefined || payment.booking_id === booking_id) &&
    (user_id === undefined || payment.user_id === user_id) &&
    (status === undefined || payment.status === status) &&
    (payment_method === undefined || payment.payment_method === payment_method) &&
    (gateway === undefined || payment.gateway.split(':')[0] === gateway) &&
    (reference === undefined || payment.gateway_reference === reference) &&
    (created_from === undefined || payment.created_at_ms >= Date.parse(created_from)) &&
    (created_to === undefined || payment.created_at_ms < Date.parse(created_to))
  );
}

/** All that a search finds, page by page. */
async function all(ask: Ask, query: Query): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | undefined, pages = 0; pages < 500; pages += 1) {
    const { status, body, text } = await ask({ ...query, cursor });
    if (status !== 200) throw new Error(text);
    expect(body.transactions.length).toBeLessThanOrEqual(Number(query.limit ?? 20));
    found.push(...body.transactions.map(({ transaction_id }: { transaction_id: string }) => transaction_id));
    if (body.next_cursor === null) return found;
    cursor = body.next_cursor;
  }
  throw new Error('a search does not end');
}

const expected = (payments: readonly Searchable[], tenant: string, query: Query) =>
  payments
    .filter((payment) => matches(payment, tenant, query))
    .map(({ transaction_id }) => transaction_id)
    .toSorted()
    .toReversed();

/** Of each filter, a value that some payments have. */
const FILTERS: Record<string, string> = {
  user_id: 'user_3',
  status: 'failed',
  payment_method: 'paypal',
  gateway: 'stripe',
  created_from: '2026-10-01T02:00:00Z',
  created_to: '2026-10-01T09:30:00Z',
};
const NAMES = Object.keys(FILTERS);
const SUBSETS: Query[] = Array.from({ length: 2 ** NAMES.length }, (_, bits) =>
  Object.fromEntries(NAMES.filter((__, index) => bits & (1 << index)).map((name) => [name, FILTERS[name]])),
);

describe('over four databases', () => {
  const payments = searchable(320, { shards: COUNT, msApart: 150_000 });
  const keys = new Map<string, string>();

  async function keyOf(tenant: string, scopes: Scope[] = ['payments:read']): Promise<string> {
    const asked = { tenant, scopes, expiresAtMs: null };
    const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', asked);
    for (const d1 of databases) {
      await insertApiKey({ ...database, d1 }, { ...asked, ...made, name: 'of a test', createdAtMs: Date.now() });
    }
    return made.key;
  }

  beforeAll(async () => {
    await migrateAll();
    for (const [shard, one] of databases.entries()) await place(one, shard);
    for (const payment of payments) {
      // A booking has its place, whatever its payment's number.
      const shard = await shardOfBooking(payment.tenant, payment.booking_id, COUNT);
      payment.transaction_id = payment.transaction_id.replace(/-\d$/, `-${shard}`);
    }
    for (const [shard, one] of databases.entries()) {
      await store(
        one,
        payments.filter(({ transaction_id }) => shardOfId(transaction_id, COUNT) === shard),
      );
    }
    for (const tenant of TENANTS) keys.set(tenant, await keyOf(tenant));
  });

  const bindings = { ...WITH_KEYS, ...FOUR };
  const asking =
    (tenant: string): Ask =>
    (query) =>
      sendWith(bindings, 'GET', pathOf(query), { headers: { Authorization: `Bearer ${keys.get(tenant)}` } });

  it.each(SUBSETS.map((query) => [Object.keys(query).join(' ') || 'none', query] as const))(
    'the filters %s find exactly the payments that match, newest first, of the caller’s organisation only',
    async (_, query) => {
      for (const tenant of TENANTS) {
        expect(await all(asking(tenant), { ...query, limit: '40' })).toEqual(expected(payments, tenant, query));
      }
    },
  );

  it.each(['pending', 'authorized', 'completed', 'refunded'])('the status %s finds exactly those', async (status) => {
    for (const tenant of TENANTS) {
      for (const more of [{}, { payment_method: 'debit_card' }, { user_id: 'user_5' }]) {
        const query = { status, ...more };
        expect(await all(asking(tenant), { ...query, limit: '7' })).toEqual(expected(payments, tenant, query));
      }
    }
  });

  it('finds the payment of a booking, and nobody else’s', async () => {
    for (const { booking_id, tenant, transaction_id } of payments.slice(0, 20)) {
      const [other = ''] = TENANTS.filter((one) => one !== tenant);
      expect(await all(asking(tenant), { booking_id })).toEqual([transaction_id]);
      expect(await all(asking(other), { booking_id })).toEqual([]);
    }
  });

  it('finds the payment that a provider’s reference belongs to, and nobody else’s', async () => {
    const charged = payments.filter(({ gateway_reference }) => gateway_reference !== null).slice(0, 20);
    for (const { gateway_reference, tenant, transaction_id } of charged) {
      const [other = ''] = TENANTS.filter((one) => one !== tenant);
      const reference = gateway_reference ?? '';
      expect(await all(asking(tenant), { reference })).toEqual([transaction_id]);
      expect(await all(asking(other), { reference })).toEqual([]);
    }
  });

  it('finds all payments of a reference that a gateway has given more than once, whoever else has it', async () => {
    const shared = searchable(60, { shards: 1 }).map((payment, number) => ({
      ...payment,
      booking_id: `BOOK-SHARED-${number}`,
      status: 'completed' as const,
      gateway_reference: 'order-1',
    }));
    await store(env.DB, shared);
    for (const tenant of TENANTS) {
      const { headers } = await apiKey({ tenant });
      const ask: Ask = (query) => sendWith(WITH_KEYS, 'GET', pathOf(query), { headers });
      const reference = { reference: 'order-1' };
      expect(await all(ask, { ...reference, limit: '7' })).toEqual(expected(shared, tenant, reference));
      const [one] = shared.filter((payment) => payment.tenant === tenant);
      const both = { ...reference, booking_id: one?.booking_id };
      expect(await all(ask, both)).toEqual([one?.transaction_id]);
      expect(await all(ask, { reference: 'order-2', booking_id: one?.booking_id })).toEqual([]);
    }
  });

  it('a page ends where `limit` says, and the next one goes on behind it', async () => {
    const query = { status: 'completed' };
    for (const limit of ['1', '3', '20']) {
      const first = await asking('default')({ ...query, limit });
      expect(first.body.transactions.map((one: Searchable) => one.transaction_id)).toEqual(
        expected(payments, 'default', query).slice(0, Number(limit)),
      );
    }
  });

  it('a cursor is of no use to another organisation, nor for another search', async () => {
    const { body } = await asking('default')({ status: 'completed', limit: '5' });
    const cursor = body.next_cursor;
    const wrong: [string, Query][] = [
      ['cinema-2', { status: 'completed', cursor }],
      ['default', { status: 'failed', cursor }],
      ['default', { cursor }],
      ['default', { status: 'completed', cursor: `${cursor}x` }],
    ];
    for (const [tenant, query] of wrong) {
      const answer = await asking(tenant)(query);
      expect(answer.status).toBe(422);
      expectEnvelope(answer, 'VALIDATION_ERROR');
      expect(answer.body.error.details.issues).toEqual([
        { path: 'cursor', message: expect.stringContaining('next_cursor') },
      ]);
    }
    expect((await asking('default')({ status: 'completed', limit: '7', cursor })).status).toBe(200);
  });

  it('does not show in a cursor where a page ends', async () => {
    const { body } = await asking('default')({ payment_method: 'paypal', limit: '1' });
    expect(body.next_cursor).not.toContain('TXN');
    for (const part of body.next_cursor.split('.'))
      expect(atob(part.replaceAll('-', '+').replaceAll('_', '/'))).not.toContain('TXN');
  });

  it('needs the scope payments:read', async () => {
    const key = await keyOf('default', ['payments:write', 'refunds:write']);
    const headers = { Authorization: `Bearer ${key}` };
    for (const path of ['/payment/transactions', `/payment/transactions/${payments[0]?.transaction_id}`]) {
      expectEnvelope(await sendWith(bindings, 'GET', path, { headers }), 'FORBIDDEN');
    }
  });

  it('of an admin is in the audit log, with the names of the filters and none of their values', async () => {
    const headers = { Authorization: `Bearer ${await keyOf('default', ['admin'])}` };
    await sendWith(bindings, 'GET', pathOf({ user_id: 'user_3', status: 'failed' }), { headers });
    const audited = await inEach(
      "SELECT subject, outcome, detail FROM audit_entries WHERE action = 'payments.searched'",
    );
    expect(audited.flat()).toEqual([
      { subject: 'transactions', outcome: 'read', detail: JSON.stringify({ filters: 'status userId' }) },
    ]);
  });
});

describe('what a page costs', () => {
  const payments = searchable(3_000);

  const headersOf = new Map<string, Record<string, string>>();

  beforeAll(async () => {
    await store(env.DB, payments);
    for (const tenant of TENANTS) headersOf.set(tenant, (await apiKey({ tenant })).headers);
  });

  it.each([
    ...SUBSETS,
    { status: 'pending' },
    { status: 'authorized', payment_method: 'paypal' },
    { status: 'completed', gateway: 'paypal' },
    { status: 'refunded' },
    { reference: 'ref_7' },
    { booking_id: 'BOOK-SEARCHED-7' },
  ] as Query[])('%j reads at most a hundred rows, in each organisation', async (query) => {
    for (const tenant of TENANTS) {
      const watched = watchedDatabase();
      const bindings = { ...WITH_KEYS, DB: watched.d1 };
      const headers = headersOf.get(tenant) ?? {};
      const ask: Ask = (asked) => sendWith(bindings, 'GET', pathOf(asked), { headers });
      await ask({ booking_id: 'BOOK-NONE' }); // an isolate's first request checks its database
      let cursor: string | undefined;
      for (let page = 0; page < 3; page += 1) {
        const before = watched.rowsRead();
        const { status, body } = await ask({ ...query, limit: '40', cursor });
        expect(status).toBe(200);
        expect(watched.rowsRead() - before, `page ${page}`).toBeLessThanOrEqual(100 + ROWS_OF_KEY_CHECK);
        cursor = body.next_cursor ?? undefined;
        if (cursor === undefined) break;
      }
    }
  });
});

/** Each request checks its key in the same batch. */
const ROWS_OF_KEY_CHECK = 4;

describe('a payment that was found', () => {
  it('is shown with all that a person looks for', async () => {
    const { transaction_id, booking_id } = await paid();
    const { body } = await send('GET', pathOf({ booking_id }));
    expect(body).toEqual({
      transactions: [
        {
          transaction_id,
          status: 'completed',
          booking_id,
          user_id: 'user_123',
          amount: 25.5,
          currency: 'USD',
          payment_method: 'credit_card',
          gateway: 'sandbox',
          gateway_reference: expect.any(String),
          card_brand: 'visa',
          card_last4: '1111',
          refunded_amount: 0,
          error_code: null,
          error_message: null,
          created_at: expect.stringMatching(/Z$/),
          processed_at: expect.stringMatching(/Z$/),
        },
      ],
      next_cursor: null,
    });
  });

  it('that has failed has its reason, and one that is held is authorized', async () => {
    const failed = await declined();
    const waiting = await held();
    const [one, two] = await Promise.all(
      [failed, waiting].map(async ({ booking_id }) => (await send('GET', pathOf({ booking_id }))).body.transactions[0]),
    );
    expect(one).toMatchObject({ status: 'failed', error_code: 'CARD_DECLINED', error_message: expect.any(String) });
    expect(two).toMatchObject({ status: 'authorized', processed_at: null });
  });

  it('is found by the reference of its refund as well', async () => {
    const payment = await paid();
    await refund(refundOf(payment));
    const row = await env.DB.prepare('SELECT gateway_reference FROM refunds WHERE transaction_id = ?1')
      .bind(payment.transaction_id)
      .first<{ gateway_reference: string }>();
    const { body } = await send('GET', pathOf({ reference: row?.gateway_reference }));
    expect(body.transactions).toMatchObject([
      { transaction_id: payment.transaction_id, status: 'refunded', refunded_amount: 25.5 },
    ]);
  });
});

const KNOWN_PARAMETERS =
  'has an unknown parameter: use booking_id, user_id, status, payment_method, gateway, reference, created_from, created_to, limit, cursor';

describe('a query that is not valid', () => {
  it.each([
    ['status=paid', 'status', 'must be one of pending, authorized, completed, failed, refunded'],
    ['payment_method=cash', 'payment_method', 'must be one of credit_card, debit_card, paypal, stripe'],
    ['limit=0', 'limit', 'must be a whole number from 1 to 40'],
    ['limit=41', 'limit', 'must be a whole number from 1 to 40'],
    ['limit=ten', 'limit', 'must be a whole number from 1 to 40'],
    ['created_from=yesterday', 'created_from', 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z'],
    ['created_to=2026-02-30', 'created_to', 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z'],
    ['booking_id=', 'booking_id', 'must not be empty'],
    ['bookingid=BOOK-1', '', KNOWN_PARAMETERS],
    ['4111111111111111=1&4111111111111111=2', '', KNOWN_PARAMETERS],
    ['created_from=2026-11-22 18:30', 'created_from', 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z'],
    ['created_from=2026-11-22Z', 'created_from', 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z'],
    ['status=failed&status=pending', 'status', 'must be given once'],
    ['cursor=abc', 'cursor', 'must be the next_cursor of a page of the same search: begin again without it'],
  ])('%s is refused, and the answer names the parameter', async (query, path, message) => {
    const answer = await send('GET', `/payment/transactions?${query}`);
    expect(answer.status).toBe(422);
    expectEnvelope(answer, 'VALIDATION_ERROR');
    expect(answer.body.error.details.issues).toEqual([{ path, message }]);
  });

  it.each(['status=4111111111111111', '4111111111111111=1', 'status=failed&status=4111111111111111'])(
    '%s is refused without a word of what was sent',
    async (query) => {
      const answer = await send('GET', `/payment/transactions?${query}`);
      expect([answer.status, answer.text.includes('4111')]).toEqual([422, false]);
    },
  );

  it.each(['2026-10-01T04:00:00+02:00', '2026-10-01T02:00:00Z', '2026-10-01T02:00'])(
    'a time with a zone that was not encoded is that time: %s',
    async (time) => {
      const encoded = await send('GET', pathOf({ created_from: '2026-10-01T02:00:00Z', limit: '40' }));
      const asTyped = await send('GET', `/payment/transactions?limit=40&created_from=${time}`);
      expect(asTyped.body.transactions).toEqual(encoded.body.transactions);
    },
  );

  it('other methods get 405', async () => {
    for (const path of ['/payment/transactions', '/payment/transactions/TXN-1']) {
      const answer = await send('POST', path, { body: {} });
      expect(answer.status).toBe(405);
      expectEnvelope(answer, 'METHOD_NOT_ALLOWED');
      expect(answer.headers.get('Allow')).toBe('GET, HEAD');
    }
  });
});
