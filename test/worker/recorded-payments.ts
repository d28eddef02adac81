/** Requests to be recorded that pay, and the status of what they make. */
import { TEST_CARDS } from '../data/cards.ts';
import {
  EXAMPLE_TRANSACTION_ID,
  PROCESS_CURL,
  PROCESS_JSON,
  PROCESS_TEST_CURL,
  STATUS_CURL,
} from '../data/contract-examples.ts';
import type { Recorder, RecordOptions } from './recorder.ts';
import { type Answer, CARD, cardNumbered, payment } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

const PROCESS = '/payment/process';
const SOON = { PAYMENT_GATEWAY_TIMEOUT_MS: '50' };
const PAYPAL = { email: 'payer@example.com', payment_id: 'PAYID-1' };
/** When a first look-up is due, and when a charge that the gateway does not know is cancelled. */
const FIRST_LOOK_UP_MS = 6_000;
const CANCELLED_MS = 31_000;

export async function askForPayments(recorder: Recorder): Promise<void> {
  await askAsTheContractDoes(recorder);
  await payByCard(recorder);
  await payByToken(recorder);
  await payByOtherMethods(recorder);
  await payAmounts(recorder);
  await payWithNoCards(recorder);
  await payTwice(recorder);
  await payWithKeys(recorder);
  await payWithoutOutcome(recorder);
  await payWithoutDatabase(recorder);
}

/** Pays for a booking that is named for the request. */
function payFor(
  { ask }: Recorder,
  name: string,
  overrides: Record<string, unknown> = {},
  options: RecordOptions = {},
): Promise<Answer> {
  const booking_id = `BOOK-${name.replaceAll(' ', '-').slice(0, 60)}`;
  return ask(name, 'POST', PROCESS, { body: payment({ booking_id, ...overrides }), ...options });
}

const statusOf = ({ ask }: Recorder, name: string, { body }: Answer) =>
  ask(name, 'GET', `/payment/status/${body.transaction_id}`);

async function askAsTheContractDoes({ ask }: Recorder): Promise<void> {
  const anotherBooking = (request: string | null) => request?.replace('BOOK-789012', 'BOOK-789013');
  await ask(`contract: ${STATUS_CURL.name}, of nothing`, 'GET', STATUS_CURL.path);
  await ask(`contract: ${PROCESS_JSON.name}`, 'POST', PROCESS, { body: PROCESS_JSON.request });
  await ask(`contract: ${PROCESS_CURL.name}, again`, 'POST', PROCESS, { body: PROCESS_CURL.request });
  const made = await ask(`contract: ${PROCESS_CURL.name}, of another booking`, 'POST', PROCESS, {
    body: anotherBooking(PROCESS_CURL.request),
  });
  await ask(
    `contract: ${STATUS_CURL.name}`,
    'GET',
    STATUS_CURL.path.replace(EXAMPLE_TRANSACTION_ID, made.body.transaction_id),
  );
  await ask(`contract: ${PROCESS_TEST_CURL.name}`, 'POST', PROCESS, { body: PROCESS_TEST_CURL.request });
}

async function payByCard(recorder: Recorder): Promise<void> {
  for (const card of ['visa', 'mastercard', 'amex', 'discover'] as const) {
    await payFor(recorder, `card ${card}`, { card_details: cardNumbered(TEST_CARDS[card]) });
  }
  await payFor(recorder, 'debit card', { payment_method: 'debit_card' });
  for (const card of ['visaDeclined', 'insufficientFunds', 'expired', 'invalid', 'gatewayFails'] as const) {
    const failed = await payFor(recorder, `card ${card}`, { card_details: cardNumbered(TEST_CARDS[card]) });
    await statusOf(recorder, `status after card ${card}`, failed);
  }
  await payFor(recorder, 'declined debit card', {
    payment_method: 'debit_card',
    card_details: cardNumbered(TEST_CARDS.visaDeclined),
    user_email: 'user@example.com',
  });
  const declined = await payFor(recorder, 'declined first', { card_details: cardNumbered(TEST_CARDS.visaDeclined) });
  await payFor(recorder, 'declined first, then paid', { booking_id: declined.body.booking_id });
  await payFor(recorder, 'with an address', { user_email: 'user@example.com' });
  await payFor(recorder, 'with an empty address', { user_email: '' });
  await payFor(recorder, 'with fields that nobody knows', { note: 'ignored', card_details: { ...CARD, note: 1 } });
  await payFor(recorder, 'with nulls', { user_email: null, paypal_details: null, payment_method_token: null });
}

