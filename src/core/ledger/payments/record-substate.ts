/** Records that a pending payment waits: for its payer, or to be captured. No event reports it (invariant 4). */

import type { Transaction } from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import type { D1PreparedStatement } from '../d1.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, runBatch } from '../database.ts';
import { actionUrlOf } from './challenge-urls.ts';
import { FIND_TRANSACTION } from './find-payment.ts';

interface Wait {
  transactionId: string;
  /** Of this attempt alone. */
  attemptId: string;
  nowMs: number;
  /** When the wait ends, and the payment is looked up next. */
  expiresAtMs: number;
  /** How long the gateway took to answer. Null: what the row has stays. */
  gatewayMs?: number | null;
}

export interface NewChallenge extends Wait {
  /** Where the payer is sent; stored encrypted. */
  actionUrl: string | null;
  /** What the gateway calls the payment. */
  gatewayIntent: string | null;
}

export interface NewAuthorization extends Wait {
  authorizationReference: string;
}

// Once: a payment that its payer has authenticated, or that is about to end, is not challenged again.
const RECORD_CHALLENGE = `
  UPDATE transactions SET substate = 'challenged', substate_by = ?2, substate_entry = ${NEXT_ENTRY}, expires_at_ms = ?3,
    next_lookup_at_ms = ?3, lookups = 0, undetermined_at_ms = NULL, sealed_action_url = ?4,
    gateway_intent = coalesce(gateway_intent, ?5), challenged_at_ms = ?6, challenged_entry = ${NEXT_ENTRY}, gateway_ms = coalesce(?7, gateway_ms)
  WHERE transaction_id = ?1 AND status = 'pending' AND substate IS NULL`;

// Not of a payment that is being voided or has expired: its authorization is released.
const RECORD_AUTHORIZATION = `
  UPDATE transactions SET substate = 'authorized', substate_by = ?2, substate_entry = ${NEXT_ENTRY}, expires_at_ms = ?3,
    next_lookup_at_ms = ?3, lookups = 0, undetermined_at_ms = NULL, authorization_reference = ?4, authorized_at_ms = ?5, step = NULL,
    sealed_action_url = NULL, sealed_return_url = NULL, gateway_ms = coalesce(?6, gateway_ms)
  WHERE transaction_id = ?1 AND status = 'pending' AND substate IS NOT 'authorized' AND (step IS NULL OR step = 'authorize')`;

/** Returns the row as it is now, which another attempt may have written, and whether this one wrote it. */
export async function recordChallenge(db: Database, challenge: NewChallenge): Promise<RecordedSubstate> {
  const { transactionId, attemptId, nowMs, expiresAtMs, actionUrl, gatewayIntent } = challenge;
  const sealed = actionUrl === null ? null : await db.cipher.seal(actionUrl, actionUrlOf(transactionId));
  const recorded = db.d1
    .prepare(RECORD_CHALLENGE)
    .bind(transactionId, attemptId, expiresAtMs, sealed, gatewayIntent, nowMs, challenge.gatewayMs ?? null);
  return record(db, challenge, 'challenged', recorded);
}

/** The same of money that the gateway holds. */
export async function recordAuthorization(db: Database, authorization: NewAuthorization): Promise<RecordedSubstate> {
  const { transactionId, attemptId, nowMs, expiresAtMs, authorizationReference } = authorization;
  const recorded = db.d1
    .prepare(RECORD_AUTHORIZATION)
    .bind(transactionId, attemptId, expiresAtMs, authorizationReference, nowMs, authorization.gatewayMs ?? null);
  return record(db, authorization, 'authorized', recorded);
}

export interface RecordedSubstate {
  transaction: Transaction;
  wrote: boolean;
}

const HAS_WRITTEN = 'SELECT 1 FROM transactions WHERE transaction_id = ?1 AND substate_by = ?2';

async function record(
  db: Database,
  { transactionId, attemptId, nowMs, expiresAtMs }: Wait,
  substate: 'challenged' | 'authorized',
  recorded: D1PreparedStatement,
): Promise<RecordedSubstate> {
  const results = await runBatch(
    db,
    {
      recorded,
      audited: auditFact(db, 'substate_written', attemptId, {
        atMs: nowMs,
        action: `payment.${substate}`,
        subject: transactionId,
        outcome: 'pending',
        detail: { expires_at_ms: expiresAtMs },
      }),
      transaction: db.d1.prepare(FIND_TRANSACTION).bind(transactionId),
      wrote: db.d1.prepare(HAS_WRITTEN).bind(transactionId, attemptId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  const transaction = rowOf<Transaction>(results.transaction);
  if (transaction === null) throw new Error('a payment waits that was never claimed');
  return { transaction, wrote: rowOf(results.wrote) !== null };
}
