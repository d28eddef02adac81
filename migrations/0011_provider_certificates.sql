-- Certificates that a provider signs its webhooks with, in PEM, by the address that they were fetched from. Public.
CREATE TABLE provider_certificates (
  url           TEXT PRIMARY KEY,
  pem           TEXT NOT NULL CHECK (length(pem) <= 16384),
  expires_at_ms INTEGER NOT NULL,
  fetched_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests of the last hour for certificates that were not known. Anybody can name one, so that only a few are asked for, and
-- fewer still for one sender, so that nobody uses up what the provider itself needs.
CREATE TABLE certificate_requests (
  request_id      TEXT PRIMARY KEY,
  url             TEXT NOT NULL,
  sender          TEXT NOT NULL,
  requested_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Why an event was not delivered, as versions before this one have written it, can have the words of whatever answered in place of
-- the bridge, and in them a repetition of the event. It is written anew with the next attempt.
UPDATE events SET last_error = NULL WHERE delivered_at_ms IS NULL AND last_error IS NOT NULL;
