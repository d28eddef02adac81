-- Indexes that only the version before this one uses. Applied when it has been replaced. It runs without them, but scans tables for each payment.
DROP INDEX transactions_one_per_booking;
DROP INDEX events_one_per_payment;
DROP INDEX events_live_due;
DROP INDEX audit_entries_by_time;
