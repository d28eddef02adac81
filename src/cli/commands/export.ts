/** `payctl export`: payments, refunds and the settlement of a time range, for finance. */
import type { Command } from 'commander';
import { isoSeconds, timeOrNull } from '../../core/domain/timestamp.ts';
import { auditLedgerExport } from '../../core/ledger/finance/audit-ledger-export.ts';
import { movementsOf } from '../../core/ledger/finance/exported-rows.ts';
import type { Wanted } from '../../core/ledger/finance/payments-ended.ts';
import { CLOCK_SLACK_MS } from '../../core/ledger/id-range.ts';
import { type Documentation, documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  type LedgerPlace,
  type PlaceOptions,
  placeOf,
  readTenant,
  readTimeMs,
  refuseEmptyRange,
} from '../arguments.ts';
import { type Layout, PAYMENTS, refundsLayout, SETTLEMENT } from '../export/columns.ts';
import { csvHeader, csvLines } from '../export/csv.ts';
import { type Write, withOutput } from '../export/output-file.ts';
import { type Findings, type ReadingOptions, readLedger } from '../export/read-ledger.ts';
import { newSettlement } from '../export/settlement.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { counted } from '../output.ts';

const EXIT_INCOMPLETE = 1;
const EXIT_CODES: Documentation['exitCodes'] = [
  [0, 'done'],
  [EXIT_INCOMPLETE, 'incomplete: archived payments were left out, as --no-archive asks for'],
  [EXIT_FAILED, 'not done, or an argument was refused'],
];

interface Options extends PlaceOptions {
  /** Times in milliseconds. */
  from?: number;
  to?: number;
  tenant?: string;
  out?: string;
  /** False with --no-archive. */
  archive: boolean;
  json?: true;
}
type Subject = 'payments' | 'refunds' | 'settlement';

/** Rows of an export, a page at a time. */
type Pages<Row> = (ledger: Ledger, wanted: Wanted, options: Reading) => AsyncGenerator<Row[]>;
interface Reading {
  reading: ReadingOptions;
  findings: ExportFindings;
}
interface ExportFindings extends Findings {
  undatedReversals: number;
}

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('Exports payments, refunds and the settlement by day for finance, as CSV or JSON.')
    .description(
      'Exports payments, refunds and the settlement by day for finance, as CSV or JSON. User ids and addresses are never in it. Each export is recorded in the audit log.',
    );
  addPayments(command);
  addRefunds(command);
  addSettlement(command);
  documented(command, {
    examples: [
      ['export settlement --from 2026-11-01 --to 2026-12-01 --out november.csv', 'the sums of each day of a month'],
      ['export payments --help', 'the options of an export'],
    ],
    exitCodes: EXIT_CODES,
  });
}

function addPayments(parent: Command): void {
  const command = parent
    .command('payments')
    .description('Exports the payments that ended in the time range: captured, or failed. A row for each.');
  addRange(command).action((options: Options) =>
    run(command, 'payments', options, PAYMENTS, async function* pages(ledger, wanted, { reading, findings }) {
      for await (const { payments } of readLedger(ledger, wanted, reading, findings)) yield payments;
    }),
  );
  documented(command, {
    examples: [
      ['export payments --from 2026-11-01 --to 2026-12-01 --out payments.csv', 'a month'],
      ['export payments --from 2026-11-22 --to 2026-11-23 --remote --json', 'a day on Cloudflare, as JSON'],
    ],
    exitCodes: EXIT_CODES,
  });
}

function addRefunds(parent: Command): void {
  const command = parent
    .command('refunds')
    .description(
      'Exports the refunds that ended or were reversed in the time range, and late charges that were found in it. A row for each refund.',
    );
  addRange(command)
    .option('--with-reasons', 'with the reasons of refunds, which are free text and may name people')
    .action((options: Options & { withReasons?: true }) => {
      const wanted = readWanted(options, command);
      const layout = refundsLayout(wanted, options.withReasons === true);
      return run(command, 'refunds', options, layout, async function* pages(ledger, _, { reading, findings }) {
        for await (const { refunds } of readLedger(ledger, wanted, reading, findings)) {
          const isUndated = (row: (typeof refunds)[number]) =>
            row.reversedAtMs === null && movementsOf(row, wanted).reversedAtMs !== null;
          findings.undatedReversals += refunds.filter(isUndated).length;
          yield refunds;
        }
      });
    });
  documented(command, {
    examples: [['export refunds --from 2026-11-01 --to 2026-12-01 --out refunds.csv', 'a month']],
    exitCodes: EXIT_CODES,
  });
}

function addSettlement(parent: Command): void {
  const command = parent
    .command('settlement')
    .description(
      'Exports what was captured, refunded and reversed: a row for each day (UTC), gateway, payment method and currency.',
    );
  addRange(command).action((options: Options) =>
    run(command, 'settlement', options, SETTLEMENT, async function* pages(ledger, wanted, { reading, findings }) {
      const settlement = newSettlement(wanted);
      for await (const { payments, refunds } of readLedger(ledger, wanted, reading, findings)) {
        for (const payment of payments) settlement.addPayment(payment);
        for (const refund of refunds) settlement.addRefund(refund);
        // So that how far it is can be shown.
        yield [];
      }
      findings.undatedReversals = settlement.undatedReversals();
      yield settlement.lines();
    }),
  );
  documented(command, {
    examples: [['export settlement --from 2026-11-01 --to 2026-12-01 --out november.csv', 'each day of a month']],
    exitCodes: EXIT_CODES,
  });
}

