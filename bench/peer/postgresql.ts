/** A PostgreSQL for the peer: one that answers, or one of its own from Debian's package. */
import { execFileSync } from 'node:child_process';
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptCommands, mayInstall, runCommands } from '../../scripts/debian-package.ts';
import { freePort } from '../../scripts/free-port.ts';

const DEADLINE_MS = 60_000;
const PROGRAMS = '/usr/lib/postgresql/*/bin/initdb';

export interface Postgresql {
  url: string;
  stop(): void;
}

/** Starts one with a directory of its own, as the user `postgres`, which initdb asks for. @throws Error where it cannot */
export async function startPostgresql(print: (line: string) => void): Promise<Postgresql> {
  if (!mayInstall()) throw new Error('no PostgreSQL answers, and only root can start one');
  if (globSync(PROGRAMS).length === 0) runCommands(aptCommands(['postgresql']), print);
  const initdb = globSync(PROGRAMS).sort().at(-1);
  if (initdb === undefined) throw new Error('Debian’s postgresql has no initdb');
  const directory = mkdtempSync(join(tmpdir(), 'bench-postgresql-'));
  const [user, group] = ['-u', '-g'].map((flag) => Number(run('id', [flag, 'postgres'])));
  chownSync(directory, user ?? 0, group ?? 0);
  const port = await freePort();
  const pgCtl = (...args: string[]) =>
    asPostgres([join(initdb, '../pg_ctl'), '--pgdata', join(directory, 'data'), '--wait', ...args]);
  try {
    asPostgres([initdb, '--pgdata', join(directory, 'data'), '--auth', 'trust', '--username', 'postgres']);
    const options = `-p ${port} -h 127.0.0.1 -k ${directory}`;
    pgCtl('--log', join(directory, 'log'), '--options', options, 'start');
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    stop() {
      pgCtl('--mode', 'immediate', 'stop');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function asPostgres(command: string[]): void {
  run('runuser', ['-u', 'postgres', '--', ...command]);
}

function run(command: string, args: string[]): string {
  return execFileSync(command, args, {
    cwd: '/',
    timeout: DEADLINE_MS,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
