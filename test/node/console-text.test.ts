/** What the console's pages say, as far as it needs no browser. */
import { describe, expect, it } from 'vitest';
import { amountText, plainAmount, readAmount } from '../../src/console/text/amount.ts';
import {
  bytesText,
  durationText,
  localInput,
  percentText,
  relativeTime,
  utcOfInput,
} from '../../src/console/text/format.ts';
import { addressOf, addressOfPayment, addressOfTyped, readRoute } from '../../src/console/text/route.ts';
import {
  actorText,
  failureName,
  historyDetail,
  paymentStatus,
  sentText,
  spacedOut,
} from '../../src/console/text/words.ts';

describe('amounts', () => {
  it.each([
    [25.5, 'USD', '$25.50'],
    [3200, 'JPY', '¥3,200'],
    [1.234, 'KWD', 'KWD 1.234'],
    [1250.5, 'HUF', 'HUF 1,250.50'],
    [0.125, 'IQD', 'IQD 0.125'],
    [5, '<b>', '5.00 <b>'],
  ])('%s %s is written as %s', (amount, currency, text) => {
    expect(amountText(amount, currency).replaceAll('\u00a0', ' ')).toBe(text);
  });

  it.each([
    ['10', 'USD', 10],
    [' 10.5 ', 'USD', 10.5],
    ['10.', 'USD', 10],
    ['99.99', 'USD', 99.99],
    ['50', 'JPY', 50],
    ['12.5', 'HUF', 12.5],
    ['1.125', 'IQD', 1.125],
  ])('%j in %s is an amount', (typed, currency, amount) => {
    expect(readAmount(typed, currency, 99.99)).toEqual({ kind: 'amount', amount });
  });

  it.each([
    ['', 'USD'],
    ['0', 'USD'],
    ['0.00', 'USD'],
    ['-1', 'USD'],
    ['1e1', 'USD'],
    ['1,50', 'USD'],
    ['$1', 'USD'],
    ['1.005', 'USD'],
    ['1.5', 'JPY'],
    ['100', 'USD'],
    ['.5', 'USD'],
  ])('%j in %s is refused, with a reason', (typed, currency) => {
    expect(readAmount(typed, currency, 99.99)).toEqual({ kind: 'wrong', why: expect.stringMatching(/\S\.$/) });
  });

  it.each([
    [1250.5, 'HUF', '1250.50'],
    [1.125, 'IQD', '1.125'],
    [3200, 'JPY', '3200'],
  ])('a field for %s %s begins with %s', (amount, currency, text) => expect(plainAmount(amount, currency)).toBe(text));

  it('all of what is left is not more than that, whatever floats make of it', () => {
    expect(readAmount('0.3', 'USD', 0.1 + 0.2)).toMatchObject({ kind: 'amount' });
    expect(readAmount('8.29', 'USD', 8.29)).toMatchObject({ kind: 'amount' });
  });
});

describe('times and figures', () => {
  it.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 days'],
  ])('%d ms are %s', (ms, text) => expect(durationText(ms)).toBe(text));

  it('says what has been and what is to come', () => {
    expect(relativeTime('2026-11-30T12:00:00Z', Date.parse('2026-11-30T12:03:00Z'))).toBe('3 min ago');
    expect(relativeTime('2026-11-30T12:00:00Z', Date.parse('2026-11-30T11:59:30Z'))).toBe('in 30 s');
  });

  it.each([
    [null, '–'],
    [100, '100%'],
    [99.999, '99.9%'],
    [0, '0.0%'],
  ])('a rate of %s is %s, so that 100% is every one of them', (percent, text) => {
    expect(percentText(percent)).toBe(text);
  });

  it('sizes have three digits at most', () => {
    expect([0, 999, 1500, 3_412_000_000, 999_000_000_000].map(bytesText)).toEqual([
      '0 bytes',
      '999 bytes',
      '1.5 KB',
      '3.4 GB',
      '999 GB',
    ]);
  });

  it('a time of the address comes back from its field as it was', () => {
    expect(utcOfInput(localInput('2026-07-01T10:30:00Z'))).toBe('2026-07-01T10:30:00Z');
    expect([localInput(undefined), localInput('x'), utcOfInput('')]).toEqual(['', '', '']);
  });

  it('a time before there were time zones comes back to the minute', () => {
    const zone = process.env.TZ;
    try {
      process.env.TZ = 'Europe/Berlin';
      expect(localInput(utcOfInput('1850-01-01T10:00'))).toBe('1850-01-01T10:00');
      expect(localInput(utcOfInput('0002-06-01T10:00'))).toBe('0002-06-01T10:00');
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });
});

