-- What the cron counts, checks and reports. The version before this one runs on these tables: it leaves the new columns empty, and its outcomes
-- are counted when this version runs again.

-- How long the gateway took to answer, in milliseconds. Null where it did not, and in rows of former versions.
ALTER TABLE transactions ADD COLUMN gateway_ms INTEGER;
ALTER TABLE refunds ADD COLUMN gateway_ms INTEGER;

-- What ended in a minute, as JSON: the counts of each metric by its labels. A minute in which nothing ended has no row.
CREATE TABLE metric_minutes (
  minute_ms INTEGER PRIMARY KEY,
  counts    TEXT NOT NULL
) STRICT;

-- The same since counting began, and the gauges of the last run of the cron. One row.
CREATE TABLE metric_totals (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  counts     TEXT NOT NULL,
  gauges     TEXT NOT NULL,
  -- When the cron wrote it.
  written_at_ms INTEGER NOT NULL,
  -- How often it was written: a measurement that began with another revision writes nothing.
  revision   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Counting begins with the next event. metrics_audit is the number of an entry of the audit log: refunds that failed and reports of disputes have
-- no event that always reports them, and are counted in the order of their entries.
INSERT INTO job_positions (job, position) SELECT 'metrics', coalesce(max(sequence), 0) FROM events;
INSERT INTO job_positions (job, position) SELECT 'metrics_audit', coalesce(max(sequence), 0) FROM audit_entries;

CREATE INDEX refunds_failed ON refunds (written_entry) WHERE status = 'failed' AND kind = 'requested';
CREATE INDEX audit_entries_of_disputes ON audit_entries (sequence) WHERE action = 'dispute.reported';

-- What is there now is counted by these. Each has the rows that are counted, and few others.
CREATE INDEX refunds_kept ON refunds (processed_at_ms) WHERE status = 'failed' AND kind = 'late_charge';
CREATE INDEX disputes_open ON disputes (told_at_ms) WHERE lower(status) NOT IN ('won', 'lost', 'warning_closed', 'prevented', 'resolved');

-- What no row of the ledger shows: isolates count it in memory, and add it up here once a minute at most.
CREATE TABLE counted_in_memory (
  metric TEXT NOT NULL,
  labels TEXT NOT NULL,
  value  INTEGER NOT NULL,
  PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;

-- Which gateways an isolate has stopped calling, until when it lets a probe through.
CREATE TABLE open_breakers (
  gateway      TEXT NOT NULL,
  operation    TEXT NOT NULL CHECK (operation IN ('charge', 'refund')),
  opened_at_ms INTEGER NOT NULL,
  until_ms     INTEGER NOT NULL,
  PRIMARY KEY (gateway, operation)
) STRICT, WITHOUT ROWID;

-- When an invocation last did its work in the slot, so when its job last ran. Null where none has.
ALTER TABLE job_slots ADD COLUMN ended_at_ms INTEGER;

-- From the first time that an alert was due until it was over. Kept in the first database of an installation.
CREATE TABLE alert_episodes (
  alert           TEXT NOT NULL,
  started_at_ms   INTEGER NOT NULL,
  -- What is wrong, with its figures.
  message         TEXT NOT NULL,
  -- When it had been due for long enough to be an alert. What is over before that is forgotten.
  confirmed_at_ms INTEGER,
  -- Since when it is not due any more. It ends when that has lasted.
  clear_since_ms  INTEGER,
  -- When the webhook had taken each of the two messages, or when each was due where there is no webhook.
  reported_at_ms  INTEGER,
  ended_at_ms     INTEGER,
  end_reported_at_ms INTEGER,
  -- Who posts its messages.
  lease_id        TEXT,
  leased_until_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (alert, started_at_ms)
) STRICT, WITHOUT ROWID;

-- One episode of an alert at a time.
CREATE UNIQUE INDEX alert_episodes_open ON alert_episodes (alert) WHERE ended_at_ms IS NULL;
CREATE INDEX alert_episodes_unreported ON alert_episodes (started_at_ms) WHERE confirmed_at_ms IS NOT NULL AND (reported_at_ms IS NULL OR (ended_at_ms IS NOT NULL AND end_reported_at_ms IS NULL));
CREATE INDEX alert_episodes_ended ON alert_episodes (ended_at_ms);

-- What reconciliation found, a row for each time that it compares: a day, or the 24 hours that a person has asked for. Kept in the first database.
CREATE TABLE reconciliations (
  from_ms           INTEGER PRIMARY KEY,
  to_ms             INTEGER NOT NULL CHECK (to_ms > from_ms),
  compared_until_ms INTEGER NOT NULL,
  started_at_ms     INTEGER NOT NULL,
  -- When the next part of it is compared: later where a gateway did not answer.
  next_step_at_ms   INTEGER NOT NULL,
  -- From then on a gateway that does not answer is a difference.
  patient_until_ms  INTEGER NOT NULL,
  ended_at_ms       INTEGER,
  payments          INTEGER NOT NULL DEFAULT 0,
  refunds           INTEGER NOT NULL DEFAULT 0,
  -- Null where no gateway can list what it moved.
  movements         INTEGER,
  differences       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX reconciliations_open ON reconciliations (next_step_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX reconciliations_ended ON reconciliations (ended_at_ms);

CREATE TABLE reconciliation_differences (
  from_ms INTEGER NOT NULL REFERENCES reconciliations (from_ms),
  -- What makes it one difference, however often its time is compared.
  subject TEXT NOT NULL,
  kind    TEXT NOT NULL,
  detail  TEXT NOT NULL,
  -- The payment that it is about. Null where there is none.
  transaction_id TEXT,
  PRIMARY KEY (from_ms, kind, subject)
) STRICT, WITHOUT ROWID;

-- The disputes that were reported last, of all organisations and of one.
CREATE INDEX disputes_by_report ON disputes (told_at_ms);
CREATE INDEX disputes_of_tenant_by_report ON disputes (tenant, told_at_ms);
