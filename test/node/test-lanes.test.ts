/** `npm test` and `npm run test:long` leave out no project. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LANES } from '../../scripts/test-lanes.ts';

const configuration = readFileSync('vitest.config.ts', 'utf8');
const projects = [...configuration.matchAll(/test: \{\s+name: '([\w-]+)'/g)].map(([, name]) => name);

it.each(Object.entries(LANES))('%s tests have each project once', (_, lanes) => {
  expect(projects.length).toBeGreaterThan(3);
  expect(lanes.flat(2).toSorted()).toEqual(projects.toSorted());
});
