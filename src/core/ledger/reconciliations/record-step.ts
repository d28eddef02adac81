import { type Database, runBatch } from '../database.ts';
import type { OpenReconciliation } from './next-step.ts';

/** A difference as it is kept: in words of this service alone. */
export interface KeptDifference {
  kind: string;
  /** What makes it one difference, however often its time is compared. */
  subject: string;
  /** What differs, and what to do. */
  message: string;
  /** The payment that it is about; null where there is none. */
  transactionId: string | null;
}

export interface ComparedStep {
  /** How far the reconciliation has come with it. */
  untilMs: number;
  payments: number;
  refunds: number;
  /** Null where no gateway could list its movements. */
  movements: number | null;
  differences: readonly KeptDifference[];
}

/** Of each kind: more would be no list that a person works through, and a bridge that was away must not hide what was charged twice. */
const OF_A_KIND_MAX = 250;

// Of two invocations that have compared the same part, one moves the row on. What both have found is kept once.
const MOVE_ON = `
  UPDATE reconciliations SET compared_until_ms = ?3, payments = payments + ?4, refunds = refunds + ?5,
    movements = CASE WHEN ?6 IS NULL THEN movements ELSE coalesce(movements, 0) + ?6 END
  WHERE from_ms = ?1 AND compared_until_ms = ?2 AND ended_at_ms IS NULL`;
const KEEP = `
  INSERT INTO reconciliation_differences (from_ms, kind, subject, detail, transaction_id)
  SELECT ?1, found.kind, value ->> 'subject', value ->> 'message', value ->> 'transactionId'
  FROM (SELECT value, value ->> 'kind' AS kind, row_number() OVER (PARTITION BY value ->> 'kind') AS nth FROM json_each(?3)) found
  WHERE EXISTS (SELECT 1 FROM reconciliations WHERE from_ms = ?1 AND compared_until_ms = ?2 AND ended_at_ms IS NULL)
    AND nth <= ${OF_A_KIND_MAX} - (SELECT count(*) FROM reconciliation_differences d WHERE d.from_ms = ?1 AND d.kind = found.kind)
  ON CONFLICT DO NOTHING`;

/** Records what a step has compared. @throws LedgerUnavailable, LedgerNotMigrated */
export async function recordStep(
  db: Database,
  { fromMs, comparedUntilMs }: OpenReconciliation,
  { untilMs, payments, refunds, movements, differences }: ComparedStep,
): Promise<void> {
  const byKind = Map.groupBy(differences, ({ kind }) => kind).values();
  const kept = JSON.stringify([...byKind].flatMap((ofKind) => ofKind.slice(0, OF_A_KIND_MAX)));
  await runBatch(db, {
    movedOn: db.d1.prepare(MOVE_ON).bind(fromMs, comparedUntilMs, untilMs, payments, refunds, movements),
    kept: differences.length === 0 ? null : db.d1.prepare(KEEP).bind(fromMs, untilMs, kept),
  });
}

const END = `
  UPDATE reconciliations SET ended_at_ms = ?2,
    differences = (SELECT count(*) FROM reconciliation_differences d WHERE d.from_ms = reconciliations.from_ms)
  WHERE from_ms = ?1 AND ended_at_ms IS NULL`;
const NOT_FINISHED = `
  INSERT INTO reconciliation_differences (from_ms, kind, subject, detail)
  SELECT from_ms, 'not_finished', 'reconciliation', ?2 FROM reconciliations WHERE from_ms = ?1 AND ended_at_ms IS NULL
  ON CONFLICT DO NOTHING`;

/**
 * Ends it, with the number of its differences.
 *
 * @param notFinished says that it has not come to its end; null: it has
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function endReconciliation(
  db: Database,
  { fromMs }: OpenReconciliation,
  notFinished: string | null,
  nowMs: number,
): Promise<void> {
  if (notFinished !== null) await runBatch(db, { kept: db.d1.prepare(NOT_FINISHED).bind(fromMs, notFinished) });
  await runBatch(db, { ended: db.d1.prepare(END).bind(fromMs, nowMs) });
}
