import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cardIdentity, passesLuhn, readCard } from '../../src/core/domain/card.ts';
import { type PlainDetails, redactedDetails, SEPARATORS, spellings, TEST_CARDS } from '../data/cards.ts';

const DETAILS: PlainDetails = {
  card_number: TEST_CARDS.visa,
  expiry_month: '12',
  expiry_year: '2025',
  cvv: '123',
  cardholder_name: 'John Doe',
};
const details = (overrides: Partial<PlainDetails>) => redactedDetails({ ...DETAILS, ...overrides });
const read = (overrides: Partial<PlainDetails>) => readCard(details(overrides));

/** The digit that makes a number pass. */
function checkDigit(number: string): string {
  const digit = [...'0123456789'].find((candidate) => passesLuhn(number + candidate));
  if (digit === undefined) throw new Error('no digit passes');
  return digit;
}

const anyNumber = fc.stringMatching(/^[1-9]\d{10,17}$/).map((number) => number + checkDigit(number));

describe('the check digit', () => {
  it.each(Object.entries(TEST_CARDS).filter(([name]) => name !== 'badCheckDigit'))(
    'of the test card %s passes',
    (_, number) => {
      expect(passesLuhn(number)).toBe(true);
    },
  );

  it('is one of ten', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{11,18}$/), (number) => {
        expect([...'0123456789'].filter((digit) => passesLuhn(number + digit))).toHaveLength(1);
      }),
    );
  });

  it('finds every wrong digit', () => {
    fc.assert(
      fc.property(anyNumber, fc.nat(11), fc.integer({ min: 1, max: 9 }), (number, position, change) => {
        const digit = (Number(number[position]) + change) % 10;
        expect(passesLuhn(number.slice(0, position) + digit + number.slice(position + 1))).toBe(false);
      }),
    );
  });

  it('finds neighbours that changed places, except 0 and 9', () => {
    fc.assert(
      fc.property(anyNumber, fc.nat(10), (number, position) => {
        const [left = '', right = ''] = number.slice(position, position + 2);
        fc.pre(left !== right && !['09', '90'].includes(left + right));
        expect(passesLuhn(number.slice(0, position) + right + left + number.slice(position + 2))).toBe(false);
      }),
    );
  });
});

