/** What leaves the database: when, where to, and what an operator finds of it. */

import { describe, expect, it } from 'vitest';
import { type Named, publishAgain } from '../../src/cli/publish-again.ts';
import { ArchiveBroken, readArchived } from '../../src/cli/read-archived.ts';
import { restoreArchived } from '../../src/cli/restore-archived.ts';
import { verifyAudit } from '../../src/cli/verify-audit.ts';
import { archive } from '../../src/core/background/archive.ts';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import type { Context } from '../../src/core/context.ts';
import type { ArchiveBucket, ArchivedKind } from '../../src/core/ledger/archive/archive-bucket.ts';
import { archivedRangesAfter } from '../../src/core/ledger/archive/archived-ranges.ts';
import { RESTORED_COLUMNS } from '../../src/core/ledger/archive/restore-rows.ts';
import { auditExport, exportAuditLog } from '../../src/core/ledger/audit/export-audit-log.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { notFound } from '../../src/core/payments/not-found.ts';
import { reconcile } from '../../src/core/recovery/reconcile.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { oneDatabase } from '../data/one-database.ts';
import { DAY_MS, HOUR_MS, openWorld } from './world.ts';

const BLOCK_CODEC = { blockHash, pack, unpack, sha256 };
const RETENTION_DAYS = 90;

class MemoryBucket implements ArchiveBucket {
  readonly objects = new Map<string, Uint8Array>();
  refuses = false;

  async put(key: string, bytes: Uint8Array): Promise<void> {
    if (this.refuses) throw new Error('the bucket is gone');
    this.objects.set(key, Uint8Array.from(bytes));
  }

  async get(key: string) {
    const bytes = this.objects.get(key);
    return bytes === undefined ? null : { arrayBuffer: async () => Uint8Array.from(bytes).buffer };
  }

  alter(key: string): void {
    const bytes = this.objects.get(key) as Uint8Array;
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  }
}

/** A world in which payments were made a day apart, and their events delivered. */
async function openArchived({ payments = 3, bucket = new MemoryBucket() as MemoryBucket | null } = {}) {
  const world = openWorld();
  const context: Context = { ...world.context, blockCodec: BLOCK_CODEC, archive: bucket };
  for (let made = 0; made < payments; made += 1) {
    await world.pay();
    world.clock.nowMs += DAY_MS;
  }
  world.tamper('UPDATE events SET delivered_at_ms = created_at_ms');
  const sealAndPack = async () => {
    await sealAudit(context, blockHash);
    await packAudit(context, BLOCK_CODEC);
  };
  return {
    ...world,
    context,
    bucket,
    events: () => world.rows('SELECT * FROM events ORDER BY sequence'),
    /** The cron of this moment. */
    async run(changes: Partial<Context> = {}): Promise<void> {
      await sealAndPack();
      expect(await archive({ ...context, ...changes })).toBe(false);
    },
    async lines(): Promise<string[]> {
      const all: string[] = [];
      const reading = { unpack, readArchived: (range: never) => readArchived(bucket, range), entriesAtOnce: 10 };
      for await (const page of exportAuditLog(context.db, reading)) all.push(...page.lines);
      return all;
    },
    ranges: (kind: ArchivedKind) => archivedRangesAfter(context.db, kind, 0, 100),
  };
}

