-- What has left the database for an archive: objects of compressed JSON lines, each with a range of the audit log, of events, or of
-- transactions, which are numbered by the millisecond in which they were made. The version before this one runs on these tables, and archives
-- nothing.
CREATE TABLE archived_ranges (
  kind           TEXT NOT NULL CHECK (kind IN ('audit', 'events', 'transactions')),
  first_sequence INTEGER NOT NULL,
  last_sequence  INTEGER NOT NULL CHECK (last_sequence >= first_sequence),
  -- Fewer than the range has numbers, where events have stayed that still waited.
  entries        INTEGER NOT NULL CHECK (entries > 0 AND (kind <> 'audit' OR entries = last_sequence - first_sequence + 1)),
  object         TEXT NOT NULL,
  bytes          INTEGER NOT NULL,
  sha256         TEXT NOT NULL CHECK (length(sha256) = 64),
  -- Of the audit log: the hash of its last block.
  last_hash      TEXT,
  archived_at_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, first_sequence, object)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER archived_ranges_are_new BEFORE INSERT ON archived_ranges WHEN EXISTS (SELECT 1 FROM archived_ranges WHERE kind = NEW.kind AND first_sequence = NEW.first_sequence AND (object = NEW.object OR kind = 'audit')) BEGIN SELECT RAISE(ABORT, 'what is archived stays archived'); END;

CREATE TRIGGER archived_ranges_stay BEFORE UPDATE ON archived_ranges BEGIN SELECT RAISE(ABORT, 'what is archived stays archived'); END;

CREATE TRIGGER archived_ranges_stay_there BEFORE DELETE ON archived_ranges BEGIN SELECT RAISE(ABORT, 'what is archived stays archived'); END;

-- A packed block is emptied when an object has it, and filled again when that is restored. Its seal stays.
DROP TRIGGER audit_blocks_stay;

CREATE TRIGGER audit_blocks_stay BEFORE UPDATE ON audit_blocks WHEN NOT (NEW.last_sequence = OLD.last_sequence AND NEW.first_sequence = OLD.first_sequence AND NEW.entries = OLD.entries AND NEW.at_ms = OLD.at_ms AND NEW.hash = OLD.hash AND (OLD.packed IS NULL OR (NEW.packed IS NULL AND coalesce((SELECT last_sequence >= OLD.last_sequence FROM archived_ranges WHERE kind = 'audit' AND first_sequence <= OLD.first_sequence ORDER BY first_sequence DESC LIMIT 1), 0)))) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- audit: the last block that was archived. events_left: when the newest event was made of those that have left.
INSERT INTO job_positions (job, position) VALUES ('archive', 0), ('events_left', 0);
