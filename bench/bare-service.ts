/** The bare Worker on this machine, told what the calls of the service's operations are. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { localDatabaseFile } from '../test/support/local-database.ts';
import type { CountedService } from './counted-service.ts';
import type { Counts } from './counts.ts';
import { bundleWorker, type LocalWorker, startLocalWorker } from './local-worker.ts';
import { newBookingId, processRequest, refundRequest, statusRequest } from './requests.ts';
import { type Shape, type Shapes, tableOfRows } from './shapes.ts';

/** Columns of the bare tables that can be indexed. */
const INDEXED = ['a', 'b', 'c', 'd', 'e'];

/** The calls of each operation, counted on the service itself, so that they are those of the version at hand. */
export async function shapesOf(service: CountedService): Promise<Shapes> {
  // What only the first request of an isolate does is no part of it.
  const first = newBookingId();
  await service.send(processRequest(first));
  const bookingId = newBookingId();
  await service.reset();
  const { transaction_id } = await service.send(processRequest(bookingId));
  const process = shapeOf(await service.counts(1));
  const payment = { bookingId, transactionId: String(transaction_id) };
  await service.reset();
  await service.send(statusRequest(payment));
  const status = shapeOf(await service.counts(0));
  await service.reset();
  await service.send(refundRequest(payment));
  return { process, status, refund: shapeOf(await service.counts(1)) };
}

function shapeOf({ phases }: Counts): Shape {
  const { durableObjectCalls, batches, queueMessages } = phases.request;
  const shapes = batches.map((batch) => batch.map(({ rowsRead, rowsWritten }) => ({ rowsRead, rowsWritten })));
  return { durableObjectCalls, batches: shapes, queueMessages };
}

/** Starts it in a directory of its own. */
export async function startBareService(options: {
  directory: string;
  shapes: Shapes;
  variables: Record<string, string>;
  signal: AbortSignal;
}): Promise<LocalWorker> {
  const { directory, shapes, signal } = options;
  const script = await bundleWorker('bench/workers/bare-worker.ts', join(directory, 'bundle'), signal);
  const start = () =>
    startLocalWorker({
      script,
      directory,
      variables: { ...options.variables, SHAPES: JSON.stringify(shapes) },
      consumes: false,
    });
  await (await start()).stop();
  makeTables(localDatabaseFile(directory), shapes);
  return start();
}

/** One for each number of rows that a statement writes, with as many indexes as make it that number. */
function makeTables(file: string, shapes: Shapes): void {
  const statements = Object.values(shapes).flatMap(({ batches }: Shape) => batches.flat());
  const database = new DatabaseSync(file);
  try {
    for (const rows of new Set([1, ...statements.map(({ rowsWritten }) => rowsWritten)])) {
      if (rows === 0) continue;
      if (rows > INDEXED.length + 1)
        throw new Error(`a statement writes ${rows} rows: the bare table has too few indexes`);
      const table = tableOfRows(rows);
      database.exec(
        `CREATE TABLE ${table} (id TEXT PRIMARY KEY, ${INDEXED.map((name) => `${name} TEXT`).join(', ')}, at_ms INTEGER, text TEXT) WITHOUT ROWID`,
      );
      for (const column of INDEXED.slice(0, rows - 1)) {
        database.exec(`CREATE INDEX ${table}_by_${column} ON ${table} (${column})`);
      }
    }
    database.exec(`INSERT INTO ${tableOfRows(1)} (id, at_ms, text) VALUES ('there', 0, '${'x'.repeat(200)}')`);
  } finally {
    database.close();
  }
}
