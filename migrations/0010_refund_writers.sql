-- What a person has to be told of is told once, by the attempt that wrote it. Which attempt that is stands in the row, so that neither
-- a second webhook nor a batch that is repeated after a lost answer changes who it was.

-- Of a refund: the attempt that inserted the row, and the one that wrote its last status.
ALTER TABLE refunds ADD COLUMN created_by TEXT;
ALTER TABLE refunds ADD COLUMN written_by TEXT;

-- Of a dispute: the attempt that wrote its status.
ALTER TABLE disputes ADD COLUMN written_by TEXT;

-- External refunds for which a payment has no room: they are no refunds of the ledger, and a person has been told of each.
CREATE TABLE unbooked_refunds (
  transaction_id    TEXT NOT NULL REFERENCES transactions (transaction_id),
  gateway_reference TEXT NOT NULL,
  amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
  found_at_ms       INTEGER NOT NULL,
  found_by          TEXT NOT NULL,
  PRIMARY KEY (transaction_id, gateway_reference)
) STRICT, WITHOUT ROWID;
