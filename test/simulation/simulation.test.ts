/** The invariants under faults. */
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from './faults.ts';
import { GATEWAY_KINDS, SHARD_COUNTS } from './plan.ts';
import { range, simulate } from './simulate.ts';

const HISTORIES = 200;
const DEADLINE_MS = 240_000;

describe('whatever fails', () => {
  it(
    `nothing is lost, doubled or invented in ${HISTORIES} histories, in which everything fails that can`,
    async () => {
      const { histories, failures, faults, gateways, shards } = await simulate(range(1, HISTORIES));
      expect(failures.map(({ seed, violations }) => ({ seed, violations }))).toEqual([]);
      expect(histories).toBe(HISTORIES);
      expect(Object.keys(faults).sort()).toEqual([...FAULT_KINDS].sort());
      for (const kind of GATEWAY_KINDS) expect(gateways[kind], kind).toBeGreaterThan(HISTORIES / 5);
      for (const databases of SHARD_COUNTS) expect(shards[databases], `${databases}`).toBeGreaterThan(HISTORIES / 10);
    },
    DEADLINE_MS,
  );

  it.each(GATEWAY_KINDS)(
    'a seed is the same history each time, with the gateway that is %s',
    async (kind) => {
      // The second one has several databases.
      const [once, again] = [await simulate([7, 8], kind), await simulate([7, 8], kind)];
      expect(again.digest).toBe(once.digest);
      expect((await simulate([9, 8], kind)).digest).not.toBe(once.digest);
    },
    60_000,
  );
});
