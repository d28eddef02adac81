/** What runs before the npm scripts, in a small project of its own with one dependency of each kind. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const NPM_DEADLINE_MS = 60_000;

describe('before an npm script', { timeout: NPM_DEADLINE_MS }, () => {
  let project: string;

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'ensure-installed-'));
    mkdirSync(join(project, 'scripts'));
    cpSync('scripts/ensure-installed.mjs', join(project, 'scripts/ensure-installed.mjs'));
    for (const name of ['library', 'tool']) {
      const source = join(project, `${name}-source`);
      mkdirSync(source);
      writeFileSync(join(source, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
      await run('npm', ['pack', source], { cwd: project });
    }
    const manifest = {
      name: 'project',
      version: '1.0.0',
      dependencies: { library: 'file:library-1.0.0.tgz' },
      devDependencies: { tool: 'file:tool-1.0.0.tgz' },
    };
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
    await run('npm', ['install', '--package-lock-only', '--offline'], { cwd: project });
  }, NPM_DEADLINE_MS);
  beforeEach(() => rmSync(join(project, 'node_modules'), { recursive: true, force: true }));
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  /** Whether it installed anything. */
  async function ensureInstalled(env: Record<string, string> = {}): Promise<boolean> {
    const { stderr } = await run(process.execPath, ['scripts/ensure-installed.mjs'], {
      cwd: project,
      env: { ...process.env, ...env },
    });
    return stderr.includes('Installing');
  }

  const has = (name: string) => existsSync(join(project, 'node_modules', name, 'package.json'));

  it.each([
    { NODE_ENV: 'production' },
    { npm_config_omit: 'dev' },
    { npm_config_production: 'true' },
    { npm_config_only: 'prod' },
  ])('the development dependencies are installed, with %o as well', async (env) => {
    expect(await ensureInstalled(env)).toBe(true);
    expect([has('library'), has('tool')]).toEqual([true, true]);
    expect(await ensureInstalled(env)).toBe(false);
  });

  it('an installation without them is completed', async () => {
    await run('npm', ['ci', '--omit=dev', '--offline'], { cwd: project });
    expect([has('library'), has('tool')]).toEqual([true, false]);
    expect(await ensureInstalled()).toBe(true);
    expect(has('tool')).toBe(true);
  });

  it('an installation from which a package is gone is repaired', async () => {
    await ensureInstalled();
    rmSync(join(project, 'node_modules/library'), { recursive: true });
    expect(await ensureInstalled()).toBe(true);
    expect(has('library')).toBe(true);
  });
});