describe('addresses', () => {
  it.each([
    ['', 'overview', null],
    ['#/', 'overview', null],
    ['#/payments?status=failed', 'payments', null],
    ['#/payments/TXN-1', 'payments', 'TXN-1'],
    ['#/payments/a%2Fb', 'payments', 'a/b'],
    ['#/payments/100%', 'payments', '100%'],
    ['#/events/x', null, 'x'],
    ['#/nowhere', null, null],
    ['#/constructor', null, null],
  ])('%s is the page %s of %s', (hash, page, id) => {
    expect(readRoute(hash)).toMatchObject({ page, id });
  });

  it('an address leads to what it was made of', () => {
    const id = 'TXN-?/#%"<';
    expect(readRoute(addressOfPayment(id)).id).toBe(id);
    const { query } = readRoute(addressOf('payments', { booking_id: 'a&b=c#?', status: '', user_id: undefined }));
    expect(Object.fromEntries(query)).toEqual({ booking_id: 'a&b=c#?' });
  });

  it.each([
    ['TXN-01M8KWV', '#/payments/TXN-01M8KWV'],
    [' REF-01M8KWV ', '#/payments/REF-01M8KWV'],
    ['BOOK 1', '#/find?q=BOOK+1'],
    ['TXN-<script>', '#/find?q=TXN-%3Cscript%3E'],
    ['  ', null],
  ])('%j, typed, leads to %s', (typed, address) => expect(addressOfTyped(typed)).toBe(address));
});

describe('words', () => {
  it('a payment of which something was refunded is partially refunded', () => {
    expect(paymentStatus({ status: 'completed', refunded_amount: 1 }).text).toBe('Partially refunded');
    expect(paymentStatus({ status: 'refunded', refunded_amount: 1 }).text).toBe('Refunded');
  });

  it.each([
    ['key:booking-service', 'API key booking-service'],
    ['access:maria@cinema.example', 'maria@cinema.example'],
    ['webhook:stripe', 'webhook of Stripe'],
    ['console:desk', 'local development'],
    ['operator', 'operator'],
  ])('%s is %s', (actor, text) => expect(actorText(actor)).toBe(text));

  it('a line of the history has amounts with their currency, and nothing that is empty', () => {
    const detail = { amount: 10, gateway_reference: null, attempts: 2, error_code: 'CARD_DECLINED' };
    expect(historyDetail({ detail }, 'USD')).toEqual(['$10.00', 'attempts 2', 'Declined by the bank']);
  });

  it('names of the service are written as words', () => {
    expect(['needs_response', 'look_ups'].map(spacedOut)).toEqual(['Needs response', 'Look-ups']);
  });

  it('of events that were to be sent, those that were not found are counted', () => {
    expect(sentText({ sent: 2, unknown: [] })).toBe('2 events on the way to RabbitMQ');
    expect(sentText({ sent: 0, unknown: ['evt_1'] })).toBe('0 events on the way to RabbitMQ, 1 not found');
  });

  it('a code that the pages do not know is shown as it is', () => {
    expect(failureName('SOMETHING_NEW')).toBe('SOMETHING_NEW');
  });
});
