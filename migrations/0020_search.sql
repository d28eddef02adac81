-- Payments can be searched, and each is shown with all that happened to it. The version before this one runs on these tables: it leaves the new
-- columns empty.

-- The primary key ends each index, and it begins with the time, so what is found is in order of time. A payment writes two of these entries,
-- that of its user and that of its reference, and a third one only in an organisation that is not the default one.
CREATE INDEX transactions_of_user ON transactions (tenant, user_id);
CREATE INDEX transactions_of_reference ON transactions (gateway_reference, tenant) WHERE gateway_reference IS NOT NULL;
-- The default organisation has most of the rows, as a rule, and is read by the primary key.
CREATE INDEX transactions_of_organisation ON transactions (tenant) WHERE tenant <> 'default';
CREATE INDEX transactions_failed ON transactions (tenant) WHERE status = 'failed';
CREATE INDEX transactions_refunded ON transactions (tenant) WHERE status = 'refunded';
CREATE INDEX refunds_of_reference ON refunds (gateway_reference, tenant) WHERE gateway_reference IS NOT NULL;

-- What ended more than a day after its id was made is found by the time at which it ended, and all else by its id.
CREATE INDEX transactions_ended_late ON transactions (processed_at_ms) WHERE processed_at_ms > created_at_ms + 86400000;
CREATE INDEX refunds_ended_late ON refunds (processed_at_ms) WHERE processed_at_ms > created_at_ms + 86400000 OR kind = 'late_charge';

-- When the gateway took a refund back. Of rows of former versions it is in the audit log, which may have been packed: they are found by the time
-- at which they were paid.
ALTER TABLE refunds ADD COLUMN reversed_at_ms INTEGER;
UPDATE refunds SET reversed_at_ms = (SELECT at_ms FROM audit_entries WHERE sequence = written_entry AND action = 'refund.reversed') WHERE status = 'reversed';
CREATE INDEX refunds_reversed ON refunds (coalesce(reversed_at_ms, processed_at_ms)) WHERE status = 'reversed';

-- When a payment began to wait for its payer, and when its money was held. The entry of the audit log is that of the challenge. An
-- authorization that follows has substate_entry.
ALTER TABLE transactions ADD COLUMN challenged_at_ms INTEGER;
ALTER TABLE transactions ADD COLUMN challenged_entry INTEGER;
ALTER TABLE transactions ADD COLUMN authorized_at_ms INTEGER;

-- Which payment or refund a webhook was about.
ALTER TABLE provider_events ADD COLUMN subject TEXT;
CREATE INDEX provider_events_of_subject ON provider_events (subject) WHERE subject IS NOT NULL;

-- What needs a person, because the gateway cannot say how it ended.
CREATE INDEX transactions_undetermined ON transactions (undetermined_at_ms) WHERE undetermined_at_ms IS NOT NULL AND status = 'pending';
CREATE INDEX refunds_undetermined ON refunds (undetermined_at_ms) WHERE undetermined_at_ms IS NOT NULL AND status = 'pending';

-- What a person has dealt with elsewhere, such as in the dashboard of the provider: a payment, a refund, or an external refund that had no room.
CREATE TABLE manual_resolutions (
  subject        TEXT PRIMARY KEY,
  tenant         TEXT NOT NULL,
  reason         TEXT NOT NULL,
  resolved_by    TEXT NOT NULL,
  resolved_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER manual_resolutions_stay BEFORE UPDATE ON manual_resolutions BEGIN SELECT RAISE(ABORT, 'a resolution stays what it was'); END;

CREATE TRIGGER manual_resolutions_stay_there BEFORE DELETE ON manual_resolutions BEGIN SELECT RAISE(ABORT, 'a resolution stays what it was'); END;

CREATE TRIGGER manual_resolutions_are_new BEFORE INSERT ON manual_resolutions WHEN EXISTS (SELECT 1 FROM manual_resolutions WHERE subject = NEW.subject) BEGIN SELECT RAISE(IGNORE); END;
