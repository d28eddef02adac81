/**
 * What a million payments cost on Cloudflare: the operations that `rows`, `cpu` and `jobs` have counted, times the published prices. A
 * payment is one request with an Idempotency-Key under the default limits, its event's delivery, its audit entries' seals and packing, and
 * all that is deleted of it; reads of its status, webhooks and the bridge's machine are not in it.
 */
import { join } from 'node:path';
import { unstable_readConfig as readConfig } from 'wrangler';
import { PROJECT } from '../../src/local/project.ts';
import { type CountedOperation, type Figure, type Line, type Measured, NotMeasurable } from '../figure.ts';
import { MONTHLY_FEE, PRICES, READ_ON, STORAGE_PRICES } from '../prices.ts';

const PAYMENTS_PER_SECOND = [1, 10, 1_000];
const MAX_DOLLARS_A_MILLION = 20;
const SECONDS_A_MONTH = 30 * 24 * 60 * 60;
const CRONS_A_MONTH = SECONDS_A_MONTH / 60;
const OPERATIONS_A_MESSAGE = 3;
/** Jobs of the figure `jobs`, and how many of their rows a payment has at most. */
const ROWS_OF_JOBS: Record<string, number> = {
  delivery: 1,
  seal: 2,
  pack: 2,
  'archive, of old events': 1,
  'purge of idempotency keys': 1,
  'purge of velocity counters': 3,
};
/** Of the figure `cpu`. */
const CPU_LINE = 'a payment, in workerd';
/** src/worker/rate-limit/rate-limiter.ts keeps the list of admissions in one row, and writes it with each admission. */
const OBJECT_ROWS_A_CALL = 1;
/** Assumed, and more than a call takes: an object works for so long, with the 128 MB that are billed. */
const OBJECT_CALL_SECONDS = 0.01;
const OBJECT_GB = 0.128;

type Priced = keyof typeof PRICES;
/** How many of each; what is absent is none. */
type Usage = Partial<Record<Priced, number>>;

/** Why a payment needs each paid operation. */
const REASONS: Record<Priced, string> = {
  requests: 'the payment, and at most one invocation to deliver its event',
  cpuMs: 'checks, fingerprints, signatures, JSON, hashes',
  logEvents: 'what came of the payment, and what else the service logs of it',
  d1RowsRead: 'what stands in the way of the payment, and its event',
  d1RowsWritten: 'as follows',
  objectRequests: 'the rate limit of the client’s address',
  objectGbSeconds: `the same, at ${OBJECT_CALL_SECONDS * 1_000} ms a call`,
  objectRowsWritten: 'admissions survive the eviction of an idle object',
  queueOperations: 'the event’s message: written, read, deleted',
  r2ClassA: 'nothing is archived to R2',
  r2ClassB: 'nothing is archived to R2',
};

export const cost: Figure = {
  name: 'cost',
  title: `cost: $ per million payments, at Cloudflare's prices of ${READ_ON}`,
  async measure({ earlier }) {
    const counted = countedIn(earlier);
    const parts = partsOfPayment(counted);
    const usage = sumOf([...Object.values(parts), { cpuMs: counted.cpuMs, logEvents: counted.logEvents }]);
    const storage = (counted.bytesStored * 1e6 * STORAGE_PRICES.d1.dollars) / 1e9;
    const paidFor = dollarsOf(usage) + storage;
    const cron = dollarsOf(usageOf(counted.operations.cron, 1)) * CRONS_A_MONTH; // of a million of them
    const totals = PAYMENTS_PER_SECOND.map((rate) => {
      const millions = (rate * SECONDS_A_MONTH) / 1e6;
      const fixed = (MONTHLY_FEE.dollars + cron / 1e6) / millions;
      const included = includedOf(usage, counted, millions);
      return { rate, millions, fixed, total: paidFor + fixed, afterIncluded: paidFor + fixed - included };
    });
    const lines: Line[] = [
      ...totals.map(({ rate, total, fixed }) => ({
        what: `a million payments, at ${rate.toLocaleString('en')} a second`,
        value: total,
        unit: '$',
        target: { atMost: MAX_DOLLARS_A_MILLION },
        note: `$${fixed.toFixed(2)} of it the plan's fee and the cron, which do not grow`,
      })),
      ...totals.map(({ rate, millions, afterIncluded }) => ({
        what: `… less what the plan includes, at ${rate.toLocaleString('en')} a second`,
        value: afterIncluded,
        unit: '$',
        note: `${millions.toLocaleString('en', { maximumFractionDigits: 1 })} million payments a month`,
      })),
      ...(Object.keys(PRICES) as Priced[]).flatMap((priced) => [
        lineOf(priced, usage[priced] ?? 0),
        ...(priced === 'd1RowsWritten' ? Object.entries(parts).map(([of, part]) => writtenLine(of, part)) : []),
      ]),
      {
        what: 'D1 storage, for each month that it is kept',
        value: storage,
        unit: '$',
        note: `${Math.round(counted.bytesStored)} bytes a payment × $${STORAGE_PRICES.d1.dollars} a GB-month`,
      },
    ];
    const prices = { read_on: READ_ON, monthly_fee: MONTHLY_FEE, ...PRICES, storage: STORAGE_PRICES };
    return { lines, details: { usage_of_a_payment: usage, parts, bytes_stored: counted.bytesStored, totals, prices } };
  },
};

