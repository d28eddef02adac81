/** `payctl resolve`: what needs a person, and how it ended once the person knows. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type Case,
  type CaseId,
  dealWithCase,
  isReference,
  REASON_RULE,
  REFERENCE_RULE,
  reasonIn,
  whyNotDealWith,
  whyNotRetry,
} from '../../core/by-hand/cases.ts';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { makeLookUpDue } from '../../core/ledger/look-ups/make-look-up-due.ts';
import type { Verdict } from '../../core/recovery/resolve-by-hand.ts';
import { documented } from '../../local/command.ts';
import { addJsonOption, addPlaceOptions, DONE_OR_FAILED, type PlaceOptions, placeOf } from '../arguments.ts';
import { factsOf, notAllowedText, readCaseId, requireCase } from '../case.ts';
import { type Databases, withLedger } from '../ledger-access.ts';
import { showCases } from '../open-cases.ts';
import { printJson, showFacts } from '../output.ts';
import { requireConfirmation } from '../prompt.ts';
import { recordOutcome } from '../record-outcome.ts';

interface Options extends PlaceOptions {
  all?: true;
  retry?: true;
  as?: Verdict['as'];
  reference?: string;
  dealtWith?: true;
  reason?: string;
  yes?: true;
  json?: true;
}

/** What is to be done with a case. */
type Act = { kind: 'retry' } | { kind: 'record'; verdict: Verdict; reason: string } | { kind: 'deal'; reason: string };

export function addResolve(program: Command): void {
  const command = program
    .command('resolve')
    .summary('Lists open cases, and records what you have found out or done.')
    .description(
      `Without an id, lists the open cases: payments and refunds whose outcome the gateway cannot determine, late charges that it refused to refund, refunds that the payer's bank returned, and external refunds of more than the payment had left. Disputes are in the provider's dashboard.

--as records the outcome that you have found in the provider's dashboard, with its event, as if the gateway had answered. It is refused unless the gateway cannot determine the outcome. A charge that turns up after --as failed is refunded automatically.

A refund that has failed cannot be sent again: pay the money back in the provider's dashboard, or in another way, and record that with --dealt-with. The reason is kept in the database for good, but not in the audit log: do not write names or addresses.`,
    )
    .argument('[id]', 'as in the list: TXN-…, REF-…, or TXN-…/REFERENCE for an external refund', readCaseId)
    .option('--all', 'also lists the cases that were dealt with')
    .option('--retry', 'asks the gateway again within a minute')
    .addOption(new Option('--as <outcome>', 'how it ended at the provider').choices(['completed', 'failed'] as const))
    .option(
      '--reference <reference>',
      "with --as completed: the provider's id of the charge or the refund",
      readReference,
    )
    .option('--dealt-with', 'removes a case from the list that you have dealt with elsewhere')
    .option('--reason <reason>', 'with --as and --dealt-with: what you have found or done', readReason)
    .option('--yes', 'skips the question')
    .action(async (caseId: CaseId | undefined, options: Options) => {
      const place = placeOf(options, command);
      if (caseId === undefined) {
        refuseWithoutId(options, command);
        await withLedger(place, ({ databases }) =>
          showCases(databases, { all: options.all === true, json: options.json === true }),
        );
        return;
      }
      const act = readAct(options, command);
      await withLedger(place, ({ databases }) => resolveCase(databases, caseId, act, options));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['resolve', 'the open cases'],
      ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --retry', 'asks the gateway again'],
      [
        'resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --as completed --reference ch_3PqX --reason "in the dashboard"',
        'the provider has charged it',
      ],
      [
        'resolve REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD --dealt-with --reason "by bank transfer"',
        'the payer has the money back',
      ],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function readReference(text: string): string {
  if (!isReference(text)) throw new InvalidArgumentError(`It ${REFERENCE_RULE}.`);
  return text;
}

function readReason(text: string): string {
  const reason = reasonIn(text);
  if (reason === null) throw new InvalidArgumentError(`It ${REASON_RULE}.`);
  return reason;
}

function refuseWithoutId({ retry, as, reference, dealtWith, reason }: Options, command: Command): void {
  if (retry || as !== undefined || reference !== undefined || dealtWith || reason !== undefined) {
    command.error('error: resolve requires the id of a case');
  }
}

function readAct({ all, retry, as, reference, dealtWith, reason }: Options, command: Command): Act {
  const acts = [retry === true, as !== undefined, dealtWith === true].filter(Boolean).length;
  if (all || acts !== 1) command.error('error: with an id, resolve takes one of --retry, --as and --dealt-with');
  if (reference !== undefined && as !== 'completed') command.error('error: --reference belongs to --as completed');
  if (retry) {
    if (reason !== undefined) command.error('error: --reason belongs to --as and --dealt-with');
    return { kind: 'retry' };
  }
  if (reason === undefined) command.error('error: --reason is required: what you have found or done');
  if (as === undefined) return { kind: 'deal', reason };
  if (as === 'failed') return { kind: 'record', verdict: { as }, reason };
  if (reference === undefined)
    command.error("error: --as completed requires --reference, the provider's id of the charge or the refund");
  return { kind: 'record', verdict: { as, reference }, reason };
}

/** @throws Error where this cannot be done with the case */
export async function resolveCase(databases: Databases, caseId: CaseId, act: Act, options: Options): Promise<void> {
  const one = await requireCase(databases, caseId);
  switch (act.kind) {
    case 'retry':
      return retry(one, options);
    case 'record':
      return recordOutcome(databases, one, act, options);
    case 'deal':
      return deal(one, act.reason, options);
  }
}

async function retry(one: Case, { json }: Options): Promise<void> {
  const { db, subject, found } = one;
  const why = whyNotRetry(one);
  if (why !== null) throw new Error(notAllowedText(one, why, 'retry'));
  const isDue = await makeLookUpDue(db, subject, Date.now());
  if (!isDue) throw new Error(`${subject} has changed in the meantime: nothing was done. Run this again`);
  if (json) return printJson({ subject, look_up: 'due' });
  console.log(`${subject}: the service asks ${found.transaction.gateway} within a minute`);
}

async function deal(one: Case, reason: string, { yes, json }: Options): Promise<void> {
  const { subject } = one;
  const why = await whyNotDealWith(one);
  if (why !== null) throw new Error(notAllowedText(one, why, 'deal'));
  showFacts([...factsOf(one), ['reason', reason]]);
  await requireConfirmation('Remove it from the list for good?', yes === true);
  const resolution = await dealWithCase(one, reason, Date.now());
  if (resolution === null) throw new Error(`${subject} no longer needs any action: nothing was recorded`);
  const { resolvedAtMs, resolvedBy } = resolution;
  if (json)
    return printJson({
      subject,
      reason: resolution.reason,
      resolved_by: resolvedBy,
      resolved_at: isoSeconds(resolvedAtMs),
    });
  console.log(`${subject} was dealt with at ${isoSeconds(resolvedAtMs)} by ${resolvedBy}`);
}
