/** Wrangler as scripts run it: only what has ended well counts as done. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runWrangler } from '../../src/local/wrangler.ts';

const directory = mkdtempSync(join(tmpdir(), 'run-wrangler-'));
afterAll(() => rmSync(directory, { recursive: true }));

it.each<[string, script: string, status: number, deadlineMs: number]>([
  ['ends well', 'console.log("done")', 0, 15_000],
  ['fails', 'process.exit(3)', 3, 15_000],
  ['is killed', 'process.kill(process.pid, "SIGKILL")', 1, 15_000],
  ['hangs until its deadline', 'setTimeout(() => {}, 60_000)', 1, 2_000],
])('one that %s has the status of it', (_, script, status, deadlineMs) => {
  const cli = join(directory, 'cli.cjs');
  writeFileSync(cli, script);
  expect(runWrangler(['deploy'], deadlineMs, 'kept', cli).status).toBe(status);
});

it('is the one of this project', () => {
  expect(runWrangler(['--version'], 60_000)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/\d+\.\d+\.\d+/),
  });
});
