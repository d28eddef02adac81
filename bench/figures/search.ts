/** Rows that a page of a search reads, for each filter and for all combinations of them, in one database and in four. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { encodeTime, ulid } from 'ulid';
import { PAGE_MAX_ROWS } from '../../src/core/ledger/payments/search-page.ts';
import { markOf, shardOfBooking } from '../../src/core/shards.ts';
import { LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { insertApiKey } from '../api-key.ts';
import { type CountedService, startCountedService } from '../counted-service.ts';
import type { Figure, Line, Measuring } from '../figure.ts';
import { bundleWorker, startLocalWorker } from '../local-worker.ts';

const PAYMENTS = { full: 1_000_000, quick: 40_000 };
const DATABASES = [1, 4];
const USERS = 50_000;
const FROM_MS = Date.UTC(2026, 0, 1);
/** Ten payments a second. */
const MS_PER_PAYMENT = 100;
const ROWS_AT_ONCE = 2_000;
const PAGES = 3;

type Query = Record<string, string>;

/** Of a payment in the middle, which is not another organisation's. */
const filters = (payments: number): Query => ({
  user_id: `user_${(Math.floor(payments / 2) + 7) % USERS}`,
  status: 'failed',
  payment_method: 'stripe',
  gateway: 'paypal',
  created_from: new Date(FROM_MS + (payments / 4) * MS_PER_PAYMENT).toISOString(),
  created_to: new Date(FROM_MS + (payments / 2) * MS_PER_PAYMENT).toISOString(),
});

