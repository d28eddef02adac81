/** `payctl audit`: exports the audit log, and verifies an export. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import type { ArchivedRange } from '../../core/ledger/archive/archive-bucket.ts';
import { auditExport, exportAuditLog } from '../../core/ledger/audit/export-audit-log.ts';
import { CHAIN_START } from '../../core/ledger/audit/hash-chain.ts';
import { unpack } from '../../core/ledger/audit/packed-lines.ts';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import { addJsonOption, addPlaceOptions, DONE_OR_FAILED, type PlaceOptions, placeOf } from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { printJson } from '../output.ts';
import { ArchiveBroken, readArchived } from '../read-archived.ts';
import { SEALING_LAGS_AFTER_MS, type Verdict, verifyAudit } from '../verify-audit.ts';

const HASH = /^[0-9a-f]{64}$/;
const ENTRIES_PER_STEP = 1_000;
const EXIT_BROKEN = 1;
const EXIT_SEALING_LAGS = 3;

export function addAudit(program: Command): void {
  const audit = program.command('audit').description('Exports the audit log, and verifies an export.');
  addExport(audit);
  addVerify(audit);
  documented(audit, {
    examples: [
      ['audit export > audit.jsonl', 'the whole log'],
      ['audit verify audit.jsonl', 'whether it is intact'],
    ],
    exitCodes: [...DONE_OR_FAILED, ['1, 3', 'see audit verify --help']],
  });
}

function addExport(audit: Command): void {
  const command = audit
    .command('export')
    .description(
      'Prints the whole audit log: a line of JSON for each entry, and for each block’s seal. The export is recorded in the log.',
    )
    .action(async (options: PlaceOptions) => withLedger(placeOf(options, command), (ledger) => exportLog(ledger)));
  addPlaceOptions(addJsonOption(command, 'has no effect: the output is JSON in any case'));
  documented(command, {
    examples: [['audit export --remote > audit.jsonl', 'the log on Cloudflare']],
    exitCodes: DONE_OR_FAILED,
  });
}

function addVerify(audit: Command): void {
  const command = audit
    .command('verify')
    .description(
      'Finds what was altered, removed, added or moved: in an export, offline; or, without one, in the database and the archive.',
    )
    .argument('[file]', 'an export')
    .option(
      '--head <hash>',
      'a hash that the Worker has logged (audit.sealed). Without it, a log whose end was cut off or whose seals were removed passes',
      readHash,
    )
    .action(async (file: string | undefined, options: PlaceOptions & VerifyOptions) => {
      const place = placeOf(options, command);
      if (file === undefined) return withLedger(place, (ledger) => verifyLedger(ledger, options));
      return verifyFile(file, options);
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['audit verify audit.jsonl --head HASH', "with a hash from the Worker's log"],
      ['audit verify --remote', 'the log on Cloudflare, with what has been archived'],
    ],
    exitCodes: [
      [0, 'intact'],
      [EXIT_BROKEN, 'broken'],
      [EXIT_FAILED, 'not verified, or an argument was refused'],
      [EXIT_SEALING_LAGS, 'intact as far as it is sealed, but sealing lags by ten minutes'],
    ],
  });
}

function readHash(text: string): string {
  if (!HASH.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits, in lower case.');
  return text;
}

/** The hash of a block is in a line behind its entries; the entries of the last minute have none yet. */
async function exportLog({ db, archive }: Ledger): Promise<void> {
  await withProgress('Exporting', async (progress) => {
    const last = await auditExport(db, Date.now());
    for await (const { lines, until } of exportAuditLog(db, readingOf(archive))) {
      for (const line of lines) console.log(line);
      // Entries on their way to the same terminal are progress enough, and a bar would be between them.
      if (!process.stdout.isTTY) progress.at(until, last);
    }
  });
}

function readingOf(archive: Ledger['archive']) {
  return {
    unpack,
    readArchived: (range: ArchivedRange) => readArchived(archive, range),
    entriesAtOnce: ENTRIES_PER_STEP,
  };
}

interface VerifyOptions {
  head?: string;
  json?: true;
}

async function verifyFile(file: string, options: VerifyOptions): Promise<void> {
  const { size } = await stat(file);
  const verdict = await withProgress('Verifying', (progress) => {
    const bytes = createReadStream(file);
    const lines = createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', () => progress.at(bytes.bytesRead, size));
    return verifyAudit(lines, options.head ?? null);
  });
  report(verdict, options);
}

/** The same of the log itself, wherever its parts are. It is recorded in the log, as an export is. */
async function verifyLedger({ db, archive }: Ledger, options: VerifyOptions): Promise<void> {
  const verdict = await withProgress('Verifying', async (progress) => {
    const last = await auditExport(db, Date.now());
    async function* lines() {
      for await (const page of exportAuditLog(db, readingOf(archive))) {
        yield* page.lines;
        progress.at(page.until, last);
      }
    }
    try {
      return await verifyAudit(lines(), options.head ?? null);
    } catch (error) {
      if (!(error instanceof ArchiveBroken)) throw error;
      const broken = { where: error.object, what: error.what };
      return { sealed: 0, unsealed: 0, unsealedForMs: 0, head: CHAIN_START, broken };
    }
  });
  report(verdict, options);
}

function report(verdict: Verdict, { head, json }: VerifyOptions): void {
  const lags = verdict.broken === null && verdict.unsealedForMs > SEALING_LAGS_AFTER_MS;
  if (verdict.broken !== null) process.exitCode = EXIT_BROKEN;
  else if (lags) process.exitCode = EXIT_SEALING_LAGS;

  if (json) {
    const { sealed, unsealed, unsealedForMs, head: last, broken } = verdict;
    const unsealed_for_seconds = Math.floor(unsealedForMs / 1000);
    printJson({
      intact: broken === null,
      sealed,
      unsealed,
      unsealed_for_seconds,
      sealing_lags: lags,
      head: last,
      broken,
    });
  } else print(verdict, head, lags);
}

function print(verdict: Verdict, head: string | undefined, lags: boolean): void {
  if (verdict.broken !== null) {
    console.log(`Broken at ${verdict.broken.where}: ${verdict.broken.what}`);
    return;
  }
  console.log(
    `Intact: ${verdict.sealed} sealed entries, up to ${verdict.head}. Not sealed yet, and not verified: ${verdict.unsealed} at the end`,
  );
  if (head === undefined) {
    console.log('Not verified without --head: whether the end was cut off, or its seals were removed');
  }
  if (!lags) return;
  const minutes = Math.floor(verdict.unsealedForMs / 60_000);
  console.log(
    `Sealing lags: at the time of the export, ${verdict.unsealed} entries had no seal, the oldest for ${minutes} minutes. The cron seals each minute: does it run, and is audit.sealed in the Worker’s log?`,
  );
}
