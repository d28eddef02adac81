/** The file of an export: it has its name once it is complete, and no half of it stays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withOutput } from '../../src/cli/export/output-file.ts';
import { fileProblem } from '../../src/local/file-problem.ts';

const EXPORT = `
  import { withOutput } from './src/cli/export/output-file.ts';
  await withOutput(process.argv[1], async (write) => {
    await write('half');
    console.log('begun');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });`;

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'out-'));
});
afterEach(() => rmSync(out, { recursive: true }));

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  'is as it was before where the export gets %s, and no part of a new one is left',
  async (signal, exitCode) => {
    const file = join(out, 'payments.csv');
    writeFileSync(file, 'of yesterday');
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', EXPORT, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(readdirSync(out)).toEqual(['payments.csv', 'payments.csv.part']);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([exitCode, null]);
    expect(readdirSync(out)).toEqual(['payments.csv']);
    expect(readFileSync(file, 'utf8')).toBe('of yesterday');
  },
);

it('is refused before anything is exported, in words, where it cannot be written', async () => {
  let isBegun = false;
  const exportTo = (path: string) =>
    withOutput(path, async () => {
      isBegun = true;
    });
  await expect(exportTo('/none/x.csv')).rejects.toThrow(/^The directory \/none does not exist$/);
  await expect(exportTo('/dev/null/x.csv')).rejects.toThrow(/^\/dev\/null is not a directory$/);
  const directory = join(out, 'november');
  mkdirSync(directory);
  await expect(exportTo(directory)).rejects.toThrow(/november is a directory, not a file$/);
  expect(isBegun).toBe(false);
  expect(readdirSync(out)).toEqual(['november']);
});

it.each([
  ['EACCES', 'read', 'You have no permission to read /srv/x'],
  ['EACCES', 'written', 'You have no permission to write /srv/x, or to create files in /srv'],
  ['ENOSPC', 'written', '/srv/x could not be written: the disk is full'],
  ['EMFILE', 'read', '/srv/x cannot be read: EMFILE, as Node says it'],
] as const)('is named with what is wrong with it: %s, to be %s', (code, use, sentence) => {
  const error = Object.assign(new Error(`${code}, as Node says it`), { code, syscall: 'open' });
  expect(fileProblem(error, '/srv/x', use)).toMatchObject({ message: sentence });
});

it('does not rename an error of the export itself', async () => {
  const broken = Object.assign(new Error('the ledger does not answer'), { code: 'ECONNREFUSED', syscall: 'connect' });
  await expect(withOutput(join(out, 'x.csv'), () => Promise.reject(broken))).rejects.toBe(broken);
});
