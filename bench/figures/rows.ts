/** Rows written and read by each operation, and bytes stored, in ledgers of different sizes: exact counts, the same on any machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PACKED_AFTER_MS } from '../../src/core/ledger/audit/pack-block.ts';
import { localDatabaseFile } from '../../test/support/local-database.ts';
import { tableWalks } from '../../test/support/query-plans.ts';
import {
  type Backlog,
  ENTRIES_OF_BLOCK,
  expiredCounters,
  expiredKeys,
  oldEvents,
  statements,
  writeBacklog,
  writeSealedEntries,
} from '../backlogs.ts';
import { fillLedger, MS_PER_PAYMENT } from '../bulk-ledger.ts';
import { type CountedService, copyPlace, type Place, preparePlace, startCountedService } from '../counted-service.ts';
import type { Calls, CountedStatement, Counts, Plans } from '../counts.ts';
import type { CountedOperation, Figure, Line, Measured, Measuring } from '../figure.ts';
import { makePayments } from '../ledger-payments.ts';
import { packLedger } from '../pack-ledger.ts';
import {
  type BenchRequest,
  holdRequest,
  type MadePayment,
  newBookingId,
  processRequest,
  refundRequest,
  statusRequest,
} from '../requests.ts';

export interface Plan {
  /** Payments in each ledger. */
  sizes: readonly number[];
  /** All but so many of the newest have been archived; absent where nothing has. */
  archivedBut?: number;
  /** Payments that the service makes itself, of which the ledgers are copies. */
  examplePayments: number;
  /** Of each operation; its counts are the mean. */
  repeated: number;
}
const FULL: Plan = { sizes: [1_000, 100_000, 1_000_000], examplePayments: 100, repeated: 20 };
const QUICK: Plan = { sizes: [1_000, 100_000], examplePayments: 20, repeated: 5 };
/** Rows of a kind that leave their table. */
const LEAVING_ROWS = { full: 20_000, quick: 5_000 };

interface Leaving {
  backlog: Backlog;
  /** As many of them as a payment writes at most. */
  rowsAPayment: number;
  /** Newest rows that stay. */
  staying: number;
}
/** What jobs take out of the tables. */
const LEAVING: Record<string, Leaving> = {
  pack: { backlog: writeSealedEntries, rowsAPayment: 2, staying: ENTRIES_OF_BLOCK },
  purge_of_events: { backlog: statements(oldEvents), rowsAPayment: 1, staying: 1 },
  purge_of_keys: { backlog: statements(expiredKeys), rowsAPayment: 1, staying: 0 },
  // Of the card, the user and the network.
  purge_of_counters: { backlog: statements(expiredCounters), rowsAPayment: 3, staying: 0 },
};

const LIMITS = { VELOCITY_PER_CARD: '100000', VELOCITY_PER_USER: '100000', VELOCITY_DECLINE_PERCENT: '80' };
const NO_LIMITS = { VELOCITY_PER_CARD: '0', VELOCITY_PER_USER: '0', VELOCITY_DECLINE_PERCENT: '0' };

const OF_AUDIT = /\baudit_/;
/** What an archive takes away: all but transactions and refunds. */
const STAYS = /^(sqlite_autoindex_)?(transactions|refunds)/;

export interface Operation extends CountedOperation {
  /** Of one run, in their order. */
  each: { statement: string; rowsRead: number; rowsWritten: number }[];
}

export interface Size {
  payments: number;
  operations: Record<string, Operation>;
  /** Of a payment with its delivery. */
  logLines: number;
  /** A payment, by table and index: with all of the audit log packed but its last hour, and with none of it packed. */
  bytes: Record<string, number>;
  bytesUnpacked: Record<string, number>;
  /** How much of the audit log `bytes` has packed, from 0 to 1. */
  packed: number;
  /** Statements whose plan reads a whole table, and how many rows they have read at most; with a LIMIT it may be few. */
  scans: { statement: string; plan: string; rowsRead: number }[];
}

