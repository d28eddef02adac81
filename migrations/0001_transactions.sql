-- Comments have no quotes and no semicolons, and a trigger is one line: what splits a migration into statements on
-- Cloudflare is another program than on a desk, and stumbles over both.

-- One row for each attempt to pay a booking. Amounts are integers in the minor unit of the currency, times are milliseconds.
-- WITHOUT ROWID: the primary key is the table, so that a payment writes one B-tree less.
CREATE TABLE transactions (
  transaction_id    TEXT PRIMARY KEY,
  tenant            TEXT NOT NULL,
  booking_id        TEXT NOT NULL,
  user_id           TEXT NOT NULL,
  user_email        TEXT,
  status            TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed', 'refunded')),
  currency          TEXT NOT NULL CHECK (length(currency) = 3),
  amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
  reserved_minor    INTEGER NOT NULL DEFAULT 0 CHECK (reserved_minor >= 0),
  refunded_minor    INTEGER NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
  payment_method    TEXT NOT NULL CHECK (payment_method IN ('credit_card', 'debit_card', 'paypal', 'stripe')),
  -- All of a card that is ever kept (invariant 5).
  card_brand        TEXT,
  card_last4        TEXT CHECK (card_last4 GLOB '[0-9][0-9][0-9][0-9]'),
  gateway           TEXT NOT NULL,
  gateway_reference TEXT,
  error_code        TEXT,
  failure_reason    TEXT,
  created_at_ms     INTEGER NOT NULL,
  processed_at_ms   INTEGER,
  -- When an outcome that is not known yet may next be asked for, and how often it has been.
  next_lookup_at_ms INTEGER,
  lookups           INTEGER NOT NULL DEFAULT 0,

  -- Invariant 2.
  CHECK (reserved_minor + refunded_minor <= amount_minor),
  CHECK ((status = 'pending') = (processed_at_ms IS NULL)),
  CHECK ((status = 'failed') = (error_code IS NOT NULL)),
  CHECK (status <> 'refunded' OR refunded_minor = amount_minor),
  CHECK (status <> 'completed' OR refunded_minor < amount_minor),
  CHECK (status IN ('completed', 'refunded') OR reserved_minor + refunded_minor = 0)
) STRICT, WITHOUT ROWID;

-- Invariant 1: at most one payment of a booking is under way or stands.
CREATE UNIQUE INDEX transactions_one_per_booking ON transactions (tenant, booking_id)
  WHERE status IN ('pending', 'completed');

-- What was asked for stays what it was.
CREATE TRIGGER transactions_fixed_columns BEFORE UPDATE OF transaction_id, tenant, booking_id, currency, amount_minor, payment_method, gateway ON transactions BEGIN SELECT RAISE(ABORT, 'a transaction is what was asked for'); END;

-- Invariant 6.
CREATE TRIGGER transactions_legal_transitions BEFORE UPDATE OF status ON transactions WHEN NOT (OLD.status = NEW.status OR (OLD.status = 'pending' AND NEW.status IN ('completed', 'failed')) OR (OLD.status = 'completed' AND NEW.status = 'refunded')) BEGIN SELECT RAISE(ABORT, 'illegal transition of a transaction'); END;
