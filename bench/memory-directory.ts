/** Where a Worker under load stores its rows: in memory where the system has such a directory, so that no disk is measured. */
import { accessSync, constants } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** On Linux. */
const IN_MEMORY = '/dev/shm';

export interface MemoryDirectory {
  path: string;
  isInMemory: boolean;
}

/** A new directory, which the caller removes. */
export async function newMemoryDirectory(name: string): Promise<MemoryDirectory> {
  const isInMemory = isWritable(IN_MEMORY);
  return { path: await mkdtemp(join(isInMemory ? IN_MEMORY : tmpdir(), `bench-${name}-`)), isInMemory };
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
