-- What guards a statement is a fact in a row, so that statements of a batch can be moved and a repeated batch does nothing. The version
-- before this one runs on these tables: it leaves the new columns empty, and rows without them are handled as its own.

-- The event that reports how the payment ended: only where the row names it is the event inserted.
ALTER TABLE transactions ADD COLUMN ended_by TEXT;

-- What velocity counters have counted of the payment: nothing yet, its attempt, or its decline as well.
ALTER TABLE transactions ADD COLUMN counted TEXT CHECK (counted IN ('attempt', 'decline'));

-- The attempt that wrote anything of a dispute. written_by names the one that wrote its status.
ALTER TABLE disputes ADD COLUMN told_by TEXT;

-- An insert here counts a payment for each of the counters in counts, a JSON array, and marks it. The counters and the mark change in
-- one statement, which takes only payments without the mark, so neither a repetition nor the order of statements counts one twice.
CREATE VIEW counted_payments AS SELECT transaction_id, counted, NULL AS counts FROM transactions;

CREATE TRIGGER counted_payments_attempt INSTEAD OF INSERT ON counted_payments WHEN NEW.counted = 'attempt' BEGIN INSERT INTO velocity_counters (window_start_ms, tenant, subject, attempts) SELECT value ->> 'windowStartMs', value ->> 'tenant', value ->> 'subject', 1 FROM json_each(NEW.counts) WHERE true ON CONFLICT (window_start_ms, tenant, subject) DO UPDATE SET attempts = attempts + 1; END;

CREATE TRIGGER counted_payments_decline INSTEAD OF INSERT ON counted_payments WHEN NEW.counted = 'decline' BEGIN UPDATE velocity_counters SET declines = declines + 1 WHERE (window_start_ms, tenant, subject) IN (SELECT value ->> 'windowStartMs', value ->> 'tenant', value ->> 'subject' FROM json_each(NEW.counts)); END;

CREATE TRIGGER counted_payments_mark INSTEAD OF INSERT ON counted_payments BEGIN UPDATE transactions SET counted = NEW.counted WHERE transaction_id = NEW.transaction_id; END;

-- By their time, entries of a batch that is repeated are found, whatever they are about. The former index has only some of them.
CREATE INDEX audit_entries_by_time ON audit_entries (at_ms);
DROP INDEX audit_entries_of_no_row;
