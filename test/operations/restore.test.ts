/** A database that was set back to an earlier time, while the gateway has gone on: docs/operations.md says what an operator does then. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { d1Over } from '../simulation/sqlite-d1.ts';
import { HOUR_MS, openWorld, type World } from './world.ts';

let directory: string;
let world: World;
let database: DatabaseSync;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'restore-'));
  world = openWorld();
});
afterEach(() => {
  database?.close();
  rmSync(directory, { recursive: true });
});

/** The database as it is now, in a file. */
function keep(): string {
  const file = join(directory, 'kept.sqlite');
  world.rows('VACUUM INTO ?', file);
  return file;
}

function restore(file: string): void {
  database = new DatabaseSync(file, { enableForeignKeyConstraints: true, enableDoubleQuotedStringLiterals: true });
  Object.assign(world.context.db, { d1: d1Over(database) });
}

const differences = async () => (await world.reconcile()).differences;

it('reconciliation lists exactly the charges and refunds that the restored database lacks', async () => {
  const kept = await world.pay();
  const refunded = await world.pay();
  world.deliverAll();
  const file = keep();
  const lost = await world.pay();
  const lostRefund = await world.refund(refunded, '10.00');
  world.deliverAll();
  expect(await differences()).toEqual([]);

  restore(file);
  const found = await differences();
  expect(found.map((difference) => [difference.kind, 'id' in difference && difference.id])).toEqual([
    ['unknown_charge', lost.transactionId],
    ['unknown_refund', lostRefund],
  ]);
  expect(JSON.stringify(found)).not.toContain(kept.transactionId);
});

it('a payment that was pending is resolved again, and its event is another one', async () => {
  world.gateway.losesNext = true;
  const { transactionId } = await world.pay();
  const file = keep();
  world.gateway.says.set(transactionId, { kind: 'approved', reference: 'ref_found' });
  await world.resolveAfter(HOUR_MS, transactionId);
  const [first] = world.rows('SELECT event_id FROM events');

  restore(file);
  expect((await world.resolveAfter(HOUR_MS, transactionId))?.kind).toBe('ended');
  const second = database.prepare('SELECT event_id, transaction_id FROM events').get();
  expect(second).toMatchObject({ transaction_id: transactionId });
  expect(second?.event_id).not.toBe(first?.event_id);
});

it('an event that had been delivered since is sent again, and is the same one', async () => {
  await world.pay();
  const file = keep();
  const [before] = world.rows('SELECT event_id FROM events');
  world.deliverAll();
  restore(file);
  expect(database.prepare('SELECT event_id FROM events WHERE delivered_at_ms IS NULL').all()).toEqual([before]);
});

it('a booking whose payment is lost can be paid again, which is why nobody may pay until the lost ones are dealt with', async () => {
  const file = keep();
  const { bookingId } = await world.pay();
  restore(file);
  expect(await world.pay(undefined, bookingId)).toMatchObject({ status: 'completed' });
  expect(world.gateway.movements).toHaveLength(2);
});

it('what is lost can be written back from a copy that was made before: what the restored database has stays as it is', async () => {
  const standing = await world.pay();
  world.deliverAll();
  const file = keep();
  const lost = await world.pay();
  await world.refund(await world.pay(), '25.50');
  const lostRefund = await world.refund(standing, '10.00');
  world.deliverAll();
  const copy = join(directory, 'copy.sqlite');
  world.rows('VACUUM INTO ?', copy);

  restore(file);
  database.prepare('ATTACH ? AS copy').run(copy);
  for (const table of ['transactions', 'refunds', 'events', 'idempotency_keys']) {
    database.exec(`INSERT OR IGNORE INTO ${table} SELECT * FROM copy.${table}`);
  }
  await expect(world.pay(undefined, lost.bookingId)).rejects.toThrow('the payment was duplicate');
  // The restored payment does not have its new refund in its balance.
  expect(await differences()).toMatchObject([{ kind: 'balance_differs', transactionId: standing.transactionId }]);
  database
    .prepare('UPDATE transactions SET refunded_minor = refunded_minor + 1000 WHERE transaction_id = ?')
    .run(standing.transactionId);
  expect(await differences()).toEqual([]);
  expect(database.prepare('SELECT status FROM refunds WHERE refund_id = ?').get(lostRefund)).toEqual({
    status: 'completed',
  });
});

