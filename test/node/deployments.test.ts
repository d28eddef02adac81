/** Which version is deployed, by Cloudflare's list of deployments. */
import { expect, it } from 'vitest';
import { versionsOf } from '../../scripts/deployments.ts';

const deployment = (minute: number, ...shares: [id: string, percentage: number][]) => ({
  created_on: `2026-11-22T10:0${minute}:00Z`,
  versions: shares.map(([version_id, percentage]) => ({ version_id, percentage })),
});

it('the newest is first, and one that got some of the requests is left out', () => {
  expect(versionsOf([])).toEqual([]);
  expect(
    versionsOf([deployment(1, ['a', 100]), deployment(3, ['c', 100]), deployment(2, ['a', 50], ['b', 50])]),
  ).toEqual(['c', 'a']);
});

it('none is where requests are split between two', () => {
  const split = [deployment(1, ['a', 100]), deployment(2, ['a', 50], ['b', 50])];
  expect(() => versionsOf(split)).toThrow('split between a (50%) and b (50%)');
});
