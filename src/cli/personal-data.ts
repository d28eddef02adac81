/**
 * `npm run gdpr`: what is stored of a user, as JSON, or without them from now on. Exit code 0: done; 1: not all of it could be
 * opened, or erased yet; 2: it could not be done.
 */
import { randomBytes } from 'node:crypto';
import { isoSeconds } from '../core/domain/timestamp.ts';
import type { Database } from '../core/ledger/database.ts';
import {
  auditPersonalData,
  BEFORE_ALL,
  erasePersonalData,
  type PersonalRecord,
  personalRecords,
} from '../core/ledger/personal-data.ts';
import { DEFAULT_TENANT, isTenant } from '../core/security/credential.ts';
import { ledgerProblem, openLedger } from './ledger-access.ts';
import { BadArguments, type OperatorArguments, readArguments, runCommand } from './operator-arguments.ts';
import { readUserId } from './user-id.ts';

const USAGE = `Usage: npm run --silent gdpr -- export [-] > FILE
         all that is stored of the user, as JSON
       npm run gdpr -- erase [-]
         takes the user out of it for good: no address, no reason of a refund, and a pseudonym in place of the id
each with [--tenant default] [--remote [--secrets-file FILE] | --persist-to DIR]
It asks for the user's id, the user_id of the payments; with -, it reads it from standard input. An id may also be given in place of -,
but then the shell's history and npm's log keep it. Without --remote, it is the database of this machine.`;
const PAYMENTS_PER_STEP = 5_000;

interface Person {
  tenant: string;
  userId: string;
}

process.exitCode = await runCommand(USAGE, async () => {
  const read = readArguments(process.argv.slice(2), ['tenant']);
  const command = await commandOf(read);
  const ledger = await openLedger(read.place);
  try {
    return await command(ledger.db);
  } catch (error) {
    throw ledgerProblem(error, read.place);
  } finally {
    await ledger.close();
  }
});

async function commandOf({
  words,
  tenant = DEFAULT_TENANT,
}: OperatorArguments): Promise<(db: Database) => Promise<number>> {
  const [verb, argument, ...others] = words;
  if (verb !== 'export' && verb !== 'erase') {
    throw new BadArguments(verb === undefined ? 'export or erase?' : `"${verb}" is no command`);
  }
  if (others.length > 0) throw new BadArguments(`"${others[0]}" is one argument too many`);
  if (!isTenant(tenant)) throw new BadArguments(`"${tenant}" is no tenant`);
  const person = { tenant, userId: await readUserId(argument, verb) };
  return verb === 'export' ? (db) => exportPersonalData(db, person) : (db) => erase(db, person);
}

async function exportPersonalData(db: Database, person: Person): Promise<number> {
  const records: PersonalRecord[] = [];
  for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
    const step: { found: PersonalRecord[]; lastId: string | null } = await personalRecords(
      db,
      person,
      afterId,
      PAYMENTS_PER_STEP,
    );
    records.push(...step.found);
    afterId = step.lastId;
  }
  await auditPersonalData(db, person.tenant, {
    atMs: Date.now(),
    action: 'person.exported',
    subject: 'a user',
    payments: records.length,
  });
  const exported_at = isoSeconds(Date.now());
  const { tenant, userId: user_id } = person;
  console.log(JSON.stringify({ tenant, user_id, exported_at, payments: records.map(shown) }, null, 2));
  if (records.length === 0) console.error(nothingOf(person));
  const unopened = records.filter(({ isUnopened }) => isUnopened).map(({ transaction }) => transaction.transactionId);
  if (unopened.length > 0) console.error(`The addresses of these cannot be opened: ${unopened.join(', ')}`);
  return unopened.length > 0 ? 1 : 0;
}

/** All that is stored of it, under the names that the tables have. */
function shown({ transaction, refunds, disputes }: PersonalRecord) {
  return { ...named(transaction), refunds: refunds.map(named), disputes: disputes.map(named) };
}

function nothingOf({ tenant, userId }: Person): string {
  return `Nothing is stored of "${userId}" in the tenant ${tenant}`;
}

function named(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return name.endsWith('AtMs') && typeof value === 'number'
        ? [snake.replace(/_ms$/, ''), isoSeconds(value)]
        : [snake, value];
    }),
  );
}

async function erase(db: Database, person: Person): Promise<number> {
  const pseudonym = `erased_${randomBytes(8).toString('hex')}`;
  let [payments, pending] = [0, 0];
  // Said at once: if this breaks off, nobody else knows it.
  console.error(`The user will be called ${pseudonym}`);
  const erased = () =>
    `${payments === 1 ? '1 payment is' : `${payments} payments are`} of ${pseudonym} now, without an address. A refund of them needs this as its user_id.`;
  try {
    for (let afterId: string | null = BEFORE_ALL; afterId !== null; ) {
      const step: Awaited<ReturnType<typeof erasePersonalData>> = await erasePersonalData(
        db,
        { ...person, pseudonym },
        afterId,
        PAYMENTS_PER_STEP,
      );
      payments += step.found.payments;
      pending += step.found.pending;
      afterId = step.lastId;
    }
    await auditPersonalData(db, person.tenant, {
      atMs: Date.now(),
      action: 'person.erased',
      subject: pseudonym,
      payments,
    });
  } catch (error) {
    if (payments > 0) console.error(`It broke off, to be run again. ${erased()}`);
    throw error;
  }
  console.log(payments + pending === 0 ? nothingOf(person) : erased());
  if (pending > 0) {
    console.log(
      `${pending === 1 ? '1 payment, or a refund of it, is' : `${pending} payments, or refunds of them, are`} still under way: run it again when nothing is pending any more.`,
    );
  }
  return pending > 0 ? 1 : 0;
}
