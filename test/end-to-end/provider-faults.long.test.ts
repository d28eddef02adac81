/**
 * Invariants 1 to 4, with each thing that can go wrong at each call that the service makes of a provider. All of it happens side by
 * side, to payments of their own; how it ended is read from the ledger, from the providers' books, and from the exchange.
 */
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/faults.ts';
import type { Provider } from '../../src/emulator/operations.ts';
import { until } from '../support/child.ts';
import { inLanes } from '../support/in-lanes.ts';
import {
  ANYBODY,
  type Payment,
  type ProviderStack,
  type Refund,
  startProviderStack,
} from '../support/provider-stack.ts';
import { type HttpAnswer, newBooking } from '../support/stack.ts';

/** Of the service's calls to a provider. */
const DEADLINE_MS = 2_000;
/** Of an answer that comes behind it, and of one to a look-up, which has longer. */
const LATE_MS = 3_500;
const LATE_FOR_A_LOOK_UP_MS = 6_000;
/** Of what was under way when the Worker died. */
const MUCH_LATER_MS = 120_000;
/** Of a charge that its provider does not know: until it is cancelled at Stripe, until it never happens at PayPal. */
const CANCELLED_AFTER_MS = DEADLINE_MS + 30_000;
const NEVER_AFTER_MS = DEADLINE_MS + 11 * 60_000;
/** Five calls in a row without an answer open the circuit breaker. With a good one behind each bad one, this many lanes can't. */
const LANES = 4;
const SETTLED_WITHIN_MS = 60_000;
const LOCK_DEADLINE_MS = 5_000;

type NamedFault = readonly [name: string, fault: Fault];

let shop: ProviderStack;

/** Where nothing of what is meant for a provider may arrive. */
let reachedElsewhere = 0;
const elsewhere = createServer((_, response) => {
  reachedElsewhere += 1;
  response.end('{}');
}).listen(0, '127.0.0.1');
await once(elsewhere, 'listening');
const { port } = elsewhere.address() as AddressInfo;
const REDIRECT: Fault = {
  kind: 'answer',
  status: 307,
  body: '{}',
  headers: { location: `http://127.0.0.1:${port}/` },
};

/** What can happen to a call that changes something: before it is carried out, or after. */
function faultsOfWrites(provider: Provider, lateMs: number): NamedFault[] {
  const html = '<html><body>Bad gateway</body></html>';
  return [
    ['a broken connection', { kind: 'drop' }],
    ['a broken connection, all done', { kind: 'commit_then_drop' }],
    ['a late arrival', { kind: 'delay', ms: lateMs }],
    ['a late answer', { kind: 'commit_then_delay', ms: lateMs }],
    ['a 500', { kind: 'error_500', committed: false, cached: false }],
    ['a 500, all done', { kind: 'error_500', committed: true, cached: false }],
    ...(provider === 'stripe'
      ? ([
          ['a 500 for good', { kind: 'error_500', committed: false, cached: true }],
          ['a 500 for good, all done', { kind: 'error_500', committed: true, cached: true }],
        ] as const)
      : []),
    ['a 409', { kind: 'conflict_409' }],
    ['a 429', { kind: 'rate_limited_429', retryAfterSeconds: 1 }],
    ['no JSON', { kind: 'answer', status: 200, body: '{"id":' }],
    ['no JSON, all done', { kind: 'answer', status: 200, body: '{"id":', committed: true }],
    ['JSON of nothing', { kind: 'answer', status: 200, body: '{}' }],
    ['a 502 of HTML', { kind: 'answer', status: 502, body: html }],
    ['a 502 of HTML, all done', { kind: 'answer', status: 502, body: html, committed: true }],
    ['a redirect', REDIRECT],
  ];
}

/** What can happen to a question. */
function faultsOfReads(lateMs: number): NamedFault[] {
  return [
    ['a broken connection', { kind: 'drop' }],
    ['a late answer', { kind: 'delay', ms: lateMs }],
    ['a 500', { kind: 'error_500', committed: false, cached: false }],
    ['a 409', { kind: 'conflict_409' }],
    ['a 429', { kind: 'rate_limited_429', retryAfterSeconds: 1 }],
    ['no JSON', { kind: 'answer', status: 200, body: 'null,' }],
    ['a 502 of HTML', { kind: 'answer', status: 502, body: '<html></html>' }],
    ['a redirect', REDIRECT],
  ];
}

