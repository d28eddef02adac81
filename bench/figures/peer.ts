/** The service beside a FastAPI service that follows the same contract, under the same load on the same machine. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../scripts/free-port.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { startBridge } from '../../test/support/bridge.ts';
import { removeTopology } from '../../test/support/exchange.ts';
import { runDirectory } from '../../test/support/run.ts';
import { type Figure, type Line, type Measured, type Measuring, NotMeasurable } from '../figure.ts';
import type { Answer, Load } from '../load.ts';
import { bundleWorker, startLocalWorker } from '../local-worker.ts';
import { newMemoryDirectory } from '../memory-directory.ts';
import { driveInPairs, type Paired } from '../pairs.ts';
import { installPeer } from '../peer/peer-packages.ts';
import { type Peer, startPeer } from '../peer/start-peer.ts';
import { type BenchRequest, clientHeaders, newBookingId, processRequest, statusRequest } from '../requests.ts';

const FULL = { pairs: 5, seconds: 0.7 };
const QUICK = { pairs: 2, seconds: 0.4 };
const CONNECTIONS = 16;
/** Each costs the local simulator a file. */
const CLIENTS = 100;
const LIMITS = { RATE_LIMIT_PER_MINUTE: '1000', RATE_LIMIT_BURST: '1000' };
const TARGET = { atLeast: 1 };

/** A server under load: the service, or its peer. */
interface Side {
  url: string;
  /** The same with the contract's limits on a client. */
  limitedUrl: string;
  /** Payments that it has made in this run. */
  made: string[];
  sent: number;
}

interface Operation {
  name: string;
  target?: { atLeast: number };
  isLimited?: true;
  request(side: Side): BenchRequest;
  /** Of its answers. */
  statuses: readonly number[];
}

const OPERATIONS: Operation[] = [
  { name: 'health', target: TARGET, request: () => ({ method: 'GET', path: '/health', headers: {} }), statuses: [200] },
  { name: 'rejected', target: TARGET, request: () => invalidRequest(), statuses: [422] },
  // Now and then a window ends, and some are let in.
  { name: 'rate-limited', target: TARGET, isLimited: true, request: () => invalidRequest(), statuses: [429, 422] },
  { name: 'process', request: () => processRequest(newBookingId()), statuses: [200] },
  {
    name: 'status',
    request: ({ made, sent }) => statusRequest({ bookingId: '', transactionId: String(made[sent % made.length]) }),
    statuses: [200],
  },
];

/** Without a booking. */
function invalidRequest(): BenchRequest {
  const request = processRequest('');
  return { ...request, body: JSON.stringify({ ...JSON.parse(request.body ?? ''), booking_id: undefined }) };
}