async function payByToken(recorder: Recorder): Promise<void> {
  const tokens = [
    'tok_card_declined',
    'tok_insufficient_funds',
    'tok_card_expired',
    'tok_invalid_card',
    'tok_gateway_error',
  ];
  for (const payment_method_token of ['pm_of_a_card', ...tokens]) {
    await payFor(recorder, `token ${payment_method_token}`, { card_details: undefined, payment_method_token });
  }
  await payFor(recorder, 'token beside a card', { payment_method_token: 'pm_of_a_card' });
  await payFor(recorder, 'empty token and no card', { card_details: undefined, payment_method_token: '' });
}

async function payByOtherMethods(recorder: Recorder): Promise<void> {
  const payPal = { payment_method: 'paypal', card_details: undefined };
  const made = await payFor(recorder, 'paypal', { ...payPal, paypal_details: PAYPAL });
  await statusOf(recorder, 'status after paypal', made);
  await payFor(recorder, 'paypal without details', payPal);
  await payFor(recorder, 'stripe disabled', { payment_method: 'stripe', card_details: undefined });
  const variables = { STRIPE_SECRET_KEY: 'sk_test_of_the_recording', STRIPE_ACCOUNT_ID: 'acct_1' };
  await payFor(recorder, 'paypal disabled', payPal, { variables: { ...variables, PAYMENT_GATEWAY: 'stripe' } });
}

async function payAmounts({ ask }: Recorder): Promise<void> {
  // As they are written in the body.
  const amounts = [
    ...['0.01', '25.50', '25', '100000', '1e2', '"25.5"', '" 25.50 "', '0.30000000000000004', '19.990000000000002'],
    ...['0', '-1', '-0.0', '25.505', '0.001', '100000.01', '1e400', '1e-400', '"0"', '25.500000000000000001'],
  ];
  for (const [index, amount] of amounts.entries()) {
    const body = JSON.stringify(payment({ booking_id: `BOOK-amount-${index}`, amount: 0 }));
    await ask(`amount ${amount}`, 'POST', PROCESS, { body: body.replace('"amount":0', `"amount":${amount}`) });
  }
  const yen = { variables: { PAYMENT_CURRENCY: 'JPY' } };
  await ask('yen', 'POST', PROCESS, { body: payment({ booking_id: 'BOOK-yen', amount: 2550 }), ...yen });
  await ask('half a yen', 'POST', PROCESS, { body: payment({ booking_id: 'BOOK-half-a-yen' }), ...yen });
}

async function payWithNoCards(recorder: Recorder): Promise<void> {
  const noCards: [string, unknown][] = [
    ['no details', undefined],
    ['null for details', null],
    ['a wrong check digit', cardNumbered(TEST_CARDS.badCheckDigit)],
    ['an empty number', cardNumbered('')],
    ['a number of letters', cardNumbered('number')],
    ['a CVV of two digits', { ...CARD, cvv: '73' }],
    ['month 13', { ...CARD, expiry_month: '13' }],
    ['a year of three digits', { ...CARD, expiry_year: '025' }],
    ['an expired date', { ...CARD, expiry_month: '11', expiry_year: '2024' }],
  ];
  for (const [name, card_details] of noCards) await payFor(recorder, `no card: ${name}`, { card_details });
  await payFor(recorder, 'a number in groups', { card_details: cardNumbered('4111 1111-1111 1111') });
  await payFor(recorder, 'a year of two digits', { card_details: { ...CARD, expiry_year: '30' } });
}

