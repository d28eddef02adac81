/**
 * Holds the simulator's D1 to the real one: each case runs against both, on a database of its own with the project's
 * migrations, and must give the same rows, counts and errors. The real one is D1 as workerd runs it on a desk.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readD1Migrations } from '@cloudflare/vitest-plugin';
import type { D1Database, D1Result } from '@cloudflare/workers-types';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { getPlatformProxy, type PlatformProxy } from 'wrangler';
import { failure } from '../../src/core/domain/failure.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import type { KeyClaim } from '../../src/core/ledger/idempotency-keys/claim-key.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { leaseDueEvents } from '../../src/core/ledger/outbox/lease-due-events.ts';
import { leaseEvents } from '../../src/core/ledger/outbox/lease-events.ts';
import { recordDeliveries } from '../../src/core/ledger/outbox/record-deliveries.ts';
import { claimBooking, type NewTransaction } from '../../src/core/ledger/payments/claim-booking.ts';
import { recordPaymentOutcome } from '../../src/core/ledger/payments/record-payment-outcome.ts';
import { purgeExpired } from '../../src/core/ledger/purge-expired.ts';
import { findRefund } from '../../src/core/ledger/refunds/find-refund.ts';
import { recordRefundOutcome } from '../../src/core/ledger/refunds/record-refund-outcome.ts';
import { reserveRefund } from '../../src/core/ledger/refunds/reserve-refund.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { applyMigrations, openSqliteD1, type SqliteD1 } from './sqlite-d1.ts';

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

const INSERT_TRANSACTION = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
    gateway, created_at_ms) VALUES (?1, 'tenant', ?2, 'user', 'pending', 'USD', ?3, 'paypal', 'sandbox', 1)`;
const INSERT_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
  VALUES (?1, 'tenant', 'booking', 'payment.success', ?2, 1)`;

const transaction = (d1: D1Database, id: unknown, booking: unknown = 'booking', amountMinor: unknown = 100) =>
  d1.prepare(INSERT_TRANSACTION).bind(id, booking, amountMinor);
const event = (d1: D1Database, id: string, transactionId: string) => d1.prepare(INSERT_EVENT).bind(id, transactionId);
const refund = (d1: D1Database, id: string, transactionId: string) =>
  d1
    .prepare(
      `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms)
       VALUES (?1, 'tenant', ?2, 'pending', 1, '', 1)`,
    )
    .bind(id, transactionId);
const refundEvent = (d1: D1Database, id: string, transactionId: string, refundId: string) =>
  d1
    .prepare(
      `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
       VALUES (?1, 'tenant', 'booking', 'payment.refund', ?2, ?3, 1)`,
    )
    .bind(id, transactionId, refundId);
const ids = (d1: D1Database) => d1.prepare('SELECT transaction_id FROM transactions ORDER BY transaction_id');

/** With the first change of the schema workerd inserts a row of its own. The last row is to be the same one in both. */
const SET_LAST_ROW_ID = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
    gateway, created_at_ms) VALUES ('first', 'tenant', 'first', 'user', 'pending', 'USD', 1, 'paypal', 'sandbox', 1);
  INSERT INTO events (sequence, event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
    VALUES (7, 'first', 'tenant', 'first', 'payment.success', 'first', 1);
  DELETE FROM events;
  DELETE FROM transactions;`;

type Case = (d1: D1Database) => Promise<unknown>;

/** What both are to answer. */
const ANSWERED: Record<string, Case> = {
  'the schema that the migrations make': (d1) =>
    d1
      .prepare(
        `SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type, name`,
      )
      .all(),
  'the columns of its tables': (d1) =>
    d1
      .prepare(
        `SELECT t.name AS of, c.* FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.name IN ('transactions', 'refunds', 'events', 'idempotency_keys') ORDER BY t.name, c.cid`,
      )
      .all(),

  'counts of an insert, an update, a select and a delete': (d1) =>
    d1.batch([
      transaction(d1, 'a'),
      transaction(d1, 'b', 'other'),
      d1.prepare(`UPDATE transactions SET reserved_minor = 0 WHERE status = 'pending'`),
      d1.prepare('SELECT * FROM transactions ORDER BY transaction_id'),
      d1.prepare(`DELETE FROM transactions WHERE transaction_id = 'a'`),
      d1.prepare(`DELETE FROM transactions WHERE transaction_id = 'a'`),
    ]),
  'the row id that an insert made, and where none was made': (d1) =>
    d1.batch([
      d1.prepare('SELECT 1'),
      transaction(d1, 'a'),
      event(d1, 'e1', 'a'),
      d1.prepare('SELECT sequence FROM events'),
      d1.prepare('DELETE FROM events'),
    ]),
  'counts that include what a trigger changed': async (d1) => {
    await d1.exec(
      `CREATE TABLE told (id TEXT) STRICT
       CREATE TRIGGER tell AFTER INSERT ON transactions BEGIN INSERT INTO told VALUES (NEW.transaction_id), ('too'); END`,
    );
    return d1.batch([transaction(d1, 'a'), d1.prepare('SELECT changes()'), d1.prepare('SELECT * FROM told')]);
  },
  'a table that is made, filled, changed and dropped': async (d1) => {
    const rows = d1.prepare('SELECT * FROM t');
    return [
      await d1.prepare('CREATE TABLE t (a INTEGER)').run(),
      await d1.prepare('INSERT INTO t VALUES (1), (2)').run(),
      await rows.all(),
      await d1
        .prepare('ALTER TABLE t RENAME COLUMN a TO b')
        .run()
        .then(({ results }) => results),
      await rows.all(),
      await d1
        .prepare('ALTER TABLE t ADD COLUMN c TEXT')
        .run()
        .then(({ results }) => results),
      await rows.all(),
      await d1.prepare('DROP TABLE t').run(),
    ];
  },

  'RETURNING, in the order of its columns': async (d1) => {
    await d1.batch([transaction(d1, 'a', 'one'), transaction(d1, 'b', 'two'), transaction(d1, 'c', 'three')]);
    return d1
      .prepare(
        `UPDATE transactions AS t SET next_lookup_at_ms = 5 WHERE transaction_id <> ?1
         RETURNING booking_id AS bookingId, amount_minor * 2, transaction_id AS transactionId`,
      )
      .bind('b')
      .all();
  },
  'RETURNING of an insert, and of none': (d1) => {
    const insert = `${INSERT_TRANSACTION} ON CONFLICT DO NOTHING RETURNING transaction_id, amount_minor`;
    return d1.batch([d1.prepare(insert).bind('a', 'booking', 1), d1.prepare(insert).bind('a', 'booking', 2)]);
  },
  'columns of the same name': async (d1) => [
    await d1.prepare('SELECT 1 AS a, 2 AS b, 3 AS a').all(),
    await d1.prepare('SELECT 1 AS a, 2 AS b, 3 AS a').raw({ columnNames: true }),
  ],

  'changes() of the statement before, across a batch': (d1) =>
    d1.batch([
      transaction(d1, 'a'),
      d1.prepare(`UPDATE transactions SET lookups = lookups + 1 WHERE changes() = 1 RETURNING lookups`),
      d1.prepare('SELECT changes()'),
      d1.prepare(`UPDATE transactions SET lookups = lookups + 1 WHERE transaction_id = 'nobody'`),
      d1.prepare(`UPDATE transactions SET lookups = lookups + 1 WHERE changes() = 1 RETURNING lookups`),
      d1.prepare('SELECT changes()'),
    ]),
  'changes() after an insert that a conflict held back': (d1) =>
    d1.batch([
      transaction(d1, 'a'),
      d1.prepare(`${INSERT_TRANSACTION} ON CONFLICT DO NOTHING`).bind('b', 'booking', 100),
      d1.prepare('UPDATE transactions SET lookups = 1 WHERE changes() = 1'),
      ids(d1),
    ]),

  'nothing of a batch whose third statement fails': async (d1) => {
    const batch = d1.batch([transaction(d1, 'a'), transaction(d1, 'b', 'other'), transaction(d1, 'a', 'third')]);
    return [await batch.then(() => 'went through', errorOf), await ids(d1).all()];
  },
  'nothing of a batch whose last statement is none': async (d1) => {
    const batch = d1.batch([transaction(d1, 'a'), d1.prepare('SELECT 1 FROM nowhere')]);
    return [await batch.then(() => 'went through', errorOf), await ids(d1).all()];
  },
  'nothing of a batch with a parameter too few, and all of the next one': async (d1) => {
    const batch = d1.batch([transaction(d1, 'a'), d1.prepare('SELECT ?1, ?2').bind(1)]);
    return [await batch.then(() => 'went through', errorOf), await d1.batch([transaction(d1, 'b'), ids(d1)])];
  },
  'batches that are begun at once, one after the other': (d1) =>
    Promise.all(['a', 'b', 'c'].map((id) => d1.batch([transaction(d1, id, id), ids(d1)]))),

  'what was bound, and as what it came in': async (d1) => {
    const values = [null, 0, 1, -1, 1.5, MAX_SAFE, -MAX_SAFE, true, false, '', 'text', 'ümläut 🎫', '1', NaN, Infinity];
    return Promise.all(values.map((value) => d1.prepare('SELECT ?1 AS value, typeof(?1) AS type').bind(value).all()));
  },
  'bytes, as an array of numbers': async (d1) => {
    const bytes = [Uint8Array.of(1, 2, 255), Uint8Array.of(3).buffer, [0, 1, 255], []];
    return Promise.all(bytes.map((value) => d1.prepare('SELECT ?1 AS value, hex(?1) AS hex').bind(value).all()));
  },
  // Larger ones in a TEXT column are spelled by each version of SQLite in its own way.
  'numbers in columns of each kind': async (d1) => {
    await d1.exec('CREATE TABLE t (i INTEGER, r REAL, s TEXT, x ANY) STRICT');
    const insert = d1.prepare(
      'INSERT INTO t VALUES (?1, ?1, ?1, ?1) RETURNING *, typeof(i), typeof(r), typeof(s), typeof(x)',
    );
    return Promise.all([0, 1, -7, 1_732_406_400_000, null, true].map((value) => insert.bind(value).all()));
  },
  'parameters by position, by number, and named twice': (d1) =>
    d1.batch([
      d1.prepare('SELECT ? AS a, ? AS b').bind(1, 2),
      d1.prepare('SELECT ?2 AS a, ?1 AS b, ?2 AS c').bind(1, 2),
      d1.prepare('SELECT ?3 AS a').bind(1, 2, 3),
    ]),
  'as many parameters as are allowed': (d1) =>
    d1
      .prepare(`SELECT ${Array(100).fill('?').join(' + ')} AS sum`)
      .bind(...Array(100).fill(1))
      .all(),
  'what is bound last': (d1) => d1.prepare('SELECT ?1 AS a').bind('first').bind('second').all(),
  'a list as one parameter': async (d1) => {
    await d1.batch([transaction(d1, 'a', 'one'), transaction(d1, 'b', 'two'), transaction(d1, 'c', 'three')]);
    return d1
      .prepare(
        `SELECT transaction_id AS id FROM transactions WHERE transaction_id IN (SELECT value FROM json_each(?1)) ORDER BY id`,
      )
      .bind(JSON.stringify(['c', 'a', 'x']))
      .all();
  },
  'fields of JSON objects, by their types': (d1) =>
    d1
      .prepare(`SELECT value ->> 's' AS s, value ->> 'n' AS n, typeof(value ->> 'n') AS type FROM json_each(?1)`)
      .bind(JSON.stringify([{ s: 'x', n: 1732406400000 }, { s: null }]))
      .all(),
  'text in double quotes that is no column': (d1) => d1.prepare('SELECT "text" AS a').all(),
  'a statement with a semicolon behind it': (d1) => d1.prepare('SELECT 1 AS a ;\n ').all(),
  'PRAGMA foreign_keys': (d1) => d1.prepare('PRAGMA foreign_keys').all(),

  'first(), of rows and of none': async (d1) => {
    const rows = d1.prepare('SELECT value AS a, NULL AS b FROM json_each(?1)');
    return [
      await rows.bind('[1, 2]').first(),
      await rows.bind('[1, 2]').first('a'),
      await rows.bind('[1, 2]').first('b'),
      await rows.bind('[]').first(),
      await rows.bind('[]').first('nothing'),
    ];
  },
  'raw(), of rows and of none': async (d1) => {
    const rows = d1.prepare('SELECT key, value FROM json_each(?1)');
    return [
      await rows.bind('["a", null]').raw(),
      await rows.bind('["a", null]').raw({ columnNames: true }),
      await rows.bind('[]').raw(),
      await rows.bind('[]').raw({ columnNames: true }),
    ];
  },
  'run(), of a select and of an insert': async (d1) => [
    await d1.prepare('SELECT 1 AS a').run(),
    await transaction(d1, 'a').run(),
    await d1.prepare('SELECT transaction_id FROM transactions').run(),
  ],
  'a second live payment of a booking': async (d1) => [
    await d1.batch([transaction(d1, 'a'), transaction(d1, 'b')]),
    await ids(d1).all(),
  ],
  'exec(), a statement on each line': async (d1) => [
    (await d1.exec('CREATE TABLE t (a INTEGER)\n\n  INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2)\n')).count,
    await d1.exec('INSERT INTO t VALUES (3)\nINSERT INTO nowhere VALUES (4)').catch(errorOf),
    await d1.prepare('SELECT a FROM t').all(),
  ],

  'the ledger: a payment from its claim to its refund': (d1) =>
    payment({ d1, log: () => {}, cipher: PLAIN_CIPHER, author: NOBODY }),
};

/** What both are to refuse, and with which words. Where the words of one are known, so is the mistake in a case. */
const REFUSED: Record<string, [RegExp, Case]> = {
  'a primary key that is taken': [
    /UNIQUE .*PRIMARYKEY/,
    (d1) => d1.batch([transaction(d1, 'a'), transaction(d1, 'a', 'other')]),
  ],
  'a second event of a payment': [
    /another event reports this payment/,
    (d1) => d1.batch([transaction(d1, 'a'), event(d1, 'e1', 'a'), event(d1, 'e2', 'a')]),
  ],
  'a column that must be unique': [
    /UNIQUE constraint failed: events.event_id/,
    (d1) => d1.batch([transaction(d1, 'a'), transaction(d1, 'b', 'x'), event(d1, 'e', 'a'), event(d1, 'e', 'b')]),
  ],
  'a CHECK of a column': [
    /CHECK constraint failed: amount_minor > 0/,
    (d1) => transaction(d1, 'a', 'booking', 0).run(),
  ],
  'a CHECK of a table': [
    /CHECK constraint failed: reserved_minor/,
    (d1) => d1.batch([transaction(d1, 'a'), d1.prepare('UPDATE transactions SET reserved_minor = amount_minor + 1')]),
  ],
  'an illegal transition': [
    /illegal transition of a transaction: SQLITE_CONSTRAINT/,
    (d1) =>
      d1.batch([
        transaction(d1, 'a'),
        d1.prepare(`UPDATE transactions SET status = 'completed', processed_at_ms = 1`),
        d1.prepare(`UPDATE transactions SET status = 'pending', processed_at_ms = NULL`),
      ]),
  ],
  'a change of what was asked for': [
    /a transaction is what was asked for: SQLITE_CONSTRAINT/,
    (d1) => d1.batch([transaction(d1, 'a'), d1.prepare('UPDATE transactions SET amount_minor = 2')]),
  ],
  'a NULL that may not be': [/NOT NULL constraint failed/, (d1) => transaction(d1, 'a', null).run()],
  'a refund of no payment': [/FOREIGN KEY constraint failed/, (d1) => refund(d1, 'r', 'nobody').run()],
  'a refund taken from under its event': [
    /FOREIGN KEY constraint failed/,
    (d1) =>
      d1.batch([
        ...[transaction(d1, 'a'), refund(d1, 'r', 'a'), refundEvent(d1, 'e', 'a', 'r')],
        d1.prepare('DELETE FROM refunds'),
      ]),
  ],
  'text in an INTEGER column': [/cannot store TEXT/, (d1) => transaction(d1, 'a', 'booking', 'many').run()],
  'a fraction in an INTEGER column': [/cannot store REAL/, (d1) => transaction(d1, 'a', 'booking', 1.5).run()],
  'bytes in a TEXT column': [/cannot store BLOB/, (d1) => transaction(d1, 'a', Uint8Array.of(1)).run()],
  'a row id that is no number': [
    /SQLITE_MISMATCH/,
    async (d1) => {
      await d1.exec('CREATE TABLE t (n INTEGER PRIMARY KEY)');
      await d1.prepare('INSERT INTO t VALUES (?1)').bind('x').run();
    },
  ],
  'a table that is not there': [/no such table: nowhere/, (d1) => d1.prepare('SELECT * FROM nowhere').all()],
  'a column that is not there': [/no such column: missing/, (d1) => d1.prepare('SELECT missing FROM events').all()],
  'a column that is not there to insert into': [
    /has no column named missing/,
    (d1) => d1.prepare('INSERT INTO events (missing) VALUES (1)').run(),
  ],
  'a function that is not there': [/no such function/, (d1) => d1.prepare('SELECT missing(1)').all()],
  'what is no SQL': [/near "SELEC": syntax error/, (d1) => d1.prepare('SELEC 1').all()],
  'half a statement': [/incomplete input/, (d1) => d1.prepare('SELECT (1').all()],
  'a table that is there already': [/already exists/, (d1) => d1.prepare('CREATE TABLE events (a)').run()],
  'broken JSON': [/malformed JSON/, (d1) => d1.prepare('SELECT * FROM json_each(?1)').bind('["a"').all()],
  'an integer too large to count with': [
    /integer overflow/,
    (d1) => d1.prepare('SELECT abs(-9223372036854775808)').all(),
  ],
  'a parameter too few': [/Wrong number/, (d1) => d1.prepare('SELECT ?1, ?2').bind(1).all()],
  'a parameter too many': [/Wrong number/, (d1) => d1.prepare('SELECT ?1').bind(1, 2).all()],
  'no parameters where there should be some': [/Wrong number/, (d1) => d1.prepare('SELECT ?1').all()],
  'more parameters than are allowed': [
    /too many SQL variables/,
    (d1) =>
      d1
        .prepare(`SELECT ${Array(101).fill('?').join()}`)
        .bind(...Array(101).fill(1))
        .all(),
  ],
  'a parameter with a number that is not allowed': [
    /variable number must be between/,
    (d1) =>
      d1
        .prepare('SELECT ?101')
        .bind(...Array(101).fill(1))
        .all(),
  ],
  undefined: [/'undefined' not supported/, async (d1) => d1.prepare('SELECT ?1').bind(undefined).all()],
  'an object': [/'object' not supported/, async (d1) => d1.prepare('SELECT ?1').bind({}).all()],
  'a date': [/'object' not supported/, async (d1) => d1.prepare('SELECT ?1').bind(new Date(0)).all()],
  'a list of texts': [/'object' not supported/, async (d1) => d1.prepare('SELECT ?1').bind(['x']).all()],
  'a bigint': [/'bigint' not supported/, async (d1) => d1.prepare('SELECT ?1').bind(1n).all()],
  'an empty batch': [/No SQL statements detected/, (d1) => d1.batch([])],
  'an empty statement': [/No SQL statements detected/, (d1) => d1.prepare(' ').all()],
  'first() of a column that is not there': [/D1_COLUMN_NOTFOUND/, (d1) => d1.prepare('SELECT 1 AS a').first('b')],
};

/** Where the two differ, the simulator's refuses, so that nothing is tested on an answer which D1 would not give. */
const REFUSED_BY_SQLITE_ONLY: Record<string, [RegExp, Case]> = {
  // node:sqlite rounds no integer.
  'an integer beyond 2^53': [/too large/, (d1) => d1.prepare('SELECT 9007199254740993 AS a').all()],
  // It reads text only up to a NUL.
  'text with a NUL': [/NUL/, async (d1) => d1.prepare('SELECT ?1 AS a').bind('a\0b').all()],
  // It prepares only the first statement.
  'two statements in one': [/one statement/, (d1) => d1.prepare('SELECT 1; SELECT 2').all()],
  // It gives no names for what is not bound by name.
  'a parameter with a name': [/Wrong number/, (d1) => d1.prepare('SELECT :a').bind(1).all()],
};

async function payment(db: Omit<Database, 'd1'> & { d1: D1Database }): Promise<unknown[]> {
  const key = (path: KeyClaim['path']): KeyClaim => ({ tenant: 'tenant', path, key: 'key', fingerprint: 'print' });
  const claim: NewTransaction = {
    transactionId: 'TXN-1',
    tenant: 'tenant',
    bookingId: 'booking',
    userId: 'user',
    userEmail: null,
    currency: 'USD',
    amountMinor: 1_000,
    paymentMethod: 'credit_card',
    cardBrand: 'visa',
    cardLast4: '4242',
    gateway: 'sandbox',
    gatewayIntent: null,
    createdAtMs: 1_000,
    nextLookupAtMs: 2_000,
  };
  const outcome = {
    transactionId: 'TXN-1',
    eventId: 'EVT-1',
    result: { status: 'completed' as const, gatewayReference: 'ref' },
    processedAtMs: 1_500,
    nextLookupAtMs: null,
  };
  const refund = {
    refundId: 'REF-1',
    tenant: 'tenant',
    transactionId: 'TXN-1',
    bookingId: 'booking',
    userId: 'user',
    currency: 'USD',
    amountMinor: 400,
    reason: 'because',
    createdAtMs: 2_000,
    nextLookupAtMs: 3_000,
  };
  const lease = { leaseId: 'lease-1', nowMs: 3_000, untilMs: 9_000 };
  const told: unknown[] = [
    await claimBooking(db, claim, key('/payment/process')),
    await claimBooking(db, { ...claim, transactionId: 'TXN-2' }, key('/payment/process')),
    await claimBooking(db, { ...claim, transactionId: 'TXN-3' }),
    await recordPaymentOutcome(db, outcome),
    await recordPaymentOutcome(db, { ...outcome, eventId: 'EVT-2' }),
    await recordPaymentOutcome(db, { ...outcome, result: { status: 'failed', failure: failure('CARD_DECLINED') } }),
  ];
  const reservation = await reserveRefund(db, refund, key('/payment/refund'));
  told.push(
    reservation,
    await reserveRefund(db, { ...refund, refundId: 'REF-2' }, key('/payment/refund')),
    await reserveRefund(db, { ...refund, refundId: 'REF-3', amountMinor: 601 }),
  );
  if (reservation.kind !== 'reserved') throw new Error('nothing was reserved');
  told.push(
    await recordRefundOutcome(db, {
      refund: reservation.refund,
      eventId: 'EVT-3',
      result: { status: 'completed', gatewayReference: 'ref' },
      processedAtMs: 2_500,
      nextLookupAtMs: null,
    }),
    await findRefund(db, 'tenant', 'REF-1'),
    // The refund's event waits for the payment's.
    await leaseEvents(db, lease, ['EVT-1', 'EVT-3']),
    await leaseDueEvents(db, { ...lease, leaseId: 'lease-2' }, 10),
    (await findEvents(db, ['EVT-3', 'EVT-1'])).events,
    await recordDeliveries(
      db,
      { delivered: [{ eventId: 'EVT-1', leaseId: 'lease-1' }], undelivered: [] },
      4_000,
      lease,
    ),
    await recordDeliveries(
      db,
      {
        delivered: [],
        undelivered: [{ eventId: 'EVT-3', leaseId: 'lease-1', reason: 'no broker', nextAttemptAtMs: 5_000 }],
      },
      4_000,
      null,
    ),
    await db.d1.prepare('SELECT * FROM events ORDER BY sequence').all(),
    await purgeExpired(db, 'idempotency_keys', 1_000_000_000_000, 1),
    await db.d1.prepare('SELECT * FROM idempotency_keys').all(),
  );
  return told;
}

const NAMES = [...Object.keys(ANSWERED), ...Object.keys(REFUSED), ...Object.keys(REFUSED_BY_SQLITE_ONLY)];
/** A case's own database in workerd: a binding for each. */
const bindingOf = (name: string) => `DB_${NAMES.indexOf(name)}`;

let directory: string;
let platform: PlatformProxy<Record<string, D1Database>>;
let migrations: string;

beforeAll(async () => {
  // Away from the project, where a developer's .dev.vars and .wrangler are.
  directory = mkdtempSync(join(tmpdir(), 'payment-service-'));
  vi.stubEnv('CLOUDFLARE_CF_FETCH_ENABLED', 'false');
  vi.stubEnv('WRANGLER_REGISTRY_PATH', join(directory, 'registry'));
  const configPath = join(directory, 'wrangler.json');
  const databases = NAMES.map(bindingOf).map((binding) => ({
    binding,
    database_name: binding,
    database_id: binding,
  }));
  writeFileSync(
    configPath,
    JSON.stringify({ name: 'conformance', compatibility_date: '2026-11-01', d1_databases: databases }),
  );
  platform = await getPlatformProxy({ configPath, persist: false, remoteBindings: false });
  migrations = (await readD1Migrations('migrations')).flatMap(({ queries }) => queries).join(';\n');
}, 60_000);

afterAll(async () => {
  await platform?.dispose();
  rmSync(directory, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

async function realD1(name: string): Promise<D1Database> {
  const d1 = platform.env[bindingOf(name)] as D1Database;
  // Local D1 runs all that is in a statement.
  await d1.prepare(migrations).run();
  await d1.prepare(SET_LAST_ROW_ID).run();
  return d1;
}

function sqliteD1(): SqliteD1 {
  const opened = openSqliteD1();
  applyMigrations(opened.sqlite);
  opened.sqlite.exec(SET_LAST_ROW_ID);
  return opened;
}

/** An error as far as it can be the same: where in the text of a statement it lies, node:sqlite does not say. */
function errorOf(error: unknown) {
  if (!(error instanceof Error)) return { thrown: error };
  const message = error.message.replace(/ at offset \d+(?=: SQLITE_)/, '');
  const cause = error.cause instanceof Error ? error.cause.message.replace(/ at offset \d+(?=: SQLITE_)/, '') : null;
  return { name: error.name, message, cause };
}

/** With the order of a row's columns, and of the counts only those that node:sqlite has. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null || !('meta' in value)) return value;
  const { success, results, meta } = value as D1Result<object>;
  const { changes, last_row_id, changed_db } = meta;
  return { success, rows: results.map(Object.entries), results, meta: { changes, last_row_id, changed_db } };
}

describe('answers as D1 does', () => {
  it.each(Object.entries(ANSWERED))('%s', async (name, run) => {
    const expected = comparable(await run(await realD1(name)));
    const { d1, close } = sqliteD1();
    expect(comparable(await run(d1))).toStrictEqual(expected);
    close();
  });
});

describe('refuses as D1 does', () => {
  it.each(Object.entries(REFUSED))('%s', async (name, [words, run]) => {
    const expected = await run(await realD1(name)).then(() => 'went through', errorOf);
    expect(expected).toMatchObject({ message: expect.stringMatching(words) });
    const { d1, close } = sqliteD1();
    expect(await run(d1).then(() => 'went through', errorOf)).toStrictEqual(expected);
    close();
  });

  // In D1's words it is about Durable Objects.
  it.each(['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT a'])('%s', async (sql) => {
    const { d1, sqlite, close } = sqliteD1();
    await expect(d1.batch([transaction(d1, 'a'), d1.prepare(sql)])).rejects.toThrow(
      'D1_ERROR: To execute a transaction',
    );
    expect(sqlite.isTransaction).toBe(false);
    expect((await ids(d1).all()).results).toEqual([]);
    close();
  });
});

describe('refuses where it cannot answer as D1 does', () => {
  it.each(Object.entries(REFUSED_BY_SQLITE_ONLY))('%s', async (name, [words, run]) => {
    await expect(run(await realD1(name))).resolves.toMatchObject({ success: true });
    const { d1, close } = sqliteD1();
    await expect(run(d1)).rejects.toThrow(words);
    close();
  });
});

describe('applyMigrations', () => {
  it('gives each file to the patch, in order, and runs what comes back', () => {
    const { sqlite, close } = openSqliteD1();
    const files: string[] = [];
    applyMigrations(sqlite, (sql, file) => {
      files.push(file);
      return sql.replaceAll('transactions_one_per_intent', 'renamed');
    });
    expect(files).toEqual([...files].sort());
    expect(files[0]).toBe('0001_transactions.sql');
    expect(sqlite.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name = 'renamed'`).get()).toEqual({ n: 1 });
    close();
  });
});
