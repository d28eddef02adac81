/** The faults' own test: that every defect which is made on purpose is seen. */
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';
import { explain, hunt, range, SEEDS_FOR_MUTATIONS } from './simulate.ts';

const DEADLINE_MS = 480_000;
const DAY_MS = 24 * 60 * 60_000;
/** Each takes seconds of a thread of its own; all of them at once are for `npm run simulate -- --mutations`. */
const PARTS = 20;

describe('the simulator', () => {
  it(
    'sees the defects that are made on purpose, others of them each day',
    async () => {
      const day = Math.floor(Date.now() / DAY_MS);
      const ofToday = MUTATIONS.filter((_, index) => index % PARTS === day % PARTS);
      const caught = await hunt(ofToday, range(1, SEEDS_FOR_MUTATIONS));
      expect(caught.filter(({ seed }) => seed === null).map(({ mutation }) => mutation.name)).toEqual([]);
    },
    DEADLINE_MS,
  );

  it('makes a failing history small', async () => {
    const cutOff = MUTATIONS.find(({ breaks }) => breaks === 'invariant 7');
    if (cutOff === undefined) throw new Error('no defect breaks an amount');
    const [caught] = await hunt([cutOff], range(1, SEEDS_FOR_MUTATIONS));
    const failure = await explain(cutOff, caught?.seed ?? 1);
    expect(failure?.smallest?.plan.actions).toHaveLength(1);
    expect(failure?.smallest?.plan.faults).toEqual([]);
    expect(failure?.smallest?.violations.join()).toContain('invariant 7');
  }, 60_000);
});
