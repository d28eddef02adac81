-- The outbox (invariant 4). A row says which outcome is to be told. The message itself is rendered from the transaction
-- and the refund, so that each fact, and the address of each person, is stored once. delivered_at_ms is set when RabbitMQ has
-- confirmed the message, and by nothing else.
CREATE TABLE events (
  sequence           INTEGER PRIMARY KEY,
  event_id           TEXT NOT NULL UNIQUE,
  tenant             TEXT NOT NULL,
  booking_id         TEXT NOT NULL,
  event_type         TEXT NOT NULL CHECK (event_type IN ('payment.success', 'payment.failed', 'payment.refund')),
  transaction_id     TEXT NOT NULL REFERENCES transactions (transaction_id),
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

  CHECK ((event_type = 'payment.refund') = (refund_id IS NOT NULL)),
  CHECK ((lease_id IS NULL) = (leased_until_ms IS NULL))
) STRICT;

-- One event for each outcome, whatever is repeated.
CREATE UNIQUE INDEX events_one_per_payment ON events (transaction_id) WHERE refund_id IS NULL;
CREATE UNIQUE INDEX events_one_per_refund ON events (refund_id) WHERE refund_id IS NOT NULL;

-- What waits: by booking, because its events go out in order, and by age, for the sweep.
CREATE INDEX events_waiting_by_booking ON events (tenant, booking_id, sequence) WHERE delivered_at_ms IS NULL;
CREATE INDEX events_waiting_by_age ON events (sequence) WHERE delivered_at_ms IS NULL;
