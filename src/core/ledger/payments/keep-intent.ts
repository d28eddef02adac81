import { type Database, runBatch } from '../database.ts';

/** Writes down what the gateway calls a payment whose outcome is not known: it is looked up by that. */
export async function keepIntent(db: Database, transactionId: string, intent: string): Promise<void> {
  await runBatch(db, {
    kept: db.d1
      .prepare(
        "UPDATE transactions SET gateway_intent = ?2 WHERE transaction_id = ?1 AND status = 'pending' AND gateway_intent IS NULL",
      )
      .bind(transactionId, intent),
  });
}
