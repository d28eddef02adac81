/**
 * `npm run audit`: exports the audit log, and says of an export whether it is whole. Exit code 0: done, or whole; 1: it is not;
 * 2: it could not be done; 3: nothing is wrong with what is sealed, but sealing lags.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { auditEntriesAfter, auditExport } from '../core/ledger/audit.ts';
import { chainHash } from '../core/ledger/audit-chain.ts';
import { ledgerProblem, openLedger } from './ledger-access.ts';
import { BadArguments, type LedgerPlace, readArguments, runCommand } from './operator-arguments.ts';
import { SEALING_LAGS_AFTER_MS, verifyAudit } from './verify-audit.ts';

const USAGE = `Usage: npm run --silent audit -- export [--remote | --persist-to DIR] > FILE
         the whole log, a line of JSON for each entry. Without --remote, it is that of this machine
       npm run audit -- verify FILE [--head HASH]
         whether nothing in the file was altered, removed, added or put elsewhere
--head is a hash that the Worker has logged (audit.sealed): without it, nobody can tell whether the end was cut off, or its seals
taken away. Exit code of verify: 0 whole, 1 broken, 2 not verified, 3 whole as far as it is sealed, but sealing lags by ten minutes.`;
const HASH = /^[0-9a-f]{64}$/;
const ENTRIES_PER_STEP = 1_000;
const EXIT_BROKEN = 1;
const EXIT_SEALING_LAGS = 3;

process.exitCode = await runCommand(USAGE, async () => {
  const { words, head, place } = readArguments(process.argv.slice(2), ['head']);
  const [verb, file, ...others] = words;
  if (others.length > 0) throw new BadArguments(`"${others[0]}" is one argument too many`);
  if (verb === 'export') {
    if (file !== undefined || head !== undefined) throw new BadArguments('export writes to standard output');
    return exportLog(place);
  }
  if (verb !== 'verify') throw new BadArguments(verb === undefined ? 'export or verify?' : `"${verb}" is no command`);
  if (file === undefined) throw new BadArguments('verify which file?');
  if (head !== undefined && !HASH.test(head)) throw new BadArguments('--head is a hash: 64 digits, 0 to 9 and a to f');
  return verify(file, head);
});

/** One line of JSON for each entry, with its hash; those of the last minutes have none yet. */
async function exportLog(place: LedgerPlace): Promise<number> {
  const ledger = await openLedger(place);
  try {
    await auditExport(ledger.db, Date.now());
    for (let after = 0; ; ) {
      const page = await auditEntriesAfter(ledger.db, after, ENTRIES_PER_STEP);
      for (const entry of page) console.log(JSON.stringify(entry));
      const last = page.at(-1);
      if (last === undefined || page.length < ENTRIES_PER_STEP) return 0;
      after = last.sequence;
    }
  } catch (error) {
    throw ledgerProblem(error, place);
  } finally {
    await ledger.close();
  }
}

async function verify(file: string, head: string | undefined): Promise<number> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  const verdict = await verifyAudit(lines, chainHash, head ?? null);
  if (verdict.broken !== null) {
    console.log(`Broken at ${verdict.broken.where}: ${verdict.broken.what}`);
    return EXIT_BROKEN;
  }
  console.log(
    `Whole: ${verdict.sealed} sealed entries, up to ${verdict.head}, and ${verdict.unsealed} at the end that have no seal yet, of which nothing can be said`,
  );
  if (head === undefined) {
    console.log('Whether its end was cut off, or its seals taken away, only a --head from the Worker’s log can tell');
  }
  if (verdict.unsealedForMs <= SEALING_LAGS_AFTER_MS) return 0;
  const minutes = Math.floor(verdict.unsealedForMs / 60_000);
  console.log(
    `Sealing lags: when this was exported, ${verdict.unsealed} entries had no seal, the oldest for ${minutes} minutes. The cron seals each minute: does it run, and is audit.sealed in the Worker’s log?`,
  );
  return EXIT_SEALING_LAGS;
}
