"""`python3 database.py create|drop`: the peer's tables, in a schema of their own. Fails where PostgreSQL does not answer."""

import asyncio
import os
import sys

import asyncpg

SCHEMA = os.environ["PEER_SCHEMA"]
CREATE = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.transactions (
  transaction_id text PRIMARY KEY,
  booking_id     text NOT NULL,
  user_id        text NOT NULL,
  amount         bigint NOT NULL CHECK (amount > 0),
  refunded       bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
  payment_method text NOT NULL,
  status         text NOT NULL DEFAULT 'pending',
  error_code     text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  processed_at   timestamptz
);
CREATE UNIQUE INDEX ON {SCHEMA}.transactions (booking_id) WHERE status IN ('pending', 'completed');
CREATE TABLE {SCHEMA}.refunds (
  refund_id      text PRIMARY KEY,
  transaction_id text NOT NULL REFERENCES {SCHEMA}.transactions,
  amount         bigint NOT NULL,
  reason         text NOT NULL
);
"""
STATEMENTS = {"create": CREATE, "drop": f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"}


async def main():
    db = await asyncpg.connect(os.environ["PEER_DATABASE_URL"], timeout=5)
    await db.execute(STATEMENTS[sys.argv[1]])
    await db.close()


asyncio.run(main())
