-- Events of disputes, for PUBLISH_DISPUTES. A dispute changes its status, so each status that is published has a row of its own, from
-- which its event is rendered however often it is sent.
CREATE TABLE dispute_reports (
  event_id       TEXT PRIMARY KEY,
  tenant         TEXT NOT NULL,
  provider       TEXT NOT NULL,
  dispute_id     TEXT NOT NULL,
  transaction_id TEXT NOT NULL REFERENCES transactions (transaction_id),
  status         TEXT NOT NULL,
  reason         TEXT NOT NULL,
  currency       TEXT NOT NULL,
  amount_minor   INTEGER NOT NULL CHECK (amount_minor >= 0),
  opened_at_ms   INTEGER NOT NULL,
  reported_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX dispute_reports_of_transaction ON dispute_reports (transaction_id);

-- The outbox again, with the new type: SQLite cannot alter a CHECK. The event of a dispute names no transaction, only its report does. So
-- the version before this one, which renders what names a transaction as that outcome, renders nothing and leaves it waiting.
CREATE TABLE events_with_disputes (
  sequence           INTEGER PRIMARY KEY,
  event_id           TEXT NOT NULL UNIQUE,
  tenant             TEXT NOT NULL,
  booking_id         TEXT NOT NULL,
  event_type         TEXT NOT NULL CHECK (event_type IN ('payment.success', 'payment.failed', 'payment.refund', 'payment.dispute')),
  transaction_id     TEXT REFERENCES transactions (transaction_id),
  refund_id          TEXT REFERENCES refunds (refund_id),
  created_at_ms      INTEGER NOT NULL,
  attempts           INTEGER NOT NULL DEFAULT 0,
  -- Who is sending it, and until when nobody else may.
  lease_id           TEXT,
  leased_until_ms    INTEGER,
  -- 0: at once. Never taken from the clock of whoever wrote the event, because the clock of another one may be behind.
  next_attempt_at_ms INTEGER NOT NULL DEFAULT 0,
  delivered_at_ms    INTEGER,
  last_error         TEXT,
  -- When an operator had the event sent again. Live events go first.
  replayed_at_ms     INTEGER,

  CHECK ((event_type = 'payment.refund') = (refund_id IS NOT NULL)),
  CHECK ((event_type = 'payment.dispute') = (transaction_id IS NULL)),
  CHECK ((lease_id IS NULL) = (leased_until_ms IS NULL))
) STRICT;

INSERT INTO events_with_disputes (sequence, event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms, attempts, lease_id, leased_until_ms, next_attempt_at_ms, delivered_at_ms, last_error, replayed_at_ms)
SELECT sequence, event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms, attempts, lease_id, leased_until_ms, next_attempt_at_ms, delivered_at_ms, last_error, replayed_at_ms FROM events ORDER BY sequence;

DROP TABLE events;
ALTER TABLE events_with_disputes RENAME TO events;

-- One event for each outcome, whatever is repeated.
CREATE UNIQUE INDEX events_one_per_payment ON events (transaction_id) WHERE refund_id IS NULL;
CREATE UNIQUE INDEX events_one_per_refund ON events (refund_id) WHERE refund_id IS NOT NULL;

-- What waits: by booking, because its events go out in order, and by the time at which it is due.
CREATE INDEX events_waiting_by_booking ON events (tenant, booking_id, sequence) WHERE delivered_at_ms IS NULL;
CREATE INDEX events_live_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NULL;
CREATE INDEX events_replayed_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NOT NULL;