/** Stripe's SDK repeats a call once where it broke, or Stripe was at fault. */
function isRepeated(fault: Fault): boolean {
  switch (fault.kind) {
    case 'error_500':
      return !fault.cached;
    case 'answer':
      return fault.status >= 500;
    default:
      return ['drop', 'commit_then_drop', 'conflict_409'].includes(fault.kind);
  }
}

type Strike = readonly [operation: string, fault: Fault, times?: number];

interface Case {
  provider: Provider;
  name: string;
  /** In the order of the calls. */
  strikes: readonly Strike[];
  /** How what its provider leaves open ends there. */
  end?: 'well' | 'badly';
}

/** Each fault at each of the operations; with Stripe also at the repetition of the call. */
function casesOf(provider: Provider, ...operations: string[]): Case[] {
  return operations.flatMap((operation) =>
    faultsOfWrites(provider, LATE_MS).flatMap(([name, fault]) => {
      const one = { provider, name: `${name} at ${operation}`, strikes: [[operation, fault]] as Strike[] };
      if (provider === 'paypal' || !isRepeated(fault)) return [one];
      return [one, { ...one, name: `${one.name}, twice`, strikes: [[operation, fault, 2]] }];
    }),
  );
}

function casesOfLookUp(provider: Provider, operation: string, before: readonly Strike[], faults: NamedFault[]): Case[] {
  return faults.map(([name, fault]) => ({
    provider,
    name: `${name} at ${operation}, after ${before.map(([what, { kind }]) => `${kind} at ${what}`).join(' and ')}`,
    strikes: [...before, [operation, fault] as const],
  }));
}

function casesOfEnds(provider: Provider, operation: string): Case[] {
  return (['well', 'badly'] as const).map((end) => {
    const name = `${operation} that is not decided yet, and ends ${end}`;
    return { provider, name, end, strikes: [[operation, { kind: 'pending' }]] };
  });
}

function chargeCases(): Case[] {
  const unanswered: Strike = ['payment_intents.confirm', { kind: 'commit_then_drop' }, 2];
  const lost: Strike = ['payment_intents.confirm', { kind: 'drop' }, 2];
  return [
    ...casesOfLookUp('stripe', 'payment_intents.cancel', [lost], faultsOfWrites('paypal', LATE_FOR_A_LOOK_UP_MS)),
    ...casesOfLookUp('stripe', 'payment_intents.retrieve', [lost], faultsOfReads(LATE_FOR_A_LOOK_UP_MS)),
    ...casesOfLookUp('stripe', 'payment_intents.retrieve', [unanswered], faultsOfReads(LATE_FOR_A_LOOK_UP_MS)),
    ...casesOf('stripe', 'payment_methods.create', 'payment_intents.create', 'payment_intents.confirm'),
    ...casesOfEnds('stripe', 'payment_intents.confirm'),
    ...casesOf('paypal', 'orders.get', 'orders.patch', 'orders.capture'),
    ...casesOfEnds('paypal', 'orders.capture'),
    ...casesOfLookUp(
      'paypal',
      'orders.get',
      [
        ['orders.get', { kind: 'normal' }],
        ['orders.capture', { kind: 'commit_then_drop' }],
      ],
      faultsOfReads(LATE_FOR_A_LOOK_UP_MS),
    ),
  ];
}

function refundCases(): Case[] {
  return [
    ...casesOf('stripe', 'refunds.create'),
    ...casesOfEnds('stripe', 'refunds.create'),
    ...casesOfLookUp(
      'stripe',
      'refunds.list',
      [['refunds.create', { kind: 'commit_then_drop' }, 2]],
      faultsOfReads(LATE_FOR_A_LOOK_UP_MS),
    ),
    ...casesOf('paypal', 'captures.refund'),
    ...casesOfEnds('paypal', 'captures.refund'),
    ...casesOfLookUp(
      'paypal',
      'orders.get',
      [['captures.refund', { kind: 'commit_then_drop' }]],
      faultsOfReads(LATE_FOR_A_LOOK_UP_MS),
    ),
  ];
}

