/** Lists what needs a person, and what a person has dealt with. */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { type CaseKind, listOpenCases, type OpenCase } from '../core/ledger/by-hand/list-open-cases.ts';
import { listResolutions, type ManualResolution } from '../core/ledger/by-hand/resolutions.ts';
import { DEFAULT_TENANT } from '../core/security/credential.ts';
import type { Databases } from './ledger-access.ts';
import { ageOf, counted, inSnakeCase, printJson, printTable } from './output.ts';
import { moneyText } from './output-of-payments.ts';

/** Of a kind, and of those that were dealt with. */
const SHOWN_MAX = 200;

const RECORD = [
  '--as completed --reference ITS-ID --reason "…"',
  '--as failed --reason "…"',
  '--retry       (asks the gateway again)',
];
const DEAL_WITH = ['--dealt-with --reason "…"'];

/** What to look for or to do, and then what to tell this service: one of `options`. */
const KINDS: Record<CaseKind, { name: string; todo: string; options: readonly string[] }> = {
  payment_undetermined: {
    name: 'payment of unknown outcome',
    todo: "Look for the charge in the provider's dashboard, then:",
    options: RECORD,
  },
  refund_undetermined: {
    name: 'refund of unknown outcome',
    todo: "Look for the refund in the provider's dashboard, then:",
    options: RECORD,
  },
  late_charge_kept: {
    name: 'late charge, not refunded',
    todo: 'The payment has failed, so the payer is owed this money. Pay it back at the\nprovider or in another way, then:',
    options: DEAL_WITH,
  },
  refund_reversed: {
    name: 'refund returned by the bank',
    todo: 'The payer does not have the money. Pay it back in another way, then:',
    options: DEAL_WITH,
  },
  external_refund_unbooked: {
    name: 'external refund of more than was left',
    todo: 'More was refunded at the provider than the payment had left. Compare both, then:',
    options: DEAL_WITH,
  },
};

export async function showCases(databases: Databases, { all, json }: { all: boolean; json: boolean }): Promise<void> {
  const cases = (await Promise.all(databases.map((db) => listOpenCases(db, SHOWN_MAX)))).flat();
  const dealtWith = all ? (await Promise.all(databases.map((db) => listResolutions(db, SHOWN_MAX)))).flat() : null;
  if (json)
    return printJson({ open: inSnakeCase(cases), ...(dealtWith !== null && { dealt_with: inSnakeCase(dealtWith) }) });
  printCases(cases);
  if (dealtWith !== null) printDealtWith(dealtWith);
}

function printCases(cases: readonly OpenCase[]): void {
  if (cases.length === 0) console.log('No open cases');
  const nowMs = Date.now();
  const kinds = [...Map.groupBy(cases, ({ kind }) => kind)];
  for (const [index, [kind, ofKind]] of kinds.entries()) {
    if (index > 0) console.log();
    const { name, todo, options } = KINDS[kind];
    console.log(`${counted(ofKind.length, 'case')}: ${name}`);
    printTable(
      ['ID', 'AMOUNT', 'SINCE', 'BOOKING'],
      ofKind.map(({ subject, amountMinor, currency, sinceMs, bookingId, tenant }) => [
        ...[subject, moneyText(amountMinor, currency), ageOf(nowMs - sinceMs)],
        tenant === DEFAULT_TENANT ? bookingId : `${bookingId} (${tenant})`,
      ]),
    );
    if (ofKind.length >= SHOWN_MAX) console.log('There may be more: these are the oldest ones');
    console.log(todo);
    for (const option of options) console.log(`  npx payctl resolve ID ${option}`);
  }
}

function printDealtWith(resolutions: readonly ManualResolution[]): void {
  console.log();
  if (resolutions.length === 0) console.log('No case has been dealt with by hand');
  else
    printTable(
      ['DEALT WITH', 'AT', 'BY', 'REASON'],
      resolutions.map(({ subject, resolvedAtMs, resolvedBy, reason }) => [
        subject,
        isoSeconds(resolvedAtMs),
        resolvedBy,
        reason,
      ]),
    );
}