export const rows: Figure = {
  name: 'rows',
  title: 'Rows and bytes',
  async measure(measuring) {
    const directory = await mkdtemp(join(tmpdir(), 'bench-rows-'));
    try {
      const leaving = await measureLeaving(directory, measuring);
      return measured(await measureSizes(directory, measuring.quick ? QUICK : FULL, measuring), leaving);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

export async function measureSizes(directory: string, plan: Plan, { progress, signal }: Measuring): Promise<Size[]> {
  const { sizes, examplePayments } = plan;
  const all = sizes.reduce((sum, payments) => sum + payments, 0);
  const example = await preparePlace(join(directory, 'example'), signal);
  await makePayments(example, examplePayments);
  const measured: Size[] = [];
  let copied = 0;
  for (const payments of sizes) {
    signal.throwIfAborted();
    const place = await copyPlace(example, join(directory, String(payments)));
    await fillLedger(localDatabaseFile(place.directory), {
      example: examplePayments,
      wanted: payments,
      ...(plan.archivedBut !== undefined && { archivedBut: Math.min(payments, plan.archivedBut) }),
      onCopied: (done) => {
        signal.throwIfAborted();
        progress.at(copied + done, all);
      },
    });
    copied += payments;
    measured.push(await measureSize(place, payments, plan));
    await rm(place.directory, { recursive: true, force: true });
  }
  return measured;
}

/** Of each kind, what it takes to have a payment's rows leave. */
async function measureLeaving(
  directory: string,
  { quick, signal }: Measuring,
): Promise<Record<string, CountedOperation>> {
  const count = quick ? LEAVING_ROWS.quick : LEAVING_ROWS.full;
  const empty = await preparePlace(join(directory, 'empty'), signal);
  const operations: Record<string, CountedOperation> = {};
  for (const [name, { backlog, rowsAPayment, staying }] of Object.entries(LEAVING)) {
    signal.throwIfAborted();
    const place = await copyPlace(empty, join(directory, name));
    writeBacklog(place.directory, (database) =>
      backlog(database, { count: count + staying, nowMs: Date.now(), gateway: 'sandbox' }),
    );
    const service = await startCountedService(place);
    try {
      await service.runCron();
      const { each: _, ...operation } = operationOf(
        Object.values((await service.counts(0)).phases),
        count / rowsAPayment,
      );
      if (operation.rowsWritten < rowsAPayment) throw new Error(`${name}: not all of ${count} rows have left`);
      operations[name] = operation;
    } finally {
      await service.stop();
    }
  }
  return operations;
}

async function measureSize(place: Place, payments: number, { repeated }: Plan): Promise<Size> {
  const file = localDatabaseFile(place.directory);
  const bytesUnpacked = bytesAPayment(file, payments);
  const packed = await packLedger(file, PACKED_AFTER_MS);
  const bytes = bytesAPayment(file, payments);
  await packLedger(file); // so that the job has nothing to pack, however long this takes
  const service = await startCountedService(place);
  try {
    const { operations, statements, logLines } = await countOperations(service, repeated);
    const plans = await service.plans([...statements.keys()]);
    const scans = scansIn(plans, statements);
    return { payments, operations, logLines, bytes, bytesUnpacked, packed, scans };
  } finally {
    await service.stop();
  }
}

async function countOperations(
  service: CountedService,
  repeated: number,
): Promise<Pick<Size, 'operations' | 'logLines'> & { statements: Map<string, number> }> {
  /** The rows that each has read at most. */
  const statements = new Map<string, number>();
  const keep = (counts: Counts) => {
    for (const { batches } of Object.values(counts.phases)) {
      for (const { sql, rowsRead } of batches.flat()) statements.set(sql, Math.max(rowsRead, statements.get(sql) ?? 0));
    }
    return counts;
  };
  /** Each request is sent when all that the one before it has caused has ended. */
  const repeat = async (requests: BenchRequest[], event: boolean) => {
    await service.reset();
    const answers: Record<string, unknown>[] = [];
    for (const request of requests) {
      answers.push(await service.send(request));
      await service.counts(event ? answers.length : 0);
    }
    return { counts: keep(await service.counts(event ? requests.length : 0)), answers };
  };
  const bookings = () => Array.from({ length: repeated }, newBookingId);

  // What the first request of an isolate does once, and what is still to be sealed, is no operation's.
  await repeat([processRequest(newBookingId())], true);
  await service.runCron();

  const paid = bookings();
  const processed = await repeat(
    paid.map((id) => processRequest(id)),
    true,
  );
  await service.reset();
  await service.runCron();
  const sealed = keep(await service.counts(0));
  await service.reset();
  await service.runCron();
  const idle = keep(await service.counts(0));

  const payments = madePayments(paid, processed.answers);
  const status = await repeat(payments.map(statusRequest), false);
  const refunded = await repeat(payments.map(refundRequest), true);
  const held = async () => {
    const ids = bookings();
    const authorized = await repeat(
      ids.map((id) => processRequest(id, { manual: true })),
      false,
    );
    return { authorized, payments: madePayments(ids, authorized.answers) };
  };
  const { authorized, payments: toCapture } = await held();
  const captured = await repeat(
    toCapture.map((payment) => holdRequest('capture', payment)),
    true,
  );
  const voided = await repeat(
    (await held()).payments.map((payment) => holdRequest('void', payment)),
    true,
  );
  await service.setVariables(LIMITS);
  await repeat([processRequest(newBookingId())], true);
  const keyed = await repeat(
    bookings().map((id) => processRequest(id, { key: `key-of-${id}` })),
    true,
  );
  await service.setVariables(NO_LIMITS);

  const requested = ({ counts }: { counts: Counts }) => operationOf([counts.phases.request], repeated);
  const delivered = ({ counts }: { counts: Counts }) => operationOf([counts.phases.queue], repeated);
  return {
    statements,
    logLines: keyed.counts.logLines / repeated,
    operations: {
      process: requested(processed),
      process_with_key_and_limits: requested(keyed),
      status: requested(status),
      refund: requested(refunded),
      authorize: requested(authorized),
      capture: requested(captured),
      void: requested(voided),
      delivery: delivered(processed),
      refund_delivery: delivered(refunded),
      // A payment's share of sealing all of them; what the cron does besides is not the seals'.
      seal: operationOf(Object.values(sealed.phases).map(onlyOfAudit), repeated),
      cron: operationOf(Object.values(idle.phases), 1),
    },
  };
}

function madePayments(bookingIds: string[], answers: Record<string, unknown>[]): MadePayment[] {
  return bookingIds.map((bookingId, index) => ({
    bookingId,
    transactionId: String(answers[index]?.transaction_id),
  }));
}

function onlyOfAudit(calls: Calls): Calls {
  const batches = calls.batches
    .map((batch) => batch.filter(({ sql }) => OF_AUDIT.test(sql)))
    .filter((batch) => batch.length > 0);
  return { ...calls, batches };
}

/** The mean of so many runs. The statements are those of the runs, each with its sum over them divided by their number. */
function operationOf(calls: Calls[], times: number): Operation {
  const statements = calls.flatMap(({ batches }) => batches.flat());
  const mean = (sum: number) => sum / times;
  const total = (of: (one: CountedStatement) => number) => mean(statements.reduce((sum, one) => sum + of(one), 0));
  const totalOf = (of: (one: Calls) => number) => mean(calls.reduce((sum, one) => sum + of(one), 0));
  const bySql = Map.groupBy(statements, ({ sql }) => sql);
  return {
    requests: totalOf(({ invocations }) => invocations),
    durableObjectCalls: totalOf(({ durableObjectCalls }) => durableObjectCalls),
    roundTrips: totalOf(({ batches }) => batches.length),
    statements: mean(statements.length),
    rowsRead: total(({ rowsRead }) => rowsRead),
    rowsWritten: total(({ rowsWritten }) => rowsWritten),
    queueMessages: totalOf(({ queueMessages }) => queueMessages),
    each: [...bySql].map(([sql, runs]) => ({
      statement: label(sql),
      rowsRead: mean(runs.reduce((sum, { rowsRead }) => sum + rowsRead, 0)),
      rowsWritten: mean(runs.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)),
    })),
  };
}

const LABEL_MAX_LENGTH = 160;

/** Enough of a statement to know it by. */
function label(sql: string): string {
  const line = sql.replaceAll(/\s+/g, ' ').trim();
  const short = line
    .replace(/SELECT t\..*? FROM /g, 'SELECT … FROM ')
    .replace(/SELECT r\..*? FROM /g, 'SELECT … FROM ');
  return short.length > LABEL_MAX_LENGTH ? `${short.slice(0, LABEL_MAX_LENGTH)}…` : short;
}

function bytesAPayment(file: string, payments: number): Record<string, number> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const stored = database
      .prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY bytes DESC')
      .all();
    const empty = database.prepare('PRAGMA page_size').get()?.page_size as number;
    return Object.fromEntries(
      stored
        .filter(({ name, bytes }) => Number(bytes) > empty && name !== 'sqlite_schema')
        .map(({ name, bytes }) => [String(name), Number(bytes) / payments]),
    );
  } finally {
    database.close();
  }
}

