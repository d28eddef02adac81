/** Requests to pay that bring a card, in every right and wrong way that a caller may think of. */
import { fullWidth, type PlainDetails } from './cards.ts';

export interface CardRequest {
  /** Where and how the card stands in it. */
  name: string;
  body: string | Uint8Array<ArrayBuffer>;
  /** Beside or instead of those of a JSON body. */
  headers?: Record<string, string>;
  /** The status of its answer, where the gateway approves of every card. */
  status: number;
}

type Details = PlainDetails & Record<string, unknown>;

/** A payment of 25.50 dollars with these card details. */
export function paymentWith(card_details: unknown, others: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: 'user_123',
    booking_id: `BOOK-${crypto.randomUUID()}`,
    amount: 25.5,
    payment_method: 'credit_card',
    card_details,
    ...others,
  };
}

/**
 * One of each kind, each with a card of its own.
 *
 * @param word stands in all names; behind a number that is broken off, it shows whether what follows an error is told
 */
export function cardRequests(next: () => PlainDetails, word: string): CardRequest[] {
  return [...accepted(next), ...noCards(next), ...wrongTypes(next), ...unreadable(next, word), ...refusedUnread(next)];
}

const request = (name: string, status: number, body: unknown): CardRequest => ({
  name,
  status,
  body: JSON.stringify(body),
});

const grouped = (number: string, separator: string) => number.replace(/.{4}(?=.)/g, `$&${separator}`);

function accepted(next: () => PlainDetails): CardRequest[] {
  const ways: Record<string, (card: Details) => Record<string, unknown>> = {
    'in groups with spaces': (card) => paymentWith({ ...card, card_number: grouped(card.card_number, ' ') }),
    'in groups with dashes': (card) => paymentWith({ ...card, card_number: grouped(card.card_number, '-') }),
    'in groups with no-break spaces': (card) =>
      paymentWith({ ...card, card_number: grouped(card.card_number, '\u00a0') }),
    'in groups with en dashes': (card) => paymentWith({ ...card, card_number: grouped(card.card_number, '\u2013') }),
    'in full-width digits': (card) =>
      paymentWith({ ...card, card_number: fullWidth(card.card_number), cvv: fullWidth(card.cvv) }),
    'with a number on a line of its own': (card) => paymentWith({ ...card, card_number: `\n${card.card_number}\r\n` }),
    'with blanks around each field': (card) =>
      paymentWith(Object.fromEntries(Object.entries(card).map(([field, value]) => [field, ` ${value}\u200b`]))),
    'by debit card': (card) => paymentWith(card, { payment_method: 'debit_card' }),
    'with a year of two digits': (card) => paymentWith({ ...card, expiry_year: card.expiry_year.slice(2) }),
    'again in unknown fields of the card': (card) =>
      paymentWith({ ...card, pan: card.card_number, cvc: card.cvv, track2: `;${card.card_number}=4912?`, again: card }),
    'again in unknown fields of the request': (card) =>
      paymentWith(card, { card, card_number: card.card_number, cvv: card.cvv, metadata: { cards: [card] } }),
  };
  return [
    ...Object.entries(ways).map(([name, way]) => request(name, 200, way({ ...next() }))),
    { name: 'twice, the first time in vain', status: 200, body: doubled(next(), next()) },
    {
      name: 'in JSON escapes',
      status: 200,
      body: JSON.stringify(paymentWith(next())).replace(/\d{13,}/, (digits) => digits.replace(/\d/g, '\\u003$&')),
    },
  ];
}

/** Two members of one name: the last one counts. */
function doubled(first: PlainDetails, last: PlainDetails): string {
  const [before, behind] = JSON.stringify(paymentWith('HERE')).split('"HERE"');
  return `${before}${JSON.stringify(first)},"card_details":${JSON.stringify(last)}${behind}`;
}

/** Valid as requests, but none of them can be charged. */
function noCards(next: () => PlainDetails): CardRequest[] {
  const wrong: Record<string, (card: PlainDetails) => Partial<PlainDetails>> = {
    'a number with dots': ({ card_number }) => ({ card_number: grouped(card_number, '.') }),
    'a number twice': ({ card_number }) => ({ card_number: card_number + card_number }),
    'a number with a letter': ({ card_number }) => ({ card_number: `${card_number}x` }),
    'a number with a NUL': ({ card_number }) => ({ card_number: `${card_number}\0` }),
    'a number in the place of the code': ({ card_number }) => ({ cvv: card_number }),
    'a number in the place of the month': ({ card_number }) => ({ expiry_month: card_number }),
    'a number in the place of the year': ({ card_number }) => ({ expiry_year: card_number }),
    'a code twice': ({ cvv }) => ({ cvv: cvv + cvv }),
    'a code with a letter': ({ cvv }) => ({ cvv: `${cvv}x` }),
    'a 13th month': () => ({ expiry_month: '13' }),
    'a year of five digits': ({ expiry_year }) => ({ expiry_year: `${expiry_year}0` }),
    'a name of 300 characters': ({ cardholder_name }) => ({ cardholder_name: cardholder_name.padEnd(300, '!') }),
    'a name with half a surrogate pair': ({ cardholder_name }) => ({ cardholder_name: `${cardholder_name}\ud800` }),
  };
  return Object.entries(wrong).map(([name, change]) => {
    const card = next();
    return request(name, 400, paymentWith({ ...card, ...change(card) }));
  });
}

