/** Requests to be recorded that refund, and the status of payments and refunds in between. */
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { EXAMPLE_TRANSACTION_ID, PROCESS_CURL, REFUND_CURL, REFUND_JSON } from '../data/contract-examples.ts';
import { refundRequest } from './operation.ts';
import type { Recorder, RecordOptions } from './recorder.ts';
import { type Answer, cardNumbered, payment, refundOf } from './request.ts';
import { DECLINED, newWorld, paidPayment } from './scripted-gateway.ts';
import { watchedDatabase } from './watched-database.ts';

const REFUND = '/payment/refund';
const UNKNOWN_ID = 'TXN-01J00000000000000000000000';
/** When a first look-up is due. */
const FIRST_LOOK_UP_MS = 7_000;

export async function askForRefunds(recorder: Recorder): Promise<void> {
  await refundAsTheContractDoes(recorder);
  await refundInParts(recorder);
  await refundAmounts(recorder);
  await refundWhatCannotBe(recorder);
  await refundWithKeys(recorder);
  await refundWithoutOutcome(recorder);
  await refundWhatTheGatewayDeclines(recorder);
}

type Paid = { transaction_id: string; booking_id: string };

async function payFor({ ask }: Recorder, name: string, overrides: Record<string, unknown> = {}): Promise<Paid> {
  const booking_id = `BOOK-${name.replaceAll(' ', '-')}`;
  return (await ask(name, 'POST', '/payment/process', { body: payment({ booking_id, ...overrides }) })).body;
}

const refund = (
  { ask }: Recorder,
  name: string,
  paid: Paid,
  overrides: Record<string, unknown> = {},
  options: RecordOptions = {},
): Promise<Answer> => ask(name, 'POST', REFUND, { body: refundOf(paid, overrides), ...options });

const status = ({ ask }: Recorder, name: string, id: string) => ask(name, 'GET', `/payment/status/${id}`);

async function refundAsTheContractDoes({ ask }: Recorder): Promise<void> {
  for (const { name, request } of [REFUND_JSON, REFUND_CURL]) {
    await ask(`contract: ${name}, of nothing`, 'POST', REFUND, { body: request });
    const booking = `BOOK-${name.replaceAll(/\W+/g, '-')}`;
    const made = await ask(`contract: a payment before ${name}`, 'POST', '/payment/process', {
      body: PROCESS_CURL.request?.replace('BOOK-789012', booking),
    });
    const body = request?.replace('BOOK-789012', booking).replace(EXAMPLE_TRANSACTION_ID, made.body.transaction_id);
    await ask(`contract: ${name}`, 'POST', REFUND, { body });
  }
}

async function refundInParts(recorder: Recorder): Promise<void> {
  const paid = await payFor(recorder, 'paid to be refunded in parts', { user_email: 'user@example.com' });
  const { body: part } = await refund(recorder, 'refund of a part', paid, { refund_amount: 10 });
  await status(recorder, 'status of a refund of a part', part.refund_transaction_id);
  await status(recorder, 'status of a payment refunded in part', paid.transaction_id);
  await refund(recorder, 'refund of more than is left', paid, { refund_amount: 15.51 });
  await refund(recorder, 'refund of the rest', paid, { refund_amount: '15.50', reason: '' });
  await status(recorder, 'status of a payment refunded in full', paid.transaction_id);
  await refund(recorder, 'refund after all was refunded', paid, { refund_amount: 0.01 });
  await recorder.ask('payment of a refunded booking', 'POST', '/payment/process', {
    body: payment({ booking_id: paid.booking_id }),
  });
  const whole = await payFor(recorder, 'paid to be refunded at once', { payment_method: 'debit_card' });
  await refund(recorder, 'refund of all', whole);
  await refund(recorder, 'refund of all, again', whole);
}

async function refundAmounts(recorder: Recorder): Promise<void> {
  const paid = await payFor(recorder, 'paid to be refunded by any amount');
  for (const refund_amount of [0, -1, 0.001, 25.51, 1e9, '0', '1e400', '2.555']) {
    await refund(recorder, `refund of ${JSON.stringify(refund_amount)}`, paid, { refund_amount });
  }
  for (const refund_amount of [0.1, '0.20', ' 1e0 ', 0.1 + 0.2]) {
    await refund(recorder, `refund of ${JSON.stringify(refund_amount)}`, paid, { refund_amount });
  }
  await refund(recorder, 'refund for a reason of two lines', paid, {
    refund_amount: 1,
    reason: 'First line\nSecond “line”',
  });
}

