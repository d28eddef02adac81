/** A case that `payctl resolve` is about: how it is named and found, and how it is shown. */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isIdentifier, isWaiting } from '../core/domain/transaction.ts';
import {
  type FoundById,
  type FoundPayment,
  type FoundRefund,
  findPayment,
  findRefundWithPayment,
  findUnbookedRefund,
} from '../core/ledger/by-hand/find-by-id.ts';
import { unbookedSubject } from '../core/ledger/by-hand/resolutions.ts';
import type { Database } from '../core/ledger/database.ts';
import { invalidId } from './arguments.ts';
import { type Databases, databaseOfId } from './ledger-access.ts';
import { moneyText } from './output-of-payments.ts';

/** How a case is named: by its id, and an external refund by the payment's id and the provider's name for it. */
export interface CaseId {
  id: string;
  gatewayReference: string | null;
}

export interface Case {
  db: Database;
  subject: string;
  found: FoundById;
}

export function readCaseId(text: string): CaseId {
  const [id = '', ...rest] = text.split('/');
  const gatewayReference = rest.length === 0 ? null : rest.join('/');
  if (isIdentifier(id, 'TXN-') || (gatewayReference === null && isIdentifier(id, 'REF-')))
    return { id, gatewayReference };
  throw invalidId(text, 'an id as `payctl resolve` lists it: TXN-…, REF-… or TXN-…/REFERENCE');
}

/** @throws Error where there is none */
export async function findCase(databases: Databases, caseId: CaseId): Promise<Case> {
  const { id, gatewayReference } = caseId;
  const db = databaseOfId(databases, id);
  const found = await findById(db, caseId);
  const subject = gatewayReference === null ? id : unbookedSubject(id, gatewayReference);
  if (found === null) throw new Error(`There is no ${subject} in this database`);
  return { db, subject, found };
}

function findById(db: Database, { id, gatewayReference }: CaseId): Promise<FoundById | null> {
  if (gatewayReference !== null) return findUnbookedRefund(db, id, gatewayReference);
  return id.startsWith('REF-') ? findRefundWithPayment(db, id) : findPayment(db, id);
}

/** Of a payment that is neither looked up nor recorded by hand. */
export function waitingText(subject: string): string {
  return `${subject} waits for its payer or its capture: \`payctl capture\` and \`payctl void\` end it`;
}

/** Why no person decides how it ends; null where the gateway cannot determine that, or it has ended. */
export function whyGatewayDecides(subject: string, found: FoundPayment | FoundRefund): string | null {
  const row = found.kind === 'payment' ? found.transaction : found.refund;
  if (row.status !== 'pending') return null;
  // Also of one that was undetermined: its money has been found to be held since.
  if (found.kind === 'payment' && isWaiting(found.transaction)) return waitingText(subject);
  if (found.undeterminedAtMs !== null) return null;
  const next = row.nextLookupAtMs === null ? '' : `, next at ${isoSeconds(row.nextLookupAtMs)}`;
  return `${subject} is pending, and the service is still asking ${found.transaction.gateway}${next}. Wait, or have it ask within a minute: \`payctl resolve ${subject} --retry\``;
}

export function statusOf(found: FoundById): string {
  if (found.kind === 'unbooked') return 'paid at the provider';
  return found.kind === 'payment' ? found.transaction.status : found.refund.status;
}

export function factsOf(subject: string, found: FoundById): (readonly [string, string])[] {
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
