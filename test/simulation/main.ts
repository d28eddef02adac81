/**
 * `npm run simulate`: lives through random histories of payments, refunds, retries and status requests, while everything
 * fails that can, and holds the service to what must always be true.
 */
import { Command, Option } from 'commander';
import { EXIT_FAILED, optionsOf, readWholeNumber } from '../../src/local/command.ts';
import { withProgress } from '../../src/local/progress.ts';
import { MUTATIONS } from './mutations.ts';
import { GATEWAY_KINDS, type GatewayKind } from './plan.ts';
import type { Failure, Outcome } from './run-seeds.ts';
import { type Caught, hunt, range, SEEDS_FOR_MUTATIONS, simulate, together } from './simulate.ts';

/** Then the next ones start, and what has failed so far is shown. */
const SEEDS_AT_ONCE = 500;
const EXIT_VIOLATIONS = 1;

interface Options {
  seeds: number;
  from: number;
  seed?: number;
  provider?: GatewayKind;
  mutations?: true;
}

const program = new Command('npm run simulate --')
  .description('Lives through random histories with failures of every kind, and checks the invariants.')
  .option('--seeds <count>', 'how many histories', readWholeNumber, 200)
  .option('--from <seed>', 'the seed of the first one', readWholeNumber, 1)
  .addOption(
    new Option('--seed <seed>', 'one history, with all that happened in it')
      .argParser(readWholeNumber)
      .conflicts(['seeds', 'from', 'mutations']),
  )
  .addOption(new Option('--provider <name>', 'the gateway of each history').choices(GATEWAY_KINDS))
  .addOption(
    new Option('--mutations', 'plants each defect on purpose, and shows which seed finds it').conflicts([
      'seeds',
      'from',
      'provider',
    ]),
  );
const options = optionsOf<Options>(program, {
  examples: [
    ['--seeds 10000', 'ten thousand histories, from seed 1 on'],
    ['--seed 4711', 'one history that failed, again'],
    ['--seeds 1000 --provider paypal', 'each with PayPal'],
    ['--mutations', 'whether the simulator finds every planted defect'],
  ],
  exitCodes: [
    [0, 'no violation, or every defect found'],
    [EXIT_VIOLATIONS, 'violations, or a defect that was not found'],
    [EXIT_FAILED, 'an argument was refused'],
  ],
});
const startedAtMs = performance.now();
process.exitCode = (await (options.mutations ? showMutations() : showHistories())) ? 0 : EXIT_VIOLATIONS;

async function showHistories(): Promise<boolean> {
  const { seed, from, seeds: count, provider = null } = options;
  const seeds = seed === undefined ? range(from, count) : [seed];
  const outcomes: Outcome[] = [];
  await withProgress('Histories', async (progress) => {
    let lived = 0;
    const onLived = () => progress.at(++lived, seeds.length);
    for (let first = 0; first < seeds.length; first += SEEDS_AT_ONCE) {
      const outcome = await simulate(seeds.slice(first, first + SEEDS_AT_ONCE), provider, onLived);
      outcomes.push(outcome);
      progress.pause(() => outcome.failures.forEach(showFailure));
    }
  });
  const outcome = together(outcomes);
  showCounts(outcome);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  console.log(
    `${outcome.histories} histories with ${outcome.requests} requests in ${seconds} s: ${outcome.failures.length} with violations`,
  );
  return outcome.failures.length === 0;
}

function showCounts({ faults, gateways, shards, waits }: Outcome): void {
  const sorted = (counts: object) => Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
  const rows = [
    ...sorted(faults),
    ...sorted(waits).map(([name, count]) => [`payments: ${name}`, count] as const),
    ...sorted(gateways).map(([kind, count]) => [`histories with ${kind}`, count] as const),
    ...Object.entries(shards).map(([databases, count]) => [`histories, databases: ${databases}`, count] as const),
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
  const caught = await withProgress('Defects', (progress) => {
    let hunted = 0;
    return hunt(MUTATIONS, range(1, SEEDS_FOR_MUTATIONS), () => progress.at(++hunted, MUTATIONS.length));
  });
  for (const one of caught) console.log(row(one));
  const missed = caught.filter(({ seed }) => seed === null);
  console.log(`${caught.length - missed.length} of ${caught.length} defects caught`);
  return missed.length === 0;
}

function row({ mutation, seed, violation }: Caught): string {
  const shown = seed === null ? 'not caught' : `seed ${seed}`;
  return `${mutation.name.padEnd(82)} ${mutation.breaks.padEnd(12)} ${shown.padEnd(10)} ${violation ?? ''}`;
}