describe('delivered events', () => {
  it('leave after the retention, oldest first, into one object, and are in it as they were', async () => {
    const world = await openArchived();
    const before = world.events();
    world.clock.nowMs = Number(before[1]?.created_at_ms) + RETENTION_DAYS * DAY_MS;
    await world.run();
    expect(world.events()).toEqual(before.slice(2));
    const [range] = await world.ranges('events');
    expect(range).toMatchObject({ firstSequence: 1, lastSequence: 2, entries: 2 });
    const lines = await readArchived(world.bucket, range as never);
    expect(lines.map((line) => JSON.parse(line))).toEqual(before.slice(0, 2));
  });

  it('are deleted where there is no archive', async () => {
    const world = await openArchived({ bucket: null });
    const before = world.events();
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    expect(world.events()).toEqual(before.slice(-1));
  });

  it('are not deleted where there was an archive before: its binding is missing, and an alarm says so', async () => {
    const world = await openArchived();
    world.clock.nowMs = Number(world.events()[0]?.created_at_ms) + RETENTION_DAYS * DAY_MS;
    await world.run();
    const before = world.events();
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    const logged: string[] = [];
    const log = (level: string, event: string) => void (level === 'error' && logged.push(event));
    await world.run({ archive: null, db: { ...world.context.db, log } });
    expect({ logged, events: world.events() }).toEqual({ logged: ['archive.failed'], events: before });
  });

  it('stay where one is sent again while they are archived, and leave later: each is archived once', async () => {
    const world = await openArchived();
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    const { bucket } = world;
    const replaying: ArchiveBucket = {
      get: (key) => (bucket as MemoryBucket).get(key),
      async put(key, bytes) {
        world.tamper('UPDATE events SET delivered_at_ms = NULL, replayed_at_ms = 1 WHERE sequence = 1');
        await bucket?.put(key, bytes);
      },
    };
    await world.run({ archive: replaying });
    expect(world.events().map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await archivedRangesAfter(world.context.db, 'events', 0, 10)).toEqual([]);
    world.tamper('UPDATE events SET delivered_at_ms = 1 WHERE sequence = 1');
    await world.run();
    expect(world.events().map(({ sequence }) => sequence)).toEqual([3]);
  });

  it('leave earlier where the database fills up', async () => {
    const world = await openArchived();
    const fillLevel = { size: { bytes: 61 }, maxBytes: 100 };
    await world.run({ db: { ...world.context.db, fillLevel } });
    expect(world.events()).toHaveLength(1);
  });

  it('stay while they wait, and those behind them leave', async () => {
    const world = await openArchived({ payments: 4 });
    world.tamper('UPDATE events SET delivered_at_ms = NULL WHERE sequence = 2');
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    expect(world.events().map(({ sequence }) => sequence)).toEqual([2, 4]);
  });

  it('are missed by no reconciliation', async () => {
    const world = await openArchived();
    const fromMs = world.clock.nowMs - 10 * DAY_MS;
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    const { payments, differences } = await reconcile(oneDatabase(world.context), { fromMs, toMs: world.clock.nowMs });
    expect({ payments, differences }).toEqual({ payments: 3, differences: [] });
  });
});

