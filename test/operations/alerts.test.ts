/** The episodes of alerts in a real database: minute by minute, with crons that overlap, and with a webhook that refuses. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AlertName } from '../../src/contract/console.ts';
import { listActiveAlerts } from '../../src/core/ledger/alerts/read-episodes.ts';
import type { D1Database, D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import type { Gauges } from '../../src/core/ledger/metrics/measured.ts';
import type { AlertPosted } from '../../src/core/monitoring/post-alert.ts';
import { watch } from '../../src/core/monitoring/watch.ts';
import type { BridgeState } from '../../src/core/outbox/probe-bridge.ts';
import { quietGauges } from '../data/gauges.ts';
import { oneDatabase } from '../data/one-database.ts';
import { tableWalks } from '../support/query-plans.ts';
import { DAY_MS, MINUTE_MS, openWorld } from './world.ts';

/** Of all tests. */
const prepared = new Set<string>();

function openWatched() {
  const world = openWorld();
  const posted: string[] = [];
  const logged: string[] = [];
  const state = {
    bridge: 'ready' as BridgeState,
    answer: { kind: 'taken' } as AlertPosted,
    /** Before the webhook answers. */
    whilePosting: async () => {},
    hasWebhook: true,
    statements: 0,
    /** Whether the database does not answer. */
    isDown: false,
  };
  const { d1 } = world.context.db;
  const counted: D1Database = {
    prepare(sql) {
      prepared.add(sql);
      return d1.prepare(sql);
    },
    batch(statements: D1PreparedStatement[]) {
      state.statements += statements.length;
      if (state.isDown) return Promise.reject(new Error('the network is down'));
      return d1.batch(statements);
    },
  };
  const db = { ...world.context.db, d1: counted, retryForMs: 0 };
  const shards = () =>
    oneDatabase({
      ...world.context,
      db,
      log: (level, event, fields) => logged.push(`${level} ${event} ${fields?.alert ?? ''}`.trim()),
      bridgeState: async () => state.bridge,
      postAlert: state.hasWebhook
        ? async (text) => {
            await state.whilePosting();
            if (state.answer.kind === 'taken') posted.push(text);
            return state.answer;
          }
        : null,
    });
  return {
    ...world,
    state,
    db,
    posted,
    logged,
    measured(gauges: Partial<Gauges>): void {
      world.tamper(
        `INSERT INTO metric_totals (one, counts, gauges, written_at_ms) VALUES (1, '{}', ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET gauges = ?1, written_at_ms = ?2`,
        JSON.stringify(quietGauges(gauges)),
        world.clock.nowMs,
      );
    },
    /** A run of the cron, a minute after the one before. */
    async minute(count = 1): Promise<void> {
      for (let each = 0; each < count; each += 1) {
        world.clock.nowMs += MINUTE_MS;
        await watch(shards());
      }
    },
    overlapping: (count: number) => Promise.all(Array.from({ length: count }, () => watch(shards()))),
    writes: () => Number(world.rows('SELECT total_changes() AS n')[0]?.n),
  };
}

type Watched = ReturnType<typeof openWatched>;
let world: Watched;
beforeEach(() => {
  world = openWatched();
});

const active = async (): Promise<AlertName[]> => (await listActiveAlerts(world.db)).map(({ alert }) => alert);

describe('an alert', () => {
  it('is posted once when it begins and once when it is over, and logged', async () => {
    world.state.bridge = 'no_broker';
    await world.minute();
    expect([await active(), world.posted]).toEqual([[], []]);
    await world.minute(10);
    expect(await active()).toEqual(['bridge_away']);
    expect(world.posted).toEqual([expect.stringContaining('no connection to RabbitMQ')]);
    world.state.bridge = 'ready';
    await world.minute(5);
    expect(world.posted).toHaveLength(1);
    await world.minute(10);
    expect([await active(), world.posted.slice(1)]).toEqual([
      [],
      ['payment-service (development): resolved after 11 minutes: The bridge is not ready.'],
    ]);
    expect(world.logged).toEqual(['error alert.began bridge_away', 'info alert.ended bridge_away']);
  });

  it('begins anew after it was over', async () => {
    for (let episode = 0; episode < 2; episode += 1) {
      world.state.bridge = 'away';
      await world.minute(2);
      world.state.bridge = 'ready';
      await world.minute(7);
    }
    expect(world.posted).toHaveLength(4);
  });

  it('that comes and goes within five minutes is one', async () => {
    for (let each = 0; each < 10; each += 1) {
      world.state.bridge = 'away';
      await world.minute(2);
      world.state.bridge = 'ready';
      await world.minute(4);
    }
    expect(world.posted).toHaveLength(1);
  });

  it('of a single minute is none', async () => {
    world.state.bridge = 'away';
    await world.minute();
    world.state.bridge = 'ready';
    await world.minute(2);
    expect([world.posted, world.rows('SELECT * FROM alert_episodes')]).toEqual([[], []]);
  });

  it('has its figures of what the cron has measured', async () => {
    world.measured({ events: { waiting: 12, oldestMs: world.clock.nowMs - 5 * MINUTE_MS, unansweredMs: null } });
    await world.minute(2);
    expect(world.posted[0]).toContain('12 events wait for delivery, the oldest for 7 minutes.');
  });

  it('of a job that has had nothing to do since yesterday begins when its first invocation has had ten minutes', async () => {
    const ended = {
      jobs: { ...quietGauges({}).jobs, reconcile: { backlog: 1, endedAtMs: world.clock.nowMs - DAY_MS } },
    };
    world.measured(ended);
    await world.minute(10);
    world.measured({});
    await world.minute();
    expect([world.posted, world.rows('SELECT * FROM alert_episodes')]).toEqual([[], []]);
    world.measured(ended);
    await world.minute(11);
    expect(world.posted).toEqual([expect.stringContaining('The job reconcile last ran 24 hours ago')]);
  });

  it('of the success rate counts the payments of the last quarter of an hour', async () => {
    world.measured({});
    const minute = (agoMinutes: number, payments: Record<string, number>) =>
      world.tamper(
        'INSERT INTO metric_minutes (minute_ms, counts) VALUES (?, ?)',
        world.clock.nowMs - agoMinutes * MINUTE_MS,
        JSON.stringify({ payments }),
      );
    minute(14, { 'completed\tcredit_card\tsandbox\t': 1_000 });
    minute(2, { 'failed\tcredit_card\tsandbox\tCARD_DECLINED': 30 });
    await world.minute(2);
    expect(world.posted).toHaveLength(0);
    await world.minute(2);
    expect(world.posted).toEqual([expect.stringContaining('0 % of 30 payments in 15 minutes succeeded')]);
  });
});

