/** The file of results: each figure with when and of which commit it was measured, since a run may measure only some. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { PROJECT } from '../src/local/project.ts';
import type { Measured } from './figure.ts';

interface Origin {
  measured_at: string;
  /** Processes that ran or waited for a CPU in the minute before its end, its own among them. */
  load: number;
  /** With `+` where files differ from it; null where there is no repository. */
  commit: string | null;
}

interface Results extends Origin {
  machine: { cpu: string; cores: number; node: string; workerd: string };
  figures: Record<string, Measured & Origin & { quick: boolean }>;
}

/** The figures in the file, by their names; none where there is no file. @throws where the file has something else in it */
export async function readFigures(file: string): Promise<Results['figures']> {
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Results).figures : {};
}

/** Puts one figure into the file, and leaves the others as they are. */
export async function keepFigure(file: string, name: string, measured: Measured, quick: boolean): Promise<void> {
  const origin = { measured_at: new Date().toISOString(), load: loadavg()[0] ?? 0, commit: commit() };
  const figures = { ...(await readFigures(file)), [name]: { ...origin, quick, ...measured } };
  const results: Results = { ...origin, machine: machine(), figures };
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
}

function machine(): Results['machine'] {
  const workerd = JSON.parse(readFileSync(join(PROJECT, 'node_modules/workerd/package.json'), 'utf8')) as {
    version: string;
  };
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    node: process.version,
    workerd: workerd.version,
  };
}

function commit(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: PROJECT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'src', 'migrations') === '' ? '' : '+'}`;
  } catch {
    return null; // an archive of the source, or a machine without git
  }
}
