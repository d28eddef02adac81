/**
 * Cloudflare's published prices of the Workers Paid plan, in US dollars, as its documentation stated them on the date below. Read them
 * again before you rely on a figure made of them.
 */

export const READ_ON = '2026-11-29';

export interface Price {
  /** What is counted, in the plural. */
  of: string;
  /** Dollars for a million of them; of storage, for a GB-month. */
  dollars: number;
  /** In the plan's monthly fee. */
  includedAMonth: number;
  page: string;
}

const WORKERS_PAGE = 'https://developers.cloudflare.com/workers/platform/pricing/';
const D1_PAGE = 'https://developers.cloudflare.com/d1/platform/pricing/';
const DURABLE_OBJECTS_PAGE = 'https://developers.cloudflare.com/durable-objects/platform/pricing/';
const R2_PAGE = 'https://developers.cloudflare.com/r2/pricing/';

export const MONTHLY_FEE = { dollars: 5, page: WORKERS_PAGE };

/** By the million. */
export const PRICES = {
  requests: { of: 'requests', dollars: 0.3, includedAMonth: 10e6, page: WORKERS_PAGE },
  cpuMs: { of: 'CPU milliseconds', dollars: 0.02, includedAMonth: 30e6, page: WORKERS_PAGE },
  /** From 2026-12-01 on, other prices apply to logs, which were not published in what could be read. */
  logEvents: { of: 'log events', dollars: 0.6, includedAMonth: 20e6, page: WORKERS_PAGE },
  d1RowsRead: { of: 'D1 rows read', dollars: 0.001, includedAMonth: 25e9, page: D1_PAGE },
  d1RowsWritten: { of: 'D1 rows written', dollars: 1, includedAMonth: 50e6, page: D1_PAGE },
  objectRequests: { of: 'Durable Object requests', dollars: 0.15, includedAMonth: 1e6, page: DURABLE_OBJECTS_PAGE },
  /** Of 128 MB, while an object works; an idle one that may hibernate costs nothing. */
  objectGbSeconds: {
    of: 'Durable Object GB-seconds',
    dollars: 12.5,
    includedAMonth: 400_000,
    page: DURABLE_OBJECTS_PAGE,
  },
  objectRowsWritten: {
    of: 'Durable Object rows written',
    dollars: 1,
    includedAMonth: 50e6,
    page: DURABLE_OBJECTS_PAGE,
  },
  /** Of up to 64 KB: a message is written, read and deleted. */
  queueOperations: {
    of: 'Queues operations',
    dollars: 0.4,
    includedAMonth: 1e6,
    page: 'https://developers.cloudflare.com/queues/platform/pricing/',
  },
  r2ClassA: { of: 'R2 class A operations', dollars: 4.5, includedAMonth: 1e6, page: R2_PAGE },
  r2ClassB: { of: 'R2 class B operations', dollars: 0.36, includedAMonth: 10e6, page: R2_PAGE },
} as const satisfies Record<string, Price>;

/** By the GB-month. */
export const STORAGE_PRICES = {
  d1: { of: 'D1 GB-months', dollars: 0.75, includedAMonth: 5, page: D1_PAGE },
  r2: { of: 'R2 GB-months', dollars: 0.015, includedAMonth: 10, page: R2_PAGE },
} as const satisfies Record<string, Price>;
