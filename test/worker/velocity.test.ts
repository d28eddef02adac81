/** Against those who try out cards: limits of a card, of a user and of declines from one place, each in a window of time. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { passesLuhn } from '../../src/core/domain/card.ts';
import { purgeExpired } from '../../src/core/ledger/purge-expired.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { newKey } from './idempotent-requests.ts';
import { expectEnvelope } from './matchers.ts';
import { database, operation, paymentRequest, settings } from './operation.ts';
import { cardNumbered, newAddress, payment, sendWith } from './request.ts';
import { transactionsOf } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const PER_CARD = { VELOCITY_PER_CARD: '10' };
const PER_USER = { VELOCITY_PER_USER: '5' };
const DECLINES = { VELOCITY_DECLINE_PERCENT: '80', RATE_LIMIT_BURST: '1000', RATE_LIMIT_PER_MINUTE: '1000' };
const HOUR_MS = 60 * 60_000;
/** In the middle of every window: one that ends in the middle of a test would let more in than the test expects. */
const NOW_MS = Date.UTC(2030, 0, 1, 12, 5);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW_MS }));
afterEach(() => void vi.useRealTimers());

let lastUser = 0;
const newUser = () => `user_of_velocity_${++lastUser}`;

let lastCard = 0;
/** A Visa card that no other test pays with. */
function newCard(): string {
  lastCard += 1;
  const digits = `45${String(lastCard).padStart(13, '0')}`;
  return [...'0123456789'].map((check) => digits + check).find(passesLuhn) ?? '';
}

const payWith = (
  limits: Record<string, string>,
  overrides: Record<string, unknown>,
  options: { address?: string; key?: string } = {},
) => {
  const { key = null, ...rest } = options;
  const body = payment({ user_id: newUser(), ...overrides });
  return sendWith(limits, 'POST', '/payment/process', { body, ...rest, headers: { 'Idempotency-Key': key } });
};

async function times<T>(count: number, what: (index: number) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let index = 0; index < count; index += 1) answers.push(await what(index));
  return answers;
}