export const peer: Figure = {
  name: 'peer',
  title: 'Beside a FastAPI peer',
  async measure(measuring) {
    const why = installPeer((line) => measuring.progress.note(line));
    if (why !== null) throw new NotMeasurable(`there is no peer: ${why}`);
    // Child processes of tests are written down in the directory of the run, and their logs are in it.
    const logs = runDirectory('bench-peer');
    const { path: directory } = await newMemoryDirectory('peer');
    try {
      const rabbitmqUrl = await measuring.brokerUrl();
      return await measureBeside({ directory, logs, rabbitmqUrl }, measuring);
    } finally {
      await rm(logs, { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    }
  },
};

interface Place {
  directory: string;
  logs: string;
  rabbitmqUrl: string;
}

async function measureBeside(place: Place, measuring: Measuring): Promise<Measured> {
  const { progress } = measuring;
  let other: Peer;
  try {
    other = await startPeer({ ...place, print: (line) => progress.note(line) });
  } catch (error) {
    throw new NotMeasurable(`there is no peer: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const service = await startService(place, measuring.signal);
    try {
      return await compare(service, other, measuring);
    } finally {
      await service.stop();
    }
  } finally {
    await other.stop();
  }
}

interface Servers {
  url: string;
  limitedUrl: string;
}

async function compare(
  service: Servers,
  other: Servers,
  { quick, progress, signal, earlier }: Measuring,
): Promise<Measured> {
  const plan = quick ? QUICK : FULL;
  const ours: Side = { ...service, made: [], sent: 0 };
  const theirs: Side = { ...other, made: [], sent: 0 };
  const results: [Operation, Paired][] = [];
  let pairsDone = 0;
  for (const operation of OPERATIONS) {
    const first = loadOf(operation, ours);
    const second = loadOf(operation, theirs);
    await driveInPairs({ first, second, pairs: 1, seconds: plan.seconds, signal, onPair: () => {} });
    const paired = await driveInPairs({
      ...{ first, second, signal, ...plan },
      onPair: () => {
        pairsDone += 1;
        progress.at(pairsDone, plan.pairs * OPERATIONS.length);
      },
    });
    results.push([operation, paired]);
  }
  return {
    lines: results.map(([operation, paired]) => lineOf(operation, paired, earlier.get('overhead'))),
    details: Object.fromEntries(results.map(([{ name }, paired]) => [name, paired])),
  };
}

function loadOf({ isLimited, request, statuses }: Operation, side: Side): Omit<Load, 'seconds'> {
  return {
    url: isLimited ? side.limitedUrl : side.url,
    connections: CONNECTIONS,
    next() {
      side.sent += 1;
      const own = request(side);
      return { ...own, headers: { ...own.headers, ...clientHeaders(isLimited ? 0 : side.sent % CLIENTS) } };
    },
    check({ status, body }: Answer, { method, path }: BenchRequest) {
      if (!statuses.includes(status)) throw new Error(`${side.url}${path} was answered with ${status}: ${body}`);
      if (method === 'POST' && status === 200) side.made.push(String(JSON.parse(body).transaction_id));
    },
  };
}

function lineOf({ name, target }: Operation, paired: Paired, overhead: Measured | undefined): Line {
  const rates = `${Math.round(paired.firstPerSecond)} beside ${Math.round(paired.secondPerSecond)} a second`;
  const notes = [`middle half ${paired.spread}`, rates, `client ${paired.clientCores.toFixed(2)} cores`];
  // A bare Worker takes so much of our time for the same calls of the local simulator.
  const bare = overhead?.lines.find(({ what }) => what === name)?.value;
  if (bare !== undefined) notes.push(`${Math.round(Math.min(1, bare) * 100)} % of our time is the local simulator's`);
  else if (target === undefined) notes.push('what share of our time is the local simulator’s, `overhead` tells');
  return {
    what: name,
    value: Math.round(paired.ratio * 1_000) / 1_000,
    unit: '×',
    ...(target && { target }),
    note: notes.join('; '),
  };
}

interface Service extends Servers {
  stop(): Promise<void>;
}

/** The service with all that a payment takes, up to the broker; as its peer, it asks nobody for a key. */
async function startService({ directory, logs, rabbitmqUrl }: Place, signal: AbortSignal): Promise<Service> {
  const name = `bench_service_${randomBytes(4).toString('hex')}`;
  const [exchange, queue] = [`${name}_events`, `${name}_queue`];
  const script = await bundleWorker('src/worker/index.ts', join(directory, 'bundle'), signal);
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of stops.reverse()) await end();
    await removeTopology(rabbitmqUrl, exchange, queue);
  };
  const start = async (place: string, variables: Record<string, string>, consumes: boolean) => {
    const own = {
      script,
      directory: join(directory, place),
      variables: { ...LOCAL_VARIABLES, ...variables },
      consumes,
    };
    const worker = await startLocalWorker(own);
    stops.push(() => worker.stop());
    return worker.url;
  };
  try {
    const signingSecret = LOCAL_SECRETS.BRIDGE_SIGNING_SECRET;
    const port = await freePort();
    const bridge = await startBridge({ port, rabbitmqUrl, exchange, queue, signingSecret, directory: logs });
    stops.push(() => bridge.child.stop());
    const url = await start('service', { ...LIMITS, BRIDGE_URL: bridge.url }, true);
    const limitedUrl = await start('limited', { BRIDGE_URL: bridge.url }, false);
    return { url, limitedUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
