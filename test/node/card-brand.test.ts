/** Our reading of the library's patterns against the library itself. */
import creditCardType from 'credit-card-type';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { brandOf } from '../../src/core/domain/card-brand.ts';

const patterns = Object.values(creditCardType.types).flatMap((brand) =>
  creditCardType.getTypeInfo(brand).patterns.flat(),
);
/** What a pattern begins or ends with, the number before or behind it, or any digits. */
const starts = fc.oneof(
  fc
    .tuple(fc.constantFrom(...patterns), fc.constantFrom(-1, 0, 1))
    .map(([pattern, beside]) => String(Math.max(1, pattern + beside))),
  fc.stringMatching(/^[1-9]\d{0,7}$/),
);
const numbers = fc
  .tuple(starts, fc.stringMatching(/^\d{19}$/), fc.integer({ min: 12, max: 19 }))
  .map(([start, rest, length]) => `${start}${rest}`.slice(0, length));

it('a number has the brand that the library says', () => {
  fc.assert(
    fc.property(numbers, (number) => {
      expect(brandOf(number)).toBe(creditCardType(number)[0]?.type ?? 'unknown');
    }),
    { numRuns: 5_000 },
  );
});
