/** A database that is filled up to SQLite's own limit. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { simulatedFullFigures } from '../data/figures.ts';
import type { Filled } from './full.ts';

it('what was charged is recorded, nothing new is begun, and payments go on when the archive has made room', async () => {
  const thread = new Worker(new URL('./run-full.ts', import.meta.url));
  const [{ guarded, unguarded }] = (await once(thread, 'message')) as [{ guarded: Filled; unguarded: Filled }];
  await thread.terminate();
  console.log(simulatedFullFigures(guarded));
  expect(guarded.violations).toEqual([]);
  expect(guarded.hitLimit).toBe(0);
  expect(guarded.charged).toBeGreaterThan(100);
  expect(guarded.refused).toBeGreaterThan(0);
  // A service that does not know the limit reaches it, and then cannot record what was charged.
  expect(unguarded.hitLimit).toBeGreaterThan(0);
  expect(unguarded.violations.some((violation) => violation.startsWith('full: '))).toBe(true);
}, 240_000);