describe('the audit log', () => {
  /** Two blocks, and the second one keeps the newest entry. */
  async function openSealed() {
    const world = await openArchived();
    for (let block = 0; block < 2; block += 1) {
      world.clock.nowMs += 2 * HOUR_MS;
      await auditExport(world.context.db, world.clock.nowMs);
      await world.run();
    }
    return world;
  }

  it('leaves block by block, its seals stay, and the export is what it was', async () => {
    const world = await openSealed();
    const before = await world.lines();
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    expect(await world.ranges('audit')).toMatchObject([{ firstSequence: 1, entries: 7 }]);
    expect(world.rows('SELECT count(*) AS n FROM audit_blocks WHERE packed IS NOT NULL')).toEqual([{ n: 0 }]);
    expect((await world.lines()).slice(0, before.length)).toEqual(before);
    expect(await verifyAudit(await world.lines(), null)).toMatchObject({ broken: null, sealed: 8 });
  });

  it('leaves in ranges without a gap, though a block was sealed by a clock that was ahead', async () => {
    const world = await openArchived();
    const { db } = world.context;
    const startMs = world.clock.nowMs;
    for (const aheadMs of [0, 10 * DAY_MS, 0]) {
      world.clock.nowMs += HOUR_MS;
      await auditExport(db, world.clock.nowMs);
      await sealAudit({ db, nowMs: () => world.clock.nowMs + aheadMs }, blockHash);
    }
    await auditExport(db, world.clock.nowMs + 1);
    world.clock.nowMs = startMs + (RETENTION_DAYS + 1) * DAY_MS;
    await world.run();
    expect(await world.ranges('audit')).toMatchObject([{ firstSequence: 1, entries: 7 }]);
    world.clock.nowMs += 11 * DAY_MS;
    await world.run();
    expect((await world.ranges('audit')).map(({ entries }) => entries)).toEqual([7, 2]);
    expect(await verifyAudit(await world.lines(), null)).toMatchObject({ broken: null });
  });

  it.each([
    ['does not match its seal', "UPDATE audit_entries SET outcome = 'failed' WHERE sequence = 8"],
    ['was packed with other entries', "UPDATE audit_blocks SET packed = x'00' WHERE first_sequence = 8"],
  ])('never leaves over a block that %s: what is behind it stays', async (_, alter) => {
    const world = await openArchived();
    for (let block = 0; block < 3; block += 1) {
      world.clock.nowMs += HOUR_MS;
      await auditExport(world.context.db, world.clock.nowMs);
      await sealAudit(world.context, blockHash);
    }
    world.tamper(alter);
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await auditExport(world.context.db, world.clock.nowMs);
    const logged: string[] = [];
    const log = (level: string, event: string) => void (level === 'error' && logged.push(event));
    await packAudit({ ...world.context, db: { ...world.context.db, log } }, BLOCK_CODEC).catch(() => {});
    await world.run();
    await world.run();
    expect(logged).toEqual(['audit.block_broken']);
    expect(await world.ranges('audit')).toMatchObject([{ firstSequence: 1, entries: 7 }]);
    expect(world.rows('SELECT sequence FROM audit_entries WHERE sequence = 8')).toHaveLength(1);
    const numbers = (await world.lines()).flatMap((line) => JSON.parse(line).sequence ?? []);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('names the object of which one byte was altered, or that is gone', async () => {
    const world = await openSealed();
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    const [range] = await world.ranges('audit');
    const object = String(range?.object);
    world.bucket?.alter(object);
    await expect(world.lines()).rejects.toThrow(ArchiveBroken);
    await expect(world.lines()).rejects.toThrow(`${object}: it was altered`);
    world.bucket?.objects.delete(object);
    await expect(world.lines()).rejects.toThrow(`${object}: it is not in the archive any more`);
  });
});

describe('old transactions', () => {
  const KEPT_DAYS = 400;

  /** Three payments: refunded in part, failed, and paid; and a fourth one, whose event is the newest. */
  async function openOld() {
    const world = await openArchived({ payments: 0 });
    const partly = await world.pay(TEST_CARDS.visa, 'BOOK-PARTLY');
    await world.refund(partly, '10.00');
    const failed = await world.pay(TEST_CARDS.visaDeclined, 'BOOK-FAILED');
    const paid = await world.pay(TEST_CARDS.visa, 'BOOK-PAID');
    const newest = await world.pay(TEST_CARDS.visa, 'BOOK-NEWEST');
    world.tamper('UPDATE events SET delivered_at_ms = created_at_ms');
    for (const table of ['transactions', 'refunds']) world.tamper(`UPDATE ${table} SET next_lookup_at_ms = NULL`);
    world.clock.nowMs += KEPT_DAYS * DAY_MS;
    const ids = () =>
      world.rows('SELECT transaction_id FROM transactions ORDER BY transaction_id').map((row) => row.transaction_id);
    const lines = async () => {
      const [range] = await world.ranges('transactions');
      return (await readArchived(world.bucket, range as never)).map((line) => JSON.parse(line));
    };
    return { ...world, partly, failed, paid, newest, ids, archived: lines };
  }

  it('leave with their refunds, and are in the archive as they were, without personal data', async () => {
    const world = await openOld();
    const before = world.rows('SELECT * FROM transactions ORDER BY transaction_id');
    const refunds = world.rows('SELECT * FROM refunds');
    await world.run();
    expect(world.ids()).toEqual([world.newest.transactionId]);
    expect(world.rows('SELECT * FROM refunds')).toEqual([]);
    const nobody = { user_id: 'archived', user_email: null, sealed_email: null };
    const archived = await world.archived();
    expect(archived.map(({ transaction }) => transaction)).toEqual(
      before.slice(0, 3).map((row) => ({ ...row, ...nobody })),
    );
    expect(archived.map((line) => line.refunds)).toEqual([refunds.map((row) => ({ ...row, reason: '' })), [], []]);
    expect(await world.ranges('transactions')).toMatchObject([
      { entries: 3, firstSequence: before[0]?.created_at_ms, lastSequence: before[2]?.created_at_ms },
    ]);
  });

  it('leave their bookings paid, where they are not refunded or failed', async () => {
    const world = await openOld();
    await world.run();
    const charged = world.gateway.movements.length;
    await expect(world.pay(TEST_CARDS.visa, 'BOOK-PAID')).rejects.toThrow('the payment was paid_by_archived');
    await expect(world.pay(TEST_CARDS.visa, 'BOOK-PARTLY')).rejects.toThrow('the payment was paid_by_archived');
    expect(world.gateway.movements).toHaveLength(charged);
    expect(await world.pay(TEST_CARDS.visa, 'BOOK-FAILED')).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['younger ones', 'UPDATE transactions SET processed_at_ms = processed_at_ms + 86400000'],
    ['where a look-up of them is due', 'UPDATE transactions SET next_lookup_at_ms = 1'],
    [
      'where a dispute is not decided',
      `INSERT INTO disputes (tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
       SELECT tenant, 'stripe', transaction_id, transaction_id, 'needs_response', 'fraudulent', 'USD', 1, 1, processed_at_ms + 399 * 86400000 FROM transactions`,
    ],
    ['where their events wait', 'UPDATE events SET delivered_at_ms = NULL'],
  ])('stay: %s', async (_, sql) => {
    const world = await openOld();
    const before = world.ids();
    world.tamper(sql);
    await world.run();
    expect(world.ids()).toEqual(before);
  });

  it('stay where a refund of them is to be looked at again', async () => {
    const world = await openOld();
    world.tamper('UPDATE refunds SET next_lookup_at_ms = 1');
    await world.run();
    expect(world.ids()).toEqual([world.partly.transactionId, world.newest.transactionId]);
  });

  it('stay without an archive', async () => {
    const world = await openOld();
    const before = world.ids();
    await world.run({ archive: null });
    expect(world.ids()).toEqual(before);
  });

  it('stay as long as events, where those are kept longer', async () => {
    const world = await openOld();
    const before = world.ids();
    await world.run({ settings: { ...world.context.settings, retentionDays: KEPT_DAYS + 1 } });
    expect(world.ids()).toEqual(before);
  });

  it('that change while they are archived stay, all of the object, and leave later', async () => {
    const world = await openOld();
    const { bucket } = world;
    const refunding: ArchiveBucket = {
      get: (key) => (bucket as MemoryBucket).get(key),
      async put(key, bytes) {
        if (key.startsWith('transactions')) {
          await world.refund(world.paid, '1.00');
          // Nothing waits for anything any more, and yet it is not what was read.
          world.tamper('UPDATE refunds SET next_lookup_at_ms = NULL');
          world.tamper('DELETE FROM events WHERE refund_id IS NOT NULL');
        }
        await bucket?.put(key, bytes);
      },
    };
    const before = world.ids();
    await world.run({ archive: refunding });
    expect([world.ids(), await world.ranges('transactions')]).toEqual([before, []]);
    await world.run();
    expect((await world.archived()).map(({ refunds }) => refunds.length)).toEqual([1, 0, 1]);
  });

  it('leave by as many as D1 deletes at once, in one object each', async () => {
    const world = await openOld();
    world.tamper(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1100)
       INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method, gateway,
         created_at_ms, processed_at_ms)
       SELECT 'TXN-01ARZ3NDEKTSV4RRFFA' || printf('%07d', n), 'default', 'OLD-' || n, 'u', 'completed', 'USD', 1, 'paypal', 'test', n, n FROM n`,
    );
    await world.run();
    expect((await world.ranges('transactions')).map(({ entries }) => entries)).toEqual([500, 500, 103]);
    expect(world.ids()).toEqual([world.newest.transactionId]);
  });

  it('are not compared by a reconciliation, which says so', async () => {
    const world = await openOld();
    await world.run();
    const range = { fromMs: world.clock.nowMs - 500 * DAY_MS, toMs: world.clock.nowMs };
    expect(await reconcile(oneDatabase(world.context), range)).toMatchObject({
      payments: 1,
      differences: [],
      transactionsLeftUntilMs: world.paid.createdAtMs,
      eventsLeftUntilMs: world.paid.processedAtMs,
    });
    const later = { ...range, fromMs: world.clock.nowMs - DAY_MS };
    expect(await reconcile(oneDatabase(world.context), later)).toMatchObject({
      transactionsLeftUntilMs: null,
      eventsLeftUntilMs: null,
    });
  });

  it('are known by the time in their ids, and ids of later ones are not', async () => {
    const world = await openOld();
    await world.run();
    expect(await notFound(world.context, world.paid.transactionId)).toMatchObject({ archived: true });
    expect(await notFound(world.context, world.context.newId('TXN-'))).toMatchObject({ archived: false });
    expect(await notFound(world.context, 'TXN-456789')).toMatchObject({ archived: false });
  });
});

describe('what is restored', () => {
  /** All of a world in which everything has left that can, and how it was before that. */
  async function openLeft() {
    const world = await openArchived({ payments: 0 });
    const [paid, failed] = [await world.pay(), await world.pay(TEST_CARDS.visaDeclined)];
    await world.refund(paid, '10.00');
    await world.pay();
    for (let block = 0; block < 2; block += 1) {
      world.clock.nowMs += 2 * HOUR_MS;
      await auditExport(world.context.db, world.clock.nowMs);
      await sealAudit(world.context, blockHash);
    }
    await packAudit(world.context, BLOCK_CODEC);
    world.tamper('UPDATE events SET delivered_at_ms = created_at_ms');
    for (const table of ['transactions', 'refunds']) world.tamper(`UPDATE ${table} SET next_lookup_at_ms = NULL`);
    world.tamper("UPDATE transactions SET user_id = 'archived', user_email = NULL, sealed_email = NULL");
    world.tamper("UPDATE refunds SET reason = ''");
    const tables = ['audit_blocks', 'events', 'transactions', 'refunds'] as const;
    const stored = () =>
      tables.map((table) => world.rows(`SELECT * FROM ${table} ORDER BY 1`).map((row) => ({ ...row })));
    const before = stored();
    world.clock.nowMs += 500 * DAY_MS;
    await world.run();
    const restore = async (kind: ArchivedKind) => {
      const { db } = world.context;
      for (const range of await world.ranges(kind)) {
        const times = { nowMs: world.clock.nowMs, waitsUntilMs: world.clock.nowMs + 7 * DAY_MS };
        await restoreArchived(db, world.bucket, range, times);
      }
    };
    return { ...world, paid, failed, before, stored, restore };
  }

  it('is in the database as it was before it left, however often', async () => {
    const world = await openLeft();
    expect(world.stored()).not.toEqual(world.before);
    for (let time = 0; time < 2; time += 1) {
      for (const kind of ['audit', 'transactions', 'events'] as const) await world.restore(kind);
    }
    expect(world.stored()).toEqual(world.before);
    expect(world.rows('SELECT * FROM archived_bookings')).toEqual([]);
    expect(await verifyAudit(await world.lines(), null)).toMatchObject({ broken: null });
    expect(await world.reconcile()).toMatchObject({ differences: [] });
  });

  it('of transactions keeps bookings paid, and failed ones free', async () => {
    const world = await openLeft();
    await world.restore('transactions');
    expect(await world.pay(TEST_CARDS.visa, world.paid.bookingId).catch((error: Error) => error.message)).toContain(
      'the payment was duplicate',
    );
    expect(await world.pay(TEST_CARDS.visa, world.failed.bookingId)).toMatchObject({ status: 'completed' });
  });

  it('stays for as long as it was asked for, and then leaves again', async () => {
    const world = await openLeft();
    await world.restore('transactions');
    await world.restore('events');
    const restored = world.stored();
    world.clock.nowMs += 7 * DAY_MS - 1;
    await world.run();
    expect(world.stored().slice(1)).toEqual(restored.slice(1));
    world.clock.nowMs += 1;
    await world.run();
    expect(world.rows('SELECT count(*) AS n FROM transactions')).toEqual([{ n: 1 }]);
    expect(world.rows('SELECT count(*) AS n FROM events')).toEqual([{ n: 1 }]);
    expect(world.rows('SELECT booking_id FROM archived_bookings')).toEqual([{ booking_id: world.paid.bookingId }]);
  });

  it('is in the audit log, with who did it', async () => {
    const world = await openLeft();
    const author = { ...world.context.db.author, actor: 'operator:ada' };
    const [range] = await world.ranges('transactions');
    const times = { nowMs: world.clock.nowMs, waitsUntilMs: 0 };
    await restoreArchived({ ...world.context.db, author }, world.bucket, range as never, times);
    expect(world.rows("SELECT actor, subject, detail FROM audit_entries WHERE action = 'archive.restored'")).toEqual([
      { actor: 'operator:ada', subject: range?.object, detail: '{"kind":"transactions","entries":2}' },
    ]);
  });

  it.each(['audit', 'events', 'transactions'] as const)(
    'is nothing where the object of %s was altered',
    async (kind) => {
      const world = await openLeft();
      const left = world.stored();
      world.bucket?.alter(String((await world.ranges(kind))[0]?.object));
      await expect(world.restore(kind)).rejects.toThrow('it was altered');
      expect(world.stored()).toEqual(left);
    },
  );

  it('is nothing of a block that does not match its seal', async () => {
    const world = await openLeft();
    world.tamper("UPDATE audit_blocks SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE first_sequence = 1");
    await expect(world.restore('audit')).rejects.toThrow('does not match its seal in the database');
    expect(world.rows('SELECT packed FROM audit_blocks WHERE first_sequence = 1')).toEqual([{ packed: null }]);
  });

  it('is no event whose transaction has left: its transaction comes first', async () => {
    const world = await openLeft();
    const left = world.stored();
    await expect(world.restore('events')).rejects.toThrow('The transactions of 3 of these events have left as well');
    expect(world.stored()).toEqual(left);
  });

  it('has every column that its table has', () => {
    const { rows } = openWorld();
    for (const [table, columns] of Object.entries(RESTORED_COLUMNS)) {
      const all = rows(`SELECT name FROM pragma_table_info('${table}')`).map(({ name }) => name);
      expect({ table, columns: [...columns].toSorted() }).toEqual({ table, columns: all.toSorted() });
    }
  });
});

it('nothing leaves while the archive does not take it, and an alarm says so', async () => {
  const world = await openArchived();
  const before = world.events();
  world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
  if (world.bucket !== null) world.bucket.refuses = true;
  const logged: string[] = [];
  const log = (level: string, event: string) => void (level === 'error' && logged.push(event));
  await world.run({ db: { ...world.context.db, log } });
  expect(logged).toEqual(['archive.failed']);
  expect(world.events()).toEqual(before);
  if (world.bucket !== null) world.bucket.refuses = false;
  await world.run();
  expect(world.events()).toHaveLength(1);
});

describe('`payctl resend` of what has no event says why', () => {
  const resend = (world: { context: Context }, named: Named) =>
    publishAgain([world.context.db], [named], true).then(
      () => 'published',
      (error: Error) => error.message,
    );
  const ofBooking = (bookingId: string): Named => ({ kind: 'booking', tenant: 'default', bookingId });
  const RESTORE = /`payctl archive list` lists .*`payctl archive restore` brings one back$/;

  it('it is pending, has failed as a refund, or is not there', async () => {
    const world = openWorld();
    const paid = await world.pay();
    world.gateway.losesNext = true;
    const { transactionId, bookingId } = await world.pay();
    const refundId = world.context.newId('REF-');
    world.gateway.losesNext = true;
    const pendingRefund = await world.refund(paid, '1.00');
    const notYet = 'has no event yet: it is pending, and its event is published when it ends';
    expect(await resend(world, { kind: 'payment', transactionId })).toBe(`${transactionId} ${notYet}`);
    expect(await resend(world, { kind: 'refund', refundId: pendingRefund })).toBe(`${pendingRefund} ${notYet}`);
    expect(await resend(world, ofBooking(bookingId))).toBe(`The booking ${bookingId} ${notYet}`);
    world.tamper(
      "UPDATE refunds SET status = 'failed', error_code = 'REFUND_FAILED' WHERE refund_id = ?",
      pendingRefund,
    );
    expect(await resend(world, { kind: 'refund', refundId: pendingRefund })).toBe(
      `${pendingRefund} has no event: it has failed, and only paid refunds have one`,
    );
    const unknown = world.context.newId('TXN-');
    expect(await resend(world, { kind: 'payment', transactionId: unknown })).toBe(`There is no payment ${unknown}`);
    expect(await resend(world, { kind: 'refund', refundId })).toBe(`There is no refund ${refundId}`);
    expect(await resend(world, { kind: 'event', eventId: 'evt_1' })).toBe('There is no event evt_1');
    expect(await resend(world, ofBooking('BOOK-0'))).toBe('The tenant default has no payment of the booking BOOK-0');
  });

  it('its events are in the archive', async () => {
    const world = await openArchived();
    const [{ transaction_id: id, booking_id: booking } = {}] = world.rows(
      'SELECT transaction_id, booking_id FROM transactions ORDER BY transaction_id',
    );
    const [{ event_id: eventId } = {}] = world.events();
    world.clock.nowMs += RETENTION_DAYS * DAY_MS;
    await world.run();
    const byId = await resend(world, { kind: 'payment', transactionId: String(id) });
    expect(byId).toMatch(new RegExp(`^The events of ${id} have left the database for the archive: `));
    const byBooking = await resend(world, ofBooking(String(booking)));
    expect(byBooking).toMatch(
      new RegExp(`^The events of the booking ${booking} have left the database for the archive: `),
    );
    const byEvent = await resend(world, { kind: 'event', eventId: String(eventId) });
    expect(byEvent).toMatch(new RegExp(`^There is no event ${eventId}\\. It may have left the database: `));
    for (const message of [byId, byBooking, byEvent]) expect(message).toMatch(RESTORE);
  });

  it('its events were deleted, because there is no archive', async () => {
    const world = await openArchived({ bucket: null });
    const [{ transaction_id: id } = {}] = world.rows('SELECT transaction_id FROM transactions ORDER BY transaction_id');
    world.clock.nowMs += 2 * RETENTION_DAYS * DAY_MS;
    await world.run();
    expect(await resend(world, { kind: 'payment', transactionId: String(id) })).toBe(
      `The events of ${id} were delivered and then deleted, because there is no archive: they cannot be published again`,
    );
  });

  it('it has left itself', async () => {
    const world = await openArchived();
    const [{ transaction_id: id, booking_id: booking } = {}] = world.rows(
      'SELECT transaction_id, booking_id FROM transactions ORDER BY transaction_id',
    );
    world.clock.nowMs += 2 * world.context.settings.transactionsKeptDays * DAY_MS;
    await world.run();
    await world.run();
    const byId = await resend(world, { kind: 'payment', transactionId: String(id) });
    expect(byId).toMatch(
      new RegExp(`^The payment ${id} is not in the database. Payments of its time are in the archive: `),
    );
    const byBooking = await resend(world, ofBooking(String(booking)));
    expect(byBooking).toMatch(new RegExp(`^The payment of the booking ${booking} is in the archive: `));
    for (const message of [byId, byBooking]) expect(message).toMatch(RESTORE);
  });
});
