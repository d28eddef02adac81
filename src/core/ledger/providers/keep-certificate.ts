/** Keeps a certificate that providers sign webhooks with, for all isolates. */

import { type Database, runBatch } from '../database.ts';
import { requestUnlessKnown } from './request-certificate.ts';

const KEEP = `
  INSERT INTO provider_certificates (url, pem, expires_at_ms, fetched_at_ms) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (url) DO UPDATE SET pem = ?2, expires_at_ms = ?3, fetched_at_ms = ?4`;
const FORGET_EXPIRED = 'DELETE FROM provider_certificates WHERE expires_at_ms <= ?1';

/** @throws LedgerUnavailable, LedgerNotMigrated */
async function keepCertificate(
  db: Database,
  { url, pem, expiresAtMs }: { url: string; pem: string; expiresAtMs: number },
  nowMs: number,
): Promise<void> {
  await runBatch(db, {
    kept: db.d1.prepare(KEEP).bind(url, pem, expiresAtMs, nowMs),
    expired: db.d1.prepare(FORGET_EXPIRED).bind(nowMs),
  });
}

/** The certificates in the ledger, as an adapter asks for them. @param sender the network that the webhook came from */
export function certificateStore(db: Database, sender: string) {
  return {
    sender,
    requestUnlessKnown: (url: string, nowMs: number) => requestUnlessKnown(db, sender, url, nowMs),
    keep: (certificate: Parameters<typeof keepCertificate>[1], nowMs: number) =>
      keepCertificate(db, certificate, nowMs),
  };
}
