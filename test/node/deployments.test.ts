/** Which versions are deployed, by Cloudflare's list of deployments. */
import { expect, it } from 'vitest';
import { versionsOf } from '../../scripts/deployments.ts';

const deployment = (minute: number, ...shares: [id: string, percentage: number][]) => ({
  created_on: `2026-11-22T10:0${minute}:00Z`,
  versions: shares.map(([version_id, percentage]) => ({ version_id, percentage })),
});

it('the newest deployment is the one that counts, and no former version got only some of the requests', () => {
  expect(versionsOf([])).toEqual({ deployed: [], former: [] });
  expect(
    versionsOf([deployment(1, ['a', 100]), deployment(3, ['c', 100]), deployment(2, ['a', 50], ['b', 50])]),
  ).toEqual({ deployed: ['c'], former: ['a'] });
});

it('two are deployed while requests are split between them', () => {
  expect(versionsOf([deployment(1, ['a', 100]), deployment(2, ['a', 50], ['b', 50])])).toEqual({
    deployed: ['a', 'b'],
    former: ['a'],
  });
});