it('a booking that was refunded in full and paid again since is written back where the refund was booked before', async () => {
  const booking = 'BOOK-refunded-and-paid';
  const first = await world.pay(undefined, booking);
  world.deliverAll();
  const file = keep();
  await world.refund(first, '25.50');
  const second = await world.pay(undefined, booking);
  world.deliverAll();
  const copy = join(directory, 'copy.sqlite');
  world.rows('VACUUM INTO ?', copy);

  restore(file);
  database.prepare('ATTACH ? AS copy').run(copy);
  const statusOf = (id: string) =>
    database.prepare('SELECT status FROM transactions WHERE transaction_id = ?').get(id)?.status;
  database.exec('INSERT OR IGNORE INTO transactions SELECT * FROM copy.transactions');
  expect(statusOf(second.transactionId)).toBeUndefined();

  database
    .prepare(
      "UPDATE transactions SET status = 'refunded', refunded_minor = amount_minor, reserved_minor = 0 WHERE transaction_id IN (?)",
    )
    .run(first.transactionId);
  for (const table of ['transactions', 'refunds', 'events', 'idempotency_keys']) {
    database.exec(`INSERT OR IGNORE INTO ${table} SELECT * FROM copy.${table}`);
  }
  expect([first, second].map(({ transactionId }) => statusOf(transactionId))).toEqual(['refunded', 'completed']);
  expect(await differences()).toEqual([]);
});

describe('what was pending then and has ended since', () => {
  const BOOKING = 'BOOK-again';
  let copy: string;

  /** A payment that failed and was paid again, and a refund that was paid. */
  beforeEach(async () => {
    const standing = await world.pay();
    world.deliverAll();
    world.gateway.losesNext = true;
    const refundId = await world.refund(standing, '10.00');
    world.gateway.losesNext = true;
    const { transactionId } = await world.pay(undefined, BOOKING);
    const file = keep();
    world.gateway.says.set(transactionId, { kind: 'declined', code: 'CARD_DECLINED' });
    world.gateway.says.set(refundId, { kind: 'approved', reference: 'ref_found' });
    for (const id of [transactionId, refundId]) await world.resolveAfter(HOUR_MS, id);
    await world.refund(await world.pay(undefined, BOOKING), '5.00');
    world.deliverAll();
    copy = join(directory, 'copy.sqlite');
    world.rows('VACUUM INTO ?', copy);
    restore(file);
    database.prepare('ATTACH ? AS copy').run(copy);
  });

  function writeBack(): void {
    for (const table of ['transactions', 'refunds', 'events', 'idempotency_keys']) {
      database.exec(`INSERT OR IGNORE INTO ${table} SELECT * FROM copy.${table}`);
    }
  }

  it('keeps what came after it from being written back, while it is there', () => {
    expect(writeBack).toThrow('FOREIGN KEY');
  });

  it('is written back as it ended, with its events, where it was deleted before', async () => {
    database.exec("DELETE FROM refunds WHERE status = 'pending'; DELETE FROM transactions WHERE status = 'pending'");
    writeBack();
    const rows = (of: string) => database.prepare(`SELECT * FROM ${of} ORDER BY 1`).all();
    const ids = (of: string) => rows(of).map(({ event_id }) => event_id);
    expect(rows('refunds')).toEqual(rows('copy.refunds'));
    expect(ids('events')).toEqual(ids('copy.events'));
    expect(await differences()).toMatchObject([{ kind: 'balance_differs' }]);
    database.exec('UPDATE transactions SET refunded_minor = 1000, reserved_minor = 0 WHERE reserved_minor = 1000');
    expect(await differences()).toEqual([]);
    expect(rows('transactions').map(({ status }) => status)).toEqual(['completed', 'failed', 'completed']);
  });
});
