-- Which transaction or refund answers a request that is sent again with the same Idempotency-Key (invariant 8). The
-- answer is rendered from that row. Only a keyed fingerprint of the body is kept.
CREATE TABLE idempotency_keys (
  tenant          TEXT NOT NULL,
  path            TEXT NOT NULL,
  idempotency_key TEXT NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  fingerprint     TEXT NOT NULL,
  -- A TXN- or a REF- identifier.
  claimed_id      TEXT NOT NULL,
  created_at_ms   INTEGER NOT NULL,
  PRIMARY KEY (tenant, path, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_ms);
