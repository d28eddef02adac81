/** What the Python clients run on here: Debian's own Python, with Debian's packages. */
import { spawnSync } from 'node:child_process';

export const PYTHON = '/usr/bin/python3';
export const PYTHON_PACKAGES = ['python3-httpx', 'python3-pika'];
const DEADLINE_MS = 30_000;

/** Which versions there are, in words; null where one is missing. */
export function pythonClientsOfMachine(): string | null {
  const program = 'import httpx, pika; print(f"httpx {httpx.__version__}, pika {pika.__version__}")';
  const { status, stdout } = spawnSync(PYTHON, ['-c', program], { timeout: DEADLINE_MS, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
