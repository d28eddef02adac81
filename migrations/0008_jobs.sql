-- Recovery jobs. The version before this one runs on these tables: it names no index and reads none of the new columns. Until it is
-- replaced, its look-ups and its sweep scan more rows than they need.

-- A wake-up of a job works under the lease of its slot, so that as many run at once as there are slots, however often the queue
-- delivers a message and however often the cron runs. A lease that was not released ends by itself.
CREATE TABLE job_slots (
  job             TEXT NOT NULL,
  slot            INTEGER NOT NULL CHECK (slot >= 0),
  lease_id        TEXT NOT NULL,
  leased_until_ms INTEGER NOT NULL,
  PRIMARY KEY (job, slot)
) STRICT, WITHOUT ROWID;

-- Pending rows are looked up before follow-ups of ended ones: an index for each, so that a backlog of one costs the other no reads.
CREATE INDEX transactions_pending_due ON transactions (next_lookup_at_ms, gateway)
  WHERE status = 'pending' AND next_lookup_at_ms IS NOT NULL;
CREATE INDEX transactions_follow_ups_due ON transactions (next_lookup_at_ms, gateway)
  WHERE status <> 'pending' AND next_lookup_at_ms IS NOT NULL;
CREATE INDEX refunds_pending_due ON refunds (next_lookup_at_ms)
  WHERE status = 'pending' AND next_lookup_at_ms IS NOT NULL;
CREATE INDEX refunds_follow_ups_due ON refunds (next_lookup_at_ms)
  WHERE status <> 'pending' AND next_lookup_at_ms IS NOT NULL;
DROP INDEX transactions_to_look_up;
DROP INDEX refunds_to_look_up;

-- When the alarm was raised that the gateway answers and cannot say how a pending row ended: it is raised once.
ALTER TABLE transactions ADD COLUMN undetermined_at_ms INTEGER;
ALTER TABLE refunds ADD COLUMN undetermined_at_ms INTEGER;

-- When an operator had the event sent again. Live events go first.
ALTER TABLE events ADD COLUMN replayed_at_ms INTEGER;

-- The sweep takes what is due, not what is oldest: an event that cannot be sent is put off and does not block those behind it.
CREATE INDEX events_live_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NULL;
CREATE INDEX events_replayed_due ON events (next_attempt_at_ms, sequence)
  WHERE delivered_at_ms IS NULL AND replayed_at_ms IS NOT NULL;
DROP INDEX events_waiting_by_age;
