import { describe, expect, it } from 'vitest';
import type { ChargeRequest } from '../../src/core/gateways/gateway.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { abridged } from '../data/abridged.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { withField } from './bad-fields.ts';
import { gateway, operation, paymentRequest } from './operation.ts';
import { CARD, cardNumbered, newBooking, paid, pay, payment, refund, refundOf, send } from './request.ts';
import { transaction, transactionsOf } from './stored.ts';

describe('an amount that is written unusually', () => {
  const literals: [literal: string, cents: number][] = [
    ['25.50', 2550],
    ['25.500', 2550],
    [`25.5${'0'.repeat(9000)}`, 2550],
    ['1e2', 10_000],
    ['0.1e3', 10_000],
    ['100E-1', 1000],
    ['2550e-2', 2550],
    ['"25.50"', 2550],
    ['" 25.5 "', 2550],
    ['"+25.5"', 2550],
    ['".5"', 50],
    ['"5."', 500],
    ['"1e2"', 10_000],
    ['"00025.5"', 2550],
    ['0.01', 1],
    ['100000', 10_000_000],
    ['100000.00', 10_000_000],
    // Multiplied by 100 as a double it is 113.99999999999999, and 100.49999999999999.
    ['1.14', 114],
    ['1.005e2', 10_050],
  ];

  it.each(literals.map(([literal, cents]) => [abridged(literal), literal, cents] as const))(
    'is paid to the cent (invariant 7): %s',
    async (_, literal, cents) => {
      const request = payment();
      const answer = await send('POST', '/payment/process', { body: withField(request, 'amount', literal) });

      expect(answer.status).toBe(200);
      expect(answer.body.amount).toBe(cents / 100);
      expect(await transactionsOf(String(request.booking_id))).toMatchObject([
        { amount_minor: cents, currency: 'USD' },
      ]);
    },
  );

  it('is refunded to the cent too (invariant 7)', async () => {
    const made = await paid();
    const answer = await send('POST', '/payment/refund', {
      body: withField(refundOf(made), 'refund_amount', '" 0.2550e2 "'),
    });
    expect([answer.status, answer.body.refund_amount]).toEqual([200, 25.5]);
    expect(await transaction(made.transaction_id)).toMatchObject({ refunded_minor: 2550, status: 'refunded' });
  });

  it('is the last one where there are several, and never one of a nested object', async () => {
    const request = payment();
    const body = withField(
      request,
      'amount',
      `-1,"x":{"amount":3},"amount":25.50,"card_details":${JSON.stringify({ ...CARD, amount: 7 })}`,
    );
    const answer = await send('POST', '/payment/process', { body });
    expect([answer.status, answer.body.amount]).toEqual([200, 25.5]);
  });
});

describe('an amount that a caller computed in floating point', () => {
  const literals: [literal: string, cents: number][] = [
    [JSON.stringify(3 * 8.1), 2430],
    [JSON.stringify(5.05 - 5), 5],
    ['2.4299999999999997e1', 2430],
    ['"24.299999999999997"', 2430],
    ['25.500000000000000001', 2550],
    ['100000.00000000001', 10_000_000],
  ];

  it.each(literals)(
    'is the exact amount, in the ledger and in the answer (invariant 7): %s',
    async (literal, cents) => {
      const request = payment();
      const answer = await send('POST', '/payment/process', { body: withField(request, 'amount', literal) });
      expect([answer.status, answer.body.amount]).toEqual([200, cents / 100]);
      expect(await transactionsOf(String(request.booking_id))).toMatchObject([{ amount_minor: cents }]);
    },
  );

  it('is refunded exactly', async () => {
    const made = await paid({ amount: 24.3 });
    const answer = await refund(refundOf(made, { refund_amount: 3 * 8.1 }));
    expect([answer.status, answer.body.refund_amount]).toEqual([200, 24.3]);
    expect(await transaction(made.transaction_id)).toMatchObject({ refunded_minor: 2430, status: 'refunded' });
  });

  it('is exact in an answer that records nothing', async () => {
    const answer = await pay(payment({ amount: 3 * 8.1, payment_method: 'stripe' }));
    expect([answer.status, answer.body.error_code, answer.body.amount]).toEqual([400, 'PAYMENT_METHOD_DISABLED', 24.3]);
  });
});

