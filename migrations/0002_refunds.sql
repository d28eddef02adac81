-- One row for each refund. While it is pending its amount is reserved in the transaction. A refund is
-- reversed when the gateway took it back after it had been reported as done.
CREATE TABLE refunds (
  refund_id         TEXT PRIMARY KEY,
  tenant            TEXT NOT NULL,
  transaction_id    TEXT NOT NULL REFERENCES transactions (transaction_id),
  status            TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed', 'reversed')),
  amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
  reason            TEXT NOT NULL,
  gateway_reference TEXT,
  error_code        TEXT,
  failure_reason    TEXT,
  created_at_ms     INTEGER NOT NULL,
  processed_at_ms   INTEGER,
  next_lookup_at_ms INTEGER,
  lookups           INTEGER NOT NULL DEFAULT 0,

  CHECK ((status = 'pending') = (processed_at_ms IS NULL)),
  CHECK (status <> 'failed' OR error_code IS NOT NULL),
  CHECK (error_code IS NULL OR status IN ('failed', 'reversed'))
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_of_transaction ON refunds (transaction_id);

CREATE TRIGGER refunds_fixed_columns BEFORE UPDATE OF refund_id, tenant, transaction_id, amount_minor ON refunds BEGIN SELECT RAISE(ABORT, 'a refund is what was asked for'); END;

CREATE TRIGGER refunds_legal_transitions BEFORE UPDATE OF status ON refunds WHEN NOT (OLD.status = NEW.status OR (OLD.status = 'pending' AND NEW.status IN ('completed', 'failed')) OR (OLD.status = 'completed' AND NEW.status = 'reversed')) BEGIN SELECT RAISE(ABORT, 'illegal transition of a refund'); END;