/** What is charged, or being charged, while the Worker dies: it is found by a list, or else made anew and cancelled. */
function casesOfDeath(): Case[] {
  const underWay: Strike = ['payment_intents.confirm', { kind: 'delay', ms: MUCH_LATER_MS }];
  const unanswered: Strike = ['payment_intents.confirm', { kind: 'commit_then_delay', ms: MUCH_LATER_MS }];
  const unmade: Strike = ['payment_intents.create', { kind: 'delay', ms: MUCH_LATER_MS }];
  return [
    ...faultsOfReads(LATE_FOR_A_LOOK_UP_MS).map(([name, fault], index) => ({
      provider: 'stripe' as const,
      name: `the Worker's death, then ${name} at payment_intents.list`,
      strikes: [index % 2 === 0 ? underWay : unanswered, ['payment_intents.list', fault]] as const,
    })),
    ...faultsOfWrites('stripe', LATE_FOR_A_LOOK_UP_MS).map(([name, fault]) => ({
      provider: 'stripe' as const,
      name: `the Worker's death, then ${name} at the second payment_intents.create`,
      strikes: [unmade, ['payment_intents.create', fault]] as const,
    })),
    ...(['delay', 'commit_then_delay'] as const).map((kind) => ({
      provider: 'paypal' as const,
      name: `the Worker's death with ${kind} at orders.capture`,
      strikes: [['orders.capture', { kind, ms: MUCH_LATER_MS }]] as const,
    })),
  ];
}

/** Where the provider forgets the keys of everybody, and where everybody has to log in again: one after the other. */
function casesOneByOne(): { charges: Case[]; refunds: Case[] } {
  const forget = { kind: 'forget_keys' } as const;
  const forgetting = (provider: Provider, ...operations: string[]): Case[] =>
    operations.map((operation) => ({ provider, name: `no keys at ${operation}`, strikes: [[operation, forget]] }));
  const forgottenWithin = (operation: string): Case => ({
    provider: 'stripe',
    name: `a broken connection, all done, and no keys at the repetition of ${operation}`,
    strikes: [
      [operation, { kind: 'commit_then_drop' }],
      [operation, forget],
    ],
  });
  const logins = faultsOfWrites('paypal', LATE_MS).map(([name, fault]) => ({
    provider: 'paypal' as const,
    name: `${name} at oauth2.token`,
    strikes: [['oauth2.token', fault]] as const,
  }));
  return {
    charges: [
      ...forgetting('stripe', 'payment_methods.create', 'payment_intents.create', 'payment_intents.confirm'),
      ...['payment_methods.create', 'payment_intents.create', 'payment_intents.confirm'].map(forgottenWithin),
      ...forgetting('paypal', 'orders.capture'),
      ...logins,
    ],
    refunds: [...forgetting('stripe', 'refunds.create'), ...forgetting('paypal', 'captures.refund')],
  };
}

/** All others reach the payer, however often they have to be sent. */
const REFUSED_REFUNDS = [
  'refunds.create that is not decided yet, and ends badly',
  'captures.refund that is not decided yet, and ends badly',
  // The key stands for the failure from then on.
  'a 500 for good at refunds.create',
];

/** A payment that was asked for, and the refunds of it. */
interface Asked {
  case: Case | null;
  provider: Provider;
  booking: string;
  /** The booking with Stripe, the order with PayPal. */
  subject: string;
  /** Null where the Worker died over it. */
  answer: HttpAnswer | null;
  refunds: { case: Case | null; answer: HttpAnswer }[];
}

const asked: Asked[] = [];
/** Payments that went well, and of which nothing has been refunded yet. */
const refundable: Record<Provider, Asked[]> = { stripe: [], paypal: [] };
const ONE_BY_ONE = casesOneByOne();
const COMBINATIONS = [chargeCases(), refundCases(), casesOfDeath(), ONE_BY_ONE.charges, ONE_BY_ONE.refunds].flat()
  .length;

