/**
 * The brand of a card number, by the patterns of credit-card-type. The library itself copies what it knows of each brand for each number
 * that it is asked about.
 */
import creditCardType from 'credit-card-type';

/** Numbers that begin with one of `from` to `to`, which have as many digits as each other. */
interface Pattern {
  digits: number;
  from: number;
  to: number;
}

const BRANDS = Object.values(creditCardType.types).map((brand) => ({
  brand,
  patterns: (creditCardType.getTypeInfo(brand).patterns ?? []).map(patternOf),
}));

function patternOf(pattern: number | readonly number[]): Pattern {
  const [from = 0, to = from] = typeof pattern === 'number' ? [pattern] : pattern;
  return { digits: String(from).length, from, to };
}

/**
 * `visa`, `mastercard`, `american-express`, … or `unknown`: as the library decides, the brand whose first pattern that fits is longest.
 *
 * @param number of more digits than any pattern has
 */
export function brandOf(number: string): string {
  let best: { brand: string; digits: number } | undefined;
  for (const { brand, patterns } of BRANDS) {
    const fitting = patterns.find(({ digits, from, to }) => {
      const start = Number(number.slice(0, digits));
      return from <= start && start <= to;
    });
    if (fitting !== undefined && fitting.digits > (best?.digits ?? 0)) best = { brand, digits: fitting.digits };
  }
  return best?.brand ?? 'unknown';
}
