"""The contract's payment service as its authors describe it, in FastAPI: what the Worker is measured beside."""

import json
import os
import time
import uuid
from datetime import datetime, timezone
from decimal import Decimal
from typing import Literal, Optional

import aio_pika
import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, constr

SCHEMA = os.environ["PEER_SCHEMA"]
PER_MINUTE = int(os.environ["PEER_RATE_PER_MINUTE"])
BURST = int(os.environ["PEER_RATE_BURST"])
EVENT_TYPES = ("payment.success", "payment.failed", "payment.refund")
# None: the card pays.
SANDBOX = {
    "4111111111111111": None,
    "5555555555554444": None,
    "378282246310005": None,
    "4000000000009995": ("INSUFFICIENT_FUNDS", "Insufficient funds in account"),
}
DECLINED = ("CARD_DECLINED", "Card declined by bank")

Text = constr(min_length=1, max_length=255)


class Card(BaseModel):
    card_number: constr(regex=r"^\d{12,19}$")
    expiry_month: constr(regex=r"^(0?[1-9]|1[0-2])$")
    expiry_year: constr(regex=r"^(20)?\d\d$")
    cvv: constr(regex=r"^\d{3,4}$")
    cardholder_name: Text


class Payment(BaseModel):
    user_id: Text
    booking_id: Text
    amount: float
    payment_method: Literal["credit_card", "debit_card", "paypal", "stripe"]
    card_details: Optional[Card] = None


class Refund(BaseModel):
    booking_id: Text
    original_transaction_id: Text
    refund_amount: float
    reason: Text
    user_id: Text


app = FastAPI()


def stamp(at: Optional[datetime] = None) -> str:
    return (at or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ")


def problem(status: int, code: str, message: str, **details) -> JSONResponse:
    body = {"error": {"code": code, "message": message, "details": details}, "timestamp": stamp()}
    return JSONResponse(body, status)


def cents(amount: float) -> Optional[int]:
    exact = Decimal(repr(amount)) * 100
    return int(exact) if exact.is_finite() and exact == int(exact) and 0 < exact <= 10_000_000 else None


class Limiter:
    """Counts each client address in the minute and in its ten seconds, in memory, before anything else is read."""

    def __init__(self, app):
        self.inner, self.counts, self.minute = app, {}, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] == "/health":
            return await self.inner(scope, receive, send)
        second = int(time.time())
        if second // 60 != self.minute:
            self.minute, self.counts = second // 60, {}
        counts = self.counts.setdefault(scope["client"][0], [0] * 7)
        burst = 1 + second % 60 // 10
        counts[0] += 1
        counts[burst] += 1
        if counts[0] <= PER_MINUTE and counts[burst] <= BURST:
            return await self.inner(scope, receive, send)
        refusal = problem(429, "RATE_LIMIT_EXCEEDED", "Too many requests")
        refusal.headers["Retry-After"] = str(60 - second % 60)
        await refusal(scope, receive, send)


app.add_middleware(Limiter)


@app.on_event("startup")
async def connect():
    app.state.db = await asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=10, max_size=10)
    app.state.amqp = await aio_pika.connect(os.environ["PEER_RABBITMQ_URL"])
    channel = await app.state.amqp.channel(publisher_confirms=True)
    app.state.exchange = await channel.declare_exchange(
        os.environ["PEER_EXCHANGE"], aio_pika.ExchangeType.TOPIC, durable=True
    )
    queue = await channel.declare_queue(os.environ["PEER_QUEUE"], durable=True)
    for event_type in EVENT_TYPES:
        await queue.bind(app.state.exchange, event_type)


@app.on_event("shutdown")
async def disconnect():
    await app.state.amqp.close()
    await app.state.db.close()


async def publish(event_type: str, **fields):
    """Returns once the broker has confirmed the event."""
    event_id = f"evt_{uuid.uuid4().hex}"
    event = {"event_id": event_id, "event_type": event_type, **fields, "timestamp": stamp()}
    message = aio_pika.Message(
        json.dumps(event).encode(), message_id=event_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )
    await app.state.exchange.publish(message, event_type)


@app.exception_handler(RequestValidationError)
async def invalid(_: Request, error: RequestValidationError):
    fields = [{"field": ".".join(map(str, one["loc"][1:])), "message": one["msg"]} for one in error.errors()]
    return problem(422, "VALIDATION_ERROR", "The request is not valid", fields=fields)