describe('whatever goes wrong between the service and its providers', () => {
  beforeAll(async () => {
    shop = await startProviderStack('provider-faults');
    const died = await dieOver(casesOfDeath());
    age(died, CANCELLED_AFTER_MS);
    const settled = [settle(died)];
    await inLanesOfProviders(chargeCases(), chargeInTurn);
    asked.forEach(endAtProvider);
    const struck = asked.filter((one) => one.case !== null);
    age(bookingsOf(struck.filter(({ provider }) => provider === 'stripe')), CANCELLED_AFTER_MS);
    settled.push(settle(bookingsOf(struck)));
    // Before the refunds: for one that is sent again, a key that was forgotten is another refund.
    for (const one of ONE_BY_ONE.charges) await chargeInTurn(one);
    for (const one of ONE_BY_ONE.refunds) await refundInTurn(one);
    await inLanesOfProviders(refundCases(), refundInTurn);
    asked.forEach(endAtProvider);
    await Promise.all([...settled, settle(bookingsOf(asked))]);
  }, 180_000);

  afterAll(async () => {
    await shop?.stop();
    elsewhere.close();
  });

  it(`${COMBINATIONS} combinations of a call and a fault have been seen`, () => {
    const cases = asked.flatMap((one) => [one.case, ...one.refunds.map((refund) => refund.case)]);
    expect(cases.filter((one) => one !== null)).toHaveLength(COMBINATIONS);
    expect(shop.unstruck()).toEqual([]);
  });

  it('every payment ends, but for captures that may still arrive, which nobody guesses about (invariant 3)', () => {
    const open = asked.filter(({ booking }) => paymentOf(booking).status === 'pending');
    const mayArrive = asked.filter((one) => one.case !== null && mayStillArrive(one.case));
    expect(namesOf(open)).toEqual(namesOf(mayArrive));
    expect(mayArrive.length).toBeGreaterThan(0);
    expect(new Set(asked.map(({ booking }) => paymentOf(booking).status))).toEqual(
      new Set(['completed', 'failed', 'pending']),
    );
  });

  it('a booking is charged if its payment is completed, and then once (invariant 1)', () => {
    const wrong = asked.filter(({ booking, subject }) => {
      const { status, transactionId } = paymentOf(booking);
      const charged = chargesOf(booking, subject);
      const isPaid = status === 'completed' || status === 'refunded';
      return charged.length !== (isPaid ? 1 : 0) || charged.some((charge) => charge.transactionId !== transactionId);
    });
    expect(namesOf(wrong)).toEqual([]);
    expect(shop.logged('payment.charged_late')).toEqual([]);
    expect(asked.map(({ booking }) => shop.paymentsOf(booking).length)).toEqual(asked.map(() => 1));
  });

  it('a refund is paid if it is completed, and then once and in full, and no payment is over-refunded (invariant 2)', () => {
    const paid = refundsAtProviders();
    const refunds = shop.refunds();
    const wrong = refunds.filter(({ refundId, status, amountMinor }) => {
      const moved = paid.filter((one) => one.refundId === refundId);
      const isRight = moved.length === 1 && moved[0]?.amountMinor === amountMinor;
      return status === 'completed' ? !isRight : moved.length > 0;
    });
    expect(wrong).toEqual([]);
    expect(paid.filter(({ refundId }) => !refunds.some((one) => one.refundId === refundId))).toEqual([]);
    for (const payment of shop.payments()) {
      expect(payment).toMatchObject({
        refundedMinor: sumOf(payment, refunds, 'completed'),
        reservedMinor: sumOf(payment, refunds, 'pending'),
      });
    }
  });

  it('every refund ends', () => {
    expect(shop.refunds().filter(({ status }) => status !== 'completed' && status !== 'failed')).toEqual([]);
    const refused = asked
      .flatMap(({ refunds }) => refunds)
      .filter(({ answer }) => refundOf(answer)?.status === 'failed');
    expect(refused.map((refund) => refund.case?.name)).toEqual(expect.arrayContaining(REFUSED_REFUNDS));
    expect(refused).toHaveLength(REFUSED_REFUNDS.length);
  });

  it('each outcome has one event, and nothing else has one (invariant 4)', async () => {
    for (const { booking } of asked) {
      const { transactionId, status } = paymentOf(booking);
      const refunds = shop.refundsOf(transactionId).filter((refund) => refund.status === 'completed');
      const outcome = status === 'pending' ? [] : [status === 'failed' ? 'payment.failed' : 'payment.success'];
      const expected = [...outcome, ...refunds.map(() => 'payment.refund')];
      const events = await shop.eventsOf(booking, expected.length);
      expect(events.map(({ routingKey }) => routingKey)).toEqual(expected);
      const told = events.slice(1).map(({ body }) => body.refund_transaction_id);
      expect(told.sort()).toEqual(refunds.map(({ refundId }) => refundId).sort());
    }
  });

  it('no answer that was given is contradicted by what comes of it', () => {
    const wrong = asked.filter(({ booking, answer, refunds }) => {
      const { status } = paymentOf(booking);
      if (answer !== null && !fits(answer, answer.body.status, status)) return true;
      return refunds.some((refund) => {
        const { details } = (refund.answer.body.error ?? { details: {} }) as { details: Record<string, unknown> };
        return !fits(refund.answer, details.status, refundOf(refund.answer)?.status);
      });
    });
    expect(namesOf(wrong)).toEqual([]);
    const codes = asked.map(({ answer }) => answer?.code);
    expect([200, 502].map((code) => codes.includes(code))).toEqual([true, true]);
    expect(codes.filter((code) => code !== undefined && ![200, 400, 502].includes(code))).toEqual([]);
  });

  it('a capture that has not arrived when PayPal’s time for it is over is failed, and the booking is free again', async () => {
    const open = asked.filter(({ booking }) => paymentOf(booking).status === 'pending');
    for (const { booking } of open) {
      expect(await shop.pay({ booking_id: booking })).toMatchObject({ code: 409 });
    }
    age(bookingsOf(open), NEVER_AFTER_MS);
    await until('all have ended', async () => {
      await shop.stack.worker.sweep();
      return open.every(({ booking }) => paymentOf(booking).status === 'failed');
    });
    expect(open.flatMap(({ booking, subject }) => chargesOf(booking, subject))).toEqual([]);
    const [{ booking } = expect.fail('none was open')] = open;
    expect(await shop.payByPayPal(shop.approvedOrder(), { booking_id: booking })).toMatchObject({ code: 200 });
    expect((await shop.eventsOf(booking, 2)).map(({ routingKey }) => routingKey)).toEqual([
      'payment.failed',
      'payment.success',
    ]);
  });

  it('nothing that was meant for a provider goes where a redirect says, and all of it fits what they have published', () => {
    expect(reachedElsewhere).toBe(0);
    expect(shop.emulator.misfits).toEqual([]);
    expect(shop.logged('http.bug')).toEqual([]);
    expect([...new Set(shop.emulator.calls.map(({ operation }) => operation))].sort()).toEqual([
      ...[
        'accounts.retrieve',
        'captures.refund',
        'oauth2.token',
        'orders.capture',
        'orders.get',
        'orders.patch',
        'payment_intents.cancel',
      ],
      ...['payment_intents.confirm', 'payment_intents.create', 'payment_intents.list', 'payment_intents.retrieve'],
      ...['payment_methods.create', 'refunds.create', 'refunds.list'],
    ]);
  });

  it('leaves neither a secret nor card data in a log, an answer, an event or the database (invariant 5)', async () => {
    expect(await shop.searchLeftovers()).toEqual([]);
  });
});

