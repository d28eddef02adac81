/**
 * `npm run simulate`: lives through random histories of payments, refunds, retries and status requests, while everything
 * fails that can, and holds the service to what must always be true.
 *
 *   npm run simulate -- --seeds 10000          so many histories, from seed 1 on; --from sets another first one
 *   npm run simulate -- --seed 4711            one history, with all that happened in it
 *   npm run simulate -- --provider paypal      PayPal in each of them; or stripe, or simulated
 *   npm run simulate -- --mutations            the defects that are made on purpose, and which seed shows each
 */
import { parseArgs } from 'node:util';
import { MUTATIONS } from './mutations.ts';
import { GATEWAY_KINDS, type GatewayKind } from './plan.ts';
import type { Failure, Outcome } from './run-seeds.ts';
import { type Caught, hunt, range, SEEDS_FOR_MUTATIONS, simulate, together } from './simulate.ts';

/** Then the next ones start, and what has been seen so far is shown. */
const SEEDS_AT_ONCE = 500;

/** A whole number from 1 on, or an end with what is wrong. */
function count(name: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  console.error(`--${name} must be a whole number from 1 on`);
  process.exit(2);
}

function gatewayKind(value: string | undefined): GatewayKind | null {
  const known = GATEWAY_KINDS.find((kind) => kind === value);
  if (known !== undefined || value === undefined) return known ?? null;
  console.error(`--provider must be one of ${GATEWAY_KINDS.join(', ')}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    provider: { type: 'string' },
    mutations: { type: 'boolean', default: false },
  },
});
const startedAtMs = performance.now();
process.exitCode = (await (values.mutations ? showMutations() : showHistories())) ? 0 : 1;

async function showHistories(): Promise<boolean> {
  const seeds =
    values.seed === undefined
      ? range(count('from', values.from), count('seeds', values.seeds))
      : [count('seed', values.seed)];
  const provider = gatewayKind(values.provider);
  const outcomes: Outcome[] = [];
  for (let lived = 0; lived < seeds.length; lived += SEEDS_AT_ONCE) {
    const outcome = await simulate(seeds.slice(lived, lived + SEEDS_AT_ONCE), provider);
    outcomes.push(outcome);
    for (const failure of outcome.failures) showFailure(failure);
    const done = lived + outcome.histories;
    if (done < seeds.length) console.error(`${done} of ${seeds.length} histories`);
  }
  const outcome = together(outcomes);
  showFaults(outcome);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  console.log(
    `${outcome.histories} histories with ${outcome.requests} requests in ${seconds} s: ${outcome.failures.length} with violations`,
  );
  return outcome.failures.length === 0;
}

function showFaults({ faults, gateways }: Outcome): void {
  const sorted = (counts: object) => Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
  const rows = [
    ...sorted(faults),
    ...sorted(gateways).map(([kind, count]) => [`histories with ${kind}`, count] as const),
  ];
  for (const [kind, count] of rows) console.log(`${kind.padEnd(32)}${String(count).padStart(9)}`);
}

function showFailure({ seed, violations, smallest }: Failure): void {
  console.log(`seed ${seed}:`);
  for (const violation of violations) console.log(`  ${violation}`);
  if (smallest === null) return;
  console.log(`the smallest history that fails:\n${JSON.stringify(smallest.plan, null, 1)}`);
  for (const line of smallest.trace) console.log(`  ${line}`);
  for (const violation of smallest.violations) console.log(`  ${violation}`);
}

async function showMutations(): Promise<boolean> {
  const caught = await hunt(MUTATIONS, range(1, SEEDS_FOR_MUTATIONS));
  for (const one of caught) console.log(row(one));
  const missed = caught.filter(({ seed }) => seed === null);
  console.log(`${caught.length - missed.length} of ${caught.length} defects caught`);
  return missed.length === 0;
}

function row({ mutation, seed, violation }: Caught): string {
  const shown = seed === null ? 'not caught' : `seed ${seed}`;
  return `${mutation.name.padEnd(82)} ${mutation.breaks.padEnd(12)} ${shown.padEnd(10)} ${violation ?? ''}`;
}
