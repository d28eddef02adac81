import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runVitest } from '../../scripts/vitest-run.ts';
import { runDirectory } from '../support/run.ts';

const FILES = {
  'right.test.ts': "it('holds', () => expect(1).toBe(1));",
  'wrong.test.ts': "it('does not hold', () => expect(1).toBe(2));",
  'not-set-up.test.ts':
    "beforeAll(() => { throw new Error('nothing to test'); }); it('holds', () => expect(1).toBe(1));",
};

describe('a run of vitest', { timeout: 60_000 }, () => {
  const directory = runDirectory('vitest-run');
  for (const [name, text] of Object.entries(FILES)) {
    writeFileSync(join(directory, name), `import { beforeAll, expect, it } from 'vitest';\n${text}\n`);
  }
  const run = async (...args: string[]) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const found = await runVitest(['--root', directory, ...args], {
      asksForFiles: true,
      env: {},
      signal: new AbortController().signal,
    });
    log.mockRestore();
    return found;
  };

  it('that passes, has no files that failed', async () => {
    expect(await run('right')).toMatchObject({ passed: true, failedFiles: [] });
  });

  it('names the files that failed, and repeats why', async () => {
    const { passed, failedFiles, account } = await run();
    expect(passed).toBe(false);
    expect(failedFiles.toSorted()).toEqual(
      ['not-set-up.test.ts', 'wrong.test.ts'].map((name) => expect.stringMatching(new RegExp(`/${name}$`))),
    );
    expect(account).toMatch(/^vitest .*: exit code 1\n/);
    expect(account).toContain('nothing to test');
    expect(account).toContain('does not hold');
  });

  it('that does not come to its tests, has no files', async () => {
    const { passed, failedFiles, account } = await run('--config', 'nowhere.ts');
    expect({ passed, failedFiles }).toEqual({ passed: false, failedFiles: [] });
    expect(account).toContain('nowhere.ts');
  });
});
