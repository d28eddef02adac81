/** The last released version and this one, on one database, at one gateway. */
import { monotonicFactory } from 'ulid';
import { TEST_CARDS } from '../data/cards.ts';
// biome-ignore lint/correctness/useImportExtensions: it is JavaScript, and its declarations are beside it
import * as formerVersion from '../data/former-version.mjs';
import { ALL_MIGRATIONS, applyMigrations, d1Over, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { openService } from '../support/service.ts';
import { gatewayOf, type TestGateway } from './world.ts';

export const NOON_MS = Date.UTC(2026, 10, 22, 12);

/** Those that the former version does not know. */
export const NEWER_MIGRATIONS = ALL_MIGRATIONS.filter(({ file }) => file > formerVersion.LAST_MIGRATION);

type Service = ReturnType<typeof openService>;

/** @param tables those of all migrations, or of the former version until `migrate` is called, before which this version cannot run */
export function openBoth(tables: 'all' | 'of the former version' = 'all') {
  const { sqlite } = openSqliteD1();
  const isKnown = (file: string) => tables === 'all' || file <= formerVersion.LAST_MIGRATION;
  applyMigrations(sqlite, (sql, file) => (isKnown(file) ? sql : ''));
  const clock = { nowMs: NOON_MS };
  const state: TestGateway = {
    ...{ movements: [], says: new Map(), losesNext: false, tookMs: 0, refusesRefunds: false },
    ...{ lookUps: 0, listingBreaks: false },
    ...{ refundsOfCharge: [], listedChargesOf: [] },
  };
  const gateway = gatewayOf(state, clock, true);
  const ulid = monotonicFactory();
  const surroundings = { gateway, nowMs: () => clock.nowMs, nextUlid: () => ulid(clock.nowMs) };
  const formerStatements = new Set<string>();
  const openFormer = () => {
    const d1 = d1Over(sqlite);
    const recorded = {
      prepare(sql: string) {
        formerStatements.add(sql);
        return d1.prepare(sql);
      },
      batch: d1.batch.bind(d1),
    };
    return formerVersion.openService({ ...surroundings, d1: recorded });
  };
  const both = {
    former: openFormer(),
    current: openService({ ...surroundings, d1: d1Over(sqlite) }),
    /** All that the former version has sent. */
    formerStatements,
    migrate(): void {
      for (const { sql } of NEWER_MIGRATIONS) sqlite.exec(sql);
      both.former = openFormer();
    },
    gateway: state,
    sqlite,
    wait(ms: number): void {
      clock.nowMs += ms;
    },
    waitingEvents: () =>
      sqlite
        .prepare('SELECT event_id FROM events WHERE delivered_at_ms IS NULL ORDER BY sequence')
        .all()
        .map(({ event_id }) => String(event_id)),
  };
  return both;
}

export async function paid(service: Service, bookingId: string, card: string = TEST_CARDS.visa) {
  const transaction = await service.pay(card, bookingId, `key-${bookingId}`);
  if (transaction === null) throw new Error('the payment was not claimed');
  return transaction;
}

export async function refunded(service: Service, transaction: Awaited<ReturnType<typeof paid>>, amount: string) {
  const refund = await service.refund(transaction, amount);
  if (refund === null) throw new Error('the refund was not claimed');
  return refund;
}
