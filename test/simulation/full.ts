/**
 * A database that fills up to SQLite's own limit while payments are under way, and is emptied by the archive: what the gateway has charged is
 * recorded, nothing new is begun, and then payments go on (invariant 10).
 */
import { Callers } from './callers.ts';
import { install } from './installation.ts';
import { checkNothingWaits, watchMoney, watchRows } from './invariants.ts';
import type { Plan } from './plan.ts';
import { World } from './world.ts';

/** Of 4 KB: a payment takes a quarter of one, and each table and index that grows needs one now and then. */
const PAGES = 300;
/** A minute's entries of the audit log are a block, which is packed beside them before they go: it has to fit into what is left. */
const EVERY_MS = 1_000;
const AT_ONCE = { optsIn: 'to_nothing', holdMinutes: null, ends: 'nothing', endsAfterMs: 0, polls: 0 } as const;
const ONCE = { afterMs: 0, keyed: false, copies: 1 } as const;
const PAY = { ...ONCE, kind: 'pay', amount: '10', card: 'good', order: 'new', wait: AT_ONCE } as const;
/** Refused in a row: the database is full, and not only one isolate's last answer. */
const REFUSED_TO_END = 20;
const PAYMENTS_MAX = 3_000;
const DRAIN_MS = 10 * 60_000;
/** Events and packed blocks leave an hour after they were written. */
const EMPTIED_MS = 3 * 60 * 60_000;

export interface Filled {
  violations: string[];
  charged: number;
  refused: number;
  /** How often SQLite itself had no page left. */
  hitLimit: number;
  /** Of its pages, how many were in use when nothing more was taken, and after the archive. */
  pagesInUse: { full: number; emptied: number };
}

/** @param isGuarded whether the service knows how much the database may hold */
export async function runFull(plan: Plan, isGuarded: boolean): Promise<Filled> {
  const installation = install(1);
  try {
    const [database] = installation.databases;
    if (database === undefined) throw new Error('there is no database');
    const { sqlite } = database;
    sqlite.exec(`PRAGMA max_page_count = ${PAGES}`);
    const pageBytes = Number(sqlite.prepare('PRAGMA page_size').get()?.page_size);
    const world = new World({ ...plan, provider: 'simulated', gatewayCanCancel: true, faults: [] }, installation);
    if (isGuarded) world.databaseMaxBytes = PAGES * pageBytes;
    watchRows(world);
    watchMoney(world);
    const { time, gateway, violations, log } = world;
    const callers = new Callers(world);
    const pagesInUse = () => {
      const value = (pragma: string) => Number(Object.values(sqlite.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
      return value('page_count') - value('freelist_count');
    };
    const refused = () =>
      callers.sent
        .flatMap((sent) => (sent.kind === 'pay' ? sent.answers : []))
        .filter(
          (ending) => ending.kind === 'error' || (ending.kind === 'answer' && ending.answer.kind === 'ledger_full'),
        ).length;

    for (let booking = 0; booking < PAYMENTS_MAX && refused() < REFUSED_TO_END; booking += 1) {
      callers.do({ ...PAY, booking });
      await time.runUntil(time.nowMs + EVERY_MS);
    }
    if (refused() < REFUSED_TO_END) violations.push('full: the database did not fill up');
    await time.runUntil(time.nowMs + DRAIN_MS);
    checkNothingWaits(world);
    const full = pagesInUse();
    const charged = [...gateway.charges.values()].filter(({ state }) => state.kind === 'approved');
    const recorded = new Set(
      sqlite
        .prepare("SELECT transaction_id FROM transactions WHERE status = 'completed'")
        .all()
        .map(({ transaction_id }) => String(transaction_id)),
    );
    for (const { transactionId } of charged) {
      if (!recorded.has(transactionId)) violations.push(`full: ${transactionId} was charged, and is not recorded`);
    }
    const wereRefused = refused();

    await time.runUntil(time.nowMs + EMPTIED_MS);
    const kind = await afterwards(callers, time);
    if (kind !== 'completed') violations.push(`full: after the archive has made room, a payment is ${kind}`);
    const hitLimit = log.filter((line) => line.includes('SQLITE_FULL')).length;
    return {
      violations,
      charged: charged.length,
      refused: wereRefused,
      hitLimit,
      pagesInUse: { full, emptied: pagesInUse() },
    };
  } finally {
    installation.close();
  }
}

async function afterwards(callers: Callers, time: World['time']): Promise<string> {
  const paying = callers.payOnce(0);
  await time.runUntil(time.nowMs + 60_000);
  return paying;
}