/** Statements whose plan reads all of a table or of one of its indexes. */
function scansIn(plans: Plans, rowsRead: ReadonlyMap<string, number>): Size['scans'] {
  return Object.entries(plans).flatMap(([sql, lines]) =>
    tableWalks(sql, lines).map((plan) => ({ statement: label(sql), plan, rowsRead: rowsRead.get(sql) ?? 0 })),
  );
}

function measured(sizes: Size[], leaving: Record<string, CountedOperation>): Measured {
  const [first] = sizes;
  const last = sizes.at(-1);
  if (first === undefined || last === undefined) throw new Error('no ledger was measured');
  const at = `at ${last.payments.toLocaleString('en')}`;
  const of = (name: string): Operation => {
    const operation = last.operations[name];
    if (operation === undefined) throw new Error(`${name} was not measured`);
    return operation;
  };
  const written = (...names: string[]) => names.reduce((sum, name) => sum + of(name).rowsWritten, 0);
  const rowsLine = (what: string, value: number, target?: number): Line => ({
    what: `${what}, ${at}`,
    value: rounded(value),
    unit: 'rows',
    ...(target !== undefined && { target: { atMost: target } }),
  });
  if (last.packed === 0) throw new Error(`nothing of a ledger of ${last.payments} payments is packed`);
  const sum = (bytes: Record<string, number>) => Object.values(bytes).reduce((all, value) => all + value, 0);
  const staying = Object.fromEntries(Object.entries(last.bytes).filter(([name]) => STAYS.test(name)));
  return {
    lines: [
      rowsLine('written a payment, until its answer', written('process'), 11),
      rowsLine('written a payment, with delivery and seal', written('process', 'delivery', 'seal'), 15),
      rowsLine('written a payment with a key and limits, until its answer', written('process_with_key_and_limits')),
      {
        what: 'written a payment with a key and limits, when it is packed, purged and has expired',
        value: rounded(Object.values(leaving).reduce((all, { rowsWritten }) => all + rowsWritten, 0)),
        unit: 'rows',
      },
      rowsLine('written a refund, with delivery', written('refund', 'refund_delivery')),
      rowsLine(
        'read a payment, with delivery and seal',
        of('process').rowsRead + of('delivery').rowsRead + of('seal').rowsRead,
      ),
      rowsLine('read a status', of('status').rowsRead),
      {
        what: `rows read by all operations, ${at}, beside ${first.payments.toLocaleString('en')}`,
        value: rounded(rowsReadByAll(last) / rowsReadByAll(first)),
        unit: '×',
        target: { atMost: 1 },
        note: '1 is flat',
      },
      {
        what: 'statements that scan a table',
        value: new Set(sizes.flatMap(({ scans }) => scans.map(({ statement }) => statement))).size,
        unit: 'statements',
        target: { atMost: 0 },
      },
      { what: 'log lines of a payment, with delivery', value: last.logLines, unit: 'lines' },
      {
        what: `stored a payment, hot, ${at}`,
        value: Math.round(sum(last.bytes)),
        unit: 'bytes',
        target: { atMost: 900 },
        note: `${Math.round(last.packed * 100)} % of the audit log packed: all but its last hour, at ${1_000 / MS_PER_PAYMENT} payments a second; no keys, no limits`,
      },
      {
        what: `stored a payment, in its first hour, ${at}`,
        value: Math.round(sum(last.bytesUnpacked)),
        unit: 'bytes',
        note: 'delivered and sealed, not packed',
      },
      {
        what: `stored a payment, what archiving leaves, ${at}`,
        value: Math.round(sum(staying)),
        unit: 'bytes',
        target: { atMost: 350 },
        note: 'tables and indexes of transactions and refunds',
      },
    ],
    details: {
      operations: Object.fromEntries(
        Object.entries(last.operations).map(([name, { each: _, ...operation }]) => [name, operation]),
      ),
      leaving,
      log_lines_a_payment: last.logLines,
      sizes,
    },
  };
}

function rowsReadByAll({ operations }: Size): number {
  return Object.values(operations).reduce((sum, { rowsRead }) => sum + rowsRead, 0);
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
