"""What a shop does, with test cards: `PAYMENT_SERVICE=http://localhost:8003 python3 example.py`. In production, PAYMENT_API_KEY is the shop's
key."""

import os
import uuid

from payment_client import PaymentClient, PaymentFailed


def order(card_number):
    return {
        "user_id": "user_123",
        "booking_id": f"BOOK-{uuid.uuid4()}",
        "amount": 25.5,
        "payment_method": "credit_card",
        "card_details": {
            "card_number": card_number,
            "expiry_month": "12",
            "expiry_year": "2030",
            "cvv": "123",
            "cardholder_name": "John Doe",
        },
    }


KEYS = []  # Stands for a table of your database: the keys of each booking's payments and refunds.


def new_key(booking_id):
    """A key for one attempt, stored before the request is sent: after a crash, send the request again under it. Another attempt needs another
    key."""
    key = str(uuid.uuid4())
    KEYS.append((booking_id, key))
    return key


def hold_of(payment, answer):
    return {
        "booking_id": payment["booking_id"],
        "transaction_id": answer["transaction_id"],
        "user_id": payment["user_id"],
    }


base_url = os.environ.get("PAYMENT_SERVICE", "http://localhost:8003")
with PaymentClient(base_url, os.environ.get("PAYMENT_API_KEY")) as payments:
    # Pay. Sent twice under one key, it is one payment.
    booking = order("4111111111111111")
    key = new_key(booking["booking_id"])
    paid = payments.pay(booking, key)
    again = payments.pay(booking, key)
    print("pay:", paid["status"], "once" if again["transaction_id"] == paid["transaction_id"] else "twice")
    print("status:", payments.status(paid["transaction_id"])["status"])

    # Refund a part of it.
    refund = {
        "booking_id": booking["booking_id"],
        "original_transaction_id": paid["transaction_id"],
        "refund_amount": 10.25,
        "reason": "Customer cancellation",
        "user_id": booking["user_id"],
    }
    refunded = payments.refund(refund, new_key(booking["booking_id"]))
    print("refund:", refunded["status"], refunded["refund_amount"])

    # Hold the money, and take it.
    held = {**order("4111111111111111"), "capture_method": "manual", "hold_minutes": 10}
    authorized = payments.pay(held, new_key(held["booking_id"]))
    captured = payments.capture(hold_of(held, authorized))
    print("capture:", authorized["status"], captured["status"])

    # Hold the money, and release it.
    other = {**held, "booking_id": f"BOOK-{uuid.uuid4()}"}
    released = payments.pay(other, new_key(other["booking_id"]))
    voided = payments.void(hold_of(other, released))
    print("void:", voided["status"], voided["error_code"])

    # A card that is declined, and then another one for the same booking: a new attempt, under a new key.
    declined = order("4000000000000002")
    try:
        payments.pay(declined, new_key(declined["booking_id"]))
    except PaymentFailed as error:
        print("decline:", error.code)
    retried = {**order("4111111111111111"), "booking_id": declined["booking_id"]}
    print("another card:", payments.pay(retried, new_key(retried["booking_id"]))["status"])
