/** Databases, gateways and disputes in the console. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { signedIn } from './console.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { databases, FOUR, migrateAll, place } from './four-databases.ts';
import { newBooking, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

const desk = await signedIn();
const labels = (...values: string[]) => values.join('\t');
const isoSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

describe('the databases', () => {
  const JOBS = { sweep: { backlog: 3, endedAtMs: 1_000 }, purge: { backlog: 0, endedAtMs: null } };

  beforeAll(async () => {
    await migrateAll();
    for (const [shard, database] of databases.entries()) await place(database, shard);
    await databases[1]
      ?.prepare("INSERT INTO metric_totals (one, counts, gauges, written_at_ms) VALUES (1, '{}', ?1, 5000)")
      .bind(JSON.stringify({ databaseBytes: 1, jobs: JOBS }))
      .run();
  });

  it('have their size, when the cron ran, and what its jobs have to do', async () => {
    const at = { ...WITH_KEYS, ...FOUR, AUTH_MODE: 'none', DATABASE_MAX_GB: '2' };
    const { body } = await (await signedIn('default', at)).get('databases');
    const usual = { bytes: expect.toSatisfy((bytes: number) => bytes > 100_000), max_bytes: 2e9, problem: null };
    const unmeasured = { ...usual, cron_ran_at: null, jobs: [] };
    expect(body.databases).toEqual([
      { number: 0, ...unmeasured },
      {
        ...{ number: 1, ...usual, cron_ran_at: '1970-01-01T00:00:05Z' },
        jobs: [
          { job: 'sweep', backlog: 3, last_ran_at: '1970-01-01T00:00:01Z' },
          { job: 'purge', backlog: 0, last_ran_at: null },
        ],
      },
      { number: 2, ...unmeasured },
      { number: 3, ...unmeasured },
    ]);
  });

  it('say which one has a problem, and which', async () => {
    const bound = { ...WITH_KEYS, ...FOUR, AUTH_MODE: 'none' };
    const at = { ...bound, DB_1: watchedDatabase(() => 'fail').d1, DB_2: databases[3], DB_3: env.UNUSED_DATABASE };
    const { body } = await (await signedIn('default', at)).get('databases');
    expect(body.databases.map(({ problem }: { problem: string | null }) => problem)).toEqual([
      null,
      'It does not answer.',
      expect.stringMatching(/^The binding DB_2 belongs to another database/),
      expect.stringMatching(/^It lacks migrations/),
    ]);
  });
});

describe('the gateways', () => {
  const PAYPAL = { PAYPAL_CLIENT_ID: 'app', PAYPAL_CLIENT_SECRET: 'secret', PAYPAL_MERCHANT_ID: 'ABCDEFGHJKLMN' };
  const gatewaysOf = async (variables: Record<string, string>) =>
    (await (await signedIn('default', { ...WITH_KEYS, ...variables })).get('gateways')).body.gateways;

  it('have what they take, and whether their money is real', async () => {
    const found = await gatewaysOf({
      ...{ STRIPE_SECRET_KEY: 'sk_test_1', ...PAYPAL, PAYPAL_API_URL: 'https://api-m.sandbox.paypal.com' },
      ...{ PAYMENT_GATEWAY_URL: 'https://gateway.test/', PAYMENT_GATEWAY_API_KEY: 'a key of the gateway' },
    });
    expect(found.map(({ kind, methods, is_live }: Record<string, unknown>) => [kind, methods, is_live])).toEqual([
      ['sandbox', ['credit_card', 'debit_card'], false],
      ['http', [], true],
      ['stripe', ['stripe'], false],
      ['paypal', ['paypal'], false],
    ]);
  });

  it('of live keys move real money', async () => {
    const live = {
      ...{ ENVIRONMENT: 'production', BRIDGE_URL: 'https://bridge.test/x/', SANDBOX_ALLOWED: 'false' },
      ...{ PAYMENT_GATEWAY: 'stripe', STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_WEBHOOK_SECRET: 'whsec_1', ...PAYPAL },
    };
    const { headers } = await apiKey({ scopes: ['admin'] }, 'live');
    const { body } = await sendWith({ ...WITH_KEYS, ...live }, 'GET', '/console/api/gateways', { headers });
    expect(body.gateways.map(({ kind, is_live }: Record<string, unknown>) => [kind, is_live])).toEqual([
      ['stripe', true],
      ['paypal', true],
    ]);
  });

  it('have the figures of a day, and until when they are not called', async () => {
    const now = Date.now();
    const counts = {
      payments: {
        [labels('completed', 'credit_card', 'sandbox', '')]: 8,
        [labels('failed', 'credit_card', 'sandbox', 'CARD_DECLINED')]: 2,
        [labels('completed', 'paypal', 'paypal', '')]: 5,
      },
      gateway_ms: { [labels('sandbox', 'charge', '100')]: 100, [labels('sandbox', 'refund', '60000')]: 900 },
    };
    await env.DB.batch([
      env.DB.prepare('INSERT INTO metric_minutes VALUES (?1, ?2), (?3, ?2)').bind(
        now - 60_000,
        JSON.stringify(counts),
        now - 25 * 3_600_000,
      ),
      env.DB.prepare(
        "INSERT INTO open_breakers VALUES ('sandbox', 'charge', 1, ?1), ('stripe:test', 'refund', 1, ?1), ('sandbox', 'refund', 1, ?2)",
      ).bind(now + 8_000, now - 120_000),
    ]);
    expect(await gatewaysOf({ STRIPE_SECRET_KEY: 'sk_test_1' })).toMatchObject([
      {
        ...{ kind: 'sandbox', completed: 8, failed: 2, p50_ms: 75, p95_ms: 98 },
        ...{ charges_stopped_until: isoSeconds(now + 8_000), refunds_stopped_until: null },
      },
      {
        ...{ kind: 'stripe', completed: 0, failed: 0, p50_ms: null, p95_ms: null },
        ...{ charges_stopped_until: null, refunds_stopped_until: isoSeconds(now + 8_000) },
      },
    ]);
  });
});

describe('reconciliations', () => {
  const woken: unknown[] = [];
  const PAYMENT_WORK = { send: async (message: unknown) => void woken.push(message) };

  it('are listed with what differs, the newest first', async () => {
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO reconciliations (from_ms, to_ms, compared_until_ms, started_at_ms, next_step_at_ms, patient_until_ms, ended_at_ms, payments, refunds, movements, differences)
         VALUES (1000, 2000, 2000, 3000, 3000, 3000, 4000, 7, 2, NULL, 1), (5000, 6000, 5500, 7000, 7000, 9000, NULL, 3, 0, 5, 0)`,
      ),
      env.DB.prepare(
        `INSERT INTO reconciliation_differences (from_ms, subject, kind, detail, transaction_id) VALUES (1000, 'REF-1', 'refund_missing', 'It is missing.', 'TXN-1')`,
      ),
    ]);
    const { reconciliations } = (await desk.get('reconciliations')).body;
    expect(reconciliations).toEqual([
      {
        ...{ from: '1970-01-01T00:00:05Z', to: '1970-01-01T00:00:06Z', compared_until: '1970-01-01T00:00:05Z' },
        ...{
          started_at: '1970-01-01T00:00:07Z',
          ended_at: null,
          payments: 3,
          refunds: 0,
          movements: 5,
          differences: [],
        },
      },
      {
        ...{ from: '1970-01-01T00:00:01Z', to: '1970-01-01T00:00:02Z', compared_until: '1970-01-01T00:00:02Z' },
        ...{
          started_at: '1970-01-01T00:00:03Z',
          ended_at: '1970-01-01T00:00:04Z',
          payments: 7,
          refunds: 2,
          movements: null,
        },
        differences: [{ kind: 'refund_missing', subject: 'REF-1', transaction_id: 'TXN-1', message: 'It is missing.' }],
      },
    ]);
  });

  it('are begun for the last 24 hours, one at a time', async () => {
    await env.DB.batch([
      env.DB.prepare('DELETE FROM reconciliation_differences'),
      env.DB.prepare('DELETE FROM reconciliations'),
    ]);
    const { post, keyId } = await signedIn('default', { ...WITH_KEYS, PAYMENT_WORK });
    const [first, second] = [await post('reconciliations'), await post('reconciliations')];
    expect([first.status, second.status]).toEqual([202, 202]);
    const [one] = first.body.reconciliations;
    expect(second.body.reconciliations).toEqual([one]);
    expect(Date.parse(one.to) - Date.parse(one.from)).toBe(24 * 3_600_000);
    expect(one.ended_at).toBeNull();
    expect(woken).toContainEqual(expect.objectContaining({ kind: 'wake', job: 'reconcile' }));
    const entries = env.DB.prepare("SELECT actor, outcome FROM audit_entries WHERE action = 'reconciliation.ordered'");
    expect((await entries.all()).results).toEqual(Array(2).fill({ actor: `key:${keyId}`, outcome: 'asked' }));
  });
});

describe('the disputes', () => {
  let made = 0;

  async function disputed(
    tenant: string,
    status: string,
    { openedAtMs = 1_000, reportedAtMs = 2_000 } = {},
  ): Promise<string> {
    made += 1;
    const [transactionId, disputeId, bookingId] = [
      `TXN-01J0000000000000000000D${String(made).padStart(3, '0')}`,
      `dp_${made}`,
      newBooking(),
    ];
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method, gateway, created_at_ms, processed_at_ms)
         VALUES (?1, ?2, ?3, 'user_1', 'completed', 'USD', 2550, 'stripe', 'stripe:acct_1', 1, 1)`,
      ).bind(transactionId, tenant, bookingId),
      env.DB.prepare(
        `INSERT INTO disputes (provider, dispute_id, tenant, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
         VALUES ('stripe', ?1, ?2, ?3, ?4, 'fraudulent', 'USD', 2550, ?5, ?6)`,
      ).bind(disputeId, tenant, transactionId, status, openedAtMs, reportedAtMs),
    ]);
    return disputeId;
  }

  it('are the open ones first, the oldest of them on top, and then the decided ones, the newest on top', async () => {
    const lost = await disputed('default', 'lost', { reportedAtMs: 5_000 });
    const newer = await disputed('cinema-2', 'needs_response', { openedAtMs: 9_000 });
    const won = await disputed('default', 'WON', { reportedAtMs: 6_000 });
    const older = await disputed('default', 'under_review', { openedAtMs: 3_000 });
    const { disputes } = (await desk.get('disputes')).body;
    expect(disputes.map(({ dispute_id, is_open }: Record<string, unknown>) => [dispute_id, is_open])).toEqual([
      [older, true],
      [newer, true],
      [won, false],
      [lost, false],
    ]);
    expect(disputes[1]).toMatchObject({
      ...{ organisation: 'cinema-2', provider: 'stripe', reason: 'fraudulent', amount: 25.5, currency: 'USD' },
      ...{ opened_at: '1970-01-01T00:00:09Z', reported_at: '1970-01-01T00:00:02Z', status: 'needs_response' },
    });
  });

  it('of an organisation are its own', async () => {
    const [own] = [await disputed('cinema-9', 'lost'), await disputed('cinema-8', 'lost')];
    const { body } = await (await signedIn('cinema-9')).get('disputes');
    expect(body.disputes.map(({ dispute_id }: { dispute_id: string }) => dispute_id)).toEqual([own]);
  });
});