async function payTwice(recorder: Recorder): Promise<void> {
  const booking_id = 'BOOK-paid-twice';
  const made = await payFor(recorder, 'paid once', { booking_id });
  await payFor(recorder, 'paid twice', { booking_id });
  await payFor(recorder, 'paid twice by another user with another amount', {
    booking_id,
    user_id: 'user_9',
    amount: 1,
  });
  await statusOf(recorder, 'status after paid twice', made);
}

async function payWithKeys(recorder: Recorder): Promise<void> {
  const { ask } = recorder;
  const withKey = (name: string, key: string, overrides: Record<string, unknown>) =>
    payFor(recorder, name, overrides, { headers: { 'Idempotency-Key': key } });
  const paid = { booking_id: 'BOOK-key' };
  await withKey('key', 'key-1', paid);
  await withKey('key, replayed', 'key-1', paid);
  await withKey('key in quotes, replayed', '"key-1"', paid);
  await withKey('key, with the amount in other digits', 'key-1', { ...paid, amount: '25.50' });
  await withKey('key, of another body', 'key-1', { ...paid, amount: 26 });
  await withKey('key, of another booking', 'key-1', { booking_id: 'BOOK-another-key' });
  await withKey('another key of the same booking', 'key-2', paid);
  const failed = { booking_id: 'BOOK-key-failed', card_details: cardNumbered(TEST_CARDS.insufficientFunds) };
  await withKey('key of a failure', 'key-3', failed);
  await withKey('key of a failure, replayed', 'key-3', failed);
  const refused = { booking_id: 'BOOK-key-refused', amount: 0 };
  await withKey('key of an invalid amount', 'key-4', refused);
  await withKey('key of an invalid amount, with a valid one', 'key-4', { ...refused, amount: 1 });
  for (const key of ['', 'a,b', '"', 'x'.repeat(256)]) {
    await withKey(`no key: ${key.slice(0, 3)}`, key, { booking_id: 'BOOK-no-key' });
  }
  await ask('status, with a key that nobody reads', 'GET', '/payment/status/TXN-1', {
    headers: { 'Idempotency-Key': 'key-1' },
  });
}

async function payWithoutOutcome(recorder: Recorder): Promise<void> {
  for (const card of ['answersLate', 'neverArrives'] as const) {
    const request = { booking_id: `BOOK-${card}`, card_details: cardNumbered(TEST_CARDS[card]) };
    const options = { variables: SOON, headers: { 'Idempotency-Key': card } };
    const pending = await payFor(recorder, `card ${card}`, request, options);
    await payFor(recorder, `card ${card}, while it is pending`, { booking_id: request.booking_id });
    await payFor(recorder, `card ${card}, again with its key`, request, options);
    await statusOf(recorder, `status of card ${card}`, pending);
    recorder.wait(FIRST_LOOK_UP_MS);
    await statusOf(recorder, `status of card ${card}, six seconds later`, pending);
    recorder.wait(CANCELLED_MS);
    await statusOf(recorder, `status of card ${card}, after all deadlines`, pending);
    await payFor(recorder, `card ${card}, replayed with its key`, request, options);
    await payFor(recorder, `card ${card}, paid again`, { booking_id: request.booking_id });
  }
  const variables = { VELOCITY_PER_USER: '1' };
  await payFor(recorder, 'the first attempt of a user', { user_id: 'user_velocity' }, { variables });
  await payFor(recorder, 'one attempt too many', { user_id: 'user_velocity' }, { variables });
}

async function payWithoutDatabase(recorder: Recorder): Promise<void> {
  const { d1: refusing } = watchedDatabase(() => 'refuse');
  await payFor(recorder, 'no database', {}, { database: refusing });
  const { d1: refusingOutcome } = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer'));
  const pending = await payFor(recorder, 'no database for the outcome', {}, { database: refusingOutcome });
  recorder.wait(FIRST_LOOK_UP_MS);
  await statusOf(recorder, 'status after no database for the outcome, six seconds later', pending);
}
