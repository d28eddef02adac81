-- Outcomes that are not known are looked up when their time has come: the cron takes those that are due by these.
CREATE INDEX transactions_to_look_up ON transactions (next_lookup_at_ms) WHERE next_lookup_at_ms IS NOT NULL;
CREATE INDEX refunds_to_look_up ON refunds (next_lookup_at_ms) WHERE next_lookup_at_ms IS NOT NULL;

-- A refund of kind late_charge gives back a charge that turned up after its payment had failed (invariant 1). Nobody asked
-- for it, it takes nothing from a balance, and no event tells of it.
ALTER TABLE refunds ADD COLUMN kind TEXT NOT NULL DEFAULT 'requested' CHECK (kind IN ('requested', 'late_charge'));

CREATE TRIGGER refunds_fixed_kind BEFORE UPDATE OF kind ON refunds BEGIN SELECT RAISE(ABORT, 'a refund is what was asked for'); END;