describe('crons that overlap', () => {
  it('begin, confirm and end one episode, and post each of its messages once', async () => {
    world.state.bridge = 'away';
    for (let each = 0; each < 3; each += 1) {
      world.clock.nowMs += MINUTE_MS;
      await world.overlapping(4);
    }
    world.state.bridge = 'ready';
    for (let each = 0; each < 7; each += 1) {
      world.clock.nowMs += MINUTE_MS;
      await world.overlapping(4);
    }
    expect(world.rows('SELECT alert FROM alert_episodes')).toHaveLength(1);
    expect(world.posted).toHaveLength(2);
  });

  it('leave a message to the one that posts it, also where the webhook takes its time', async () => {
    world.state.bridge = 'away';
    await world.minute();
    world.state.whilePosting = async () => {
      world.state.whilePosting = async () => {};
      await world.minute();
    };
    await world.minute();
    expect(world.posted).toHaveLength(1);
  });
});

describe('a webhook that refuses', () => {
  it('is tried each minute until it takes the message, with a warning', async () => {
    world.state.bridge = 'away';
    world.state.answer = { kind: 'refused', reason: 'it answered 500' };
    await world.minute(4);
    expect(world.logged.filter((line) => line.includes('not_posted'))).toHaveLength(3);
    world.state.answer = { kind: 'taken' };
    await world.minute(3);
    expect(world.posted).toHaveLength(1);
  });

  it('gets both messages, in their order, where the alert is over meanwhile', async () => {
    world.state.bridge = 'away';
    world.state.answer = { kind: 'refused', reason: 'it could not be reached' };
    await world.minute(2);
    world.state.bridge = 'ready';
    await world.minute(7);
    world.state.answer = { kind: 'taken' };
    await world.minute(2);
    expect(world.posted).toEqual([
      expect.stringContaining('does not answer'),
      expect.stringContaining('resolved after'),
    ]);
  });

  it('gets the message again, when the lease has ended, where the cron could not record that it was taken', async () => {
    world.state.bridge = 'away';
    await world.minute();
    world.state.whilePosting = async () => {
      world.state.whilePosting = async () => {};
      world.state.isDown = true;
    };
    await world.minute();
    world.state.isDown = false;
    await world.minute();
    expect(world.posted).toHaveLength(1);
    await world.minute(5);
    expect(world.posted).toHaveLength(2);
  });

  it('gets no message again but the last one, where the cron could not record that it was taken', async () => {
    world.state.bridge = 'away';
    world.measured({ cases: { ...quietGauges().cases, payment_undetermined: 1 } });
    world.state.answer = { kind: 'refused', reason: 'it could not be reached' };
    await world.minute(3);
    world.state.answer = { kind: 'taken' };
    world.state.whilePosting = async () => {
      world.state.isDown = world.posted.length === 1;
    };
    await world.minute();
    expect(new Set(world.posted).size).toBe(2);
    Object.assign(world.state, { whilePosting: async () => {}, isDown: false });
    await world.minute(6);
    expect(world.posted).toEqual([world.posted[0], world.posted[1], world.posted[1]]);
  });
});

it('without a webhook, an alert is kept and logged', async () => {
  world.state.hasWebhook = false;
  world.state.bridge = 'away';
  await world.minute(2);
  expect(await active()).toEqual(['bridge_away']);
  expect(world.logged).toEqual(['error alert.began bridge_away']);
  world.state.hasWebhook = true;
  await world.minute(2);
  expect(world.posted).toEqual([]);
});

it('where nothing changes, a minute writes nothing, and takes four statements', async () => {
  world.state.bridge = 'away';
  await world.minute(3);
  const [statements, changes] = [world.state.statements, world.writes()];
  await world.minute();
  expect([world.state.statements - statements, world.writes() - changes]).toEqual([4, 0]);
});

it('while the first database does not answer, nothing is remembered, and the cron goes on', async () => {
  world.state.bridge = 'away';
  world.state.isDown = true;
  await world.minute(3);
  world.state.isDown = false;
  expect(world.logged.filter((line) => line === 'warn alerts.not_judged')).toHaveLength(3);
  expect(world.rows('SELECT * FROM alert_episodes')).toEqual([]);
});

it('no statement of it walks through a table', () => {
  const walks = [...prepared].flatMap((sql) =>
    tableWalks(
      sql,
      world.rows(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => String(detail)),
    ).map((walk) => `${walk}: ${sql}`),
  );
  expect(walks).toEqual([]);
  expect(prepared.size).toBeGreaterThan(10);
});
