/** Whether the certificate at an address may be requested: the limit on unknown addresses that webhooks name. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';

const HOUR_MS = 60 * 60_000;
/** A provider replaces its certificate once a year. */
const REQUESTS_PER_HOUR = 30;
/** Of one network: a sender of invented addresses must not use up the requests that the provider's own webhooks need. */
const REQUESTS_PER_SENDER = 3;
/** The same address is not asked for again sooner. */
const SAME_AGAIN_AFTER_MS = 60_000;

const FORGET_OLD_REQUESTS = 'DELETE FROM certificate_requests WHERE requested_at_ms <= ?1';
const REQUEST = `
  INSERT INTO certificate_requests (request_id, url, requested_at_ms, sender) SELECT ?1, ?2, ?3, ?4
  WHERE NOT EXISTS (SELECT 1 FROM provider_certificates WHERE url = ?2 AND expires_at_ms > ?3)
    AND NOT EXISTS (SELECT 1 FROM certificate_requests WHERE url = ?2 AND requested_at_ms > ?3 - ${SAME_AGAIN_AFTER_MS})
    AND (SELECT count(*) FROM certificate_requests) < ${REQUESTS_PER_HOUR}
    AND (SELECT count(*) FROM certificate_requests WHERE sender = ?4) < ${REQUESTS_PER_SENDER}
  ON CONFLICT DO NOTHING`;
const FIND_REQUESTS = `
  SELECT count(*) AS count, count(CASE WHEN sender = ?2 THEN 1 END) AS ofSender,
    coalesce(max(request_id = ?1), 0) AS granted
  FROM certificate_requests`;
const FIND_CERTIFICATES = 'SELECT url, pem FROM provider_certificates WHERE expires_at_ms > ?1';

/**
 * All certificates that are kept and have not expired; and, where none of them has this address, whether it may be requested: at most
 * 30 unknown addresses an hour, three of them for one sender, and the same one once a minute.
 *
 * @param sender the network that the webhook came from
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function requestUnlessKnown(db: Database, sender: string, url: string, nowMs: number) {
  const { d1 } = db;
  const requestId = crypto.randomUUID();
  const { requests, kept } = await runBatch(db, {
    forgotten: d1.prepare(FORGET_OLD_REQUESTS).bind(nowMs - HOUR_MS),
    requested: d1.prepare(REQUEST).bind(requestId, url, nowMs, sender),
    requests: d1.prepare(FIND_REQUESTS).bind(requestId, sender),
    kept: d1.prepare(FIND_CERTIFICATES).bind(nowMs),
  });
  const none = { count: 0, ofSender: 0, granted: 0 };
  const { count, ofSender, granted } = rowOf<typeof none>(requests) ?? none;
  const isUsedUp = count >= REQUESTS_PER_HOUR || ofSender >= REQUESTS_PER_SENDER;
  const request: 'granted' | 'under_way' | 'used_up' = granted === 1 ? 'granted' : isUsedUp ? 'used_up' : 'under_way';
  return { certificates: rowsOf<{ url: string; pem: string }>(kept), request };
}
