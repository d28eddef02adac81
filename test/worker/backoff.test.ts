import { expect, it } from 'vitest';
import { retryDelayMs } from '../../src/worker/events/backoff.ts';

it('doubles from 10 seconds to 5 minutes, and stays there', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 100, 100_000].map(retryDelayMs)).toEqual([
    10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000, 300_000,
  ]);
});
