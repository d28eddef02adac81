/** The file of an export: it has its name once it is complete, and no half of it stays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

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
