/** What the service adds to its calls: its throughput beside a bare Worker that makes the same calls. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { shapesOf, startBareService } from '../bare-service.ts';
import { preparePlace, startCountedService } from '../counted-service.ts';
import type { Figure, Measured, Measuring } from '../figure.ts';
import { makeLedger } from '../ledger-payments.ts';
import type { Answer } from '../load.ts';
import { bundleWorker, startLocalWorker } from '../local-worker.ts';
import { type MemoryDirectory, newMemoryDirectory } from '../memory-directory.ts';
import { driveInPairs, type Paired } from '../pairs.ts';
import {
  type BenchRequest,
  clientHeaders,
  type MadePayment,
  newBookingId,
  processRequest,
  refundRequest,
  statusRequest,
} from '../requests.ts';
import { SHAPED, type ShapedOperation, type Shapes } from '../shapes.ts';

const FULL = { pairs: 12, seconds: 0.9, payments: 40_000 };
const QUICK = { pairs: 4, seconds: 0.5, payments: 10_000 };
const MADE_PAYMENTS = 20;
const CONNECTIONS = 16;
/** Each of them may send a thousand requests a minute, the most that can be set; each costs the local simulator a file. */
const CLIENTS = 100;
const LIMITS = { RATE_LIMIT_PER_MINUTE: '1000', RATE_LIMIT_BURST: '1000' };
const WARM_UP_SECONDS = 1;
const TARGET = { atLeast: 0.85 };

export const overhead: Figure = {
  name: 'overhead',
  title: 'Throughput beside a bare Worker',
  async measure(measuring) {
    const directory = await newMemoryDirectory('overhead');
    try {
      return await measureIn(directory, measuring);
    } finally {
      await rm(directory.path, { recursive: true, force: true });
    }
  },
};

async function measureIn(
  { path: directory, isInMemory }: MemoryDirectory,
  { quick, progress, signal }: Measuring,
): Promise<Measured> {
  const plan = quick ? QUICK : FULL;
  const place = await preparePlace(join(directory, 'service'), signal);
  const payments = await makeLedger(place, { made: MADE_PAYMENTS, wanted: plan.payments });
  const counted = await startCountedService(place);
  let shapes: Shapes;
  try {
    shapes = await shapesOf(counted);
  } finally {
    await counted.stop();
  }

  // As deployed, and neither gets what it sends to its queue, so that requests alone are compared.
  const service = await startLocalWorker({
    script: await bundleWorker('src/worker/index.ts', join(directory, 'bundle'), signal),
    directory: place.directory,
    variables: { ...LOCAL_VARIABLES, ...LIMITS, AUTH_MODE: 'api_key', BRIDGE_URL: 'http://127.0.0.1:9/' },
    consumes: false,
  });
  try {
    const bare = await startBareService({ directory: join(directory, 'bare'), shapes, variables: LIMITS, signal });
    try {
      const requests = requestsOf(payments, place.apiKey);
      const results = new Map<ShapedOperation, Paired>();
      let pairsDone = 0;
      for (const operation of SHAPED) {
        const load = { connections: CONNECTIONS, next: requests[operation], check };
        const first = { url: service.url, ...load };
        const second = { url: bare.url, ...load };
        await driveInPairs({ first, second, pairs: 1, seconds: WARM_UP_SECONDS, signal, onPair: () => {} });
        const paired = await driveInPairs({
          ...{ first, second, signal },
          ...{ pairs: plan.pairs, seconds: plan.seconds },
          onPair: () => {
            pairsDone += 1;
            progress.at(pairsDone, plan.pairs * SHAPED.length);
          },
        });
        results.set(operation, paired);
      }
      return measured(results, { shapes, isInMemory });
    } finally {
      await bare.stop();
    }
  } finally {
    await service.stop();
  }
}

/** Endless, with a client each in turn. Both Workers get the same requests. */
function requestsOf(payments: MadePayment[], apiKey: string): Record<ShapedOperation, () => BenchRequest> {
  let sent = 0;
  let refunded = 0;
  const from = (request: BenchRequest): BenchRequest => {
    sent += 1;
    const headers = { ...request.headers, ...clientHeaders(sent % CLIENTS), Authorization: `Bearer ${apiKey}` };
    return { ...request, headers };
  };
  const refundable = () => {
    const payment = payments[refunded];
    if (payment === undefined) throw new Error('all payments have been refunded: the ledger has too few');
    refunded += 1;
    return payment;
  };
  return {
    process: () => from(processRequest(newBookingId())),
    // From the end, which refunds reach last.
    status: () => from(statusRequest(payments.at(-1 - (sent % 1_000)) as MadePayment)),
    refund: () => from(refundRequest(refundable())),
  };
}

function check({ status, body }: Answer, { path }: BenchRequest): void {
  if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
}

function measured(results: Map<ShapedOperation, Paired>, how: { shapes: Shapes; isInMemory: boolean }): Measured {
  const lines = [...results].map(([operation, paired]) => ({
    what: operation,
    value: Math.round(paired.ratio * 1_000) / 1_000,
    unit: '×',
    target: TARGET,
    note:
      `middle half ${paired.spread}; ${Math.round(paired.firstPerSecond)} of ${Math.round(paired.secondPerSecond)} a second; ` +
      `client ${paired.clientCores.toFixed(2)} cores`,
  }));
  const details = { clients: CLIENTS, connections: CONNECTIONS, ...how, results: Object.fromEntries(results) };
  return { lines, details };
}
