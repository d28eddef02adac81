/** docs/metrics.md has each metric that there is, and no other. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openMetrics } from '../../src/core/monitoring/open-metrics.ts';

it('docs/metrics.md lists each metric', () => {
  const text = openMetrics({ databases: [], ofInstallation: null, databaseMaxBytes: 1, nowMs: 0 });
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  const exposed = families.map(([, name, type]) => (type === 'counter' ? `${name}_total` : name));
  const listed = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(payment_\w+)` \|/gm)].map(
    ([, name]) => name,
  );
  expect(listed.toSorted()).toEqual(exposed.toSorted());
});
