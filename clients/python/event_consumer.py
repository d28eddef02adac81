"""A consumer of the events of payments: `python3 event_consumer.py`. It has a queue of its own, processes one event at a time, and
acknowledges it once its effect is stored. SQLite takes the place of your own database. Python 3.9 or newer, with pika."""

import json
import os
import signal
import sqlite3
import sys

import pika

url = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@localhost:5672/%2F")
exchange = os.environ.get("RABBITMQ_EXCHANGE", "movie_app_events")
queue = os.environ.get("QUEUE", "notifications.payments")

database = sqlite3.connect(os.environ.get("DATABASE", "notifications.db"))
database.execute("CREATE TABLE IF NOT EXISTS seen_events (event_id TEXT PRIMARY KEY)")
database.execute("CREATE TABLE IF NOT EXISTS mails (address TEXT, subject TEXT)")

SUBJECTS = {
    "payment.success": "Your booking {booking_id} is paid",
    "payment.failed": "The payment of your booking {booking_id} failed",
    "payment.refund": "Your booking {booking_id} was refunded",
}


def store(event):
    """Writes the id and the effect in one transaction, so that an event that arrives twice has one effect. Returns whether it is new."""
    with database:
        seen = database.execute("INSERT OR IGNORE INTO seen_events VALUES (?)", (event["event_id"],))
        is_new = seen.rowcount == 1
        subject = SUBJECTS.get(event["event_type"])
        if is_new and subject and event["user_email"]:
            database.execute("INSERT INTO mails VALUES (?, ?)", (event["user_email"], subject.format(**event)))
    return is_new


def on_message(channel, method, properties, body):
    try:
        event = json.loads(body)
    except ValueError:
        print("A message that is not JSON was dropped", file=sys.stderr)
        channel.basic_reject(method.delivery_tag, requeue=False)
        return
    is_new = store(event)  # An exception ends the process, and the message stays in the queue.
    channel.basic_ack(method.delivery_tag)
    request = (properties.headers or {}).get("x-request-id", "none")
    print(event["event_type"], event["booking_id"], "request", request, *([] if is_new else ["(duplicate)"]), flush=True)


signal.signal(signal.SIGTERM, signal.default_int_handler)
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.queue_declare(queue, durable=True, arguments={"x-single-active-consumer": True})
for routing_key in SUBJECTS:
    channel.queue_bind(queue, exchange, routing_key)
channel.basic_qos(prefetch_count=1)  # One at a time: this keeps the order.
channel.basic_consume(queue, on_message)
print("ready", flush=True)
try:
    # If the connection breaks, this ends the process. Run it under something that restarts it, such as systemd or Docker.
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
