/**
 * A thread that lives through histories, one after the other. It has the simulated timers, and, where it is told so, a
 * defect: each defect gets a thread of its own, because modules are loaded once.
 */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import * as fc from 'fast-check';
import type { FaultCounts, FaultKind } from './faults.ts';
import { type Mutation, mutate, patchMigration } from './mutate.ts';
import { type GatewayKind, type Plan, plan } from './plan.ts';
import { replaceDigest, replaceTimers } from './time.ts';

export interface Assignment {
  seeds: number[];
  mutation: Mutation | null;
  /** What the gateway is, whatever the plans say; null: as they say. */
  provider: GatewayKind | null;
  /** Whether to make a failing history smaller. */
  explain: boolean;
}

export interface Failure {
  seed: number;
  violations: string[];
  /** The smallest history found that fails too, and what happened in it. */
  smallest: { plan: Plan; violations: string[]; trace: string[] } | null;
}

export interface Outcome {
  histories: number;
  /** How many of the histories had which gateway. */
  gateways: Partial<Record<GatewayKind, number>>;
  /** How many had so many databases. */
  shards: Partial<Record<Plan['shards'], number>>;
  requests: number;
  /** Of how many payments with which gateway something was waited for or begun: by "gateway what". */
  waits: Record<string, number>;
  faults: FaultCounts;
  failures: Failure[];
  /** Every statement that was sent to the database. */
  statements: string[];
  /** Of all that happened: the same seeds, the same digest. */
  digest: string;
}

/** What the thread posts of each seed, before the outcome of all. */
export const LIVED = 'lived';

/** Smaller histories that are tried for one that fails. */
const MAX_SHRINKS = 400;

const { seeds, mutation, provider, explain } = workerData as Assignment;
const gateway = provider ?? mutation?.gateway ?? null;
if (mutation !== null) mutate(mutation);
replaceTimers();
replaceDigest();
const { runHistory } = await import('./history.ts');
const { COMPILED } = await import('./sqlite-d1.ts');
const patchSql = mutation === null ? undefined : patchMigration(mutation);

const digest = createHash('sha256');
const outcome: Outcome = {
  ...{ histories: 0, gateways: {}, shards: {}, requests: 0, waits: {}, faults: {}, failures: [], statements: [] },
  digest: '',
};
for (const seed of seeds) {
  const failure = await liveThrough(seed);
  parentPort?.postMessage(LIVED);
  if (failure === null) continue;
  outcome.failures.push(failure);
  // A defect is found when it has broken what it is said to break, and not something else on the way.
  if (mutation !== null && failure.violations.some((violation) => violation.startsWith(mutation.breaks))) break;
}
parentPort?.postMessage({ ...outcome, statements: [...COMPILED], digest: digest.digest('hex') });

async function liveThrough(seed: number): Promise<Failure | null> {
  let runs = 0;
  let first: string[] | null = null;
  const wanted = plan.map(
    (one): Plan => ({
      ...one,
      provider: gateway ?? one.provider,
      shards: mutation?.shards ?? one.shards,
      waitsAtProvider: mutation === null ? one.waitsAtProvider : mutation.waitsAtProvider === true,
    }),
  );
  const property = fc.asyncProperty(wanted, async (one) => {
    runs += 1;
    if (runs > MAX_SHRINKS) return true;
    const verdict = await runHistory(one, patchSql);
    if (runs === 1) {
      outcome.histories += 1;
      outcome.gateways[one.provider] = (outcome.gateways[one.provider] ?? 0) + 1;
      outcome.shards[one.shards] = (outcome.shards[one.shards] ?? 0) + 1;
      outcome.requests += verdict.requests;
      for (const line of verdict.trace) digest.update(line);
      for (const [what, count] of Object.entries(verdict.waits)) {
        const name = `${one.provider} ${what}`;
        outcome.waits[name] = (outcome.waits[name] ?? 0) + count;
      }
      for (const [kind, count] of Object.entries(verdict.faults)) {
        outcome.faults[kind as FaultKind] = (outcome.faults[kind as FaultKind] ?? 0) + count;
      }
      first = verdict.violations;
    }
    return verdict.violations.length === 0;
  });
  const result = await fc.check(property, { seed, numRuns: 1, unbiased: true, endOnFailure: !explain });
  if (!result.failed) return null;
  if (result.errorInstance instanceof Error && first === null) throw result.errorInstance;
  const smallest = explain ? (result.counterexample?.[0] ?? null) : null;
  return {
    seed,
    violations: first ?? [],
    smallest: smallest && { plan: smallest, ...(await runHistory(smallest, patchSql)) },
  };
}
