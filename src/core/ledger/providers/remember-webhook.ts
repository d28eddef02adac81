/** Which of the providers' webhooks have been handled. A provider sends each at least once, and again for some days. */

import { type Database, rowOf, runBatch } from '../database.ts';

export interface ReceivedWebhook {
  tenant: string;
  provider: string;
  eventId: string;
  type: string;
}

/** Whether it has been handled before. */
export async function wasHandled(db: Database, { tenant, provider, eventId }: ReceivedWebhook): Promise<boolean> {
  const { found } = await runBatch(db, {
    found: db.d1
      .prepare('SELECT 1 FROM provider_events WHERE tenant = ?1 AND provider = ?2 AND event_id = ?3')
      .bind(tenant, provider, eventId),
  });
  return rowOf(found) !== null;
}

/**
 * Records that it has been handled: after its effects, so that the next delivery makes up for a failure half-way.
 *
 * @param subject the payment or refund that it names, or that its provider did; null where neither names one
 */
export async function rememberWebhook(
  db: Database,
  event: ReceivedWebhook,
  subject: string | null,
  nowMs: number,
): Promise<void> {
  await runBatch(db, {
    remembered: db.d1
      .prepare(
        `INSERT INTO provider_events (tenant, provider, event_id, event_type, received_at_ms, subject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING`,
      )
      .bind(event.tenant, event.provider, event.eventId, event.type, nowMs, subject),
  });
}
