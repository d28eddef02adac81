import { expect, it } from 'vitest';
import { retryDelayMs } from '../../src/core/outbox/backoff.ts';

it('doubles from 10 seconds to 5 minutes, and stays there', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 100, 100_000].map((attempts) => retryDelayMs(attempts))).toEqual([
    10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000, 300_000,
  ]);
});

it('a hopeless event waits up to six hours', () => {
  expect([1, 5, 6, 7, 12, 13, 100].map((attempts) => retryDelayMs(attempts, true))).toEqual([
    10_000, 160_000, 320_000, 640_000, 20_480_000, 21_600_000, 21_600_000,
  ]);
});