@app.get("/health")
async def health():
    return JSONResponse({"status": "healthy", "service": "payment-service", "timestamp": stamp()})


@app.post("/payment/process")
async def process(payment: Payment):
    told = {
        "booking_id": payment.booking_id,
        "amount": payment.amount,
        "payment_method": payment.payment_method,
    }
    amount = cents(payment.amount)
    if amount is None:
        return JSONResponse({"status": "failed", **told, "error_code": "INVALID_AMOUNT"}, 400)
    transaction_id = f"TXN-{uuid.uuid4().hex.upper()}"
    # Committed before the gateway is called, so that no charge is without a row.
    claimed = await app.state.db.fetchval(
        f"INSERT INTO {SCHEMA}.transactions (transaction_id, booking_id, user_id, amount, payment_method)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING transaction_id",
        *(transaction_id, payment.booking_id, payment.user_id, amount, payment.payment_method),
    )
    if claimed is None:
        return problem(409, "DUPLICATE_TRANSACTION", "The booking is paid or being paid")
    number = payment.card_details.card_number if payment.card_details else ""
    failure = SANDBOX.get(number, DECLINED)
    now = datetime.now(timezone.utc)
    await app.state.db.execute(
        f"UPDATE {SCHEMA}.transactions SET status = $2, error_code = $3, processed_at = $4 WHERE transaction_id = $1",
        *(transaction_id, "failed" if failure else "completed", failure and failure[0], now),
    )
    user = {"user_id": payment.user_id, "user_email": None}
    if failure:
        code, reason = failure
        await publish("payment.failed", **user, **told, error_code=code, failure_reason=reason)
        body = {"status": "failed", **told, "error_code": code, "error_message": reason, "processed_at": stamp(now)}
        return JSONResponse(body, 400)
    await publish("payment.success", **user, transaction_id=transaction_id, **told)
    body = {"status": "success", "transaction_id": transaction_id, **told, "processed_at": stamp(now)}
    return JSONResponse({**body, "message": "Payment processed successfully"})


@app.get("/payment/status/{transaction_id}")
async def status(transaction_id: str):
    row = await app.state.db.fetchrow(
        f"SELECT * FROM {SCHEMA}.transactions WHERE transaction_id = $1", transaction_id
    )
    if row is None:
        return problem(404, "TRANSACTION_NOT_FOUND", "There is no such transaction")
    return JSONResponse(
        {
            "transaction_id": transaction_id,
            "booking_id": row["booking_id"],
            "status": row["status"],
            "amount": row["amount"] / 100,
            "payment_method": row["payment_method"],
            "created_at": stamp(row["created_at"]),
            "processed_at": row["processed_at"] and stamp(row["processed_at"]),
        }
    )


@app.post("/payment/refund")
async def refund(asked: Refund):
    amount = cents(asked.refund_amount)
    refund_id = f"REF-{uuid.uuid4().hex.upper()}"
    async with app.state.db.acquire() as db, db.transaction():
        refunded = amount and await db.fetchval(
            f"UPDATE {SCHEMA}.transactions SET refunded = refunded + $4,"
            " status = CASE WHEN refunded + $4 = amount THEN 'refunded' ELSE status END"
            " WHERE transaction_id = $1 AND booking_id = $2 AND user_id = $3 AND status = 'completed'"
            " AND refunded + $4 <= amount RETURNING refunded",
            *(asked.original_transaction_id, asked.booking_id, asked.user_id, amount),
        )
        if not refunded:
            return problem(400, "REFUND_NOT_ALLOWED", "The payment cannot be refunded")
        await db.execute(
            f"INSERT INTO {SCHEMA}.refunds VALUES ($1, $2, $3, $4)",
            *(refund_id, asked.original_transaction_id, amount, asked.reason),
        )
    told = {
        "refund_transaction_id": refund_id,
        "original_transaction_id": asked.original_transaction_id,
        "booking_id": asked.booking_id,
        "refund_amount": asked.refund_amount,
    }
    await publish("payment.refund", user_id=asked.user_id, user_email=None, reason=asked.reason, **told)
    return JSONResponse({"status": "success", **told, "processed_at": stamp()})