describe('a card', () => {
  it.each([
    [TEST_CARDS.visa, 'visa'],
    [TEST_CARDS.mastercard, 'mastercard'],
    ['2223003122003222', 'mastercard'],
    [TEST_CARDS.amex, 'american-express'],
    ['371449635398431', 'american-express'],
    [TEST_CARDS.discover, 'discover'],
    ['3530111333300000', 'jcb'],
  ])('%s is of the brand %s', (card_number, brand) => {
    const card = read({ card_number });
    expect(card).toMatchObject({ brand, last4: card_number.slice(-4) });
    expect(card?.number.reveal()).toBe(card_number);
  });

  it('may be written in groups, with spaces and dashes of any kind, and in full-width digits', () => {
    for (const number of [TEST_CARDS.visa, TEST_CARDS.amex]) {
      for (const card_number of spellings(number)) expect(read({ card_number })?.number.reveal()).toBe(number);
    }
  });

  it('has 12 to 19 digits', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{5,24}$/), (number) => {
        const card_number = number + checkDigit(number);
        expect(read({ card_number }) !== null).toBe(card_number.length >= 12 && card_number.length <= 19);
      }),
    );
  });

  it.each([
    '',
    '4111',
    TEST_CARDS.badCheckDigit,
    `${TEST_CARDS.visa}x`,
    `${TEST_CARDS.visa}\0`,
    '4111.1111.1111.1111',
    '٤١١١١١١١١١١١١١١١',
  ])('"%s" is none', (card_number) => {
    expect(read({ card_number })).toBeNull();
  });

  it.each([
    ['a'.repeat(255), true],
    ['a'.repeat(256), false],
    [` ${'a'.repeat(255)} `, true],
    ['\ud83d', false],
  ])('has a name that can be sent on', (cardholder_name, valid) => {
    expect(read({ cardholder_name }) !== null).toBe(valid);
  });

  it.each([
    [TEST_CARDS.visa, '123', true],
    [TEST_CARDS.visa, '000', true],
    [TEST_CARDS.visa, '1234', false],
    [TEST_CARDS.visa, '12', false],
    [TEST_CARDS.visa, '', false],
    [TEST_CARDS.visa, '12a', false],
    [TEST_CARDS.visa, '1 23', false],
    [TEST_CARDS.visa, '12-3', false],
    [TEST_CARDS.visa, ' 123', true],
    [TEST_CARDS.visa, '123\n', true],
    [TEST_CARDS.visa, '１２３', true],
    [TEST_CARDS.amex, '123', true],
    [TEST_CARDS.amex, '1234', true],
    [TEST_CARDS.amex, '12345', false],
  ])('%s with the CVV "%s": %s', (card_number, cvv, valid) => {
    expect(read({ card_number, cvv }) !== null).toBe(valid);
  });

  it.each([
    ['1', '2025', 1, 2025],
    ['01', '25', 1, 2025],
    ['12', '2099', 12, 2099],
    ['09', '00', 9, 2000],
    ['12 ', ' 25', 12, 2025],
    ['\n1\u00a0', '\ufeff2025\r\n', 1, 2025],
    ['１２', '２０２５', 12, 2025],
  ])('may expire in %s/%s', (expiry_month, expiry_year, expiryMonth, expiryYear) => {
    const card = read({ expiry_month, expiry_year });
    expect([card?.expiryMonth.reveal(), card?.expiryYear.reveal()]).toEqual([expiryMonth, expiryYear]);
  });

  it.each([
    ['0', '2025'],
    ['00', '2025'],
    ['13', '2025'],
    ['-1', '2025'],
    ['1.5', '2025'],
    ['012', '2025'],
    ['', '2025'],
    ['Dec', '2025'],
    ['12', '1999'],
    ['12', '2100'],
    ['12', '5'],
    ['12', '202'],
    ['12', '20255'],
    ['12', ''],
    ['12', '2o25'],
    ['1 2', '2025'],
    ['12', '20 25'],
  ])('cannot expire in "%s"/"%s"', (expiry_month, expiry_year) => {
    expect(read({ expiry_month, expiry_year })).toBeNull();
  });

  it('has the security code and the name that were sent', () => {
    const card = read({ cvv: '042', cardholder_name: 'Zoë Müller' });
    expect([card?.cvv.reveal(), card?.cardholderName.reveal()]).toEqual(['042', 'Zoë Müller']);
  });

  it('shows its brand and its last four digits, and nothing else', () => {
    expect(JSON.parse(JSON.stringify(read({})))).toEqual({
      number: '[redacted]',
      expiryMonth: '[redacted]',
      expiryYear: '[redacted]',
      cvv: '[redacted]',
      cardholderName: '[redacted]',
      brand: 'visa',
      last4: '1111',
    });
  });

  it('is sent without the blanks around its security code and its name', () => {
    for (const blank of SEPARATORS.filter((separator) => !/\p{Dash}/u.test(separator))) {
      const card = read({ cvv: `${blank}042${blank}`, cardholder_name: `${blank}${blank}Zoë  Müller${blank}` });
      expect([card?.cvv.reveal(), card?.cardholderName.reveal()]).toEqual(['042', 'Zoë  Müller']);
    }
    expect(read({ cvv: '０４２' })?.cvv.reveal()).toBe('042');
  });

  it.each(['card_number', 'expiry_month', 'expiry_year', 'cvv', 'cardholder_name'] as const)(
    'is read in linear time, however many blanks there are in %s',
    (field) => {
      const startedAtMs = performance.now();
      read({ [field]: `1${' '.repeat(16_000)}1` });
      expect(performance.now() - startedAtMs).toBeLessThan(40);
    },
  );

  it('is the same one however it is spelled, and whatever its security code', () => {
    const identity = (overrides: Partial<PlainDetails>) =>
      cardIdentity(details(overrides)).map((part) => part.reveal());
    expect(identity({})).toEqual([TEST_CARDS.visa, '12', '2025', 'John Doe']);
    for (const card_number of spellings(TEST_CARDS.visa)) {
      expect(identity({ card_number, cvv: '1' })).toEqual(identity({}));
    }
    for (const expiry_year of ['25', ' 2025', '２５']) expect(identity({ expiry_year })).toEqual(identity({}));
    for (const expiry_month of ['12 ', '\u00a012', '１２']) expect(identity({ expiry_month })).toEqual(identity({}));
    expect(identity({ cardholder_name: ' John Doe\n' })).toEqual(identity({}));
    expect(identity({ expiry_month: '1' })).toEqual(identity({ expiry_month: '01' }));
    expect(identity({ expiry_month: '1' })).not.toEqual(identity({}));
  });

  it('that is none is the same one only where it is spelled alike', () => {
    const identity = (overrides: Partial<PlainDetails>) =>
      cardIdentity(details(overrides)).map((part) => part.reveal());
    expect(identity({ expiry_month: '13' })).toEqual([TEST_CARDS.visa, '13', '2025', 'John Doe']);
    expect(identity({ expiry_month: '13' })).not.toEqual(identity({ expiry_month: '14' }));
    expect(identity({ expiry_year: '202' })).not.toEqual(identity({ expiry_year: '20' }));
  });

  it('that has expired is a card all the same: the gateway judges the date', () => {
    expect(read({ expiry_month: '01', expiry_year: '2001' })).not.toBeNull();
  });
});

describe('a cardholder', () => {
  it.each(['', 'Zoë Müller', '王小明', '🎟'])('may be called "%s"', (cardholder_name) => {
    expect(read({ cardholder_name })).not.toBeNull();
  });

  it('whose name is broken can’t be sent to anybody, and so it is no card', () => {
    expect(read({ cardholder_name: 'John \ud83c' })).toBeNull();
  });
});
