/** What developers run says what it takes, and refuses the rest before it starts anything. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const DEADLINE_MS = 30_000;
const SCRIPTS = [
  ['dev', 'scripts/dev.ts', '--gatway', '--gateway'],
  ['roll-back', 'scripts/roll-back.ts', '--evn', '--env'],
  ['simulate', 'test/simulation/main.ts', '--seedz', '--seed'],
  ['chaos', 'test/end-to-end/chaos.ts', '--kill', '--kills'],
  ['bench', 'bench/main.ts', '--onli', '--only'],
  ['screenshots', 'scripts/screenshots/main.ts', '--outt', '--out'],
] as const;

function run(script: string, args: string[], env: Record<string, string> = {}) {
  return promisify(execFile)(process.execPath, ['-r', './scripts/installed.cjs', script, ...args], {
    env: { ...process.env, ...env },
  });
}

describe.each(SCRIPTS)('npm run %s', { timeout: DEADLINE_MS }, (name, script, wrong, nearest) => {
  it('has help with options, examples and exit codes, and prints nothing else', async () => {
    const { stdout, stderr } = await run(script, ['--help']);
    expect(stdout).toMatch(new RegExp(`^Usage: npm run ${name} -- \\[options\\]\n.*\nOptions:\n.*\nExamples:\n`, 's'));
    expect(stdout).toMatch(/\nExit codes:\n {2}0 /);
    expect(stderr).toBe('');
  });

  it('refuses an option that it does not know, with the nearest one', async () => {
    await expect(run(script, [wrong, '1'])).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`unknown option '${wrong}'\n\\(Did you mean .*${nearest}`)),
    });
  });

  it('refuses an option that npm kept for itself', async () => {
    const kept = { [`npm_config_${nearest.slice(2).replaceAll('-', '_')}`]: '1', npm_lifecycle_event: name };
    await expect(run(script, [], kept)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`npm kept ${nearest} for itself: write \`npm run ${name} -- … ${nearest} …\``),
    });
  });
});
