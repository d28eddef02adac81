/** Spreads seeds over threads and gathers what they saw. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FaultKind } from './faults.ts';
import type { Mutation } from './mutate.ts';
import { type GatewayKind, SHARD_COUNTS } from './plan.ts';
import type { Assignment, Failure, LIVED, Outcome } from './run-seeds.ts';

const THREADS = Math.max(1, Math.min(8, availableParallelism()));

/** Within so many histories each defect has to show. */
export const SEEDS_FOR_MUTATIONS = 1_000;

export function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/**
 * Lives through the histories of these seeds.
 *
 * @param provider what the gateway is in each of them; null: as the seed says
 * @param onLived called when a history has been lived through
 */
export async function simulate(
  seeds: number[],
  provider: GatewayKind | null = null,
  onLived: () => void = () => {},
): Promise<Outcome> {
  const shares = Array.from({ length: THREADS }, (_, share) => seeds.filter((_, index) => index % THREADS === share));
  const outcomes = await Promise.all(
    shares.map((share) => run({ seeds: share, mutation: null, provider, explain: true }, onLived)),
  );
  return together(outcomes);
}

export function together(outcomes: readonly Outcome[]): Outcome {
  const all: Outcome = {
    ...{ histories: 0, gateways: {}, shards: {}, requests: 0, waits: {}, faults: {}, failures: [], statements: [] },
    digest: '',
  };
  for (const { histories, gateways, shards, requests, waits, faults, failures, statements, digest } of outcomes) {
    all.digest += digest;
    all.statements = [...new Set([...all.statements, ...statements])];
    all.histories += histories;
    all.requests += requests;
    all.failures.push(...failures);
    for (const [kind, count] of Object.entries(gateways)) {
      all.gateways[kind as GatewayKind] = (all.gateways[kind as GatewayKind] ?? 0) + count;
    }
    for (const count of SHARD_COUNTS) all.shards[count] = (all.shards[count] ?? 0) + (shards[count] ?? 0);
    for (const [name, count] of Object.entries(waits)) all.waits[name] = (all.waits[name] ?? 0) + count;
    for (const [kind, count] of Object.entries(faults)) {
      all.faults[kind as FaultKind] = (all.faults[kind as FaultKind] ?? 0) + count;
    }
  }
  return all;
}

export interface Caught {
  mutation: Mutation;
  /** Null: no seed has shown it. */
  seed: number | null;
  violation: string | null;
}

/**
 * Lives through the seeds with each defect, until one shows it.
 *
 * @param onHunted called when a defect has been found, or all seeds have been lived through
 */
export async function hunt(
  mutations: readonly Mutation[],
  seeds: number[],
  onHunted: () => void = () => {},
): Promise<Caught[]> {
  const caught: Caught[] = [];
  const waiting = mutations.map((mutation, index) => ({ mutation, index }));
  const hunter = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { mutation, index } = next;
      const { failures } = await run({ seeds, mutation, provider: null, explain: false });
      const shows = (violation: string) => violation.startsWith(mutation.breaks);
      const found = failures.find(({ violations }) => violations.some(shows));
      caught[index] = { mutation, seed: found?.seed ?? null, violation: found?.violations.find(shows) ?? null };
      onHunted();
    }
  };
  await Promise.all(Array.from({ length: THREADS }, hunter));
  return caught;
}

/** Lives through one history with a defect, and looks for the smallest one that shows it too. */
export async function explain(mutation: Mutation, seed: number): Promise<Failure | undefined> {
  const { failures } = await run({ seeds: [seed], mutation, provider: null, explain: true });
  return failures[0];
}

function run(assignment: Assignment, onLived = () => {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./run-seeds.ts', import.meta.url), {
      workerData: assignment,
      // The libraries as they are in a Worker.
      execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=workerd'],
    });
    thread.on('message', (message: typeof LIVED | Outcome) => {
      if (typeof message === 'string') onLived();
      else resolve(message);
    });
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`a thread of the simulation ended with exit code ${code}`)));
  });
}
