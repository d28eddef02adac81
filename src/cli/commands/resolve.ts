/** `payctl resolve`: what needs a person, and how it ended once the person knows. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ulid } from 'ulid';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { isIdentifier, isWaiting } from '../../core/domain/transaction.ts';
import {
  type FoundById,
  findPayment,
  findRefundWithPayment,
  findUnbookedRefund,
  idsOfReference,
} from '../../core/ledger/by-hand/find-by-id.ts';
import { dealWith, findResolution, isUnpaidForGood, unbookedSubject } from '../../core/ledger/by-hand/resolutions.ts';
import type { Database } from '../../core/ledger/database.ts';
import { makeLookUpDue } from '../../core/ledger/look-ups/make-look-up-due.ts';
import { recordByHand, type Verdict } from '../../core/recovery/resolve-by-hand.ts';
import { shardOfId } from '../../core/shards.ts';
import { documented } from '../../local/command.ts';
import { addJsonOption, addPlaceOptions, DONE_OR_FAILED, type PlaceOptions, placeOf } from '../arguments.ts';
import { type Databases, withLedger } from '../ledger-access.ts';
import { moneyText } from '../money-order.ts';
import { showCases } from '../open-cases.ts';
import { printJson, showFacts } from '../output.ts';
import { requireConfirmation } from '../prompt.ts';

const REASON_MAX_LENGTH = 500;
const REFERENCE_MAX_LENGTH = 255;

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

/** How a case is named: by its id, and an external refund by the payment's id and the provider's name for it. */
interface CaseId {
  id: string;
  gatewayReference: string | null;
}

/** What is to be done with a case. */
type Act = { kind: 'retry' } | { kind: 'record'; verdict: Verdict; reason: string } | { kind: 'deal'; reason: string };

export function addResolve(program: Command): void {
  const command = program
    .command('resolve')
    .summary('Lists what needs a person, and records what the person has found out or done.')
    .description(
      `Without an id, lists what needs a person: payments and refunds whose outcome the gateway cannot determine, late charges that it refused to refund, refunds that the payer's bank returned, and external refunds that the payment had no room for. Disputes are in the provider's dashboard.

--as records the outcome that you have found in the provider's dashboard, with its event, as if the gateway had answered. It is refused unless the gateway cannot determine the outcome. A charge that turns up after --as failed is refunded automatically.

A refund that has failed cannot be sent again: pay the money back in the provider's dashboard, or in another way, and record that with --dealt-with. The reason is kept in the database for good, and not in the audit log: write no names and no addresses.`,
    )
    .argument('[id]', 'as in the list: TXN-…, REF-…, or TXN-…/REFERENCE for an external refund', readCaseId)
    .option('--all', 'lists as well what a person has dealt with')
    .option('--retry', 'has the gateway asked again within a minute')
    .addOption(new Option('--as <outcome>', 'how it ended at the provider').choices(['completed', 'failed'] as const))
    .option(
      '--reference <reference>',
      "with --as completed: the provider's id of the charge or the refund",
      readReference,
    )
    .option('--dealt-with', 'you have dealt with it elsewhere: it leaves the list')
    .option('--reason <reason>', 'with --as and --dealt-with: what you have found or done', readReason)
    .option('--yes', 'does not ask')
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
      ['resolve', 'what needs a person'],
      ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --retry', 'asks the gateway once more'],
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

function readCaseId(text: string): CaseId {
  const [id = '', ...rest] = text.split('/');
  const gatewayReference = rest.length === 0 ? null : rest.join('/');
  if (isIdentifier(id, 'TXN-') || (gatewayReference === null && isIdentifier(id, 'REF-')))
    return { id, gatewayReference };
  throw new InvalidArgumentError('It must be an id as `payctl resolve` lists it: TXN-…, REF-… or TXN-…/REFERENCE.');
}

function readReference(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text) || text.length > REFERENCE_MAX_LENGTH) {
    throw new InvalidArgumentError(
      `It must be an id of the provider, of at most ${REFERENCE_MAX_LENGTH} characters without spaces.`,
    );
  }
  return text;
}

function readReason(text: string): string {
  const reason = text.trim();
  if (reason === '' || reason.length > REASON_MAX_LENGTH || /\p{Cc}/u.test(reason) || !reason.isWellFormed()) {
    throw new InvalidArgumentError(`It must be a line of 1 to ${REASON_MAX_LENGTH} characters.`);
  }
  return reason;
}