/** Begins all of them, and kills the Worker when each has come to where it is held up. @returns their bookings */
async function dieOver(cases: readonly Case[]): Promise<string[]> {
  const underWay = cases.map((one) => charge(one.provider, one));
  const later = cases.reduce((sum, { strikes }) => sum + strikes.length - 1, 0);
  await until('all are under way', () => shop.unstruck().length === later);
  await shop.stack.worker.child.kill();
  await shop.restart({ PAYMENT_GATEWAY_TIMEOUT_MS: String(DEADLINE_MS) });
  return bookingsOf(await Promise.all(underWay));
}

async function inLanesOfProviders(cases: readonly Case[], run: (one: Case) => Promise<void>): Promise<void> {
  const ofProvider = Map.groupBy(cases, ({ provider }) => provider).values();
  await Promise.all(Array.from(ofProvider, (some) => inLanes(LANES, some, run)));
}

/** One with the faults, and one without. */
async function chargeInTurn(one: Case): Promise<void> {
  await charge(one.provider, one);
  await charge(one.provider, null);
}

async function charge(provider: Provider, one: Case | null): Promise<Asked> {
  const booking = newBooking();
  const subject = provider === 'stripe' ? booking : shop.approvedOrder();
  strikeAll(one, subject);
  const paying =
    provider === 'stripe'
      ? shop.pay({ booking_id: booking, payment_method_token: 'tok_visa' })
      : shop.payByPayPal(subject, { booking_id: booking });
  const answer = await paying.catch(() => null);
  const payment: Asked = { case: one, provider, booking, subject, answer, refunds: [] };
  asked.push(payment);
  if (one === null && answer?.code === 200) refundable[provider].push(payment);
  return payment;
}

