/**
 * A consumer of the events of payments: `node event-consumer.ts`. It has a queue of its own, processes one event at a time, and acknowledges
 * it once its effect is stored. SQLite takes the place of your own database. payment-events.d.ts is generated from docs/asyncapi.yaml.
 */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AsyncMessage, Connection, ConsumerStatus } from 'rabbitmq-client';
import type { components } from './payment-events.d.ts';

type Schemas = components['schemas'];
type PaymentEvent = Schemas['PaymentSuccess'] | Schemas['PaymentFailed'] | Schemas['PaymentRefund'];

const {
  RABBITMQ_URL = 'amqp://guest:guest@localhost:5672/',
  RABBITMQ_EXCHANGE = 'movie_app_events',
  QUEUE = 'bookings.payments',
  DATABASE = 'bookings.db',
} = process.env;
/** A failing database is not asked again at once. */
const RETRY_DELAY_MS = 1_000;

const database = new DatabaseSync(DATABASE);
database.exec(`
  CREATE TABLE IF NOT EXISTS seen_events (event_id TEXT PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS bookings (booking_id TEXT PRIMARY KEY, paid_by TEXT, refunded REAL NOT NULL DEFAULT 0)`);
const remember = database.prepare('INSERT OR IGNORE INTO seen_events (event_id) VALUES (?)');
const pay = database.prepare(
  'INSERT INTO bookings (booking_id, paid_by) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET paid_by = ?2, refunded = 0',
);
// Only a refund of the payment that paid the booking counts: a late charge of an earlier attempt is refunded, too.
const refund = database.prepare('UPDATE bookings SET refunded = refunded + ?3 WHERE booking_id = ?1 AND paid_by = ?2');

function apply(event: PaymentEvent): void {
  if (event.event_type === 'payment.success') pay.run(event.booking_id, event.transaction_id);
  if (event.event_type === 'payment.refund') {
    refund.run(event.booking_id, event.original_transaction_id, event.refund_amount);
  }
}

/** Writes the id and the effect in one transaction, so that an event that arrives twice has one effect. Answers with whether it is new. */
function store(event: PaymentEvent): boolean {
  database.exec('BEGIN IMMEDIATE');
  try {
    const isNew = remember.run(event.event_id).changes === 1;
    if (isNew) apply(event);
    database.exec('COMMIT');
    return isNew;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

async function handle({ body, headers }: AsyncMessage): Promise<ConsumerStatus> {
  if (Buffer.isBuffer(body)) {
    console.error('A message that is not JSON was dropped');
    return ConsumerStatus.DROP;
  }
  const event = body as PaymentEvent;
  try {
    const isNew = store(event);
    const request = headers?.['x-request-id'] ?? 'none';
    console.log(`${event.event_type} ${event.booking_id} request ${request}${isNew ? '' : ' (duplicate)'}`);
    return ConsumerStatus.ACK;
  } catch (error) {
    console.error(error);
    await sleep(RETRY_DELAY_MS);
    return ConsumerStatus.REQUEUE; // To the front of the queue.
  }
}

const connection = new Connection(RABBITMQ_URL);
connection.on('error', (error) => console.error(error.message)); // It connects again by itself.
const consumer = connection.createConsumer(
  {
    queue: QUEUE,
    queueOptions: { durable: true, arguments: { 'x-single-active-consumer': true } },
    queueBindings: ['payment.success', 'payment.failed', 'payment.refund'].map((routingKey) => ({
      exchange: RABBITMQ_EXCHANGE,
      routingKey,
    })),
    qos: { prefetchCount: 1 }, // One at a time: this keeps the order.
    concurrency: 1,
  },
  handle,
);
consumer.on('error', (error) => console.error(error.message));
consumer.on('ready', () => console.log('ready'));

async function stop(): Promise<void> {
  await consumer.close();
  await connection.close();
  database.close();
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop());
