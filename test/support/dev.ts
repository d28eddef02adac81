/** `npm run dev` of a copy of the project. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { ProjectCopy } from './project-copy.ts';

export function startDev(project: ProjectCopy, env: Record<string, string>): Child {
  const logFile = join(project.directory, 'dev.log');
  writeFileSync(logFile, ''); // it is read before there is anything in it
  return startChild(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/dev.ts'], {
    cwd: project.directory,
    env: { PATH: dirname(process.execPath), HOME: project.directory, ...env },
    logFile,
  });
}