async function refundWhatCannotBe(recorder: Recorder): Promise<void> {
  const paid = await payFor(recorder, 'paid to be refunded by others');
  await refund(recorder, 'refund by another user', paid, { user_id: 'user_9' });
  await refund(recorder, 'refund of another booking', paid, { booking_id: 'BOOK-of-another' });
  await refund(recorder, 'refund of an unknown payment', { ...paid, transaction_id: UNKNOWN_ID });
  await refund(recorder, 'refund of what is no id', { ...paid, transaction_id: 'nonsense' });
  const { body } = await refund(recorder, 'refund of a cent', paid, { refund_amount: 0.01 });
  await refund(recorder, 'refund of a refund', { ...paid, transaction_id: body.refund_transaction_id });
  const failed = await payFor(recorder, 'declined before a refund', {
    card_details: cardNumbered(TEST_CARDS.visaDeclined),
  });
  await refund(recorder, 'refund of a failed payment', failed);
  const pending = await payFor(recorder, 'pending before a refund', {
    card_details: cardNumbered(TEST_CARDS.neverArrives),
  });
  await refund(recorder, 'refund of a pending payment', pending);
  for (const id of [UNKNOWN_ID, 'REF-01J00000000000000000000000', 'nonsense', UNKNOWN_ID.toLowerCase()]) {
    await status(recorder, `status of ${id}`, id);
  }
  await recorder.ask('status without a body', 'HEAD', `/payment/status/${paid.transaction_id}`);
}

async function refundWithKeys(recorder: Recorder): Promise<void> {
  const paid = await payFor(recorder, 'paid to be refunded with keys');
  const withKey = (name: string, key: string, overrides: Record<string, unknown>) =>
    refund(recorder, name, paid, overrides, { headers: { 'Idempotency-Key': key } });
  await withKey('refund with a key', 'refund-1', { refund_amount: 10 });
  await withKey('refund with a key, replayed', 'refund-1', { refund_amount: 10 });
  await withKey('refund with a key, of another amount', 'refund-1', { refund_amount: 11 });
  await withKey('refund with another key', 'refund-2', { refund_amount: 10 });
  await withKey('refund with a key, of too much', 'refund-3', { refund_amount: 10 });
  await withKey('refund with no key', 'a,b', { refund_amount: 1 });
}

async function refundWithoutOutcome(recorder: Recorder): Promise<void> {
  const paid = await payFor(recorder, 'paid to be refunded without an outcome');
  const { d1: database } = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer'));
  const headers = { 'Idempotency-Key': 'refund-pending' };
  const part = { refund_amount: 10 };
  const pending = await refund(recorder, 'refund without an outcome', paid, part, { database, headers });
  const id = pending.body.error.details.refund_transaction_id;
  await refund(recorder, 'refund without an outcome, again with its key', paid, part, { headers });
  await refund(recorder, 'refund of more than a pending one leaves', paid, { refund_amount: 20 });
  await status(recorder, 'status of a pending refund', id);
  await status(recorder, 'status of a payment with a pending refund', paid.transaction_id);
  recorder.wait(FIRST_LOOK_UP_MS);
  await status(recorder, 'status of a pending refund, seven seconds later', id);
  await refund(recorder, 'refund without an outcome, replayed with its key', paid, part, { headers });
}

/** The sandbox declines no refund: the gateway of a test does, and its rows are read through the service. */
async function refundWhatTheGatewayDeclines(recorder: Recorder): Promise<void> {
  const world = newWorld({ refund: DECLINED });
  const paid = await paidPayment(world, { booking_id: 'BOOK-failed-refund' });
  const answer = await refundPayment(world.context, refundRequest(paid), '10.00');
  if (answer.kind !== 'failed') throw new Error(`the refund of a test is ${answer.kind}`);
  await status(recorder, 'status of a failed refund', answer.refund.refundId);
  await status(recorder, 'status of a payment with a failed refund', paid.transactionId);
}
