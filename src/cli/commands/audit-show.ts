/** `payctl audit show`: what the audit log has about one payment, refund, API key or dispute. */
import { type Command, InvalidArgumentError } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import type { ArchiveBucket } from '../../core/ledger/archive/archive-bucket.ts';
import type { ArchivedTransaction } from '../../core/ledger/archive/archive-transactions.ts';
import type { ExportedEntry } from '../../core/ledger/audit/export-audit-log.ts';
import { auditRead } from '../../core/ledger/audit/find-entries.ts';
import type { Database } from '../../core/ledger/database.ts';
import { CLOCK_SLACK_MS } from '../../core/ledger/id-range.ts';
import { shardOfId } from '../../core/shards.ts';
import { type Documentation, documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import { archivedObjects } from '../archived-objects.ts';
import {
  addJsonOption,
  addPlaceOptions,
  type PlaceOptions,
  placeOf,
  readTimeMs,
  refuseEmptyRange,
} from '../arguments.ts';
import { detailOf, entriesAbout, ownerOf, type Search } from '../entries-about.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import { printJson, printTable } from '../output.ts';
import { auditReading, readArchived } from '../read-archived.ts';

const EXIT_NOTHING_FOUND = 1;
const EXIT_CODES: Documentation['exitCodes'] = [
  [0, 'done'],
  [EXIT_NOTHING_FOUND, 'there is no entry about it'],
  [EXIT_FAILED, 'not searched, or an argument was refused'],
];

interface Options extends PlaceOptions {
  subject?: string;
  /** Times in milliseconds. */
  from?: number;
  to?: number;
  quick?: true;
  json?: true;
}

export function addAuditShow(audit: Command): void {
  const command: Command = audit
    .command('show')
    .summary('Shows all entries about a payment, refund, API key or dispute.')
    .description(
      'Shows all entries about a payment, with its refunds and disputes, or about a refund, an API key or a dispute, in order of time. It searches the log from the time at which the payment or refund was made, in the database and the archive. The search is recorded in the log.',
    )
    .option('--subject <id>', 'required: TXN-…, REF-…, key_… or the id of a dispute', readSubject)
    .option('--from <time>', 'only entries from this time on', readTimeMs)
    .option('--to <time>', 'only entries before this time; the search ends there', readTimeMs)
    .option('--quick', 'only the entries that the rows of the payment name: faster, but not all entries')
    .action(async (options: Options) => {
      const { subject, from, to, quick = false } = options;
      // Commander's own check comes before that for unknown options, and would hide a misspelled one.
      if (subject === undefined) command.error("error: required option '--subject <id>' not specified");
      refuseEmptyRange({ from, to }, command);
      const search = { id: subject, fromMs: from ?? null, toMs: to ?? null, namedOnly: quick };
      await withLedger(placeOf(options, command), (ledger) => show(ledger, search, options));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['audit show --subject TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'a payment, with its refunds and disputes'],
      ['audit show --subject key_7f3a --remote --json', 'who created and revoked a key, as JSON'],
      ['audit show --subject REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD --to 2026-12-01', 'a refund, up to a time'],
    ],
    exitCodes: EXIT_CODES,
  });
}

function readSubject(text: string): string {
  if (!/^[\w:-]{3,255}(\/[\x21\x23-\x5b\x5d-\x7e]{1,255})?$/.test(text))
    throw new InvalidArgumentError(
      'It must be the id of a payment, refund, key or dispute, or TXN-…/REFERENCE for an external refund.',
    );
  return text;
}

type FoundEntry = ExportedEntry & { database: number };

async function show({ databases, archive }: Ledger, search: Search, { json }: Options): Promise<void> {
  const found = await withProgress('Searching the audit log', async (progress) => {
    const all: FoundEntry[] = [];
    for (const [database, db] of databases.entries()) {
      if (!mayBeIn(database, search.id, databases.length)) continue;
      const last = await auditRead(db, search.id, Date.now());
      const entries = await entriesAbout(db, search, last, {
        reading: auditReading(archive),
        archivedOf: (id, madeAtMs) => archivedTransaction(db, archive, id, madeAtMs),
        onRead: (done, total) => progress.at(done, total),
      });
      all.push(...entries.map((entry) => ({ ...entry, database })));
    }
    return all.toSorted((a, b) => a.at_ms - b.at_ms);
  });
  if (found.length === 0) process.exitCode = EXIT_NOTHING_FOUND;
  if (json) return printJson(found.map((entry) => forPrograms(entry, databases.length)));
  if (found.length === 0) return console.log(`There is no entry about ${search.id}`);
  printTable(
    ['TIME', 'WHO', 'ACTION', 'SUBJECT', 'OUTCOME', 'REQUEST', 'DETAIL'],
    found.map((entry) => [
      isoSeconds(entry.at_ms),
      entry.actor,
      entry.action,
      entry.subject,
      entry.outcome,
      entry.request_id ?? '',
      Object.entries(detailOf(entry))
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ]),
  );
}

/** The id of a payment or refund names its database; keys are in all of them, and disputes in that of their payment. */
function mayBeIn(database: number, id: string, databases: number): boolean {
  return !/^(TXN|REF)-/.test(id) || shardOfId(ownerOf(id), databases) === database;
}

async function* archivedTransaction(
  db: Database,
  archive: ArchiveBucket | null,
  transactionId: string,
  madeAtMs: number,
): AsyncGenerator<ArchivedTransaction> {
  for (const range of await archivedObjects(db, { fromMs: madeAtMs, toMs: madeAtMs + 1 })) {
    if (range.lastSequence < madeAtMs - CLOCK_SLACK_MS) continue;
    for (const line of await readArchived(archive, range)) {
      if (!line.includes(transactionId)) continue;
      const archived: ArchivedTransaction = JSON.parse(line);
      if (archived.transaction.transaction_id === transactionId) yield archived;
    }
  }
}

function forPrograms(entry: FoundEntry, databases: number) {
  const { sequence, at_ms, tenant, actor, request_id, address, action, subject, outcome, database } = entry;
  return {
    ...{ at: isoSeconds(at_ms), actor, action, subject, outcome, tenant, request_id, address },
    ...{ detail: detailOf(entry), sequence, ...(databases > 1 && { database }) },
  };
}
