/** A case that `payctl resolve` is about: how it is named and found, how it is shown, and why something cannot be done with it. */
import {
  type Case,
  type CaseId,
  caseIdIn,
  findCase,
  type NotAllowed,
  statusOf,
  subjectOf,
} from '../core/by-hand/cases.ts';
import { isoSeconds } from '../core/domain/timestamp.ts';
import type { FoundById } from '../core/ledger/by-hand/find-by-id.ts';
import { invalidId } from './arguments.ts';
import type { Databases } from './ledger-access.ts';
import { moneyText } from './output-of-payments.ts';

export function readCaseId(text: string): CaseId {
  const caseId = caseIdIn(text);
  if (caseId === null) throw invalidId(text, 'an id as `payctl resolve` lists it: TXN-…, REF-… or TXN-…/REFERENCE');
  return caseId;
}

/** @throws Error where there is none */
export async function requireCase(databases: Databases, caseId: CaseId): Promise<Case> {
  const one = await findCase(databases, caseId);
  if (one === null) throw new Error(`There is no ${subjectOf(caseId)} in this database`);
  return one;
}

/** What a person wants to do with a case. */
type Intent = 'record' | 'retry' | 'deal';

/** Why that cannot be done, and what can. */
export function notAllowedText({ subject, found }: Case, why: NotAllowed, intent: Intent): string {
  switch (why.kind) {
    case 'ended':
      return endedText(subject, found, why, intent);
    case 'waits':
      return `${subject} waits for its payer or its capture: \`payctl capture\` and \`payctl void\` end it`;
    case 'still_asked': {
      const next = why.nextLookUpAtMs === null ? '' : `, next at ${isoSeconds(why.nextLookUpAtMs)}`;
      return `${subject} is pending, and the service is still asking ${why.gateway}${next}. Wait, or have it ask within a minute: \`payctl resolve ${subject} --retry\``;
    }
    case 'reference_known':
      return `${why.reference} is already the charge or the refund of ${why.ids.join(', ')}: nothing was recorded`;
    case 'undetermined':
      return `${subject} is pending, and the gateway cannot determine its outcome: record how it ended with --as`;
    case 'dealt_with_before': {
      const { resolvedAtMs, resolvedBy, reason } = why.resolution;
      return `${subject} was dealt with at ${isoSeconds(resolvedAtMs)} by ${resolvedBy}: ${reason}`;
    }
  }
}

function endedText(
  subject: string,
  { kind }: FoundById,
  { status, isUnpaid }: Extract<NotAllowed, { kind: 'ended' }>,
  intent: Intent,
): string {
  switch (intent) {
    case 'record': {
      if (kind === 'unbooked') return `${subject} has an outcome: it is paid. Use --dealt-with`;
      const hint = isUnpaid ? '. If you have paid it back, use --dealt-with' : '';
      return `${subject} is ${status} already, and an outcome is recorded only once${hint}`;
    }
    case 'retry':
      return `The outcome of ${subject} is already known: ${status}`;
    case 'deal':
      return `${subject} is ${status}: it needs no action`;
  }
}

export function factsOf({ subject, found }: Case): (readonly [string, string])[] {
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