interface Counted {
  operations: Record<'process_with_key_and_limits' | 'process' | 'delivery' | 'seal' | 'cron', CountedOperation>;
  /** What jobs do to have a payment's rows leave, by its name. */
  leaving: Record<string, CountedOperation>;
  bytesStored: number;
  /** Of a payment, with what jobs do of it as far as `jobs` has measured them. */
  cpuMs: number;
  /** Of a payment and its delivery. */
  logEvents: number;
}

/** @throws NotMeasurable where an earlier figure is missing */
function countedIn(earlier: ReadonlyMap<string, Measured>): Counted {
  const rows = earlier.get('rows')?.details as
    | (Pick<Counted, 'operations' | 'leaving'> & { log_lines_a_payment: number; sizes: { bytes: object }[] })
    | undefined;
  const cpuMs = earlier.get('cpu')?.lines.find(({ what }) => what === CPU_LINE);
  if (rows === undefined || cpuMs === undefined) {
    throw new NotMeasurable('it is made of rows and cpu: measure them first, with --only rows,cpu,cost');
  }
  const bytes = Object.values(rows.sizes.at(-1)?.bytes ?? {}) as number[];
  return {
    operations: rows.operations,
    leaving: rows.leaving,
    bytesStored: bytes.reduce((sum, value) => sum + value, 0),
    cpuMs: cpuMs.value + backgroundCpuMs(earlier.get('jobs')),
    logEvents: rows.log_lines_a_payment + invocationLogs(rows.operations),
  };
}

/** Cloudflare's own line of each invocation, where wrangler.toml has it on. */
function invocationLogs({ process_with_key_and_limits: paid, delivery }: Counted['operations']): number {
  const { observability } = readConfig({ config: join(PROJECT, 'wrangler.toml') });
  return observability?.logs?.invocation_logs === false ? 0 : paid.requests + delivery.requests;
}

/** With that of the local D1 in it, so rather more than on Cloudflare; 0 where it was not measured. */
function backgroundCpuMs(jobs: Measured | undefined): number {
  const aRow = (job: string) => {
    const { cpu_ms, rows } = (jobs?.details?.[job] ?? {}) as { cpu_ms?: number | null; rows?: number };
    return cpu_ms && rows ? cpu_ms / rows : 0;
  };
  return Object.entries(ROWS_OF_JOBS).reduce((sum, [job, rows]) => sum + rows * aRow(job), 0);
}

/** In the order of a payment's life. */
function partsOfPayment({ operations, leaving }: Counted): Record<string, Usage> {
  const { process_with_key_and_limits: paid, delivery, seal } = operations;
  return {
    'until the answer': usageOf(paid, 1),
    delivery: usageOf(delivery, 1),
    // A minute's payments share the job's invocation, which is the cron's.
    seals: { d1RowsRead: seal.rowsRead, d1RowsWritten: seal.rowsWritten },
    ...Object.fromEntries(
      Object.entries(leaving).map(([name, operation]) => [name.replaceAll('_', ' '), usageOf(operation, 1)]),
    ),
  };
}

/** Cron and queue invocations are counted as requests, though the page speaks of inbound ones only: the dearer reading. */
function usageOf(operation: CountedOperation, times: number): Usage {
  return {
    requests: operation.requests * times,
    d1RowsRead: operation.rowsRead * times,
    d1RowsWritten: operation.rowsWritten * times,
    objectRequests: operation.durableObjectCalls * times,
    objectGbSeconds: operation.durableObjectCalls * OBJECT_CALL_SECONDS * OBJECT_GB * times,
    objectRowsWritten: operation.durableObjectCalls * OBJECT_ROWS_A_CALL * times,
    queueOperations: operation.queueMessages * OPERATIONS_A_MESSAGE * times,
  };
}

function sumOf(usages: readonly Usage[]): Usage {
  const sum: Usage = {};
  for (const usage of usages) {
    for (const [priced, count] of Object.entries(usage) as [Priced, number][]) sum[priced] = (sum[priced] ?? 0) + count;
  }
  return sum;
}

/** Dollars for a million times this. */
function dollarsOf(usage: Usage): number {
  return (Object.entries(usage) as [Priced, number][]).reduce(
    (sum, [priced, count]) => sum + count * PRICES[priced].dollars,
    0,
  );
}

/** What the plan includes of this, in dollars for each million payments, where so many millions are made in a month. */
function includedOf(usage: Usage, { bytesStored }: Counted, millions: number): number {
  const operations = (Object.entries(usage) as [Priced, number][]).map(([priced, count]) => {
    const { dollars, includedAMonth } = PRICES[priced];
    return (Math.min(count * millions * 1e6, includedAMonth) / 1e6) * dollars;
  });
  const storage =
    Math.min((bytesStored * millions) / 1e3, STORAGE_PRICES.d1.includedAMonth) * STORAGE_PRICES.d1.dollars;
  return [...operations, storage].reduce((sum, dollars) => sum + dollars, 0) / millions;
}

function lineOf(priced: Priced, count: number): Line {
  const { of, dollars } = PRICES[priced];
  const counted = count.toLocaleString('en', { maximumSignificantDigits: 3 });
  return {
    what: of,
    value: count * dollars,
    unit: '$',
    note: `${counted} a payment × $${dollars}: ${REASONS[priced]}`,
  };
}

function writtenLine(of: string, { d1RowsWritten = 0 }: Usage): Line {
  return {
    what: `… ${of}`,
    value: d1RowsWritten * PRICES.d1RowsWritten.dollars,
    unit: '$',
    note: `${d1RowsWritten.toLocaleString('en', { maximumSignificantDigits: 3 })} rows`,
  };
}
