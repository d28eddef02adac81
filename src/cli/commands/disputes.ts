/** `payctl disputes`: which payments payers dispute, and which of the disputes nobody has decided yet. */
import type { Command } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import type { Database } from '../../core/ledger/database.ts';
import { disputesAfter, type ListedDispute, openFirst } from '../../core/ledger/payments/list-disputes.ts';
import { isDecided } from '../../core/ledger/payments/record-dispute.ts';
import { documented } from '../../local/command.ts';
import { addJsonOption, addPlaceOptions, DONE_OR_FAILED, type PlaceOptions, placeOf } from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { counted, inSnakeCase, printJson, printTable } from '../output.ts';
import { moneyText } from '../output-of-payments.ts';

const DISPUTES_PER_STEP = 1_000;

interface Options extends PlaceOptions {
  open?: true;
  json?: true;
}

export function addDisputes(program: Command): void {
  const command = program
    .command('disputes')
    .description(
      "Lists disputes, open ones first, the oldest of them at the top. Answer a dispute in the provider's dashboard; the service only records what the provider reports.",
    )
    .option('--open', 'only those that the provider has not decided')
    .action(async (options: Options) => withLedger(placeOf(options, command), (ledger) => list(ledger, options)));
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['disputes --open --remote', 'what waits for an answer on Cloudflare'],
      ['disputes --json', 'all of them, as JSON'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

async function list({ databases }: Ledger, { open, json }: Options): Promise<void> {
  const lists = await Promise.all(databases.map((db) => allDisputes(db, open === true)));
  const disputes = lists.flat().toSorted(openFirst);
  const waiting = disputes.filter(isOpen);
  if (json) return printJson(disputes.map((dispute) => ({ ...forPrograms(dispute), is_open: isOpen(dispute) })));
  if (disputes.length === 0) return console.log(open ? 'There are no open disputes' : 'There are no disputes');
  printTable(
    ['STATE', 'DISPUTE', 'PROVIDER', 'PAYMENT', 'BOOKING', 'AMOUNT', 'OPENED', 'LAST REPORTED', 'STATUS', 'REASON'],
    disputes.map((dispute) => [
      isOpen(dispute) ? 'OPEN' : 'decided',
      dispute.disputeId,
      dispute.provider,
      dispute.transactionId,
      dispute.bookingId,
      moneyText(dispute.amountMinor, dispute.currency),
      isoSeconds(dispute.openedAtMs),
      isoSeconds(dispute.reportedAtMs),
      dispute.status,
      dispute.reason,
    ]),
  );
  if (waiting.length === 0) return;
  const providers = [...new Set(waiting.map(({ provider }) => provider))].toSorted().join(', ');
  console.log(
    `\n${counted(waiting.length, 'dispute')} ${waiting.length === 1 ? 'is' : 'are'} open: answer in the dashboard of the provider (${providers}) before its deadline, which is shown there.`,
  );
}

async function allDisputes(db: Database, openOnly: boolean): Promise<ListedDispute[]> {
  const all: ListedDispute[] = [];
  for (let after: ListedDispute | null = null; ; ) {
    const page: ListedDispute[] = await disputesAfter(db, after, openOnly, DISPUTES_PER_STEP);
    all.push(...page);
    after = page.at(-1) ?? null;
    if (after === null || page.length < DISPUTES_PER_STEP) return all;
  }
}

function isOpen({ status }: ListedDispute): boolean {
  return !isDecided(status);
}

function forPrograms(dispute: ListedDispute): object {
  return inSnakeCase(dispute) as object;
}
