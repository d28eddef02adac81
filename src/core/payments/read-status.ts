/** The status of a payment or a refund. Where it is pending, and its look-up is due, the gateway is asked first. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { within } from '../deadline.ts';
import { isIdentifier, isWaiting } from '../domain/transaction.ts';
import { STATUS_DEADLINE_MS } from '../invocation-limits.ts';
import { audit } from '../ledger/audit/insert-entry.ts';
import { replicaOf, type Statements } from '../ledger/database.ts';
import { findTransaction } from '../ledger/payments/find-payment.ts';
import { findRefund } from '../ledger/refunds/find-refund.ts';
import { errorFields } from '../log.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { resolveOutcome, resolveWaiting } from '../recovery/resolve.ts';
import { isBelieved, isLookUpDue, type StatusRows } from './status-rows.ts';

/** A replica is near: one that has not answered by then is slower than the primary. */
const REPLICA_DEADLINE_MS = 500;

export interface StatusAnswer extends StatusRows {
  event: PaymentEvent | null;
  lookUp: DueLookUp | null;
}

export interface StatusOptions {
  /** Whether the caller takes an answer that a refund, or the reversal of one, may have made outdated. */
  takesStale?: boolean;
}

/** The payment with this id, or the refund and its payment, or null. */
export async function readStatus(
  context: Context,
  id: string,
  { takesStale = false }: StatusOptions = {},
): Promise<StatusAnswer | null> {
  const found = (await findOnReplica(context, id, takesStale)) ?? (await find(context, id, readAudit(context, id)));
  if (found === null) return null;
  const asRecorded = { ...found, event: null, lookUp: null };
  const isDue = isLookUpDue(found, context.nowMs());
  // What it waits for, its payer or its shop may have done a moment ago.
  const waits = found.refund === null && isWaiting(found.transaction);
  if (!isDue && !waits) return asRecorded;

  try {
    const resolve = isDue ? resolveOutcome : resolveWaiting;
    const resolved = await resolve(context, id, STATUS_DEADLINE_MS);
    if (resolved?.kind === 'waits') return { ...asRecorded, ...((await find(context, id)) ?? found) };
    if (resolved?.kind !== 'ended') return asRecorded;
    const lateRefund = resolved.lateRefundId && { id: resolved.lateRefundId, atMs: context.nowMs() };
    return { ...((await find(context, id)) ?? found), event: resolved.event, lookUp: lateRefund || null };
  } catch (error) {
    // The queue and the cron ask again; the caller gets the status that is known.
    context.log('warn', 'status.not_resolved', { id, ...errorFields(error) });
    return asRecorded;
  }
}

/** Reads of an admin are audited, in the batch that reads. */
function readAudit({ db, tenant, nowMs }: Context, id: string): Statements {
  if (!db.author.isAdmin) return {};
  return { audited: audit(db, tenant, { atMs: nowMs(), action: 'status.read', subject: id, outcome: 'asked' }) };
}

/** What the replica has, if that is believed. What it does not know, or not well enough, the primary is asked for. */
async function findOnReplica(context: Context, id: string, takesStale: boolean): Promise<StatusRows | null> {
  const db = replicaOf(context.db);
  if (db === null) return null;
  try {
    const found = await within(REPLICA_DEADLINE_MS, 'the replica', find({ ...context, db }, id));
    return found !== null && isBelieved(found, context.nowMs(), takesStale) ? found : null;
  } catch (error) {
    context.log('warn', 'status.replica_failed', { id, ...errorFields(error) });
    return null;
  }
}

async function find({ db, tenant }: Context, id: string, also: Statements = {}): Promise<StatusRows | null> {
  if (isIdentifier(id, 'REF-')) return findRefund(db, tenant, id, also);
  if (!isIdentifier(id, 'TXN-')) return null;
  const transaction = await findTransaction(db, tenant, id, also);
  return transaction === null ? null : { transaction, refund: null };
}