function wrongTypes(next: () => PlainDetails): CardRequest[] {
  const types: Record<string, (value: string) => unknown> = {
    'in an array': (value) => [value],
    'in an object': (value) => ({ [value]: value }),
    nested: (value) => ({ value: [[{ value }]] }),
  };
  const fields = Object.keys(next()) as (keyof PlainDetails)[];
  const inFields = fields.flatMap((field) =>
    Object.entries(types).map(([name, type]) => {
      const card = next();
      return request(`${field} ${name}`, 422, paymentWith({ ...card, [field]: type(card[field]) }));
    }),
  );
  const asNumbers = (['card_number', 'cvv', 'expiry_month', 'expiry_year'] as const).map((field) => {
    const card = next();
    return request(`${field} as a JSON number`, 422, paymentWith({ ...card, [field]: Number(card[field]) }));
  });
  const details: Record<string, (card: PlainDetails) => unknown> = {
    'a string': (card) => JSON.stringify(card),
    'the number alone': ({ card_number }) => card_number,
    'a JSON number': ({ card_number }) => Number(card_number),
    'an array': (card) => [card],
    'an array of values': (card) => Object.values(card),
    'one level too deep': (card) => ({ card_details: card }),
    'under other names': (card) => ({ number: card.card_number, cvc: card.cvv, exp: card.expiry_year }),
  };
  const asDetails = Object.entries(details).map(([name, detail]) =>
    request(`card details as ${name}`, 422, paymentWith(detail(next()))),
  );
  const body: Record<string, (payment: unknown) => unknown> = {
    'in a string': (payment) => JSON.stringify(payment),
    'in an array': (payment) => [payment],
  };
  const asBody = Object.entries(body).map(([name, wrap]) =>
    request(`the request ${name}`, 422, wrap(paymentWith(next()))),
  );
  const { card_number } = next();
  const method = request(
    'a number in the place of the method',
    422,
    paymentWith(null, { payment_method: card_number }),
  );
  return [...inFields, ...asNumbers, ...asDetails, ...asBody, method];
}

/** An engine's error quotes some characters before and behind the place at which it gave up. */
function unreadable(next: () => PlainDetails, word: string): CardRequest[] {
  const broken: Record<string, (json: string, card: PlainDetails) => string> = {
    'broken off in the number': (json, { card_number }) =>
      json.slice(0, json.indexOf(card_number) + card_number.length - 2),
    'broken off behind the number': (json, { card_number }) =>
      json.slice(0, json.indexOf(card_number) + card_number.length),
    'without quotes around the name': (json, { cardholder_name }) =>
      json.replace(`"${cardholder_name}"`, cardholder_name),
    'with a word behind the number': (json, { card_number }) =>
      json.replace(`"${card_number}"`, `${card_number}${word}`),
    'with a line break in the number': (json, { card_number }) =>
      json.replace(card_number, `${card_number.slice(0, 12)}\n${card_number.slice(12)}`),
    'with a wrong escape behind the number': (json, { card_number }) => json.replace(card_number, `${card_number}\\q`),
    'with a comment': (json, { card_number }) => `${json.slice(0, -1)} /* ${card_number} */}`,
    'with single quotes': (json) => json.replaceAll('"', "'"),
    'with the number behind its end': (json, { card_number }) => `${json}${card_number}`,
    'as a form': (_, card) => new URLSearchParams({ ...card }).toString(),
    'as XML': (_, { card_number }) => `<card><number>${card_number}</number><name>${word}</name></card>`,
    'nested too deeply': (json) => '['.repeat(7_000) + json,
  };
  const texts = Object.entries(broken).map(([name, spoil]) => {
    const card = next();
    return { name, status: 400, body: spoil(JSON.stringify(paymentWith(card)), card) };
  });
  const json = new TextEncoder().encode(JSON.stringify(paymentWith(next())));
  return [...texts, { name: 'with a byte that is no UTF-8', status: 400, body: new Uint8Array([...json, 0xff]) }];
}

function refusedUnread(next: () => PlainDetails): CardRequest[] {
  const payment = () => JSON.stringify(paymentWith(next()));
  const { card_number, cvv, ...rest } = next();
  return [
    { name: 'in a body that is too large', status: 413, body: payment().padEnd(17 * 1024) },
    { name: 'in plain text', status: 415, body: payment(), headers: { 'Content-Type': 'text/plain' } },
    {
      name: 'in a form',
      status: 415,
      body: new URLSearchParams({ card_number, cvv, ...rest }).toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    },
    { name: 'compressed', status: 415, body: payment(), headers: { 'Content-Encoding': 'gzip' } },
    {
      name: 'in the media type',
      status: 415,
      body: payment(),
      headers: { 'Content-Type': `text/${next().card_number}` },
    },
    {
      name: 'in headers that nobody reads',
      status: 200,
      body: payment(),
      headers: { 'X-Card-Number': next().card_number, Cookie: `cvv=${next().cvv}; card=${next().card_number}` },
    },
  ];
}