/** Of a payment that went well: a part of it with the faults, and another one without. */
async function refundInTurn(one: Case): Promise<void> {
  const payment = refundable[one.provider].shift();
  if (payment === undefined) throw new Error('there are not enough payments to refund');
  const { refunds, subject, answer } = payment;
  strikeAll(one, subject);
  refunds.push({ case: one, answer: await shop.refund(answer?.body ?? {}, 10) });
  refunds.push({ case: null, answer: await shop.refund(answer?.body ?? {}, 5.5) });
}

/** These are about no payment, as far as anybody can tell. */
const ABOUT_NOBODY = ['payment_intents.list', 'oauth2.token'];

function strikeAll(one: Case | null, subject: string): void {
  if (one?.provider === 'paypal' && one.name.endsWith('oauth2.token')) shop.emulator.paypal.revokeTokens();
  for (const [operation, fault, times] of one?.strikes ?? []) {
    shop.strike(ABOUT_NOBODY.includes(operation) ? ANYBODY : subject, operation, fault, times);
  }
}

/** What was not decided yet is decided, by the bank or by the provider. */
function endAtProvider({ case: one, booking, subject, refunds }: Asked): void {
  const { stripe, paypal } = shop.emulator;
  const intent = stripe.intents().find((made) => made.bookingId === booking && made.status === 'processing');
  const capture = paypal.captures().find((made) => made.orderId === subject && made.status === 'PENDING');
  if (one?.end !== undefined && intent) stripe.finishIntent(intent.id, one.end === 'well' ? 'succeeded' : 'failed');
  if (one?.end === 'well' && capture) paypal.completeCapture(capture.captureId);
  if (one?.end === 'badly' && capture) paypal.denyCapture(capture.captureId);
  for (const { case: refundCase, answer } of refunds) {
    const atStripe = stripe.refunds().find(({ refundId }) => refundId === refundIdIn(answer))?.id;
    const atPayPal = paypal.refunds().find(({ refundId }) => refundId === refundIdIn(answer))?.id;
    if (refundCase?.end === 'well' && atStripe) stripe.succeedRefund(atStripe);
    if (refundCase?.end === 'badly' && atStripe) stripe.failRefund(atStripe);
    if (refundCase?.end === 'well' && atPayPal) paypal.completeRefund(atPayPal);
    if (refundCase?.end === 'badly' && atPayPal) paypal.failRefund(atPayPal);
  }
}

/** Lets the cron look for as long as something is open that can end. The pauses between look-ups are left out. */
async function settle(bookings: readonly string[]): Promise<void> {
  const mayArrive = () => bookingsOf(asked.filter((one) => one.case !== null && mayStillArrive(one.case)));
  await until(
    'all that can end has ended',
    async () => {
      const left = openOf(bookings).filter((id) => !mayArrive().includes(id));
      if (left.length === 0) return true;
      write("UPDATE transactions SET next_lookup_at_ms = 1 WHERE status = 'pending' AND booking_id IN (:ids)", left);
      write("UPDATE refunds SET next_lookup_at_ms = 1 WHERE status = 'pending' AND refund_id IN (:ids)", left);
      await shop.stack.worker.sweep();
      return false;
    },
    { deadlineMs: SETTLED_WITHIN_MS },
  );
}