describe('the habits of clients that were written for FastAPI', () => {
  const accepted: [name: string, overrides: Record<string, unknown>][] = [
    ['null for PayPal details', { paypal_details: null }],
    ['null for an e-mail address', { user_email: null }],
    [
      'null for both details, paid with PayPal',
      { payment_method: 'paypal', card_details: null, paypal_details: { email: 'a@b.example', payment_id: 'P-1' } },
    ],
    ['unknown fields', { currency: 'EUR', metadata: { seat: [1, 2] }, card_details: { ...CARD, brand: 'visa' } }],
    ['fields with the names of prototypes', { constructor: { prototype: 1 }, toString: 'x' }],
    ['a numeric string for the amount', { amount: '25.50' }],
    ['a card number with blanks', { card_details: cardNumbered('4111 1111 1111 1111') }],
    ['a card number with dashes', { card_details: cardNumbered('4111-1111-1111-1111') }],
    ['a card number with no-break spaces', { card_details: cardNumbered('4111\u00a01111\u00a01111\u00a01111') }],
    ['a card number with an en dash', { card_details: cardNumbered('4111\u20131111\u20131111\u20131111') }],
    ['a card number with a newline', { card_details: cardNumbered('4111111111111111\n') }],
    [
      'blanks around every field of a card',
      {
        card_details: { ...CARD, expiry_month: '12 ', expiry_year: ' 47', cvv: '739 ', cardholder_name: '\nJohn Doe ' },
      },
    ],
    ['null for a suffix and an address for the receipt', { statement_descriptor_suffix: null, receipt_email: null }],
    ['blanks around a suffix of 22 characters', { statement_descriptor_suffix: ` ${'x'.repeat(22)}\n` }],
    ['an empty address for the receipt', { receipt_email: ' ' }],
    ['a line feed behind an e-mail address', { user_email: 'user@example.com\n' }],
    [
      'a month without its zero and a year of two digits',
      { card_details: { ...CARD, expiry_month: '1', expiry_year: '26' } },
    ],
    [
      'names and identifiers of other scripts',
      { user_id: 'użytkownik-😀', card_details: { ...CARD, cardholder_name: 'José 李' } },
    ],
    ['identifiers of 255 characters', { user_id: 'u'.repeat(255) }],
    ['quotes and markup in an identifier', { user_id: `'; DROP TABLE transactions; --<script>` }],
    ['500 objects in one another', { unknown: JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`) }],
  ];

  it.each(accepted)('are accepted: %s', async (_, overrides) => {
    const answer = await pay(payment(overrides));
    expect([answer.status, answer.body.status]).toEqual([200, 'success']);
  });

  it('blanks around the PayPal order and the address are no part of them, in the ledger and for the gateway', async () => {
    const request = paymentRequest({
      payment_method: 'paypal',
      card_details: null,
      paypal_details: { email: '\u3000payer@example.com\n', payment_id: ' 5O190127TN364715T\u00a0' },
    });
    const sent: ChargeRequest[] = [];
    const watching = gateway({
      methods: ['paypal'],
      intentOf: (instrument) => (instrument.kind === 'paypal' ? instrument.paymentId : null),
      async charge(charge) {
        sent.push(charge);
        return { kind: 'approved', reference: 'reference' };
      },
    });
    await processPayment(operation({ gateway: watching }), request, '25.5');
    expect(sent).toMatchObject([{ instrument: { email: 'payer@example.com', paymentId: '5O190127TN364715T' } }]);
    expect(await transactionsOf(request.booking_id)).toMatchObject([{ gateway_intent: '5O190127TN364715T' }]);
  });

  it('ids of bookings and users are opaque: blanks belong to them, and control characters are refused', async () => {
    const booking_id = ` ${newBooking()} `;
    expect((await pay(payment({ booking_id }))).body.booking_id).toBe(booking_id);
    expect((await pay(payment({ user_id: 'user_123\n' }))).status).toBe(422);
    expect((await pay(payment({ user_email: 'user\n@example.com' }))).status).toBe(422);
  });

  it('null for card details is a card that is missing, not a bad request', async () => {
    const answer = await pay(payment({ card_details: null }));
    expect([answer.status, answer.body.error_code]).toEqual([400, 'INVALID_CARD']);
  });

  it('"__proto__" in the body changes nothing', async () => {
    const answer = await send('POST', '/payment/process', {
      body: withField(payment(), '__proto__', '{"amount":1,"polluted":1}'),
    });
    expect([answer.status, answer.body.amount]).toEqual([200, 25.5]);
    expect('polluted' in {}).toBe(false);
  });

  it.each([
    ['no media type', null],
    ['an empty media type', ''],
    ['a suffix', 'application/vnd.api+json'],
    ['another suffix', 'application/problem+json'],
    ['a charset', 'application/json; charset=utf-8'],
    ['capitals', 'Application/JSON'],
  ])('a body is JSON with %s', async (_, mediaType) => {
    const answer = await send('POST', '/payment/process', { body: payment(), headers: { 'Content-Type': mediaType } });
    expect(answer.status).toBe(200);
  });

  it('a body is JSON as bytes without any media type', async () => {
    const body = new TextEncoder().encode(JSON.stringify(payment()));
    const answer = await send('POST', '/payment/process', { body, headers: { 'Content-Type': null } });
    expect(answer.status).toBe(200);
  });

  it('a body may begin with a byte order mark', async () => {
    const answer = await send('POST', '/payment/process', { body: `\ufeff${JSON.stringify(payment())}` });
    expect(answer.status).toBe(200);
  });

  it('a body may have 16 KiB, and not one byte more', async () => {
    const text = JSON.stringify(payment());
    const padded = (bytes: number) => text + ' '.repeat(bytes - text.length);
    expect((await send('POST', '/payment/process', { body: padded(16 * 1024 + 1) })).status).toBe(413);
    expect((await send('POST', '/payment/process', { body: padded(16 * 1024) })).status).toBe(200);
  });

  it('a body may come in chunks, cut in the middle of a character', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(payment({ user_id: '李李李' })));
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    expect((await send('POST', '/payment/process', { body })).status).toBe(200);
  });

  it('a reason may be empty, and may have lines', async () => {
    const made = await paid();
    const empty = await refund(refundOf(made, { refund_amount: 1, reason: '' }));
    const lines = await refund(refundOf(made, { refund_amount: 1, reason: 'sick\n\tagain\r\n' }));
    expect([empty.status, lines.status]).toEqual([200, 200]);
  });

  it('text is stored and published as it was sent', async () => {
    const request = payment({ user_id: ' <b>Zoë</b> \u2028 😀', card_details: cardNumbered(TEST_CARDS.mastercard) });
    const answer = await pay(request);
    expect(await transaction(answer.body.transaction_id)).toMatchObject({ user_id: request.user_id });
  });
});
