/**
 * What a million payments cost on Cloudflare: the operations that `rows`, `cpu` and `latency` have counted, times the published
 * prices. A payment is one request with an Idempotency-Key under the default limits, its event's delivery, and its audit entries'
 * seals; reads of its status, webhooks and the bridge's machine are not in it.
 */
import { type CountedOperation, type Figure, type Line, type Measured, NotMeasurable } from '../figure.ts';
import { MONTHLY_FEE, PRICES, READ_ON, STORAGE_PRICES } from '../prices.ts';

const PAYMENTS_PER_SECOND = [1, 10, 1_000];
const MAX_DOLLARS_A_MILLION = 20;
const SECONDS_A_MONTH = 30 * 24 * 60 * 60;
const CRONS_A_MONTH = SECONDS_A_MONTH / 60;
const OPERATIONS_A_MESSAGE = 3;
const SEALS_A_PAYMENT = 2;
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
  logEvents: 'each invocation, and what it logs: who did what, for operators',
  d1RowsRead: 'what stands in the way of the payment, and its event',
  d1RowsWritten: 'payment, event, audit entries and seals, key, counters, with their indexes; expired ones deleted',
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
    const usage = usageOfPayment(counted);
    const storage = (counted.bytesStored * 1e6 * STORAGE_PRICES.d1.dollars) / 1e9;
    const paidFor = dollarsOf(usage) + storage;
    const cron = dollarsOf(usageOf(counted.operations.cron, 1)) * CRONS_A_MONTH; // of a million of them
    const totals = PAYMENTS_PER_SECOND.map((rate) => {
      const millions = (rate * SECONDS_A_MONTH) / 1e6;
      const fixed = (MONTHLY_FEE.dollars + cron / 1e6) / millions;
      const included = includedOf(usage, counted, millions);
      return { rate, millions, fixed, total: paidFor + fixed, afterIncluded: paidFor + fixed - included };
    });
    const withoutLogs = counted.logLines === null ? '; logs are not in it: measure latency first' : '';
    const lines: Line[] = [
      ...totals.map(({ rate, total, fixed }) => ({
        what: `a million payments, at ${rate.toLocaleString('en')} a second`,
        value: total,
        unit: '$',
        target: { atMost: MAX_DOLLARS_A_MILLION },
        note: `$${fixed.toFixed(2)} of it the plan's fee and the cron, which do not grow${withoutLogs}`,
      })),
      ...totals.map(({ rate, millions, afterIncluded }) => ({
        what: `… less what the plan includes, at ${rate.toLocaleString('en')} a second`,
        value: afterIncluded,
        unit: '$',
        note: `${millions.toLocaleString('en', { maximumFractionDigits: 1 })} million payments a month`,
      })),
      ...(Object.keys(PRICES) as Priced[]).map((priced) => lineOf(priced, usage[priced] ?? 0)),
      {
        what: 'D1 storage, for each month that it is kept',
        value: storage,
        unit: '$',
        note: `${Math.round(counted.bytesStored)} bytes a payment × $${STORAGE_PRICES.d1.dollars} a GB-month`,
      },
    ];
    const prices = { read_on: READ_ON, monthly_fee: MONTHLY_FEE, ...PRICES, storage: STORAGE_PRICES };
    return { lines, details: { usage_of_a_payment: usage, bytes_stored: counted.bytesStored, totals, prices } };
  },
};

interface Counted {
  operations: Record<'process_with_key_and_limits' | 'process' | 'delivery' | 'seal' | 'cron', CountedOperation>;
  bytesStored: number;
  /** Of a payment, with its delivery and its seals as far as `jobs` has measured them. */
  cpuMs: number;
  /** Of a payment and its delivery; null where they were not counted. */
  logLines: number | null;
}

/** @throws NotMeasurable where an earlier figure is missing */
function countedIn(earlier: ReadonlyMap<string, Measured>): Counted {
  const rows = earlier.get('rows')?.details as
    | { operations: Counted['operations']; sizes: { bytes: object }[] }
    | undefined;
  const cpuMs = earlier.get('cpu')?.lines.find(({ what }) => what === CPU_LINE);
  if (rows === undefined || cpuMs === undefined) {
    throw new NotMeasurable('it is made of rows and cpu: measure them first, with --only rows,cpu,latency,cost');
  }
  const bytes = Object.values(rows.sizes.at(-1)?.bytes ?? {}) as number[];
  return {
    operations: rows.operations,
    bytesStored: bytes.reduce((sum, value) => sum + value, 0),
    cpuMs: cpuMs.value + backgroundCpuMs(earlier.get('jobs')),
    logLines: (earlier.get('latency')?.details?.log_lines_a_payment as number | undefined) ?? null,
  };
}

/** With that of the local D1 in it, so rather more than on Cloudflare; 0 where it was not measured. */
function backgroundCpuMs(jobs: Measured | undefined): number {
  const aRow = (job: string) => {
    const { cpu_ms, rows } = (jobs?.details?.[job] ?? {}) as { cpu_ms?: number | null; rows?: number };
    return cpu_ms && rows ? cpu_ms / rows : 0;
  };
  return aRow('delivery') + SEALS_A_PAYMENT * aRow('seal');
}

function usageOfPayment({ operations, cpuMs, logLines }: Counted): Usage {
  const { process_with_key_and_limits: paid, process: plain, delivery, seal } = operations;
  // Its key and its counters are deleted when they have expired: at most as many rows as they were when they were written.
  const expired = paid.rowsWritten - plain.rowsWritten;
  const parts = [
    usageOf(paid, 1),
    usageOf(delivery, 1),
    { d1RowsRead: seal.rowsRead, d1RowsWritten: seal.rowsWritten },
  ];
  const logEvents = logLines === null ? 0 : logLines + paid.requests + delivery.requests;
  return sumOf([...parts, { d1RowsRead: expired, d1RowsWritten: expired, cpuMs, logEvents }]);
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
