/** Which of the providers' webhooks have been taken up. A provider sends each at least once, and again for some days. */
import { type Database, rowOf, runBatch } from './database.ts';

/** Well beyond the days for which providers try, and beyond what a person sends again by hand. */
export const PROVIDER_EVENT_LIFETIME_MS = 30 * 24 * 60 * 60_000;

export interface ReceivedEvent {
  tenant: string;
  provider: string;
  eventId: string;
  type: string;
}

/** Whether it has been taken up before. */
export async function isTakenUp(db: Database, { tenant, provider, eventId }: ReceivedEvent): Promise<boolean> {
  const { found } = await runBatch(db, {
    found: db.d1
      .prepare('SELECT 1 FROM provider_events WHERE tenant = ?1 AND provider = ?2 AND event_id = ?3')
      .bind(tenant, provider, eventId),
  });
  return rowOf(found) !== null;
}

/** Writes down that it has been taken up: after what came of it, so that a failure half-way is made up for by the next time. */
export async function rememberEvent(db: Database, event: ReceivedEvent, nowMs: number): Promise<void> {
  await runBatch(db, {
    remembered: db.d1
      .prepare(
        `INSERT INTO provider_events (tenant, provider, event_id, event_type, received_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING`,
      )
      .bind(event.tenant, event.provider, event.eventId, event.type, nowMs),
  });
}

/** Forgets up to `limit` of those whose time is over; answers with how many there were. */
export async function purgeProviderEvents(db: Database, nowMs: number, limit: number): Promise<number> {
  const { purged } = await runBatch(db, {
    purged: db.d1
      .prepare(
        `DELETE FROM provider_events WHERE (tenant, provider, event_id) IN (
           SELECT tenant, provider, event_id FROM provider_events WHERE received_at_ms <= ?1 LIMIT ?2)`,
      )
      .bind(nowMs - PROVIDER_EVENT_LIFETIME_MS, limit),
  });
  return purged.meta.changes;
}