function refuseWithoutId({ retry, as, reference, dealtWith, reason }: Options, command: Command): void {
  if (retry || as !== undefined || reference !== undefined || dealtWith || reason !== undefined) {
    command.error('error: resolve requires the id of what is to be resolved');
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
  if (reference === undefined) command.error("error: --as completed requires --reference, the provider's id of it");
  return { kind: 'record', verdict: { as, reference }, reason };
}

interface Case {
  db: Database;
  subject: string;
  found: FoundById;
}

async function resolveCase(databases: Databases, caseId: CaseId, act: Act, options: Options): Promise<void> {
  const db = databases[shardOfId(caseId.id, databases.length)] ?? databases[0];
  const found = await findCase(db, caseId);
  const { id, gatewayReference } = caseId;
  const subject = gatewayReference === null ? id : unbookedSubject(id, gatewayReference);
  if (found === null) throw new Error(`There is no ${subject} in this database`);
  const one = { db, subject, found };
  switch (act.kind) {
    case 'retry':
      return retry(one, options);
    case 'record':
      return record(databases, one, act, options);
    case 'deal':
      return deal(one, act.reason, options);
  }
}

function findCase(db: Database, { id, gatewayReference }: CaseId): Promise<FoundById | null> {
  if (gatewayReference !== null) return findUnbookedRefund(db, id, gatewayReference);
  return id.startsWith('REF-') ? findRefundWithPayment(db, id) : findPayment(db, id);
}

async function retry({ db, subject, found }: Case, { json }: Options): Promise<void> {
  const { transaction } = found;
  if (found.kind === 'unbooked')
    throw new Error(`${subject} has no outcome to ask for: the refund was made at the provider`);
  if (found.kind === 'payment' && isWaiting(transaction)) {
    throw new Error(`${subject} waits for its payer or its capture: \`payctl capture\` and \`payctl void\` end it`);
  }
  const isDue = await makeLookUpDue(db, transaction.tenant, subject, Date.now());
  if (!isDue) throw new Error(`${subject} is ${statusOf(found)}: there is nothing to ask for`);
  if (json) return printJson({ subject, look_up: 'due' });
  console.log(`${subject}: the service asks ${transaction.gateway} within a minute`);
}

async function record(
  databases: Databases,
  { db, subject, found }: Case,
  { verdict, reason }: Act & { kind: 'record' },
  { yes, json }: Options,
): Promise<void> {
  if (found.kind === 'unbooked') throw new Error(`${subject} has an outcome: it is paid. Use --dealt-with`);
  refuseUnlessUndetermined(subject, found);
  if (verdict.as === 'completed') await refuseKnownReference(databases, verdict.reference);
  showFacts([...factsOf(subject, found), ['to record', recordedAs(found, verdict)]]);
  await requireConfirmation('Record this for good?', yes === true);
  const nowMs = Date.now();
  const recorded = await recordByHand(db, found, { verdict, reason, eventId: `evt_${ulid(nowMs)}`, nowMs });
  switch (recorded.kind) {
    case 'recorded': {
      const { status } = recorded.row;
      if (json) return printJson({ subject, status, event_id: recorded.eventId });
      console.log(`${subject} is ${status} now`);
      if (recorded.eventId !== null) console.log(`Its event ${recorded.eventId} is published by the next sweep`);
      else if (status === 'failed')
        console.log(NEXT_OF_FAILED_REFUND[found.kind === 'refund' ? found.refund.kind : 'requested'](subject));
      return;
    }
    case 'ended_before':
      throw new Error(`${subject} has ended meanwhile as ${recorded.row.status}: nothing was recorded`);
    case 'changed':
      throw new Error(`What ${subject} waits for has changed meanwhile: nothing was recorded. Run this again`);
    case 'not_undetermined':
      throw new Error(`${subject} is not undetermined any more: nothing was recorded`);
  }
}

const NEXT_OF_FAILED_REFUND = {
  requested: () => 'Its amount can be refunded again: `payctl refund`',
  late_charge: (subject: string) =>
    `It is still owed: pay it back in another way, and then \`payctl resolve ${subject} --dealt-with --reason …\``,
} as const;

/** A gateway that can still answer decides, and no person. */
function refuseUnlessUndetermined(subject: string, found: Exclude<FoundById, { kind: 'unbooked' }>): void {
  const row = found.kind === 'payment' ? found.transaction : found.refund;
  if (row.status !== 'pending') {
    const hint =
      found.kind === 'refund' && isUnpaidForGood(found.refund) ? '. If you have paid it back, use --dealt-with' : '';
    throw new Error(`${subject} is ${row.status} already: an outcome is recorded once${hint}`);
  }
  if (found.undeterminedAtMs !== null) return;
  if (found.kind === 'payment' && isWaiting(found.transaction)) {
    throw new Error(`${subject} waits for its payer or its capture: \`payctl capture\` and \`payctl void\` end it`);
  }
  const next = row.nextLookupAtMs === null ? '' : `, next at ${isoSeconds(row.nextLookupAtMs)}`;
  throw new Error(
    `${subject} is pending, and the service is still asking ${found.transaction.gateway}${next}. An outcome is recorded by hand only if the gateway cannot determine it: it is in the list of \`payctl resolve\` then`,
  );
}

/** Two charges have two names at the provider: the same one twice is a mistake in copying. */
async function refuseKnownReference(databases: Databases, reference: string): Promise<void> {
  const known = (await Promise.all(databases.map((db) => idsOfReference(db, reference)))).flat();
  if (known.length > 0)
    throw new Error(`${reference} is the charge or the refund of ${known.join(', ')}: nothing was recorded`);
}

async function deal({ db, subject, found }: Case, reason: string, { yes, json }: Options): Promise<void> {
  const earlier = await findResolution(db, subject);
  if (earlier !== null)
    throw new Error(
      `${subject} was dealt with at ${isoSeconds(earlier.resolvedAtMs)} by ${earlier.resolvedBy}: ${earlier.reason}`,
    );
  if (found.kind === 'payment' || (found.kind === 'refund' && !isUnpaidForGood(found.refund))) {
    const isPending = statusOf(found) === 'pending';
    throw new Error(
      `${subject} is ${statusOf(found)}: ${isPending ? 'record how it ended with --as' : 'it needs nobody'}`,
    );
  }
  showFacts([...factsOf(subject, found), ['reason', reason]]);
  await requireConfirmation('Take it from the list for good?', yes === true);
  const unbooked =
    found.kind === 'unbooked'
      ? { transactionId: found.transaction.transactionId, gatewayReference: found.gatewayReference }
      : undefined;
  const resolution = await dealWith(db, { subject, reason, atMs: Date.now() }, unbooked);
  if (resolution === null) throw new Error(`${subject} needs nobody any more: nothing was recorded`);
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

function statusOf(found: FoundById): string {
  if (found.kind === 'unbooked') return 'paid at the provider';
  return found.kind === 'payment' ? found.transaction.status : found.refund.status;
}

function factsOf(subject: string, found: FoundById): (readonly [string, string])[] {
  const { transaction } = found;
  const amountMinor =
    found.kind === 'unbooked'
      ? found.amountMinor
      : found.kind === 'refund'
        ? found.refund.amountMinor
        : transaction.amountMinor;
  const failureReason = found.kind === 'refund' ? found.refund.failureReason : null;
  return [
    ...(found.kind === 'unbooked' ? [] : [[found.kind, subject] as const]),
    ...(found.kind === 'payment' ? [] : [['payment', `${transaction.transactionId}, ${transaction.status}`] as const]),
    ...(found.kind === 'unbooked' ? [['refund', `${found.gatewayReference}, at the provider`] as const] : []),
    ['booking', transaction.bookingId],
    ['amount', moneyText(amountMinor, transaction.currency)],
    ['gateway', transaction.gateway],
    ['status', failureReason === null ? statusOf(found) : `${statusOf(found)}: ${failureReason}`],
  ];
}

function recordedAs(found: FoundById, verdict: Verdict): string {
  const { transaction } = found;
  const isRefund = found.kind === 'refund';
  const amount = moneyText(isRefund ? found.refund.amountMinor : transaction.amountMinor, transaction.currency);
  if (verdict.as === 'completed') {
    return `exactly ${amount} were ${isRefund ? 'refunded' : 'charged'} at the provider, as ${verdict.reference}`;
  }
  if (!isRefund) return 'nothing was charged; the booking is free then';
  return `nothing was refunded${found.refund.kind === 'requested' ? '; it can be refunded again then' : ''}`;
}