function addRange(command: Command): Command {
  command
    .option('--from <time>', 'required: such as 2026-11-01 or 2026-11-01T18:30:00Z; inclusive', readTimeMs)
    .option('--to <time>', 'required: exclusive', readTimeMs)
    .option('--tenant <tenant>', 'only of this organisation', readTenant)
    .option('--out <file>', 'write to this file, which appears only when it is complete')
    .option('--no-archive', 'leave out payments that are only in the archive');
  return addPlaceOptions(addJsonOption(command, 'JSON in place of CSV: amounts are in minor units'));
}

function readWanted({ from, to, tenant }: Options, command: Command): Wanted {
  // Commander's own check comes before that for unknown options, and would hide a misspelled one.
  if (from === undefined) command.error("error: required option '--from <time>' not specified");
  if (to === undefined) command.error("error: required option '--to <time>' not specified");
  refuseEmptyRange({ from, to }, command);
  return { fromMs: from, toMs: to, tenant: tenant ?? null };
}

async function run<Row>(
  command: Command,
  subject: Subject,
  options: Options,
  layout: Layout<Row>,
  pagesOf: Pages<Row>,
): Promise<void> {
  const wanted = readWanted(options, command);
  const place: LedgerPlace = placeOf(options, command);
  const findings: ExportFindings = { rowsRead: 0, archivedUntilMs: null, undatedReversals: 0 };
  const wants = { payments: subject !== 'refunds', refunds: subject !== 'payments' };
  const reading = { wants, withoutArchive: !options.archive };
  const rows = await withLedger(place, async (ledger) => {
    const nowMs = Date.now();
    noteOpenEnd(wanted, nowMs);
    for (const db of ledger.databases) await auditLedgerExport(db, subject, wanted, nowMs);
    const pages = pagesOf(ledger, wanted, { reading, findings });
    return withProgress(`Exporting ${subject}`, (progress) =>
      printed(pages, layout, { subject, wanted, findings }, options, () => progress.at(findings.rowsRead)),
    );
  });
  report(rows, options, findings);
}

/** Clocks differ by a minute at most. */
function noteOpenEnd({ toMs }: Wanted, nowMs: number): void {
  if (toMs <= nowMs - CLOCK_SLACK_MS) return;
  console.error(`--to is ${isoSeconds(toMs)}: what ends between now and then is not in the export`);
}

/** Returns how many rows there are. */
async function printed<Row>(
  pages: AsyncGenerator<Row[]>,
  layout: Layout<Row>,
  about: About,
  { out, json }: Options,
  onWritten: () => void,
): Promise<number> {
  // Rows on their way to the same terminal are progress enough.
  const isOnScreen = out === undefined && process.stdout.isTTY;
  const print = json ? printJson : printCsv;
  let rows = 0;
  await withOutput(out ?? null, async (write) => {
    await print(write, pages, layout, about, (done) => {
      rows = done;
      if (!isOnScreen) onWritten();
    });
  });
  return rows;
}

interface About {
  subject: Subject;
  wanted: Wanted;
  findings: ExportFindings;
}
type OnWritten = (rows: number) => void;

async function printCsv<Row>(
  write: Write,
  pages: AsyncGenerator<Row[]>,
  { columns }: Layout<Row>,
  _: About,
  onWritten: OnWritten,
): Promise<void> {
  let rows = 0;
  await write(csvHeader(columns));
  for await (const page of pages) {
    if (page.length > 0) await write(csvLines(columns, page));
    rows += page.length;
    onWritten(rows);
  }
}

/** One JSON text, so that one that was cut off is none. */
async function printJson<Row>(
  write: Write,
  pages: AsyncGenerator<Row[]>,
  { forPrograms }: Layout<Row>,
  { subject, wanted, findings }: About,
  onWritten: OnWritten,
): Promise<void> {
  let rows = 0;
  const { fromMs, toMs, tenant } = wanted;
  const head = JSON.stringify({ from: isoSeconds(fromMs), to: isoSeconds(toMs), tenant });
  await write(`${head.slice(0, -1)},"${subject}":[`);
  for await (const page of pages) {
    const texts = page.map((row) => `\n${JSON.stringify(forPrograms(row))}`);
    if (texts.length > 0) await write(`${rows > 0 ? ',' : ''}${texts.join(',')}`);
    rows += page.length;
    onWritten(rows);
  }
  const { archivedUntilMs, undatedReversals } = findings;
  const archived = timeOrNull(archivedUntilMs);
  const end = { count: rows, undated_reversals: undatedReversals, archived_until_not_included: archived };
  await write(`\n],${JSON.stringify(end).slice(1)}\n`);
}

function report(rows: number, { out }: Options, { archivedUntilMs, undatedReversals }: ExportFindings): void {
  if (out !== undefined) console.error(`${out}: ${counted(rows, 'row')}`);
  if (undatedReversals > 0) {
    console.error(
      `${counted(undatedReversals, 'reversal')} ${undatedReversals === 1 ? 'was' : 'were'} recorded by a version that did not store the time: counted at the time of the refund`,
    );
  }
  if (archivedUntilMs === null) return;
  process.exitCode = EXIT_INCOMPLETE;
  console.error(
    `Incomplete: payments up to ${isoSeconds(archivedUntilMs)} may be in the archive, and were left out. Without --no-archive, they are included`,
  );
}
