/** `payctl audit`: exports the audit log, and verifies an export. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import { auditExport, exportAuditLog } from '../../core/ledger/audit/export-audit-log.ts';
import { unpack } from '../../core/ledger/audit/packed-lines.ts';
import type { Database } from '../../core/ledger/database.ts';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import { addJsonOption, addPlaceOptions, DONE_OR_FAILED, type PlaceOptions, placeOf } from '../arguments.ts';
import { withLedger } from '../ledger-access.ts';
import { printJson } from '../output.ts';
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
    .action(async (options: PlaceOptions) => withLedger(placeOf(options, command), ({ db }) => exportLog(db)));
  addPlaceOptions(addJsonOption(command, 'has no effect: the output is JSON in any case'));
  documented(command, {
    examples: [['audit export --remote > audit.jsonl', 'the log on Cloudflare']],
    exitCodes: DONE_OR_FAILED,
  });
}

function addVerify(audit: Command): void {
  const command = audit
    .command('verify')
    .description('Finds what was altered, removed, added or moved in an export. Works offline.')
    .argument('<file>', 'an export')
    .option(
      '--head <hash>',
      'a hash that the Worker has logged (audit.sealed). Without it, a log whose end was cut off or whose seals were removed passes',
      readHash,
    )
    .action(verify);
  addJsonOption(command);
  documented(command, {
    examples: [['audit verify audit.jsonl --head HASH', "with a hash from the Worker's log"]],
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
async function exportLog(db: Database): Promise<void> {
  await withProgress('Exporting', async (progress) => {
    const last = await auditExport(db, Date.now());
    for await (const { lines, until } of exportAuditLog(db, unpack, ENTRIES_PER_STEP)) {
      for (const line of lines) console.log(line);
      // Entries on their way to the same terminal are progress enough, and a bar would be between them.
      if (!process.stdout.isTTY) progress.at(until, last);
    }
  });
}

async function verify(file: string, { head, json }: { head?: string; json?: true }): Promise<void> {
  const { size } = await stat(file);
  const verdict = await withProgress('Verifying', (progress) => {
    const bytes = createReadStream(file);
    const lines = createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', () => progress.at(bytes.bytesRead, size));
    return verifyAudit(lines, head ?? null);
  });
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
