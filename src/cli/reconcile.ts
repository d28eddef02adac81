/**
 * `npm run reconcile`: compares the gateway, the ledger and the events of a time, and names every difference. It changes
 * nothing. Exit code 0: no difference; 1: differences; 2: it could not be done.
 */
import { isoSeconds } from '../core/domain/timestamp.ts';
import type { TimeRange } from '../core/ledger/id-range.ts';
import type { Difference } from '../core/recovery/differences.ts';
import { explainDifference } from '../core/recovery/explain-difference.ts';
import { type Reconciliation, reconcile } from '../core/recovery/reconcile.ts';
import { ledgerProblem, openLedger } from './ledger-access.ts';
import { BadArguments, type LedgerPlace, readArguments, runCommand, timeMs } from './operator-arguments.ts';

const USAGE =
  'Usage: npm run reconcile -- [--from 2026-11-22] [--to 2026-11-23T12:00:00Z] [--remote [--secrets-file FILE] | --persist-to DIR] [--json]';
const DAY_MS = 24 * 60 * 60_000;

process.exitCode = await runCommand(USAGE, async () => {
  const { words, from, to, json, place } = readArguments(process.argv.slice(2), ['from', 'to', 'json']);
  if (words.length > 0) throw new BadArguments(`"${words[0]}" is not an option`);
  const range = readRange(from, to, Date.now());

  const reconciliation = await reconcileAt(place, range);
  if (json) printJson(range, reconciliation);
  else print(range, place, reconciliation);
  const { differences } = reconciliation;
  if (differences.length === 0) return 0;
  return differences.every(isSilence) ? 2 : 1;
});

/** No difference, but a question without an answer. */
function isSilence(difference: Difference): difference is Difference & { kind: 'not_compared' } {
  return difference.kind === 'not_compared';
}

/** The last 24 hours, unless it is said otherwise. */
function readRange(from: string | undefined, to: string | undefined, nowMs: number): TimeRange {
  const toMs = to === undefined ? nowMs : timeMs('to', to);
  const fromMs = from === undefined ? toMs - DAY_MS : timeMs('from', from);
  if (fromMs >= toMs)
    throw new BadArguments(`--from (${isoSeconds(fromMs)}) must be before --to (${isoSeconds(toMs)})`);
  return { fromMs, toMs };
}

async function reconcileAt(place: LedgerPlace, range: TimeRange): Promise<Reconciliation> {
  const ledger = await openLedger(place);
  try {
    return await reconcile(ledger.context(), range);
  } catch (error) {
    throw ledgerProblem(error, place);
  } finally {
    await ledger.close();
  }
}

function printJson({ fromMs, toMs }: TimeRange, reconciliation: Reconciliation): void {
  const differences = reconciliation.differences.map((difference) => ({
    ...difference,
    ...explainDifference(difference),
  }));
  console.log(
    JSON.stringify({ from: isoSeconds(fromMs), to: isoSeconds(toMs), ...reconciliation, differences }, null, 2),
  );
}

function print({ fromMs, toMs }: TimeRange, { remote }: LedgerPlace, reconciliation: Reconciliation): void {
  const { payments, refunds, movements, differences } = reconciliation;
  console.log(`${isoSeconds(fromMs)} to ${isoSeconds(toMs)}, ${remote ? 'on Cloudflare' : 'the local database'}

payments     ${payments}
refunds      ${refunds}
movements    ${movements ?? 'no list of the gateway’s: it was asked about each payment and refund'}
differences  ${differences.filter((difference) => !isSilence(difference)).length}`);
  if (differences.length > 0) console.log();
  for (const difference of differences.filter((one) => !isSilence(one))) {
    const { what, todo } = explainDifference(difference);
    console.log(`${difference.kind}: ${what} ${todo}`);
  }
  const silences = Map.groupBy(differences.filter(isSilence), ({ gateway, reason }) => `${gateway} (${reason})`);
  for (const [silence, about] of silences) {
    const what = about.some(({ id }) => id === null) ? 'its list' : `${about.length} payments and refunds`;
    console.log(`not_compared: no answer about ${what} from ${silence}. Run it again when the gateway answers.`);
  }
}
