-- Addresses of persons are encrypted from here on: key id, nonce and ciphertext in one text. user_email is what versions before
-- this one have written, until it is rewritten.
ALTER TABLE transactions ADD COLUMN sealed_email TEXT;

-- An order pays for one thing, whoever presents it: the account at the provider is one for all organisations.
DROP INDEX transactions_one_per_intent;

CREATE UNIQUE INDEX transactions_one_per_intent ON transactions (gateway, gateway_intent)
  WHERE gateway_intent IS NOT NULL AND status IN ('pending', 'completed', 'refunded');

-- Who may call. Of a key only a keyed hash is kept. What it may do is in the key itself, under its signature, and here to be read.
CREATE TABLE api_keys (
  key_id          TEXT PRIMARY KEY,
  tenant          TEXT NOT NULL,
  name            TEXT NOT NULL,
  scopes          TEXT NOT NULL,
  key_hash        TEXT NOT NULL UNIQUE,
  created_at_ms   INTEGER NOT NULL,
  expires_at_ms   INTEGER,
  -- To the hour: a write for each request would be one too many.
  last_used_at_ms INTEGER,
  revoked_at_ms   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TRIGGER api_keys_fixed_columns BEFORE UPDATE OF key_id, tenant, name, scopes, key_hash, created_at_ms, expires_at_ms ON api_keys BEGIN SELECT RAISE(ABORT, 'a key is what it was made as'); END;

CREATE TRIGGER api_keys_stay_revoked BEFORE UPDATE OF revoked_at_ms ON api_keys WHEN OLD.revoked_at_ms IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a revoked key stays revoked'); END;

CREATE TRIGGER api_keys_stay_there BEFORE DELETE ON api_keys BEGIN SELECT RAISE(ABORT, 'a key is revoked, and stays in the list'); END;

-- INSERT OR REPLACE would fire no trigger of a deletion, and whoever inserts a key once more finds it there.
CREATE TRIGGER api_keys_are_new BEFORE INSERT ON api_keys WHEN EXISTS (SELECT 1 FROM api_keys WHERE key_id = NEW.key_id OR key_hash = NEW.key_hash) BEGIN SELECT RAISE(IGNORE); END;

-- Presenting a key is an insert here, the first statement of whatever a request has the database do: where the key is not valid,
-- nothing of it happens. So a key is checked without a round trip of its own.
CREATE VIEW presented_keys AS SELECT key_hash, last_used_at_ms AS presented_at_ms FROM api_keys;

CREATE TRIGGER presented_keys_refused INSTEAD OF INSERT ON presented_keys WHEN NOT EXISTS (SELECT 1 FROM api_keys WHERE key_hash = NEW.key_hash AND revoked_at_ms IS NULL AND (expires_at_ms IS NULL OR expires_at_ms > NEW.presented_at_ms)) BEGIN SELECT RAISE(ABORT, 'api key refused'); END;

CREATE TRIGGER presented_keys_used INSTEAD OF INSERT ON presented_keys BEGIN UPDATE api_keys SET last_used_at_ms = NEW.presented_at_ms WHERE key_hash = NEW.key_hash AND (last_used_at_ms IS NULL OR last_used_at_ms <= NEW.presented_at_ms - 3600000); END;

-- What was done, by whom, and when: written in the batch that does it, and never changed.
CREATE TABLE audit_entries (
  -- Given when the batch is committed, so that nothing comes in later with a lower one.
  sequence   INTEGER PRIMARY KEY CHECK (sequence > 0),
  at_ms      INTEGER NOT NULL,
  tenant     TEXT NOT NULL,
  -- key:…, jwt:…, anonymous, cron, queue, webhook:…, operator:…
  actor      TEXT NOT NULL,
  request_id TEXT,
  address    TEXT,
  action     TEXT NOT NULL,
  -- A TXN-, a REF- or a key id, or what else it was done to.
  subject    TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  -- JSON, with no address and no user in it.
  detail     TEXT
) STRICT;

-- What leaves no row of its own is looked for here, so that a batch that is repeated writes one entry. It is not unique: then
-- INSERT OR REPLACE could take an entry away.
CREATE INDEX audit_entries_of_no_row ON audit_entries (at_ms, subject)
  WHERE outcome IN ('not_claimed', 'asked', 'read', 'done');

CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- INSERT OR REPLACE would fire no trigger of a deletion.
CREATE TRIGGER audit_entries_are_new BEFORE INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM audit_entries WHERE sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_entries_stay_there BEFORE DELETE ON audit_entries BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- The hash chain over them: each hash is of the one before it and of the entry. Made by the cron, because SQLite has no SHA-256.
CREATE TABLE audit_seals (
  sequence INTEGER PRIMARY KEY REFERENCES audit_entries (sequence),
  hash     TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE TRIGGER audit_seals_are_new BEFORE INSERT ON audit_seals WHEN EXISTS (SELECT 1 FROM audit_seals WHERE sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_seals_stay BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_seals_stay_there BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- How often a card, a user or an address has tried to pay in a window of time. subject is a keyed hash: nothing here says whose, and
-- nothing leads to a payment.
CREATE TABLE velocity_counters (
  window_start_ms INTEGER NOT NULL,
  tenant          TEXT NOT NULL,
  subject         TEXT NOT NULL,
  attempts        INTEGER NOT NULL CHECK (attempts > 0),
  declines        INTEGER NOT NULL DEFAULT 0 CHECK (declines BETWEEN 0 AND attempts),
  PRIMARY KEY (window_start_ms, tenant, subject)
) STRICT, WITHOUT ROWID;