/** The bookings whose payments, and the refunds, that have no outcome yet. */
function openOf(bookings: readonly string[]): string[] {
  const payments = shop.payments().filter(({ bookingId }) => bookings.includes(bookingId));
  const ids = new Set(payments.map(({ transactionId }) => transactionId));
  const refunds = shop.refunds().filter(({ transactionId, status }) => status === 'pending' && ids.has(transactionId));
  return [
    ...payments.filter(({ status }) => status === 'pending').map(({ bookingId }) => bookingId),
    ...refunds.map(({ refundId }) => refundId),
  ];
}

/** Makes what is pending older than it is, so that nobody has to wait for a fence. */
function age(bookings: readonly string[], ms: number): void {
  const set = `created_at_ms = created_at_ms - ${ms}, next_lookup_at_ms = 1`;
  write(`UPDATE transactions SET ${set} WHERE status = 'pending' AND booking_id IN (:ids)`, bookings);
}

function write(sql: string, ids: readonly string[]): void {
  const [path = ''] = globSync('v3/d1/**/*.sqlite', { cwd: shop.stack.directory }).filter(
    (name) => !name.includes('metadata'),
  );
  const database = new DatabaseSync(join(shop.stack.directory, path), { timeout: LOCK_DEADLINE_MS });
  try {
    database.prepare(sql.replace(':ids', 'SELECT value FROM json_each(?)')).run(JSON.stringify(ids));
  } finally {
    database.close();
  }
}

/** Of a capture that PayPal has not got: for all that anybody knows, it is on its way. */
function mayStillArrive({ strikes }: Case): boolean {
  return strikes.some(([operation, fault]) => operation === 'orders.capture' && !isCarriedOut(fault));
}

function isCarriedOut(fault: Fault): boolean {
  switch (fault.kind) {
    case 'error_500':
    case 'answer':
      return fault.committed === true;
    case 'delay':
      return fault.ms < MUCH_LATER_MS;
    default:
      return !['drop', 'conflict_409', 'rate_limited_429'].includes(fault.kind);
  }
}

/** Whether what came of it is what the answer has said. */
function fits({ code }: HttpAnswer, said: unknown, status: string | undefined): boolean {
  if (code === 200) return status === 'completed' || status === 'refunded';
  if (code === 400 || said === 'failed') return status === 'failed';
  return code === 502 && said === 'pending' && status !== undefined;
}

function paymentOf(booking: string): Payment {
  const [payment] = shop.paymentsOf(booking);
  if (payment === undefined) throw new Error(`the ledger has no payment of ${booking}`);
  return payment;
}

function refundOf(answer: HttpAnswer): Refund | undefined {
  return shop.refunds().find(({ refundId }) => refundId === refundIdIn(answer));
}

function chargesOf(booking: string, order: string): { transactionId: string | null }[] {
  const { stripe, paypal } = shop.emulator;
  return [
    ...stripe.charges().filter(({ bookingId }) => bookingId === booking),
    ...paypal
      .captures()
      .filter(({ orderId, status }) => orderId === order && !['DECLINED', 'PENDING'].includes(status)),
  ];
}

function refundsAtProviders(): { refundId: string | null; amountMinor: number }[] {
  const { stripe, paypal } = shop.emulator;
  const atStripe = stripe.refunds().filter(({ status }) => status === 'succeeded');
  const atPayPal = paypal.refunds().filter(({ status }) => status === 'COMPLETED');
  return [
    ...atStripe.map(({ refundId, amount }) => ({ refundId, amountMinor: amount })),
    ...atPayPal.map(({ refundId, value }) => ({ refundId, amountMinor: Math.round(Number(value) * 100) })),
  ];
}

function sumOf({ transactionId }: Payment, refunds: readonly Refund[], status: string): number {
  return refunds
    .filter((refund) => refund.transactionId === transactionId && refund.status === status)
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}

function refundIdIn({ body }: HttpAnswer): unknown {
  const { details } = (body.error ?? {}) as { details?: Record<string, unknown> };
  return body.refund_transaction_id ?? details?.refund_transaction_id;
}

function bookingsOf(payments: readonly Asked[]): string[] {
  return payments.map(({ booking }) => booking);
}

function namesOf(payments: readonly Asked[]): string[] {
  return payments.map((one) => one.case?.name ?? `without a fault, ${one.provider}`).sort();
}
