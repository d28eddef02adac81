/** The search for card data finds something, wherever and however it stands; else its silence would say nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { createCanaries } from '../data/canaries.ts';
import { createCardSearch } from '../data/card-search.ts';
import { spellings } from '../data/cards.ts';
import { searchCardData } from '../support/card-data.ts';
import { runDirectory } from '../support/run.ts';

const canaries = createCanaries();
const card = canaries.next();
const number = card.card_number;
const others = Array.from({ length: 200 }, () => canaries.next());
const search = createCardSearch(canaries.sent());

const bytes = (text: string) => Buffer.from(text);
const each = (text: string, spell: (code: string, character: string) => string) =>
  [...text].map((character) => spell(character.charCodeAt(0).toString(16), character)).join('');

describe('a card number is found', () => {
  it.each<[string, string]>([
    ...spellings(number).map((spelled): [string, string] => [`as ${spelled.replaceAll(/\d/g, '0')}`, spelled]),
    ['with a dot behind each digit', each(number, (_, digit) => `${digit}.`)],
    ['in parts of a JSON array', JSON.stringify(number.match(/.{1,5}/g))],
    ['as a JSON number', `{"n":${number}}`],
    ['rounded to what a number holds', `${Number(number)}`],
    ['between other digits', `17${number}99`],
    ['in UTF-16', each(number, (_, digit) => `${digit}\0`)],
    ['backwards', [...number].reverse().join('')],
    ['in hex', bytes(number).toString('hex')],
    ['in hex behind half a byte', `f${bytes(number).toString('hex')}`],
    ['in hex with capitals and spaces', each(`card ${number} ok`, (code) => `${code.toUpperCase()} `)],
    ['in hex of UTF-16', Buffer.from(number, 'utf16le').toString('hex')],
    ['in hex, two digits to a byte', `0x${number}f`],
    ['percent-encoded', each(number, (code) => `%${code}`)],
    ['in JSON escapes', each(number, (code) => `\\u00${code}`)],
    ['in JSON escapes of a JSON text', JSON.stringify(each(number, (code) => `\\u00${code}`))],
    ['in XML entities', each(number, (code) => `&#x${code};`)],
    ['as the bytes of a JSON array', JSON.stringify([...bytes(number)])],
    ['as the bytes of an array that was taken for an object', JSON.stringify({ ...bytes(number) })],
    ...['', 'a', 'ab'].flatMap((before): [string, string][] => [
      [`in base64 behind ${before.length} bytes`, bytes(`${before}${number}`).toString('base64')],
      [`in base64url behind ${before.length} bytes`, bytes(`${before}ÿ?>${number}`).toString('base64url')],
    ]),
    [
      'in base64 between letters',
      `token_${bytes(`{"number":"${number.replace(/.{4}/g, '$& ')}"}`).toString('base64')}xy`,
    ],
    ['in base64 of hex', bytes(bytes(number).toString('hex')).toString('base64')],
  ])('%s', (_, text) => {
    expect(search.inText(`before ${text} behind`)).not.toEqual([]);
  });
});

describe('of the rest of a card is found', () => {
  it.each([
    ['the name', `Dear ${card.cardholder_name}`],
    ['the name in capitals', canaries.word.toUpperCase()],
    ['the name in base64', bytes(`for ${card.cardholder_name}`).toString('base64')],
    ['a security code as a JSON value', JSON.stringify(['a', card.cvv])],
    ['a security code in JSON of JSON', JSON.stringify(JSON.stringify([card.cvv]))],
    ['a security code behind its name', `Cvv2 = ${card.cvv},`],
    ['a security code in a URL', `?cvc=${card.cvv}&a=b`],
    ['a year as a JSON value', JSON.stringify({ y: card.expiry_year })],
    ['an expiry date', `until ${card.expiry_month}/${card.expiry_year}.`],
    ['a short expiry date', `until ${card.expiry_month}/${card.expiry_year.slice(2)}.`],
    ['the name of a field', '{"expiry_month":1}'],
  ])('%s', (_, text) => {
    expect(search.inText(text)).not.toEqual([]);
  });

  it('a security code that is all of a cell', () => {
    expect(search.inCell(card.cvv)).not.toEqual([]);
  });

  it('a number in a cell of bytes, and in one that holds a number', () => {
    expect(search.inCell(bytes(number))).not.toEqual([]);
    expect(search.inCell(Buffer.from(number.padStart(20, '0'), 'hex'))).not.toEqual([]);
    expect(search.inCell(BigInt(number))).not.toEqual([]);
  });
});

describe('nothing is found', () => {
  it('in the brand and the last four digits', () => {
    const kept = others.map(({ card_number }) => `{"brand":"visa","last4":${card_number.slice(-4)}}`).join('\n');
    expect(search.inText(kept)).toEqual([]);
    expect(others.flatMap(({ card_number }) => search.inText(`visa **** ${card_number.slice(-4)}`))).toEqual([]);
  });

  it('in a security code that is a part of something else', () => {
    expect(
      others.flatMap(({ cvv }) => search.inText(`duration_ms: ${cvv}, at 12:00:00.${cvv}Z, ${cvv}-${cvv}`)),
    ).toEqual([]);
  });

  it('in the names of fields that an answer has', () => {
    expect(
      search.inText('{"path":"card_details.cvv","message":"is required"} fields: card_details.card_number'),
    ).toEqual([]);
  });
});

it('below a directory files and cells are searched', async () => {
  const directory = runDirectory('card-search');
  // The files are searched again when all tests have ended, for the cards that they share, and these are none of them.
  writeFileSync(join(directory, 'log'), `number ${number}\n`);
  const database = new DatabaseSync(join(directory, 'some.sqlite'));
  database.exec('CREATE TABLE kept (code TEXT, number INTEGER)');
  database.prepare('INSERT INTO kept VALUES (?, ?)').run(card.cvv, BigInt(number));
  database.close();

  const found = await searchCardData(directory, canaries.sent());
  expect(found.files).toBe(2);
  expect(found.hits.sort()).toEqual(
    [`${number} in log`, `${card.cvv} as kept.code in some.sqlite`, `${number} as kept.number in some.sqlite`].sort(),
  );
});
