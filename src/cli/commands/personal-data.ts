/** `payctl personal-data`: exports or erases a user's personal data. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { auditPersonalData } from '../../core/ledger/personal-data/audit-personal-data.ts';
import { type Erased, erasePersonalData } from '../../core/ledger/personal-data/erase-personal-data.ts';
import { type PersonalRecord, personalRecords } from '../../core/ledger/personal-data/find-personal-data.ts';
import { BEFORE_ALL, type Step } from '../../core/ledger/personal-data/steps.ts';
import { DEFAULT_TENANT } from '../../core/security/credential.ts';
import { type Documentation, documented, EXIT_FAILED } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import { addJsonOption, addPlaceOptions, type PlaceOptions, placeOf, readTenant } from '../arguments.ts';
import { type Databases, withLedger } from '../ledger-access.ts';
import { counted, inSnakeCase, printJson } from '../output.ts';
import { confirms, readUserId } from '../prompt.ts';

const PAYMENTS_PER_STEP = 5_000;
const EXIT_INCOMPLETE = 1;
const EXIT_CODES: Documentation['exitCodes'] = [
  [0, 'done'],
  [EXIT_INCOMPLETE, 'incomplete: an address could not be decrypted, or a payment is pending'],
  [EXIT_FAILED, 'not done, or an argument was refused'],
];

interface Person {
  tenant: string;
  userId: string;
}
interface Options extends PlaceOptions {
  tenant: string;
  json?: true;
}

export function addPersonalData(program: Command): void {
  const personalData = program
    .command('personal-data')
    .description('Exports or erases the data of a user.')
    .configureHelp({ subcommandTerm: (verb) => `${verb.name()} ${verb.usage()}` });
  addExport(personalData);
  addErase(personalData);
  documented(personalData, {
    examples: [
      ['personal-data export > export.json', 'asks for the id of the user'],
      ['personal-data erase', 'asks for the id, and for confirmation'],
    ],
    exitCodes: EXIT_CODES,
  });
}

function addExport(personalData: Command): void {
  const command = personalData
    .command('export')
    .description(
      'Prints the personal data of a user, as JSON. Asks for the id of the user, which is the user_id of the payments. Requires ENCRYPTION_KEY.',
    );
  addUser(command).action(async (words: string[], options: Options) => {
    const place = placeOf(options, command);
    const person = await readPerson(words, options, command);
    await withLedger(place, ({ databases }) => exportPersonalData(databases, person));
  });
  addPlaceOptions(addJsonOption(command, 'has no effect: the output is JSON in any case'));
  documented(command, {
    examples: [
      ['personal-data export > export.json', 'asks for the id'],
      ['personal-data export - < id.txt > export.json', 'reads the id from standard input'],
    ],
    exitCodes: EXIT_CODES,
  });
}

function addErase(personalData: Command): void {
  const command = personalData
    .command('erase')
    .description(
      'Erases the personal data of a user for good: removes addresses and the reasons of refunds, and replaces the id by a pseudonym. Asks for the id of the user and for confirmation; with - it reads the id and does not ask.',
    );
  addUser(command).action(async (words: string[], options: Options) => {
    const place = placeOf(options, command);
    const person = await readPerson(words, options, command);
    const where = place.remote ? 'on Cloudflare' : 'in the local database';
    const question = `Erase "${person.userId}" of the tenant ${person.tenant} ${where}? This cannot be undone.`;
    if (words.length === 0 && !(await confirms(question))) throw new Error('Nothing was erased');
    await withLedger(place, ({ databases }) => erase(databases, person, options));
  });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['personal-data erase --tenant cinema-2', 'asks for the id, and for confirmation'],
      ['personal-data erase - --remote < id.txt', 'reads the id from standard input, and does not ask'],
    ],
    exitCodes: EXIT_CODES,
  });
}

/** Takes all words, because commander would repeat an id that is one too many. */
function addUser(command: Command): Command {
  return command
    .usage('[options] [-]')
    .argument('[input...]', '- reads the id of the user from standard input')
    .option('--tenant <tenant>', 'the organisation that the user belongs to', readTenant, DEFAULT_TENANT);
}

async function readPerson(words: readonly string[], { tenant }: Options, command: Command): Promise<Person> {
  const read = await readUserId(words);
  return read.kind === 'read' ? { tenant, userId: read.userId } : command.error(`error: ${read.reason}`);
}

async function exportPersonalData(databases: Databases, person: Person): Promise<void> {
  const records: PersonalRecord[] = [];
  await withProgress('Reading payments', async (progress) => {
    for (const db of databases) {
      const before = records.length;
      for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
        const step: Step<PersonalRecord[]> = await personalRecords(db, person, afterId, PAYMENTS_PER_STEP);
        records.push(...step.found);
        afterId = step.lastId;
        progress.at(records.length);
      }
      await auditPersonalData(db, person.tenant, {
        atMs: Date.now(),
        action: 'personal_data.exported',
        subject: 'a user',
        payments: records.length - before,
      });
    }
  });
  const { tenant, userId: user_id } = person;
  printJson({ tenant, user_id, exported_at: isoSeconds(Date.now()), payments: records.map(shown) });
  if (records.length === 0) console.error(nothingOf(person));
  const unopened = records.filter(({ isUnopened }) => isUnopened).map(({ transaction }) => transaction.transactionId);
  if (unopened.length === 0) return;
  console.error(`The addresses of these payments cannot be decrypted: ${unopened.join(', ')}`);
  process.exitCode = EXIT_INCOMPLETE;
}

/** All that is stored of it, under the names that the tables have. */
function shown({ transaction, refunds, disputes }: PersonalRecord) {
  return inSnakeCase({ ...transaction, refunds, disputes });
}

function nothingOf({ tenant, userId }: Person): string {
  return `No payments of "${userId}" in the tenant ${tenant}`;
}

async function erase(databases: Databases, person: Person, { json }: Options): Promise<void> {
  const pseudonym = `erased_${randomBytes(8).toString('hex')}`;
  const found: Erased = { payments: 0, pending: 0 };
  // Printed first: if the command breaks off, it is written nowhere else.
  console.error(`The pseudonym of the user is ${pseudonym}`);
  const erased = () =>
    `${counted(found.payments, 'payment')} ${found.payments === 1 ? 'has' : 'have'} the user_id ${pseudonym} now, and no address. A refund of them requires this user_id.`;
  try {
    await withProgress('Erasing', async (progress) => {
      for (const db of databases) {
        const before = found.payments;
        for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
          const step: Step<Erased> = await erasePersonalData(db, { ...person, pseudonym }, afterId, PAYMENTS_PER_STEP);
          found.payments += step.found.payments;
          found.pending += step.found.pending;
          afterId = step.lastId;
          progress.at(found.payments);
        }
        await auditPersonalData(db, person.tenant, {
          atMs: Date.now(),
          action: 'personal_data.erased',
          subject: pseudonym,
          payments: found.payments - before,
        });
      }
    });
  } catch (error) {
    if (found.payments > 0) console.error(`Interrupted: run this again. ${erased()}`);
    throw error;
  }
  const { payments, pending } = found;
  if (pending > 0) process.exitCode = EXIT_INCOMPLETE;
  if (json) return printJson({ pseudonym, payments, pending });
  console.log(payments + pending === 0 ? nothingOf(person) : erased());
  if (pending > 0) {
    console.log(
      `${counted(pending, 'payment')} ${pending === 1 ? 'is' : 'are'} pending, or a refund of ${pending === 1 ? 'it' : 'them'} is: run this again when nothing is pending.`,
    );
  }
}
