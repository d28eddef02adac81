-- Which account at a provider a name belongs to. A payment is looked up and refunded only with the account that charged it, and a
-- provider is asked once whose a key is. name is key:HASH for an API key, or stripe:test and stripe:live, the names that rows from
-- before this table have: those belong to the account that was configured when this version was first used. Never changed.
CREATE TABLE gateway_accounts (
  name    TEXT PRIMARY KEY,
  account TEXT NOT NULL
) STRICT, WITHOUT ROWID;
