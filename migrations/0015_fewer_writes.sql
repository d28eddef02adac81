-- A payment writes fewer rows: an index entry is a row, too. The version before this one runs on these tables. The indexes that only it
-- needs are dropped by the next file, which is applied when it has been replaced.

-- The outbox again, without its foreign key to transactions: SQLite cannot drop one, and without an index on it, which would be written for
-- each payment, a transaction that leaves would cost a walk through all events. Events leave before the transaction that they are about.
CREATE TABLE events_without_key (
  sequence           INTEGER PRIMARY KEY,
  event_id           TEXT NOT NULL UNIQUE,
  tenant             TEXT NOT NULL,
  booking_id         TEXT NOT NULL,
  event_type         TEXT NOT NULL CHECK (event_type IN ('payment.success', 'payment.failed', 'payment.refund', 'payment.dispute')),
  transaction_id     TEXT,
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

INSERT INTO events_without_key (sequence, event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms, attempts, lease_id, leased_until_ms, next_attempt_at_ms, delivered_at_ms, last_error, replayed_at_ms)
SELECT sequence, event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms, attempts, lease_id, leased_until_ms, next_attempt_at_ms, delivered_at_ms, last_error, replayed_at_ms FROM events ORDER BY sequence;

DROP TABLE events;
ALTER TABLE events_without_key RENAME TO events;

CREATE UNIQUE INDEX events_one_per_payment ON events (transaction_id) WHERE refund_id IS NULL;
CREATE UNIQUE INDEX events_one_per_refund ON events (refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX events_waiting_by_booking ON events (tenant, booking_id, sequence) WHERE delivered_at_ms IS NULL;
CREATE INDEX events_live_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NULL;
CREATE INDEX events_replayed_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NOT NULL;

-- Which entry of the audit log reports the fact in the row. A batch that is repeated finds its own entry by its number, without an index
-- over the log. Rows of former versions have none.
ALTER TABLE transactions ADD COLUMN attempted_entry INTEGER;
ALTER TABLE transactions ADD COLUMN substate_entry INTEGER;
ALTER TABLE transactions ADD COLUMN step_entry INTEGER;
ALTER TABLE transactions ADD COLUMN ended_entry INTEGER;
ALTER TABLE refunds ADD COLUMN created_entry INTEGER;
ALTER TABLE refunds ADD COLUMN written_entry INTEGER;
ALTER TABLE disputes ADD COLUMN told_entry INTEGER;

-- The entry of the last attempt that was counted. Entries have the order in which attempts are written, so an attempt with this number or a
-- lower one has been counted, and its payment needs no mark. Former versions leave it, and mark the payment.
ALTER TABLE velocity_counters ADD COLUMN counted_entry INTEGER NOT NULL DEFAULT 0;

-- Entries of what leaves no row are found by their time.
CREATE INDEX audit_entries_of_no_row ON audit_entries (at_ms, subject)
  WHERE outcome IN ('not_claimed', 'asked', 'read', 'done', 'created', 'revoked');

-- Invariant 1 by a trigger: an index over the status would be written again when a payment completes. Nothing becomes pending or
-- completed again, so an insert is all that has to be refused. IGNORE, because a claim that finds the booking taken is no error.
CREATE INDEX transactions_of_booking ON transactions (tenant, booking_id);

CREATE TRIGGER transactions_claim_free_bookings BEFORE INSERT ON transactions WHEN EXISTS (SELECT 1 FROM transactions WHERE tenant = NEW.tenant AND booking_id = NEW.booking_id AND status IN ('pending', 'completed')) BEGIN SELECT RAISE(IGNORE); END;

-- Invariant 4: the row names the event that ended the payment, and no other event reports it. Former versions have not always named it.
UPDATE transactions SET ended_by = (SELECT event_id FROM events WHERE events.transaction_id = transactions.transaction_id AND refund_id IS NULL) WHERE ended_by IS NULL AND status <> 'pending';

CREATE TRIGGER events_report_one_outcome BEFORE INSERT ON events WHEN NEW.transaction_id IS NOT NULL AND NEW.refund_id IS NULL AND EXISTS (SELECT 1 FROM transactions WHERE transaction_id = NEW.transaction_id AND ended_by IS NOT NULL AND ended_by <> NEW.event_id) BEGIN SELECT RAISE(ABORT, 'another event reports this payment'); END;

CREATE TRIGGER events_are_named AFTER INSERT ON events WHEN NEW.transaction_id IS NOT NULL AND NEW.refund_id IS NULL BEGIN UPDATE transactions SET ended_by = NEW.event_id WHERE transaction_id = NEW.transaction_id AND ended_by IS NULL; END;

-- Most events are delivered within milliseconds and never enter the index of the sweep: only those in it whose first delivery has failed,
-- or that were still waiting when the sweep last came by. position is the last event up to which it has looked.
CREATE TABLE job_positions (
  job      TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO job_positions (job, position) SELECT 'sweep', coalesce(max(sequence), 0) FROM events;

UPDATE events SET next_attempt_at_ms = 1 WHERE delivered_at_ms IS NULL AND next_attempt_at_ms = 0;

CREATE INDEX events_put_off_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NULL AND next_attempt_at_ms > 0;

-- The position and the events behind it change in one statement. The sign keeps SQLite to the range of sequences.
CREATE TRIGGER events_found_waiting AFTER UPDATE OF position ON job_positions WHEN NEW.job = 'sweep' BEGIN UPDATE events SET next_attempt_at_ms = 1 WHERE sequence > OLD.position AND sequence <= NEW.position AND +delivered_at_ms IS NULL AND next_attempt_at_ms = 0; END;

-- An event that is in the index of the sweep stays in it until it is delivered.
CREATE TRIGGER events_stay_found AFTER UPDATE OF next_attempt_at_ms ON events WHEN NEW.next_attempt_at_ms = 0 AND OLD.next_attempt_at_ms > 0 AND NEW.delivered_at_ms IS NULL BEGIN UPDATE events SET next_attempt_at_ms = 1 WHERE sequence = NEW.sequence; END;

-- The hash chain, a hash for each block of entries: of the hash before it and of the entries in order. The first block follows the last
-- hash that was made for a single entry, by a version before this one.
CREATE TABLE audit_blocks (
  last_sequence  INTEGER PRIMARY KEY,
  first_sequence INTEGER NOT NULL,
  entries        INTEGER NOT NULL CHECK (entries > 0 AND entries = last_sequence - first_sequence + 1),
  -- When it was sealed.
  at_ms          INTEGER NOT NULL,
  hash           TEXT NOT NULL CHECK (length(hash) = 64),
  -- The entries and the seal as the export has them, compressed: JSON lines in gzip. Then the entries themselves are deleted.
  packed         BLOB
) STRICT;

CREATE TRIGGER audit_blocks_are_new BEFORE INSERT ON audit_blocks WHEN EXISTS (SELECT 1 FROM audit_blocks WHERE last_sequence >= NEW.first_sequence) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_blocks_stay BEFORE UPDATE ON audit_blocks WHEN NOT (NEW.last_sequence = OLD.last_sequence AND NEW.first_sequence = OLD.first_sequence AND NEW.hash = OLD.hash AND OLD.packed IS NULL) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_blocks_stay_there BEFORE DELETE ON audit_blocks BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- An entry may leave its table when its block has it, but the newest one, whose number the next one follows.
DROP TRIGGER audit_entries_stay_there;

CREATE TRIGGER audit_entries_stay_there BEFORE DELETE ON audit_entries WHEN OLD.sequence = (SELECT max(sequence) FROM audit_entries) OR (SELECT first_sequence <= OLD.sequence AND packed IS NOT NULL FROM audit_blocks WHERE last_sequence >= OLD.sequence ORDER BY last_sequence LIMIT 1) IS NOT 1 BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

INSERT INTO job_positions (job, position) VALUES ('pack', 0);

-- A former version would go on with its own chain beside it.
CREATE TRIGGER audit_seals_are_of_former_versions BEFORE INSERT ON audit_seals WHEN EXISTS (SELECT 1 FROM audit_blocks) BEGIN SELECT RAISE(IGNORE); END;
