/** Cases that need a person, and what a person may do with each: in `payctl` and in the console. */
import { CASE_REASON_MAX_LENGTH } from '../../contract/console.ts';
import { isIdentifier, isWaiting } from '../domain/transaction.ts';
import {
  type FoundById,
  findPayment,
  findRefundWithPayment,
  findUnbookedRefund,
  idsOfReference,
} from '../ledger/by-hand/find-by-id.ts';
import type { CaseKind } from '../ledger/by-hand/list-open-cases.ts';
import {
  dealWith,
  findResolution,
  isUnpaidForGood,
  type ManualResolution,
  unbookedSubject,
} from '../ledger/by-hand/resolutions.ts';
import type { Database } from '../ledger/database.ts';
import { type ByHand, type RecordedByHand, recordByHand, type Verdict } from '../recovery/resolve-by-hand.ts';
import { shardOfId } from '../shards.ts';

const REFERENCE_MAX_LENGTH = 255;
/** The rules for what a person types, as the error messages state them. */
export const REASON_RULE = `must be a line of 1 to ${CASE_REASON_MAX_LENGTH} characters`;
export const REFERENCE_RULE = `must be an id of the provider, of at most ${REFERENCE_MAX_LENGTH} characters without spaces`;

/** The reason that a person typed, trimmed; null if it breaks REASON_RULE. */
export function reasonIn(text: string): string | null {
  const reason = text.trim();
  const isLine = reason !== '' && reason.length <= CASE_REASON_MAX_LENGTH && !/\p{Cc}/u.test(reason);
  return isLine && reason.isWellFormed() ? reason : null;
}

/** The provider's name for a charge or a refund. */
export function isReference(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text) && text.length <= REFERENCE_MAX_LENGTH;
}

/** What a person can do with a case of each kind. */
export const CASE_OPTIONS: Readonly<Record<CaseKind, readonly ('record' | 'retry' | 'dealt_with')[]>> = {
  payment_undetermined: ['record', 'retry'],
  refund_undetermined: ['record', 'retry'],
  late_charge_kept: ['dealt_with'],
  refund_reversed: ['dealt_with'],
  external_refund_unbooked: ['dealt_with'],
};

/** How a case is named: by its id, and an external refund by the payment's id and the provider's name for it. */
export interface CaseId {
  id: string;
  gatewayReference: string | null;
}

/** Null if the text does not name a case. */
export function caseIdIn(text: string): CaseId | null {
  const [id = '', ...rest] = text.split('/');
  const gatewayReference = rest.length === 0 ? null : rest.join('/');
  const isOne = isIdentifier(id, 'TXN-') || (gatewayReference === null && isIdentifier(id, 'REF-'));
  return isOne ? { id, gatewayReference } : null;
}

export interface Case {
  db: Database;
  subject: string;
  found: FoundById;
}

/** How a case is shown in a list, and named in a command. */
export function subjectOf({ id, gatewayReference }: CaseId): string {
  return gatewayReference === null ? id : unbookedSubject(id, gatewayReference);
}

/**
 * @param databases all of them, in their order
 * @param tenant whose it has to be; null: anybody's
 */
export async function findCase(
  databases: readonly Database[],
  caseId: CaseId,
  tenant: string | null = null,
): Promise<Case | null> {
  const db = databases[shardOfId(caseId.id, databases.length)];
  if (db === undefined) return null;
  const found = await findById(db, caseId);
  if (found === null || (tenant !== null && found.transaction.tenant !== tenant)) return null;
  return { db, subject: subjectOf(caseId), found };
}

function findById(db: Database, { id, gatewayReference }: CaseId): Promise<FoundById | null> {
  if (gatewayReference !== null) return findUnbookedRefund(db, id, gatewayReference);
  return id.startsWith('REF-') ? findRefundWithPayment(db, id) : findPayment(db, id);
}

/** Of the payment or the refund that the case is about. An external refund has been paid. */
export function statusOf(found: FoundById): string {
  if (found.kind === 'unbooked') return 'paid at the provider';
  return found.kind === 'payment' ? found.transaction.status : found.refund.status;
}

