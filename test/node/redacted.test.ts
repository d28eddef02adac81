import { console as debuggerConsole } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { Redacted, redactedJson } from '../../src/contract/redacted.ts';
import { paymentRequest } from '../../src/contract/requests.ts';
import { redactedDetails } from '../data/cards.ts';

const SECRET = 'zq7x-4111';
const redacted = new Redacted(SECRET);
/** Taken for text by mistake. */
const hidden = redacted as unknown as string;
const holder = { card: { number: redacted }, list: [redacted] };

describe('a redacted value', () => {
  it('is what it was to whoever reveals it', () => {
    expect(redacted.reveal()).toBe(SECRET);
    expect(new Redacted(12).reveal()).toBe(12);
  });

  it.each<[string, () => string]>([
    ['a template', () => `${redacted}`],
    ['String()', () => String(redacted)],
    ['concatenation', () => ''.concat(hidden)],
    ['the + operator', () => [hidden].reduce((text, part) => text + part, '')],
    ['join', () => [redacted].join()],
    ['toLocaleString', () => redacted.toLocaleString()],
    ['the message of an error', () => new Error(hidden).message],
    ['the name of a property', () => Object.keys({ [hidden]: 1 }).join()],
    ['inspect', () => inspect(redacted)],
    ['console.log with %s', () => format('%s', redacted)],
    ['console.log with %o', () => format('%o', redacted)],
    ['console.log with %O', () => format('%O', redacted)],
  ])('is [redacted] in %s', (_, show) => {
    expect(show()).toBe('[redacted]');
  });

  it.each<[string, () => string]>([
    ['JSON', () => JSON.stringify(holder)],
    ['console.log', () => format(holder)],
    ['console.log with %j', () => format('%j', holder)],
    ['inspect that shows what is hidden', () => inspect(holder, { showHidden: true, depth: null, getters: true })],
    ['the cause of an error', () => inspect(new Error('failed', { cause: redacted }))],
    ['the properties of an error', () => inspect(Object.assign(new Error('failed'), holder))],
  ])('is [redacted] in %s, wherever it stands', (_, show) => {
    expect(show()).toContain('[redacted]');
    expect(show()).not.toContain(SECRET);
  });

  it.each<[string, () => unknown]>([
    ['a spread', () => ({ ...redacted })],
    ['Object.assign', () => Object.assign({}, redacted)],
    ['structuredClone', () => structuredClone(redacted)],
    ['what goes to another thread', () => deserialize(serialize(redacted))],
    ['the keys', () => Object.fromEntries(Object.entries(redacted))],
    ['all own properties', () => Object.fromEntries(Reflect.ownKeys(redacted).map((key) => [key, key]))],
  ])('leaves nothing in %s', (_, copy) => {
    expect(copy()).toStrictEqual({});
  });

  it('is no number', () => {
    expect(Number(redacted)).toBeNaN();
    expect(Number(new Redacted(12))).toBeNaN();
  });

  it('is not in a debugger’s console, which shows private fields', async () => {
    const told: string[] = [];
    const session = new Session();
    session.connect();
    session.on('Runtime.consoleAPICalled', ({ params }) => told.push(JSON.stringify(params.args)));
    await session.post('Runtime.enable');
    debuggerConsole.log(redacted, holder);
    session.disconnect();
    expect(told.join()).toContain('Redacted');
    expect(told.join()).not.toContain(SECRET);
  });
});

describe('the JSON of redacted values', () => {
  it('is that of the values, and redacted', () => {
    const json = redactedJson([1, 'a', null, [redacted, new Redacted('"\ud800')], { date: new Date(0), redacted }]);
    expect(String(json)).toBe('[redacted]');
    expect(json.reveal()).toBe(
      JSON.stringify([1, 'a', null, [SECRET, '"\ud800'], { date: new Date(0), redacted: SECRET }]),
    );
  });
});

describe('a request', () => {
  const details = {
    card_number: `${SECRET}-number`,
    expiry_month: `${SECRET}-month`,
    expiry_year: `${SECRET}-year`,
    cvv: `${SECRET}-cvv`,
    cardholder_name: `${SECRET}-name`,
  };
  const body = {
    user_id: 'user_123',
    booking_id: 'BOOK-1',
    amount: 25.5,
    payment_method: 'credit_card',
    card_details: details,
  };

  it('has all of its card redacted from its validation on', () => {
    const { card_details } = paymentRequest.parse(body);
    expect(Object.entries(card_details ?? {}).map(([field, value]) => [field, value.reveal()])).toEqual(
      Object.entries(details),
    );
    expect(JSON.stringify(card_details)).not.toContain(SECRET);
    expect(inspect(card_details)).not.toContain(SECRET);
  });

  it('that is not valid is reported without its card', () => {
    const { error } = paymentRequest.safeParse({ ...body, user_id: 1, amount: 'x' });
    expect(error?.issues).toHaveLength(2);
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(SECRET);
  });

  it('has no card that is redacted already: that is no text', () => {
    expect(paymentRequest.safeParse({ ...body, card_details: redactedDetails(details) }).success).toBe(false);
  });
});
