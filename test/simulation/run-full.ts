/** A thread that fills a database, with the simulated timers: once as the service is, once without its knowing what the database may hold. */
import { parentPort } from 'node:worker_threads';
import * as fc from 'fast-check';
import { plan } from './plan.ts';
import { replaceTimers } from './time.ts';

replaceTimers();
const { runFull } = await import('./full.ts');
const [drawn] = fc.sample(plan, { seed: 1, numRuns: 1 });
if (drawn === undefined) throw new Error('no plan was drawn');
// One with an archive.
const withArchive = { ...drawn, shards: 1 as const, chance: 3 * Math.floor(drawn.chance / 3) + 1 };
parentPort?.postMessage({ guarded: await runFull(withArchive, true), unguarded: await runFull(withArchive, false) });
