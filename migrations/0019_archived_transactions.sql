-- Old transactions leave the database for the archive. The version before this one runs on these tables: it claims no booking that an archived
-- transaction has paid, and answers such a request with an error.

-- The bookings of completed transactions that have left: they stay paid (invariant 1).
CREATE TABLE archived_bookings (
  tenant     TEXT NOT NULL,
  booking_id TEXT NOT NULL,
  PRIMARY KEY (tenant, booking_id)
) STRICT, WITHOUT ROWID;

-- Invariant 1. What is restored from the archive may have failed: it claims nothing.
DROP TRIGGER transactions_claim_free_bookings;

CREATE TRIGGER transactions_claim_free_bookings BEFORE INSERT ON transactions WHEN NEW.status IN ('pending', 'completed') AND (EXISTS (SELECT 1 FROM transactions WHERE tenant = NEW.tenant AND booking_id = NEW.booking_id AND status IN ('pending', 'completed')) OR EXISTS (SELECT 1 FROM archived_bookings WHERE tenant = NEW.tenant AND booking_id = NEW.booking_id)) BEGIN SELECT RAISE(IGNORE); END;

-- A transaction leaves with all that hangs on it, and its booking stays paid (invariant 1).
CREATE TRIGGER transactions_leave_bookings_paid BEFORE DELETE ON transactions WHEN OLD.status = 'completed' BEGIN INSERT INTO archived_bookings (tenant, booking_id) VALUES (OLD.tenant, OLD.booking_id); END;

CREATE TRIGGER transactions_take_refunds BEFORE DELETE ON transactions BEGIN DELETE FROM refunds WHERE transaction_id = OLD.transaction_id; END;

CREATE TRIGGER transactions_take_unbooked_refunds BEFORE DELETE ON transactions BEGIN DELETE FROM unbooked_refunds WHERE transaction_id = OLD.transaction_id; END;

CREATE TRIGGER transactions_take_disputes BEFORE DELETE ON transactions BEGIN DELETE FROM disputes WHERE transaction_id = OLD.transaction_id; END;

CREATE TRIGGER transactions_take_dispute_reports BEFORE DELETE ON transactions BEGIN DELETE FROM dispute_reports WHERE transaction_id = OLD.transaction_id; END;

-- transactions_left: when the newest row was made of those that have left. archive_waits: until when no event and no transaction leaves.
INSERT INTO job_positions (job, position) VALUES ('transactions_left', 0), ('archive_waits', 0);
