/**
 * A backlog in a world where nothing goes wrong: rows that cannot be answered, follow-ups, and events that cannot be sent, each before
 * one good row, in one of the databases. Whatever the order of the work is, a good row must not wait for the others.
 */
import { CannotOpen, type Cipher } from '../../src/core/security/cipher.ts';
import { PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { install, type PatchSql } from './installation.ts';
import { checkTurns, watchRows } from './invariants.ts';
import { TENANT } from './places.ts';
import type { Plan } from './plan.ts';
import { World, type WorldDatabase } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A name that no gateway has given to anything: it answers, and cannot say. */
export const UNKNOWN_REFERENCE = 're_nobody_knows';
const UNANSWERABLE = 30;
const FOLLOW_UPS = 40;
/** More than the sweep takes in one batch. */
const UNOPENED = 120;
/** Until the next cron, and as long again for the work. */
const ASKED_WITHIN_MS = 2 * MINUTE_MS;
/** All databases share the statements of one invocation a minute, and waking, measuring and watching come first. */
const ASKED_WITHOUT_QUEUE_WITHIN_MS = 20 * MINUTE_MS;
const UNOPENED_EMAIL = 'sealed.with.a.lost.key';

const FORGETFUL_CIPHER: Cipher = {
  ...PLAIN_CIPHER,
  async open(sealed, context) {
    if (sealed === UNOPENED_EMAIL) throw new CannotOpen('the key is lost');
    return PLAIN_CIPHER.open(sealed, context);
  },
};

/** Lives through the backlog; answers with what was wrong. */
export async function runBacklog(plan: Plan, patchSql?: PatchSql): Promise<string[]> {
  const installation = install(plan.shards, patchSql);
  try {
    const world = new World({ ...plan, faults: [] }, installation, FORGETFUL_CIPHER);
    watchRows(world);
    const database = world.random.pick(world.databases);
    const { time, violations } = world;
    const { goodRefund, goodEvent } = insertBacklog(world, database);
    await time.runUntil(time.nowMs + ASKED_WITHIN_MS);
    const { sqlite } = database;
    const asked = sqlite.prepare('SELECT lookups FROM refunds WHERE refund_id = ?').get(goodRefund);
    if (asked?.lookups === 0) violations.push('backlog: a pending refund was not asked about within two minutes');
    const delivered = sqlite.prepare('SELECT delivered_at_ms AS atMs FROM events WHERE event_id = ?').get(goodEvent);
    if (delivered?.atMs === null) violations.push('backlog: a good event was not delivered within two minutes');
    const open = sqlite.prepare("SELECT count(*) AS n FROM refunds WHERE lookups = 0 AND refund_id LIKE 'REF-%'").get();
    if (open?.n !== 0) violations.push(`backlog: ${open?.n} of its rows were not asked about within two minutes`);
    checkTurns(world);
    return violations;
  } finally {
    installation.close();
  }
}

/**
 * The same in each of several databases, and no message gets into the queues: then one invocation a minute works for all databases, and has
 * the statements of one.
 */
export async function runBacklogsWithoutQueue(plan: Plan, patchSql?: PatchSql): Promise<string[]> {
  const installation = install(plan.shards, patchSql);
  try {
    const world = new World({ ...plan, faults: ['queue_refuses'], faultRate: 1 }, installation, FORGETFUL_CIPHER);
    const { time, databases, violations } = world;
    for (const database of databases) insertBacklog(world, database);
    await time.runUntil(time.nowMs + ASKED_WITHOUT_QUEUE_WITHIN_MS);
    for (const { shard, sqlite } of databases) {
      const open = sqlite.prepare("SELECT count(*) AS n FROM refunds WHERE lookups = 0 AND status = 'pending'").get();
      if (open?.n !== 0)
        violations.push(`backlog: ${open?.n} pending refunds of database ${shard} were not asked about`);
    }
    return violations;
  } finally {
    installation.close();
  }
}

type Columns = Record<string, string | number | null>;

/** Returns the ids of the good rows. */
function insertBacklog(world: World, { shard, sqlite }: WorldDatabase): { goodRefund: string; goodEvent: string } {
  const { gateway, time, databases } = world;
  const { nowMs } = time;
  const mark = databases.length === 1 ? '' : `-${shard}`;
  const nobody = { name: 'nobody', alive: true };
  const { name: gatewayName } = gateway.seenBy(nobody, { nowMs: () => nowMs, tokens: new Map(), otherAccount: false });
  const insert = (table: string, row: Columns) =>
    sqlite
      .prepare(
        `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${Object.keys(row)
          .map(() => '?')
          .join()})`,
      )
      .run(...Object.values(row));
  const id = (prefix: string, series: string, n: number) =>
    `${prefix}01ARZ3NDEKTSV4RRF${series}${String(n).padStart(8, '0')}${prefix === 'evt_' ? '' : mark}`;
  const payment = (series: string, n: number, overrides: Columns) =>
    insert('transactions', {
      transaction_id: id('TXN-', series, n),
      tenant: TENANT,
      booking_id: `${series}-${n}`,
      user_id: 'user',
      status: 'completed',
      currency: 'USD',
      amount_minor: 1_000,
      payment_method: 'credit_card',
      gateway: gatewayName,
      created_at_ms: nowMs - HOUR_MS,
      processed_at_ms: nowMs - HOUR_MS,
      ...overrides,
    });
  const refund = (series: string, n: number, status: 'pending' | 'completed', dueAtMs: number) => {
    const [reserved, refunded] = status === 'pending' ? [100, 0] : [0, 100];
    payment(series, n, { reserved_minor: reserved, refunded_minor: refunded, gateway_reference: UNKNOWN_REFERENCE });
    insert('refunds', {
      refund_id: id('REF-', series, n),
      tenant: TENANT,
      transaction_id: id('TXN-', series, n),
      status,
      amount_minor: 100,
      reason: 'r',
      gateway_reference: UNKNOWN_REFERENCE,
      created_at_ms: nowMs - HOUR_MS,
      processed_at_ms: status === 'pending' ? null : nowMs - HOUR_MS,
      next_lookup_at_ms: dueAtMs,
    });
  };
  for (let n = 0; n < FOLLOW_UPS; n += 1) refund('F', n, 'completed', nowMs - HOUR_MS + n);
  for (let n = 0; n < UNANSWERABLE; n += 1) refund('V', n, 'pending', nowMs - HOUR_MS + n);
  refund('G', 0, 'pending', nowMs - MINUTE_MS);
  const event = (series: string, n: number, email: string | null) => {
    payment(series, n, { sealed_email: email });
    insert('events', {
      event_id: id('evt_', series, n),
      tenant: TENANT,
      booking_id: `${series}-${n}`,
      event_type: 'payment.success',
      transaction_id: id('TXN-', series, n),
      created_at_ms: nowMs - HOUR_MS,
      attempts: 6,
    });
  };
  for (let n = 0; n < UNOPENED; n += 1) event('P', n, UNOPENED_EMAIL);
  event('E', 0, null);
  return { goodRefund: id('REF-', 'G', 0), goodEvent: id('evt_', 'E', 0) };
}
