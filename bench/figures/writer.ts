/**
 * How long the one writer of a database is busy with a payment: SQLite's own time for its statements, in memory. D1's time to store and
 * replicate a transaction comes on top, and is not to be had here; so this says what a database cannot take, not what it takes.
 */
import { monotonicFactory } from 'ulid';
import { createSandbox } from '../../src/core/gateways/sandbox/sandbox-gateway.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import { TEST_CARDS } from '../../test/data/cards.ts';
import { applyMigrations, openSqliteD1 } from '../../test/simulation/sqlite-d1.ts';
import { openService } from '../../test/support/service.ts';
import type { Figure, Line } from '../figure.ts';
import { median, middleHalf } from '../statistics.ts';

const WARM_UP = 500;
const EVENTS_AT_ONCE = 100;

export const writer: Figure = {
  name: 'writer',
  title: "writer: SQLite's time, of which a database has one second a second",
  async measure({ quick, progress, signal }) {
    const { d1, sqlite, close } = openSqliteD1();
    try {
      applyMigrations(sqlite);
      const timed = timing(d1);
      const nextUlid = monotonicFactory();
      const service = openService({ d1: timed.d1, gateway: createSandbox(), nowMs: Date.now, nextUlid });
      const turns = quick ? 5 : 50;
      const usedMs = {
        payment: [] as number[],
        status: [] as number[],
        delivery: [] as number[],
        seal: [] as number[],
      };
      const pay = async (count: number) => {
        const ids: string[] = [];
        for (let n = 0; n < count; n += 1) {
          const paid = await service.pay(TEST_CARDS.visa, nextUlid(), nextUlid());
          ids.push(paid?.transactionId ?? '');
        }
        return ids;
      };
      await pay(WARM_UP);
      for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
        timed.reset();
        const ids = await pay(EVENTS_AT_ONCE);
        usedMs.payment.push(timed.usedMs() / EVENTS_AT_ONCE);
        timed.reset();
        for (const id of ids) await service.status(id);
        usedMs.status.push(timed.usedMs() / EVENTS_AT_ONCE);
        const waiting = sqlite.prepare('SELECT event_id FROM events WHERE delivered_at_ms IS NULL LIMIT ?');
        const eventIds = waiting.all(EVENTS_AT_ONCE).map(({ event_id }) => String(event_id));
        timed.reset();
        await service.deliver(eventIds);
        usedMs.delivery.push(timed.usedMs() / eventIds.length);
        timed.reset();
        await service.sealAudit();
        usedMs.seal.push(timed.usedMs() / EVENTS_AT_ONCE);
        progress.at(turn + 1, turns);
      }
      const names = {
        payment: 'a payment, until its answer',
        status: 'a status',
        delivery: 'its delivery',
        seal: 'its seal',
      };
      const lines: Line[] = Object.entries(names).map(([of, what]) => {
        const values = usedMs[of as keyof typeof usedMs];
        return { what, value: median(values), unit: 'ms', note: `middle half ${middleHalf(values, 3)}` };
      });
      return { lines, details: { median_ms: Object.fromEntries(lines.map(({ what, value }) => [what, value])) } };
    } finally {
      close();
    }
  },
};

/** The database, and how long it has worked since the last reset. */
function timing(d1: D1Database): { d1: D1Database; reset(): void; usedMs(): number } {
  let usedMs = 0;
  return {
    reset() {
      usedMs = 0;
    },
    usedMs: () => usedMs,
    d1: {
      prepare: (sql) => d1.prepare(sql),
      batch(statements) {
        // It works before it hands its promise back.
        const startedMs = performance.now();
        const results = d1.batch(statements);
        usedMs += performance.now() - startedMs;
        return results;
      },
    },
  };
}
