/** `payctl audit`: exports the audit log, verifies an export, and shows what happened to a payment. */
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import { auditExport, exportAuditLog } from '../../core/ledger/audit/export-audit-log.ts';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { fileProblem, isDirectory } from '../../local/file-problem.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  databaseNumbered,
  type PlaceOptions,
  placeOf,
} from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { printJson } from '../output.ts';
import { ArchiveBroken, auditReading } from '../read-archived.ts';
import { SEALING_LAGS_AFTER_MS, UNREAD, type Verdict, verifyAudit } from '../verify-audit.ts';
import { type AuditVerdict, databaseLine, verifyEach, verifyExport } from '../verify-export.ts';
import { addAuditShow } from './audit-show.ts';

const HASH = /^[0-9a-f]{64}$/;
const EXIT_BROKEN = 1;
const EXIT_SEALING_LAGS = 3;

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('Exports the audit log, verifies an export, and shows what happened to a payment.');
  addExport(audit);
  addVerify(audit);
  addAuditShow(audit);
  documented(audit, {
    examples: [
      ['audit export > audit.jsonl', 'the whole log'],
      ['audit verify audit.jsonl', 'whether it is intact'],
      ['audit show --subject TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'what happened to a payment'],
    ],
    exitCodes: [...DONE_OR_FAILED, ['1, 3', 'see the help of the command']],
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
      'a hash that the Worker has logged (audit.sealed), one for each database. Without it, a log passes although its end was cut off or its seals were removed',
      readHashes,
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

/** The option can be repeated. */
function readHashes(text: string, before: string[] = []): string[] {
  if (!HASH.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits, in lower case.');
  return [...before, text];
}

/** The hash of a block is in a line behind its entries; the entries of the last minute have none yet. */
async function exportLog({ databases, archive }: Ledger): Promise<void> {
  await withProgress('Exporting', async (progress) => {
    const last = await Promise.all(databases.map((db) => auditExport(db, Date.now())));
    for (const [number, db] of databases.entries()) {
      if (databases.length > 1) console.log(databaseLine(number, databases.length));
      for await (const { lines, until } of exportAuditLog(db, auditReading(archive))) {
        for (const line of lines) console.log(line);
        // Entries on their way to the same terminal are progress enough, and a bar would be between them.
        if (!process.stdout.isTTY) progress.at(until, last[number]);
      }
    }
  });
}

interface VerifyOptions {
  head?: string[];
  json?: true;
}

async function verifyFile(file: string, options: VerifyOptions): Promise<void> {
  const { handle, size } = await openExport(file);
  const verdict = await withProgress('Verifying', (progress) => {
    const bytes = handle.createReadStream();
    const lines = createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', () => progress.at(bytes.bytesRead, size));
    return verifyExport(lines, options.head ?? []);
  });
  report(verdict, options);
}

/** Opened before it is read: a stream that fails later does not end the reading of its lines. */
async function openExport(file: string): Promise<{ handle: FileHandle; size: number }> {
  try {
    const handle = await open(file);
    const stats = await handle.stat();
    if (!stats.isDirectory()) return { handle, size: stats.size };
    await handle.close();
  } catch (error) {
    throw fileProblem(error, file, 'read');
  }
  throw isDirectory(file);
}

/** The same of the logs themselves, wherever their parts are. It is recorded in them, as an export is. */
async function verifyLedger({ databases, archive }: Ledger, options: VerifyOptions): Promise<void> {
  const verdict = await withProgress('Verifying', (progress) =>
    verifyEach(databases.length, options.head ?? [], async (number, expectedHead, several) => {
      const db = databaseNumbered(databases, number);
      const last = await auditExport(db, Date.now());
      async function* lines() {
        for await (const page of exportAuditLog(db, auditReading(archive))) {
          yield* page.lines;
          progress.at(page.until, last);
        }
      }
      try {
        return await verifyAudit(lines(), expectedHead, several);
      } catch (error) {
        if (!(error instanceof ArchiveBroken)) throw error;
        return { ...UNREAD, broken: { where: error.object, what: error.what } };
      }
    }),
  );
  report(verdict, options);
}

function report({ logs, broken }: AuditVerdict, { head, json }: VerifyOptions): void {
  const isBroken = broken !== null || logs.some((log) => log.broken !== null);
  if (isBroken) process.exitCode = EXIT_BROKEN;
  else if (logs.some(lags)) process.exitCode = EXIT_SEALING_LAGS;

  const [only, ...others] = logs;
  if (only !== undefined && others.length === 0) {
    if (json) printJson(forPrograms(only));
    else printLog(only, head !== undefined);
  } else if (json) {
    const databases = logs.map((log, database) => ({ database, ...forPrograms(log), head_found: log.headFound }));
    printJson({ intact: !isBroken, sealing_lags: logs.some(lags), broken, databases });
  } else {
    for (const [database, log] of logs.entries()) {
      console.log(`Database ${database}:`);
      printLog(log, log.headFound);
    }
    if (broken !== null) console.log(`Broken at ${broken.where}: ${broken.what}`);
  }
}

function lags({ broken, unsealedForMs }: Verdict): boolean {
  return broken === null && unsealedForMs > SEALING_LAGS_AFTER_MS;
}

function forPrograms(verdict: Verdict) {
  const { sealed, unsealed, unsealedForMs, head, broken } = verdict;
  const unsealed_for_seconds = Math.floor(unsealedForMs / 1000);
  return { intact: broken === null, sealed, unsealed, unsealed_for_seconds, sealing_lags: lags(verdict), head, broken };
}

function printLog(verdict: Verdict, hasHead: boolean): void {
  if (verdict.broken !== null) {
    console.log(`Broken at ${verdict.broken.where}: ${verdict.broken.what}`);
    return;
  }
  console.log(
    `Intact: ${verdict.sealed} sealed entries, up to ${verdict.head}. Not sealed yet, and not verified: ${verdict.unsealed} at the end`,
  );
  if (!hasHead) {
    console.log('Not verified without --head: whether the end was cut off, or its seals were removed');
  }
  if (!lags(verdict)) return;
  const minutes = Math.floor(verdict.unsealedForMs / 60_000);
  console.log(
    `Sealing lags: at the time of the export, ${verdict.unsealed} entries had no seal, the oldest for ${minutes} minutes. The cron seals every minute: check that it runs, and that audit.sealed is in the Worker’s log`,
  );
}
