/** Money is integers, and no amount is ever rounded (invariant 7). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  currencyExponent,
  decimalAmount,
  decimalText,
  minorUnits,
  withoutFloatError,
} from '../../src/core/domain/money.ts';
import { titled } from '../data/abridged.ts';

/** Up to what a double and SQLite hold exactly. */
const anyMinor = fc.integer({ min: 1, max: 999_999_999_999_999 });
const anyCurrency = fc.constantFrom('USD', 'EUR', 'JPY', 'KRW', 'KWD', 'TND');

/** The digits of an amount with the point where the currency has it. */
function decimals(amountMinor: number, exponent: number): string {
  const digits = String(amountMinor).padStart(exponent + 1, '0');
  return exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

const exponentOf = (currency: string) => currencyExponent(currency) ?? Number.NaN;

describe('minorUnits', () => {
  it('takes all cents up to 200,000.00 to JSON and back', () => {
    for (let cents = 1; cents <= 20_000_000; cents += cents < 2_000_000 ? 1 : 97) {
      const json = JSON.stringify(decimalAmount(cents, 'USD'));
      if (minorUnits(json, 'USD') !== cents) expect(`${json} → ${minorUnits(json, 'USD')}`).toBe(cents);
    }
  });

  it('takes any amount of any currency to JSON and back', () => {
    fc.assert(
      fc.property(anyMinor, anyCurrency, (amountMinor, currency) => {
        expect(minorUnits(JSON.stringify(decimalAmount(amountMinor, currency)), currency)).toBe(amountMinor);
      }),
    );
  });

  it('reads any amount that is written as a decimal, with zeros before and behind', () => {
    fc.assert(
      fc.property(anyMinor, anyCurrency, fc.nat(30), fc.nat(30), (amountMinor, currency, before, behind) => {
        const point = exponentOf(currency) === 0 && behind > 0 ? '.' : '';
        const text = `${'0'.repeat(before)}${decimals(amountMinor, exponentOf(currency))}${point}${'0'.repeat(behind)}`;
        expect(minorUnits(text, currency)).toBe(amountMinor);
        expect(minorUnits(` +${text}\n`, currency)).toBe(amountMinor);
      }),
    );
  });

  it('reads any amount that is written with an exponent', () => {
    fc.assert(
      fc.property(anyMinor, anyCurrency, fc.integer({ min: -40, max: 40 }), (amountMinor, currency, shift) => {
        // The same value, with its point moved by `shift` places and moved back by the exponent.
        const digits = `${'0'.repeat(60)}${amountMinor}${'0'.repeat(60)}`;
        const pointAt = digits.length - 60 - shift;
        const mantissa = `${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`;
        expect(minorUnits(`${mantissa}e${shift - exponentOf(currency)}`, currency)).toBe(amountMinor);
        expect(
          minorUnits(
            `${mantissa}E${shift >= exponentOf(currency) ? '+' : ''}${shift - exponentOf(currency)}`,
            currency,
          ),
        ).toBe(amountMinor);
      }),
    );
  });

  it('never rounds: any digit beyond the currency’s is refused', () => {
    fc.assert(
      fc.property(
        anyMinor,
        anyCurrency,
        fc.nat(30),
        fc.integer({ min: 1, max: 9 }),
        (amountMinor, currency, zeros, digit) => {
          const exponent = exponentOf(currency);
          const text = `${decimals(amountMinor, exponent)}${exponent === 0 ? '.' : ''}${'0'.repeat(zeros)}${digit}`;
          expect(minorUnits(text, currency)).toBeNull();
        },
      ),
    );
  });

  it('agrees with exact arithmetic on anything that looks like a number', () => {
    const digits = fc.stringMatching(/^\d{0,12}$/);
    fc.assert(
      fc.property(digits, fc.option(digits), fc.option(fc.integer({ min: -15, max: 15 })), (whole, fraction, power) => {
        const text = `${whole}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`;
        const value = BigInt(`${whole}${fraction ?? ''}` || '0');
        const scale = (power ?? 0) - (fraction?.length ?? 0) + 2;
        const exact = scale >= 0 ? value * 10n ** BigInt(scale) : value / 10n ** BigInt(-scale);
        const isExact = scale >= 0 || value % 10n ** BigInt(-scale) === 0n;
        const expected = isExact && exact > 0n && exact < 10n ** 15n ? Number(exact) : null;
        expect(minorUnits(text, 'USD')).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['0', 'USD'],
    ['-0', 'USD'],
    ['0.000', 'USD'],
    ['0e99', 'USD'],
    ['-1', 'USD'],
    ['25.505', 'USD'],
    ['25.500000000000000001', 'USD'],
    ['1.005', 'USD'],
    ['1e400', 'USD'],
    ['1e-400', 'USD'],
    ['10000000000000', 'USD'],
    ['0.5', 'JPY'],
    ['0.0005', 'KWD'],
    ['', 'USD'],
    ['.', 'USD'],
    ['e5', 'USD'],
    ['1e', 'USD'],
    ['--1', 'USD'],
    ['1 000', 'USD'],
    ['1,5', 'USD'],
    ['0x10', 'USD'],
    ['1_000', 'USD'],
    ['NaN', 'USD'],
    ['Infinity', 'USD'],
    ['٢٥', 'USD'],
    ['25', 'XXX'],
    ['25', 'usd'],
    ['25', 'constructor'],
    ['25', '__proto__'],
  ])('refuses "%s" %s', (text, currency) => {
    expect(minorUnits(text, currency)).toBeNull();
  });

  it.each([
    ['25.50', 'USD', 2550],
    ['25.500', 'USD', 2550],
    ['1e2', 'USD', 10_000],
    ['2550e-2', 'USD', 2550],
    ['9999999999999.99', 'USD', 999_999_999_999_999],
    ['2500', 'JPY', 2500],
    ['2500.000', 'JPY', 2500],
    ['25.505', 'KWD', 25_505],
    ['0.001', 'KWD', 1],
  ])('reads "%s" %s as %i', (text, currency, amountMinor) => {
    expect(minorUnits(text, currency)).toBe(amountMinor);
  });

  it.each(
    titled([
      '1e999999999',
      '1e-999999999',
      `1e${'9'.repeat(16_000)}`,
      `1e-${'9'.repeat(16_000)}`,
      '9'.repeat(16_000),
      `0.${'0'.repeat(16_000)}1`,
      `25.5${'0'.repeat(16_000)}1`,
      `1${'0'.repeat(16_000)}1`,
      `${' '.repeat(16_000)}x`,
    ]),
  )('answers at once to %s, as large as a request can be', (_, text) => {
    const durationsMs = Array.from({ length: 5 }, () => {
      const startedAtMs = performance.now();
      expect(minorUnits(text, 'USD')).toBeNull();
      return performance.now() - startedAtMs;
    });
    // A pass over the text takes a tenth of a millisecond; a pass for each of its characters, more than a hundred. The
    // quickest of a few counts, because the machine may be busy.
    expect(Math.min(...durationsMs)).toBeLessThan(40);
  });

  it('reads zero with any exponent as nothing to pay', () => {
    expect(minorUnits('0e999999999', 'USD')).toBeNull();
  });
});

describe('withoutFloatError', () => {
  const cents = (literal: string) => minorUnits(withoutFloatError(literal), 'USD');
  const price = fc.integer({ min: 1, max: 4_000 }).map((steps) => steps * 5);
  const seats = fc.integer({ min: 2, max: 8 });

  it('makes every total and difference of ticket prices the exact amount', () => {
    fc.assert(
      fc.property(price, seats, price, seats, (first, firstSeats, second, secondSeats) => {
        const [a, b] = [first / 100, second / 100];
        const steps = first / 5;
        const total = first * firstSeats;
        expect(cents(JSON.stringify(a * firstSeats))).toBe(total);
        expect(cents(JSON.stringify(steps * 0.05 * firstSeats))).toBe(total);
        expect(
          cents(
            JSON.stringify(
              Array(firstSeats)
                .fill(a)
                .reduce((sum: number, one) => sum + one, 0),
            ),
          ),
        ).toBe(total);
        expect(cents(JSON.stringify(a * firstSeats + b * secondSeats))).toBe(total + second * secondSeats);
        const left = JSON.stringify(a * firstSeats + b - b * 1);
        if (significantDigits(left) >= 15) expect(cents(left)).toBe(total);
      }),
      { numRuns: 20_000 },
    );
  });

  it('changes the value of no other amount', () => {
    const near = fc.tuple(fc.integer({ min: -3, max: 30_000 }), fc.integer({ min: -2_000, max: 2_000 }));
    // Around each thousandth in steps of 1e-12, and then of any digits at all.
    const aroundExact = near.map(([thousandths, steps]) => BigInt(thousandths) * 10n ** 9n + BigInt(steps));
    const anywhere = fc.bigInt({ min: 0n, max: 10n ** 17n });
    fc.assert(
      fc.property(fc.oneof(aroundExact, anywhere), fc.integer({ min: -12, max: 12 }), (picos, shift) => {
        const literal = `${picos}e${-12}`;
        const moved = shift < 0 ? `${picos}${'0'.repeat(-shift)}e${-12 + shift}` : literal;
        const nearest = ((picos < 0n ? 0n : picos) + 5n * 10n ** 8n) / 10n ** 9n;
        const distance = picos - nearest * 10n ** 9n;
        const isFloat = significantDigits(String(picos)) >= 15 && nearest > 0n;
        const isClose = distance >= -1_000n && distance <= 1_000n;
        for (const text of [literal, moved]) {
          const expected = isFloat && isClose ? `${nearest}e-3` : text;
          const result = withoutFloatError(text);
          expect(distance === 0n ? Number(result) : result).toBe(distance === 0n ? Number(text) : expected);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['24.299999999999997', 'USD', 2430],
    ['2.4299999999999997e1', 'USD', 2430],
    ['24299999999999997E-15', 'USD', 2430],
    [' +24.299999999999997 ', 'USD', 2430],
    ['0.04999999999999982', 'USD', 5],
    ['0.009999999999999998', 'USD', 1],
    ['25.500000000000000001', 'USD', 2550],
    ['1000000.000000001', 'USD', 100_000_000],
    ['999999.999999999', 'USD', 100_000_000],
    ['9999999999999.9900000000000001', 'USD', 999_999_999_999_999],
    ['2430.0000000000005', 'JPY', 2430],
    ['999999999999999.0000000001', 'JPY', 999_999_999_999_999],
    ['0.3000000000000000444', 'KWD', 300],
    ['8.0999999999999996', 'KWD', 8_100],
  ])('lets "%s" %s be %i minor units', (text, currency, amountMinor) => {
    expect(minorUnits(withoutFloatError(text), currency)).toBe(amountMinor);
  });

  it.each([
    // Typed, and not computed: too few digits, or too far away.
    ['25.505', 'USD'],
    ['0.001', 'USD'],
    ['24.2999999', 'USD'],
    ['24.2999999999', 'USD'],
    ['24.29999999990000', 'USD'],
    ['24.2999999899999999', 'USD'],
    ['24.30000000100000001', 'USD'],
    // Close to an amount that is none, of this currency or of any.
    ['25.504999999999999', 'USD'],
    ['8.0999999999999996', 'JPY'],
    ['5.551115123125783e-17', 'USD'],
    ['-24.299999999999997', 'USD'],
    ['-0', 'USD'],
    ['1e-400', 'USD'],
    ['9999999999999.9999999999999', 'USD'],
    ['999999999999999.9999999999', 'JPY'],
  ])('leaves "%s" %s to be refused', (text, currency) => {
    expect(minorUnits(withoutFloatError(text), currency)).toBeNull();
  });

  it.each(
    titled([
      `24.3${'0'.repeat(16_000)}1`,
      `24.2${'9'.repeat(16_000)}`,
      `0.${'0'.repeat(16_000)}1`,
      `${'9'.repeat(16_000)}.9`,
      `${'9'.repeat(16_000)}e-16000`,
      `1.23456789012345e${'9'.repeat(16_000)}`,
      `1.23456789012345e-${'9'.repeat(16_000)}`,
      `${' '.repeat(16_000)}x`,
    ]),
  )('answers at once to %s, as large as a request can be', (_, text) => {
    const durationsMs = Array.from({ length: 5 }, () => {
      const startedAtMs = performance.now();
      withoutFloatError(text);
      return performance.now() - startedAtMs;
    });
    expect(Math.min(...durationsMs)).toBeLessThan(40);
  });
});

/** By other code than the service's own. */
function significantDigits(literal: string): number {
  const [mantissa = ''] = literal.split('e');
  return mantissa.replace(/[.-]/g, '').replace(/^0+|0+$/g, '').length;
}

describe('decimalText', () => {
  it('is read back as the amount, with all the decimals of its currency', () => {
    fc.assert(
      fc.property(anyMinor, anyCurrency, (amountMinor, currency) => {
        const text = decimalText(amountMinor, currency);
        expect(minorUnits(text, currency)).toBe(amountMinor);
        expect(text.split('.')[1]?.length ?? 0).toBe(exponentOf(currency));
      }),
    );
    expect([decimalText(5, 'USD'), decimalText(2550, 'USD'), decimalText(500, 'JPY')]).toEqual([
      '0.05',
      '25.50',
      '500',
    ]);
  });
});

describe('decimalAmount', () => {
  it('prints the digits that the amount has', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999_999 }), anyCurrency, (amountMinor, currency) => {
        const exponent = exponentOf(currency);
        expect(decimalAmount(amountMinor, currency).toFixed(exponent)).toBe(decimals(amountMinor, exponent));
      }),
    );
  });
});
