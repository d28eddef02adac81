import { describe, expect, it } from 'vitest';
import { UnreadableRequest } from '../../src/worker/http/middleware/unreadable-request.ts';
import { exactAmount } from '../../src/worker/http/routes/exact-amount.ts';
import { abridged } from '../data/abridged.ts';

describe('the exact digits of an amount', () => {
  const literals: [literal: string, digits: string][] = [
    ['25.50', '25.50'],
    ['25.500000000000000001', '25.500000000000000001'],
    ['1e400', '1e400'],
    ['1E-400', '1E-400'],
    ['-0', '-0'],
    ['9007199254740993', '9007199254740993'],
    [`0.${'0'.repeat(5000)}1`, `0.${'0'.repeat(5000)}1`],
    ['"25.50"', '25.50'],
    ['" 25.5 "', ' 25.5 '],
    ['"\\u0032\\u0035"', '25'],
  ];

  it.each(literals.map(([literal, digits]) => [abridged(literal), literal, digits] as const))(
    'are those that were sent: %s',
    (_, literal, digits) => {
      expect(exactAmount(`{"amount":${literal}}`, 'amount')).toBe(digits);
      expect(exactAmount(` {\n "a" : [1, {"b": 2}], "amount"\t:\r\n${literal} , "z": null } `, 'amount')).toBe(digits);
    },
  );

  it.each([
    ['an object before it', '{"x":{"amount":1},"amount":2.50}'],
    ['an object behind it', '{"amount":2.50,"x":{"amount":1}}'],
    ['an array behind it', '{"amount":2.50,"x":[{"amount":1},{"amount":"3"}]}'],
    ['an object in an object', '{"amount":2.50,"x":{"y":{"amount":1}}}'],
    ['text that looks like it', '{"amount":2.50,"x":"\\"amount\\":1"}'],
    ['another key that ends like it', '{"amount":2.50,"refund_amount":1,"amount ":3}'],
    ['the prototype', '{"amount":2.50,"__proto__":{"amount":1}}'],
  ])('are never those of %s', (_, body) => {
    expect(exactAmount(body, 'amount')).toBe('2.50');
  });

  it.each([
    ['{"amount":1,"amount":2.50}', '2.50'],
    ['{"amount":"1","amount":2.50}', '2.50'],
    ['{"amount":1,"amount":"2.50"}', '2.50'],
    ['{"amount":{"amount":1},"amount":2.50}', '2.50'],
    ['{"\\u0061mount":2.50}', '2.50'],
    ['{"amount":1,"\\u0061mount":2.50}', '2.50'],
  ])('are those of the last key, as JSON.parse takes it: %s', (body, digits) => {
    expect(exactAmount(body, 'amount')).toBe(digits);
    expect(Number(exactAmount(body, 'amount'))).toBe(Number(JSON.parse(body).amount));
  });

  it('are not looked for in a body that nests too deeply', () => {
    const body = `{"amount":1,"x":${'['.repeat(8000)}${']'.repeat(8000)}}`;
    expect(() => exactAmount(body, 'amount')).toThrow(UnreadableRequest);
  });

  it('are looked for in JSON only, and the error does not quote what is none', () => {
    expect(() => exactAmount('{"card_number":"4111", 4111', 'amount')).toThrow(/^a validated body is no JSON$/);
  });
});
