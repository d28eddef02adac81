-- A payment that waits for its payer, or whose money is held and not yet taken, is pending. These columns say which of the two it is,
-- until when, and what has been begun to end it. The version before this one runs on these tables: it leaves the new columns empty.

-- Empty: automatic.
ALTER TABLE transactions ADD COLUMN capture_method TEXT CHECK (capture_method = 'manual');
-- How long the money is held at most, as the caller asked for it.
ALTER TABLE transactions ADD COLUMN hold_minutes INTEGER CHECK (hold_minutes > 0);

-- challenged: the payer has to authenticate or approve. authorized: the money is held. And the attempt that wrote it.
ALTER TABLE transactions ADD COLUMN substate TEXT CHECK (substate IN ('challenged', 'authorized'));
ALTER TABLE transactions ADD COLUMN substate_by TEXT;
-- The end of the clock of either.
ALTER TABLE transactions ADD COLUMN expires_at_ms INTEGER;
-- Where the payer is sent, and where they come back to. Encrypted, for the time of the challenge.
ALTER TABLE transactions ADD COLUMN sealed_action_url TEXT;
ALTER TABLE transactions ADD COLUMN sealed_return_url TEXT;
-- What the gateway calls the money that it holds.
ALTER TABLE transactions ADD COLUMN authorization_reference TEXT;

-- What has been begun, before the gateway is asked for it, and the attempt that began it. Of capture, void and expire a payment
-- gets one and keeps it, whoever else comes.
ALTER TABLE transactions ADD COLUMN step TEXT CHECK (step IN ('authorize', 'capture', 'void', 'expire'));
ALTER TABLE transactions ADD COLUMN step_by TEXT;
ALTER TABLE transactions ADD COLUMN step_at_ms INTEGER;

-- When a status request last had the gateway asked about it.
ALTER TABLE transactions ADD COLUMN asked_at_ms INTEGER;

CREATE TRIGGER transactions_fixed_capture_method BEFORE UPDATE OF capture_method, hold_minutes ON transactions BEGIN SELECT RAISE(ABORT, 'a transaction is what was asked for'); END;

CREATE TRIGGER transactions_legal_steps BEFORE UPDATE OF step ON transactions WHEN NOT (OLD.step IS NEW.step OR (OLD.step IS NULL AND OLD.status = 'pending' AND OLD.substate IS NOT NULL) OR (OLD.step = 'authorize' AND NEW.step IS NULL AND NEW.substate = 'authorized')) BEGIN SELECT RAISE(ABORT, 'a payment is captured, voided or expired, and only one of them'); END;

CREATE TRIGGER transactions_legal_substates BEFORE UPDATE OF substate ON transactions WHEN NOT (OLD.substate IS NEW.substate OR (OLD.status = 'pending' AND (OLD.substate IS NULL OR (OLD.substate = 'challenged' AND NEW.substate = 'authorized')))) BEGIN SELECT RAISE(ABORT, 'illegal transition of a pending transaction'); END;
