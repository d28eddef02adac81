/** What is measured agrees with the ledger after many payments. */
import { describe, it } from 'vitest';
import { AS, expectExact } from './mixed-payments.ts';

describe('5,000 mixed payments with faults', () => {
  it.each(AS)('are measured exactly, %s', (_, as) => expectExact(5_000, 11, as), 180_000);
});
