/** `payctl reconcile`: compares the gateway, the ledger and the events of a time range, and names every difference. It changes nothing. */
import type { Command } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import type { TimeRange } from '../../core/ledger/id-range.ts';
import type { Difference } from '../../core/recovery/differences.ts';
import { explainDifference } from '../../core/recovery/explain-difference.ts';
import { type Reconciliation, reconcile } from '../../core/recovery/reconcile.ts';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  type LedgerPlace,
  type PlaceOptions,
  placeOf,
  readTimeMs,
  refuseEmptyRange,
} from '../arguments.ts';
import { withLedger } from '../ledger-access.ts';
import { inSnakeCase, printFacts, printJson } from '../output.ts';

const DAY_MS = 24 * 60 * 60_000;
const EXIT_DIFFERENCES = 1;

interface Options extends PlaceOptions {
  /** Times in milliseconds. */
  from?: number;
  to?: number;
  json?: true;
}

export function addReconcile(program: Command): void {
  const command = program
    .command('reconcile')
    .summary('Compares the gateway, the ledger and the events, and names every difference.')
    .description(
      'Compares what the gateway moved, what the ledger has and which events were published. Names every difference and what to do about it, and changes nothing. Requires the secrets of the configured gateways.',
    )
    .option('--from <time>', 'such as 2026-11-22 or 2026-11-22T18:30:00Z; by default 24 hours before --to', readTimeMs)
    .option('--to <time>', 'by default, now', readTimeMs)
    .action(async (options: Options) => {
      const range = readRange(options, command);
      await run(range, placeOf(options, command), options);
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['reconcile', 'the last 24 hours of the local database'],
      ['reconcile --from 2026-11-22 --to 2026-11-23', 'a day'],
      ['reconcile --remote --secrets-file .production-secrets --json', 'on Cloudflare, as JSON'],
    ],
    exitCodes: [
      [0, 'no difference'],
      [EXIT_DIFFERENCES, 'differences'],
      [EXIT_FAILED, 'not compared, or an argument was refused'],
    ],
  });
}

function readRange({ from, to }: Options, command: Command): TimeRange {
  const toMs = to ?? Date.now();
  const fromMs = from ?? toMs - DAY_MS;
  refuseEmptyRange({ from: fromMs, to: toMs }, command);
  return { fromMs, toMs };
}

async function run(range: TimeRange, place: LedgerPlace, { json }: Options): Promise<void> {
  const reconciliation = await withLedger(place, (ledger) =>
    withProgress('Comparing', async (progress) =>
      reconcile(await ledger.shards(), range, { onLookedUp: (done, total) => progress.at(done, total) }),
    ),
  );
  if (json) printAsJson(range, reconciliation);
  else print(range, place, reconciliation);
  const { differences } = reconciliation;
  if (differences.length > 0) process.exitCode = differences.every(isSilence) ? EXIT_FAILED : EXIT_DIFFERENCES;
}

/** No difference, but a question without an answer. */
function isSilence(difference: Difference): difference is Difference & { kind: 'not_compared' } {
  return difference.kind === 'not_compared';
}

function printAsJson({ fromMs, toMs }: TimeRange, reconciliation: Reconciliation): void {
  const differences = reconciliation.differences.map((difference) => ({
    ...difference,
    ...explainDifference(difference),
  }));
  const { made: _made, paymentOf: _paymentOf, ...compared } = reconciliation;
  printJson(inSnakeCase({ from: isoSeconds(fromMs), to: isoSeconds(toMs), ...compared, differences }));
}

function print({ fromMs, toMs }: TimeRange, { remote }: LedgerPlace, reconciliation: Reconciliation): void {
  const { payments, refunds, movements } = reconciliation;
  const differences = reconciliation.differences.filter((difference) => !isSilence(difference));
  console.log(`${isoSeconds(fromMs)} to ${isoSeconds(toMs)}, ${remote ? 'on Cloudflare' : 'the local database'}\n`);
  printFacts([
    ['payments', String(payments)],
    ['refunds', String(refunds)],
    ['movements', String(movements ?? 'not listed by the gateway; it was asked about each payment and refund')],
    ['differences', String(differences.length)],
  ]);
  for (const line of notCompared(reconciliation)) console.log(`\n${line}`);
  if (reconciliation.differences.length > 0) console.log();
  for (const difference of differences) {
    const { what, todo } = explainDifference(difference);
    console.log(`${difference.kind}: ${what} ${todo}`);
  }
  const silences = Map.groupBy(
    reconciliation.differences.filter(isSilence),
    ({ gateway, reason }) => `${gateway} (${reason})`,
  );
  for (const [silence, about] of silences) {
    const what = about.some(({ id }) => id === null) ? 'its list' : `${about.length} payments and refunds`;
    console.log(`not_compared: no answer about ${what} from ${silence}. Run this again when the gateway answers.`);
  }
}

/** What has left the database, and so was not compared. */
function notCompared({ eventsLeftUntilMs, transactionsLeftUntilMs }: Reconciliation): string[] {
  return [
    ...(eventsLeftUntilMs === null
      ? []
      : [
          `Events up to ${isoSeconds(eventsLeftUntilMs)} may have left the database: up to then, no missing event is reported.`,
        ]),
    ...(transactionsLeftUntilMs === null
      ? []
      : [
          `Payments up to ${isoSeconds(transactionsLeftUntilMs)} may have left the database: what the gateway lists of them was not compared.`,
        ]),
  ];
}
