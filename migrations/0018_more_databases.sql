-- Which of how many databases this one is. It is written once, before anything else is stored, and never changes: a booking that was looked
-- for in another database than before could be paid twice. The version before this one has one database, and asks nothing of this.
CREATE TABLE database_place (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  shard  INTEGER NOT NULL CHECK (shard >= 0),
  shards INTEGER NOT NULL CHECK (shards > shard)
) STRICT;

CREATE TRIGGER database_place_stays BEFORE UPDATE ON database_place BEGIN SELECT RAISE(ABORT, 'the place of a database never changes'); END;

CREATE TRIGGER database_place_stays_there BEFORE DELETE ON database_place BEGIN SELECT RAISE(ABORT, 'the place of a database never changes'); END;

CREATE TRIGGER database_place_is_kept BEFORE INSERT ON database_place WHEN EXISTS (SELECT 1 FROM database_place) BEGIN SELECT RAISE(ABORT, 'the place of a database never changes'); END;

-- A database that is in use is the only one of its installation.
INSERT INTO database_place (one, shard, shards) SELECT 1, 0, 1 WHERE EXISTS (SELECT 1 FROM transactions) OR EXISTS (SELECT 1 FROM audit_entries) OR EXISTS (SELECT 1 FROM audit_blocks);

-- What a Worker takes the database for. The only one of an installation takes its place by itself, the databases of a larger one get theirs
-- when they are created.
CREATE VIEW presented_places AS SELECT shard, shards FROM database_place;

CREATE TRIGGER presented_places_refused INSTEAD OF INSERT ON presented_places WHEN NOT EXISTS (SELECT 1 FROM database_place WHERE shard = NEW.shard AND shards = NEW.shards) AND (NEW.shards <> 1 OR EXISTS (SELECT 1 FROM database_place)) BEGIN SELECT RAISE(ABORT, 'database out of place'); END;

CREATE TRIGGER presented_places_taken INSTEAD OF INSERT ON presented_places WHEN NEW.shards = 1 AND NOT EXISTS (SELECT 1 FROM database_place) BEGIN INSERT INTO database_place (one, shard, shards) VALUES (1, 0, 1); END;

-- A payment is written where its id says. The version before this one writes ids that say nothing, and so takes no payments in a database
-- that is not the only one, and no refunds either, which it would not know again.
CREATE TRIGGER transactions_in_place BEFORE INSERT ON transactions WHEN EXISTS (SELECT 1 FROM database_place WHERE shards > 1 AND substr(NEW.transaction_id, 31) <> '-' || shard) BEGIN SELECT RAISE(ABORT, 'the payment belongs in another database'); END;

CREATE TRIGGER refunds_in_place BEFORE INSERT ON refunds WHEN EXISTS (SELECT 1 FROM database_place WHERE shards > 1 AND substr(NEW.refund_id, 31) <> '-' || shard) BEGIN SELECT RAISE(ABORT, 'the refund belongs in another database'); END;

-- Whose the order is that a payer has approved, where it could pay bookings in several databases. It is in the database that a hash of the
-- order chooses, and only in an installation with more than one.
CREATE TABLE claimed_orders (
  gateway        TEXT NOT NULL,
  gateway_intent TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  claimed_at_ms  INTEGER NOT NULL,
  PRIMARY KEY (gateway, gateway_intent)
) STRICT, WITHOUT ROWID;

CREATE INDEX claimed_orders_by_time ON claimed_orders (claimed_at_ms);
