/** Debian's packages that the peer runs on: installed where they are missing and this process may. */
import { spawnSync } from 'node:child_process';
import { aptCommands, mayInstall, runCommands } from '../../scripts/debian-package.ts';

/** Debian's own, for which its packages are. */
export const PYTHON = '/usr/bin/python3';
const MODULES = ['fastapi', 'uvicorn', 'uvloop', 'httptools', 'asyncpg', 'aio_pika'];
const PACKAGES = MODULES.map((name) => `python3-${name.replace('_', '-')}`);
const DEADLINE_MS = 30_000;

/** Answers with why the peer cannot run here, or null. */
export function installPeer(print: (line: string) => void): string | null {
  if (isInstalled()) return null;
  if (!mayInstall()) return `it needs ${PACKAGES.join(' ')}, which root can install on Debian`;
  try {
    runCommands(aptCommands(PACKAGES), print);
  } catch (error) {
    return `its packages were not installed: ${error instanceof Error ? error.message : String(error)}`;
  }
  return isInstalled() ? null : 'its packages are installed, and cannot be imported';
}

function isInstalled(): boolean {
  const imported = spawnSync(PYTHON, ['-c', `import ${MODULES.join(', ')}`], { timeout: DEADLINE_MS, stdio: 'ignore' });
  return imported.status === 0;
}