const countOf = (answers: { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

const counters = async () => (await env.DB.prepare('SELECT * FROM velocity_counters').all()).results;

describe('a card', () => {
  it('pays as often as the limit says, of however many that try at once', async () => {
    const card_details = cardNumbered(newCard());
    const answers = await Promise.all(Array.from({ length: 30 }, () => payWith(PER_CARD, { card_details })));
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([10, 20]);

    const refused = answers.find(({ status }) => status === 429);
    if (refused === undefined) throw new Error('none was refused');
    expectEnvelope(refused, 'RATE_LIMIT_EXCEEDED');
    const retryAfter = Number(refused.headers.get('Retry-After'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(3600);
    expect(refused.text).not.toMatch(/card|velocity/i);
  });

  it('is the same one in another spelling, with another security code and for another user', async () => {
    const card = newCard();
    await times(10, () => payWith(PER_CARD, { card_details: cardNumbered(card) }));
    const spelled = card.replace(/(.{4})(?=.)/g, '$1 ');
    const card_details = { ...cardNumbered(spelled), cvv: '999', expiry_year: '2031', cardholder_name: 'Jane Roe' };
    expect((await payWith(PER_CARD, { card_details })).status).toBe(429);
  });

  it('is counted for each organisation by itself', async () => {
    const card = newCard();
    const card_details = cardNumbered(card);
    await times(10, () => payWith(PER_CARD, { card_details }));
    const other = operation({ settings: settings(PER_CARD), tenant: 'another' });
    const answer = await processPayment(other, paymentRequest({ card_details, user_id: newUser() }), '25.50');
    expect(answer.kind).toBe('completed');
  });

  it('is counted when it is declined, and not when nothing was claimed', async () => {
    const card_details = cardNumbered(newCard());
    const { body } = await payWith(PER_CARD, { card_details });
    const again = await times(3, () => payWith(PER_CARD, { card_details, booking_id: body.booking_id }));
    expect(countOf(again, 409)).toBe(3);
    expect(await times(9, () => payWith(PER_CARD, { card_details }))).toSatisfy(
      (answers: { status: number }[]) => countOf(answers, 200) === 9,
    );
    expect((await payWith(PER_CARD, { card_details, booking_id: body.booking_id })).status).toBe(409);
    expect((await payWith(PER_CARD, { card_details })).status).toBe(429);
  });

  it('that has paid too often still gets the answer to what it has paid', async () => {
    const card_details = cardNumbered(newCard());
    const [key, user_id, booking_id] = [newKey(), newUser(), 'BOOK-of-velocity'];
    const sameAgain = () => payWith(PER_CARD, { card_details, user_id, booking_id }, { key });
    const first = await sameAgain();
    await times(9, () => payWith(PER_CARD, { card_details }));
    expect((await payWith(PER_CARD, { card_details })).status).toBe(429);
    const replayed = await sameAgain();
    expect([replayed.status, replayed.body]).toEqual([200, first.body]);
  });

  it('may pay again in the next window', async () => {
    let nowMs = Date.UTC(2029, 0, 1, 12, 30);
    const context = operation({ settings: settings(PER_CARD), nowMs: () => nowMs });
    const card_details = cardNumbered(newCard());
    const attempt = () => processPayment(context, paymentRequest({ card_details, user_id: newUser() }), '25.50');
    await times(10, attempt);
    expect(await attempt()).toEqual({ kind: 'too_many', retryAfterMs: HOUR_MS / 2 });
    nowMs = Date.UTC(2029, 0, 1, 13);
    expect((await attempt()).kind).toBe('completed');
  });

  it.each([
    ['is counted once', newCard(), { attempts: 1, declines: 0 }],
    ['that is declined counts once as that', TEST_CARDS.visaDeclined, { attempts: 1, declines: 1 }],
  ])('%s where D1’s answers are lost', async (_, card, counted) => {
    const limits = settings({ ...PER_CARD, ...DECLINES });
    const { d1 } = watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'lose' : 'answer'));
    const network = newAddress();
    const nowMs = () => Date.UTC(2031, 0, 1) + Number(network.split('.').at(-1)) * HOUR_MS;
    const flaky = operation({ settings: limits, network, nowMs, db: { ...database, d1 } });
    const request = paymentRequest({ card_details: cardNumbered(card), user_id: newUser() });
    await processPayment(flaky, request, '25.50');
    const rows = (await counters()).filter(({ window_start_ms }) => window_start_ms === nowMs());
    expect(rows.map(({ subject }) => String(subject).split(':')[0])).toEqual(['card', 'network']);
    expect(rows[0]).toMatchObject({ attempts: 1, declines: 0 });
    expect(rows[1]).toMatchObject(counted);
  });

  it('that is refused leaves no payment', async () => {
    const card_details = cardNumbered(newCard());
    await times(10, () => payWith(PER_CARD, { card_details }));
    const booking_id = 'BOOK-refused-by-velocity';
    await payWith(PER_CARD, { card_details, booking_id });
    expect(await transactionsOf(booking_id)).toEqual([]);
  });
});

describe('a user', () => {
  it('pays as often as the limit says, with however many cards', async () => {
    const user_id = newUser();
    const attempts = () => payWith(PER_USER, { user_id, card_details: cardNumbered(newCard()) });
    const answers = await Promise.all(Array.from({ length: 12 }, attempts));
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([5, 7]);
    expect((await payWith(PER_USER, { card_details: cardNumbered(newCard()) })).status).toBe(200);
  });
});

it.each(['Victim', ' victim ', 'ｖｉｃｔｉｍ'])('a user is the same one as "%s"', async (spelled) => {
  const limits = { VELOCITY_PER_USER: '1' };
  await payWith(limits, { user_id: 'victim', card_details: cardNumbered(newCard()) });
  const again = await payWith(limits, { user_id: spelled, card_details: cardNumbered(newCard()) });
  expect(again.status).toBe(429);
});

it.each([
  ['has no card', null],
  ['has a card number that is none', cardNumbered('4111111111111112')],
])('a payment that %s, so that no bank is asked, is counted for nobody', async (_, card_details) => {
  const [user_id, address] = [newUser(), newAddress()];
  const limits = { ...PER_USER, ...DECLINES };
  const answers = await times(25, () => payWith(limits, { user_id, card_details }, { address }));
  expect(countOf(answers, 400)).toBe(25);
  expect((await payWith(limits, { user_id, card_details: cardNumbered(newCard()) }, { address })).status).toBe(200);
});

describe('a place', () => {
  const attempt = (address: string, card: string, variables: Record<string, string> = DECLINES) =>
    payWith(variables, { card_details: cardNumbered(card) }, { address });

  it('from which hardly any card is good is refused, and the others are not', async () => {
    const address = newAddress();
    const answers = await times(25, () => attempt(address, TEST_CARDS.visaDeclined));
    expect([countOf(answers, 400), countOf(answers, 429)]).toEqual([20, 5]);
    expect((await attempt(address, newCard())).status).toBe(429);
    expect((await attempt(newAddress(), newCard())).status).toBe(200);
  });

  it('from which enough cards are good is not', async () => {
    const address = newAddress();
    const answers = await times(30, (index) => attempt(address, index % 4 === 0 ? newCard() : TEST_CARDS.visaDeclined));
    expect(countOf(answers, 429)).toBe(0);
  });

  it('that is exempt, such as a booking server, is not counted', async () => {
    const address = newAddress();
    const exempt = { ...DECLINES, RATE_LIMIT_EXEMPT: address };
    const answers = await times(25, () => attempt(address, TEST_CARDS.visaDeclined, exempt));
    expect(countOf(answers, 429)).toBe(0);
  });

  it('is the whole /64 of an IPv6 address', async () => {
    await times(20, (index) => attempt(`2001:db8:7::${index + 1}`, TEST_CARDS.visaDeclined));
    expect((await attempt('2001:db8:7::ffff', newCard())).status).toBe(429);
  });
});

describe('what is counted', () => {
  it('says nothing of a card, a user or an address, and leads to no payment', async () => {
    const [card, user_id, address] = [newCard(), newUser(), newAddress()];
    const all = { ...PER_CARD, ...PER_USER, ...DECLINES };
    await payWith(all, { card_details: cardNumbered(card), user_id }, { address });
    const text = JSON.stringify(await counters());
    for (const secret of [card, `"${card.slice(-4)}`, user_id, address]) expect(text).not.toContain(secret);
    const forms = [...new Set((await counters()).map(({ subject }) => String(subject).replace(/[0-9a-f]{8,}/g, '…')))];
    expect(forms.sort()).toEqual(['card:…:…', 'network:…:…', 'user:…:…']);
  });

  it('is forgotten when its window is long over', async () => {
    await payWith(PER_CARD, { card_details: cardNumbered(newCard()) });
    await purgeExpired(database, 'velocity_counters', NOW_MS, 5_000);
    expect((await counters()).some(({ window_start_ms }) => Number(window_start_ms) <= NOW_MS)).toBe(true);
    await purgeExpired(database, 'velocity_counters', Date.UTC(2100, 0, 1), 5_000);
    expect(await counters()).toEqual([]);
  });
});
