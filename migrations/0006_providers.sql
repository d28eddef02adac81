-- What the provider calls a payment before any money moves: the order that a payer approved in PayPal, the intent at Stripe.
-- By it an outcome that is not known is looked up.
ALTER TABLE transactions ADD COLUMN gateway_intent TEXT;

-- An order pays for one thing: invariant 1, seen from the payer.
CREATE UNIQUE INDEX transactions_one_per_intent ON transactions (tenant, gateway, gateway_intent)
  WHERE gateway_intent IS NOT NULL AND status IN ('pending', 'completed', 'refunded');

-- Why it failed, more closely than the codes of the contract have it: what a caller is advised to do follows from it.
ALTER TABLE transactions ADD COLUMN failure_cause TEXT;
ALTER TABLE refunds ADD COLUMN failure_cause TEXT;

-- What providers have told of by themselves: each is taken up once, however often it is sent.
CREATE TABLE provider_events (
  tenant         TEXT NOT NULL,
  provider       TEXT NOT NULL CHECK (provider IN ('stripe', 'paypal')),
  event_id       TEXT NOT NULL,
  event_type     TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, provider, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX provider_events_by_age ON provider_events (received_at_ms);

-- A payer who asks their bank or PayPal for the money back. The provider decides, and here it is written
-- down for a person.
CREATE TABLE disputes (
  tenant         TEXT NOT NULL,
  provider       TEXT NOT NULL CHECK (provider IN ('stripe', 'paypal')),
  dispute_id     TEXT NOT NULL,
  transaction_id TEXT NOT NULL REFERENCES transactions (transaction_id),
  status         TEXT NOT NULL,
  reason         TEXT NOT NULL,
  currency       TEXT NOT NULL,
  amount_minor   INTEGER NOT NULL CHECK (amount_minor >= 0),
  opened_at_ms   INTEGER NOT NULL,
  -- Of the newest word about it: an older one that comes later says nothing.
  told_at_ms     INTEGER NOT NULL,
  PRIMARY KEY (tenant, provider, dispute_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX disputes_of_transaction ON disputes (transaction_id);