export const search: Figure = {
  name: 'search',
  title: 'search: rows that a page of 40 reads, at most over its first three pages',
  async measure(measuring) {
    const directory = await mkdtemp(join(tmpdir(), 'bench-search-'));
    try {
      const script = await bundleWorker(
        'bench/workers/counting-worker.ts',
        join(directory, 'bundle'),
        measuring.signal,
      );
      const lines: Line[] = [];
      for (const databases of DATABASES) {
        const place = join(directory, String(databases));
        lines.push(...(await measureInstallation(script, place, databases, measuring)));
        await rm(place, { recursive: true, force: true });
      }
      return { lines };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function measureInstallation(
  script: string,
  directory: string,
  databases: number,
  { quick, progress, signal }: Measuring,
): Promise<Line[]> {
  const payments = quick ? PAYMENTS.quick : PAYMENTS.full;
  const empty = await startLocalWorker({ script, directory, databases, variables: LOCAL_VARIABLES });
  await empty.stop();
  const apiKey = await fill(empty.databaseFiles, payments, (done) => {
    signal.throwIfAborted();
    progress.at(done, payments);
  });
  const service = await startCountedService({ directory, script, apiKey }, { databases });
  try {
    const most = (queries: Query[]) => mostRows(service, queries);
    await most([{}]); // an isolate's first request checks its databases
    const all = Object.entries(filters(payments)).map(([name, value]): Query => ({ [name]: value }));
    const line = async (what: string, queries: Query[]): Promise<Line> => ({
      what: `${databases} ${databases === 1 ? 'database' : 'databases'} of ${(payments / databases).toLocaleString('en')}: ${what}`,
      value: await most(queries),
      unit: 'rows',
      target: { atMost: PAGE_MAX_ROWS },
    });
    return [
      await line('no filter', [{}]),
      await line('booking', [{ booking_id: 'BOOK-77' }]),
      await line('reference', [{ reference: 'ref_77' }, { reference: 'nothing' }]),
      await line('user', [all[0] ?? {}]),
      await line(
        'each status',
        ['pending', 'authorized', 'completed', 'failed', 'refunded'].map((status) => ({ status })),
      ),
      await line('method, gateway', all.slice(2, 4)),
      await line('time', [{ ...all[4], ...all[5] }]),
      await line(`${2 ** all.length} combinations`, combinations(all)),
    ];
  } finally {
    await service.stop();
  }
}

function combinations(all: readonly Query[]): Query[] {
  return Array.from({ length: 2 ** all.length }, (_, bits) =>
    Object.assign({}, ...all.filter((__, index) => bits & (1 << index))),
  );
}

/** The most that any of the pages has read. Whether the key is valid is asked in the same batch, and not counted. */
async function mostRows(service: CountedService, queries: readonly Query[]): Promise<number> {
  let most = 0;
  for (const query of queries) {
    let cursor: string | null = null;
    for (let page = 0; page < PAGES && (page === 0 || cursor !== null); page += 1) {
      await service.reset();
      const parameters = new URLSearchParams({ ...query, limit: '40', ...(cursor && { cursor }) });
      const answer = await service.send({ method: 'GET', path: `/payment/transactions?${parameters}`, headers: {} });
      const { phases } = await service.counts(0);
      const rows = phases.request.batches.flat().filter(({ sql }) => !sql.includes('presented_'));
      most = Math.max(
        most,
        rows.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
      );
      cursor = answer.next_cursor as string | null;
    }
  }
  return most;
}

const INSERT = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, refunded_minor, payment_method, gateway,
    gateway_reference, gateway_intent, error_code, created_at_ms, processed_at_ms, next_lookup_at_ms)
  VALUES (?1, ?2, ?3, ?4, ?5, 'USD', 2550, CASE ?5 WHEN 'refunded' THEN 2550 ELSE 0 END, ?6, ?7, ?8, ?9,
    CASE ?5 WHEN 'failed' THEN 'CARD_DECLINED' END, ?10, CASE ?5 WHEN 'pending' THEN NULL ELSE ?10 END,
    CASE ?5 WHEN 'pending' THEN 4000000000000 END)`;

/** Of all payments 4 % have failed, 2 % are refunded, and 0.02 % are pending; 5 % are another organisation's. Answers with an API key. */
async function fill(files: readonly string[], payments: number, onDone: (done: number) => void): Promise<string> {
  const databases = files.map((file) => new DatabaseSync(file));
  try {
    const [first, ...others] = databases;
    if (first === undefined) throw new Error('there is no database');
    const apiKey = await insertApiKey(first, 'test');
    const key = first.prepare('SELECT * FROM api_keys').get();
    for (const database of others) {
      const columns = Object.keys(key ?? {});
      database
        .prepare(`INSERT INTO api_keys (${columns.join()}) VALUES (${columns.map(() => '?').join()})`)
        .run(...Object.values(key ?? {}));
    }
    const inserts = databases.map((database) => database.prepare(INSERT));
    for (let from = 0; from < payments; from += ROWS_AT_ONCE) {
      for (const database of databases) database.exec('BEGIN');
      for (let number = from; number < from + ROWS_AT_ONCE; number += 1) {
        const tenant = number % 20 === 0 ? 'cinema-2' : 'default';
        const booking = `BOOK-${number}`;
        const shard = await shardOfBooking(tenant, booking, files.length);
        const madeAtMs = FROM_MS + number * MS_PER_PAYMENT;
        const [method = '', gateway = '', intent = ''] = WAYS[number % WAYS.length] ?? [];
        const status = statusOf(number);
        inserts[shard]?.run(
          `TXN-${encodeTime(madeAtMs, 10)}${ulid().slice(10)}${markOf(shard, files.length)}`,
          tenant,
          booking,
          `user_${number % USERS}`,
          status,
          method,
          gateway,
          status === 'completed' || status === 'refunded' ? `ref_${number}` : null,
          intent === '' ? null : `${intent}${number}`,
          madeAtMs,
        );
      }
      for (const database of databases) database.exec('COMMIT');
      onDone(from + ROWS_AT_ONCE);
      await setImmediate();
    }
    return apiKey;
  } finally {
    for (const database of databases) database.close();
  }
}

/** How is paid: the method, the gateway, and how its intents begin. */
const WAYS = [
  ['credit_card', 'stripe:acct_1', 'pi_'],
  ['credit_card', 'stripe:acct_1', 'pi_'],
  ['debit_card', 'stripe:acct_1', 'pi_'],
  ['paypal', 'paypal:M1', 'ORDER-'],
  ['stripe', 'stripe:acct_2', 'pi_'],
] as const;

function statusOf(number: number): string {
  if (number % 5_003 === 0) return 'pending';
  if (number % 25 === 3) return 'failed';
  return number % 50 === 4 ? 'refunded' : 'completed';
}
