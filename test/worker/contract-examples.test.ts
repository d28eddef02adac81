/** The documentation's own requests get the documented answers. Each test begins with an empty database. */
import { beforeEach, describe, expect, it } from 'vitest';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import {
  type ContractExample,
  EVENTS,
  EXAMPLE_TRANSACTION_ID,
  HEALTH_CURL,
  METHODS_CURL,
  PROCESS_CURL,
  PROCESS_JSON,
  PROCESS_TEST_CURL,
  REFUND_CURL,
  REFUND_JSON,
  STATUS_CURL,
  TEST_CARDS_TABLE,
} from '../data/contract-examples.ts';
import { clearLedger } from './backlog.ts';
import { EVENT_ID, REFUND_ID, TIMESTAMP, TRANSACTION_ID } from './matchers.ts';
import { database } from './operation.ts';
import { type Answer, send } from './request.ts';
import { eventsOf } from './stored.ts';

beforeEach(clearLedger);

const EXAMPLE_IDS: Record<string, unknown> = { 'TXN-456789': TRANSACTION_ID, 'REF-123456': REFUND_ID };

/** The documented object, with what can't be the same each time replaced by what it must look like. */
function asDocumented(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asDocumented);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asDocumented(member)]));
  }
  if (typeof value !== 'string') return value;
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return TIMESTAMP;
  if (value.startsWith('evt_')) return EVENT_ID;
  return EXAMPLE_IDS[value] ?? value;
}

/** Sends the example as it is written; a transaction's id takes the place of the example's. */
function sendExample(
  { method, path, request }: ContractExample,
  transactionId = EXAMPLE_TRANSACTION_ID,
): Promise<Answer> {
  return send(method, path.replace(EXAMPLE_TRANSACTION_ID, transactionId), {
    ...(request !== null && { body: request.replace(EXAMPLE_TRANSACTION_ID, transactionId) }),
  });
}

describe('the contract’s examples', () => {
  it(`${HEALTH_CURL.name}, and which gateway takes which method`, async () => {
    const answer = await sendExample(HEALTH_CURL);
    expect(answer.body).toEqual({
      ...(asDocumented(HEALTH_CURL.response) as object),
      payment_gateways: { credit_card: 'sandbox', debit_card: 'sandbox', paypal: 'sandbox', stripe: null },
    });
  });

  it.each([PROCESS_JSON, PROCESS_CURL, METHODS_CURL])('$name', async (example) => {
    const answer = await sendExample(example);
    expect(answer.status).toBe(example.status);
    expect(answer.body).toEqual(asDocumented(example.response));
  });

  it.each([REFUND_JSON, REFUND_CURL, STATUS_CURL])('$name, of a payment that was made', async (example) => {
    const made = await sendExample(PROCESS_CURL);
    const answer = await sendExample(example, made.body.transaction_id);
    expect(answer.status).toBe(example.status);
    expect(answer.body).toEqual({
      ...(asDocumented(example.response) as object),
      ...('transaction_id' in example.response
        ? { transaction_id: made.body.transaction_id }
        : { original_transaction_id: made.body.transaction_id }),
    });
  });

  it.each([REFUND_JSON, REFUND_CURL, STATUS_CURL])(
    '$name, letter for letter, finds no transaction',
    async (example) => {
      const answer = await sendExample(example);
      expect([answer.status, answer.body.error.code]).toEqual([404, 'TRANSACTION_NOT_FOUND']);
    },
  );

  it(`${PROCESS_TEST_CURL.name}, fails as documented, in both shapes`, async () => {
    const answer = await sendExample(PROCESS_TEST_CURL);
    expect(answer.status).toBe(PROCESS_TEST_CURL.status);
    const expected = asDocumented(PROCESS_TEST_CURL.response) as { error: { details: object } };
    // The one thing that the contract's example does not have: the attempt was recorded.
    const details = { ...expected.error.details, transaction_id: TRANSACTION_ID };
    expect(answer.body).toMatchObject({ ...expected, error: { ...expected.error, details } });
  });

  it.each(TEST_CARDS_TABLE)('test card $type $number: $result', async ({ number, result }) => {
    const answer = await send('POST', '/payment/process', {
      body: PROCESS_CURL.request?.replace('4111111111111111', number),
    });
    if (result === 'Success') {
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(asDocumented(PROCESS_CURL.response));
    } else {
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ status: 'failed', error_code: 'CARD_DECLINED' });
    }
  });
});

describe('the contract’s events', () => {
  const withEmail = (request: string | null) => request?.replace('{', '{"user_email":"user@example.com",');

  async function events(bookingId: string) {
    const ids = (await eventsOf(bookingId)).map(({ event_id }) => String(event_id));
    return (await findEvents(database, ids)).events;
  }

  it('of a payment and of its refund have the documented fields', async () => {
    const made = await send('POST', '/payment/process', { body: withEmail(PROCESS_CURL.request) });
    await sendExample(REFUND_CURL, made.body.transaction_id);
    expect(await events('BOOK-789012')).toEqual([
      asDocumented(EVENTS['payment.success']),
      asDocumented(EVENTS['payment.refund']),
    ]);
  });

  it('of a payment that failed has the documented fields', async () => {
    const body = withEmail(PROCESS_CURL.request)?.replace('4111111111111111', '4000000000009995');
    await send('POST', '/payment/process', { body });
    expect(await events('BOOK-789012')).toEqual([asDocumented(EVENTS['payment.failed'])]);
  });
});
