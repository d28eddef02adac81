/** How an Idempotency-Key may be spelled, and which one is none. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { titled } from '../data/abridged.ts';
import { expectEnvelope, expectPaymentFailure } from './matchers.ts';
import { payment, refundOf, send } from './request.ts';
import { rowCounts } from './stored.ts';

const MADE = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-NONE' };

const payAs = (header: string, body = payment()) =>
  send('POST', '/payment/process', { body, headers: { 'Idempotency-Key': header } });

async function isKept(key: string): Promise<boolean> {
  const row = await env.DB.prepare('SELECT 1 FROM idempotency_keys WHERE idempotency_key = ?1').bind(key).first();
  return row !== null;
}

describe('an Idempotency-Key', () => {
  const longest = (character: string) => character.repeat(255);
  const spellings: [header: string, key: string][] = [
    ['bare', 'bare'],
    ['"quoted"', 'quoted'],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"with \\"quotes\\" and \\\\"', 'with "quotes" and \\'],
    ['with "quotes" behind', 'with "quotes" behind'],
    ['"  blanks inside  "', '  blanks inside  '],
    ['~!@#$%^&*()[]{}', '~!@#$%^&*()[]{}'],
    ['\\backslash', '\\backslash'],
    [longest('b'), longest('b')],
    [`"${longest('q')}"`, longest('q')],
    [`"${'\\\\'.repeat(255)}"`, longest('\\')],
  ];

  it.each(spellings.map(([header, key]) => [titled([header])[0]?.[0], header, key] as const))(
    'may be spelled %s',
    async (_, header, key) => {
      expect((await payAs(header)).status).toBe(200);
      expect(await isKept(key)).toBe(true);
    },
  );

  it('is the same one bare and quoted', async () => {
    const request = payment();
    const first = await payAs('both-spellings', request);
    const again = await payAs('"both-spellings"', request);
    expect([again.status, again.text]).toEqual([200, first.text]);
  });

  it('is case-sensitive', async () => {
    expect((await payAs('letters')).status).toBe(200);
    expect((await payAs('LETTERS')).status).toBe(200);
  });
});

describe('what is no Idempotency-Key', () => {
  const none = [
    '',
    '""',
    '"',
    '"unterminated',
    'twice, twice',
    '"twice", "twice"',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
    '"an "inner" quote"',
    '"a lone \\ backslash"',
    '"two", "keys"',
    'a\ttab',
    '"a\ttab"',
    'a\u0001control',
    'a\u007fdelete',
  ];

  it.each(titled(none))('is a 400 of a payment, in both shapes, and nothing is recorded: %s', async (_, header) => {
    const before = await rowCounts();
    const answer = await payAs(header);
    expect(answer.status).toBe(400);
    expectPaymentFailure(answer, {
      errorCode: 'INVALID_REQUEST',
      envelopeCode: 'INVALID_REQUEST',
      retryPossible: false,
    });
    expect(await rowCounts()).toEqual(before);
  });

  it.each(titled(none))('is a 400 of a refund: %s', async (_, header) => {
    const answer = await send('POST', '/payment/refund', {
      body: refundOf(MADE),
      headers: { 'Idempotency-Key': header },
    });
    expect(answer.status).toBe(400);
    expectEnvelope(answer, 'INVALID_REQUEST');
    expect(Object.keys(answer.body)).toEqual(['error', 'timestamp']);
  });
});
