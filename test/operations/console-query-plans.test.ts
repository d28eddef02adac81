/** What the console reads costs no walk through a table that grows with payments. */
import { expect, it } from 'vitest';
import { listOpenCases } from '../../src/core/ledger/by-hand/list-open-cases.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import { openBreakers } from '../../src/core/ledger/metrics/open-breakers.ts';
import { sumMinutes } from '../../src/core/ledger/metrics/sum-minutes.ts';
import { listEvents } from '../../src/core/ledger/outbox/list-events.ts';
import { findReplayed, replayFound } from '../../src/core/ledger/outbox/replay-events.ts';
import { recentDisputes } from '../../src/core/ledger/payments/list-disputes.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { tableWalks } from '../support/query-plans.ts';

/** Of what went wrong, or of a gateway: they do not grow with payments. */
const SMALL = /^SCAN (u|open_breakers|r USING INDEX refunds_(reversed|ended_late|kept))\b/;

const READS: Record<string, (db: Database) => Promise<unknown>> = {
  'the minutes of a day': (db) => sumMinutes(db, { fromMs: 0, lengthMs: 900_000, count: 96 }, 86_400_000),
  'waiting and delivered events': (db) => listEvents(db, { waitingMax: 100, deliveredMax: 20 }, 1),
  'events to be sent again': (db) => findReplayed(db, { kind: 'events', eventIds: ['evt_1'] }, 100),
  'events that are sent again': (db) =>
    replayFound(
      db,
      { kind: 'events', eventIds: ['evt_1'] },
      [{ eventId: 'evt_1', eventType: 'payment.success', tenant: 'default', createdAtMs: 1, deliveredAtMs: null }],
      1,
    ),
  'open cases': (db) => listOpenCases(db, 200),
  'open cases of an organisation': (db) => listOpenCases(db, 200, 'cinema-2'),
  disputes: (db) => recentDisputes(db, null, 500),
  'disputes of an organisation': (db) => recentDisputes(db, 'cinema-2', 500),
  'gateways that are not called': (db) => openBreakers(db, 1),
};

it.each(Object.entries(READS))('%s', async (_, read) => {
  const { d1, sqlite, close } = openSqliteD1();
  applyMigrations(sqlite);
  const statements: string[] = [];
  const recording: Database['d1'] = {
    batch: (batch) => d1.batch(batch as Parameters<typeof d1.batch>[0]),
    prepare(sql) {
      statements.push(sql);
      return d1.prepare(sql);
    },
  };
  const author = { actor: 'test', requestId: null, address: null, isAdmin: true };
  await read({ d1: recording, log: () => {}, cipher: PLAIN_CIPHER, author });
  const walks = statements.flatMap((sql) => {
    const plan = sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    return tableWalks(
      sql,
      plan.map(({ detail }) => String(detail)),
    );
  });
  close();
  expect(statements.length).toBeGreaterThan(0);
  expect(walks.filter((walk) => !SMALL.test(walk))).toEqual([]);
});