/** Why a case does not allow an action. */
export type NotAllowed =
  /** It has ended. `isUnpaid`: a person has to pay it back in another way. */
  | { kind: 'ended'; status: string; isUnpaid: boolean }
  /** It waits for its payer or its capture, and is captured or voided. */
  | { kind: 'waits' }
  /** The gateway can still say how it ended, and decides. */
  | { kind: 'still_asked'; gateway: string; nextLookUpAtMs: number | null }
  /** Two charges have two names at the provider: the same one twice is a mistake in copying. */
  | { kind: 'reference_known'; reference: string; ids: string[] }
  /** The gateway cannot determine it: how it ended has to be recorded. */
  | { kind: 'undetermined' }
  | { kind: 'dealt_with_before'; resolution: ManualResolution };

/** Why its outcome cannot be recorded; null where it can. */
export async function whyNotRecord(
  databases: readonly Database[],
  { found }: Case,
  verdict: Verdict,
): Promise<NotAllowed | null> {
  const decided = whyDecided(found);
  if (decided !== null) return decided;
  if (verdict.as === 'failed') return null;
  const { reference } = verdict;
  const ids = (await Promise.all(databases.map((db) => idsOfReference(db, reference)))).flat();
  return ids.length === 0 ? null : { kind: 'reference_known', reference, ids };
}

/** Records its outcome, unless it has changed meanwhile. Behind `whyNotRecord`. */
export function recordCase({ db, found, subject }: Case, byHand: ByHand): Promise<RecordedByHand> {
  if (found.kind === 'unbooked') throw new Error(`the outcome of ${subject} is the provider's`);
  return recordByHand(db, found, byHand);
}

/** Why the gateway is not asked again; null where it can be. */
export function whyNotRetry({ found }: Case): NotAllowed | null {
  if (statusOf(found) !== 'pending') return ended(found);
  return found.kind === 'payment' && isWaiting(found.transaction) ? { kind: 'waits' } : null;
}

/** Why there is nothing of it that a person could deal with elsewhere; null where there is. */
export async function whyNotDealWith({ db, subject, found }: Case): Promise<NotAllowed | null> {
  const resolution = await findResolution(db, subject);
  if (resolution !== null) return { kind: 'dealt_with_before', resolution };
  if (found.kind === 'unbooked' || (found.kind === 'refund' && isUnpaidForGood(found.refund))) return null;
  return whyDecided(found) ?? { kind: 'undetermined' };
}

/** Records that a person has dealt with it elsewhere. Returns the resolution that it has now; null where it needs none any more. */
export function dealWithCase(
  { db, subject, found }: Case,
  reason: string,
  nowMs: number,
): Promise<ManualResolution | null> {
  const unbooked =
    found.kind === 'unbooked'
      ? { transactionId: found.transaction.transactionId, gatewayReference: found.gatewayReference }
      : undefined;
  return dealWith(db, { subject, reason, atMs: nowMs }, unbooked);
}

/** Why no person decides how it ends; null where the gateway cannot determine that. */
function whyDecided(found: FoundById): NotAllowed | null {
  if (found.kind === 'unbooked' || statusOf(found) !== 'pending') return ended(found);
  // Also of one that was undetermined: its money has been found to be held since.
  if (found.kind === 'payment' && isWaiting(found.transaction)) return { kind: 'waits' };
  if (found.undeterminedAtMs !== null) return null;
  const { nextLookupAtMs } = found.kind === 'payment' ? found.transaction : found.refund;
  return { kind: 'still_asked', gateway: found.transaction.gateway, nextLookUpAtMs: nextLookupAtMs };
}

function ended(found: FoundById): NotAllowed {
  const isUnpaid = found.kind === 'unbooked' || (found.kind === 'refund' && isUnpaidForGood(found.refund));
  return { kind: 'ended', status: statusOf(found), isUnpaid };
}
