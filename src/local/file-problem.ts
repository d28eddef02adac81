/** Why a file that a person has named cannot be read or written, in words: Node's own messages name system calls. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

type Use = 'read' | 'written';

/** The error as one with a message for people. @param path as the person has written it */
export function fileProblem(error: unknown, path: string, use: Use): unknown {
  if (!isSystemError(error)) return error;
  const sentence = sentenceOf(error.code, path, use) ?? `${path} cannot be ${use}: ${error.message}`;
  return new Error(sentence, { cause: error });
}

export function isDirectory(path: string): Error {
  return new Error(`${path} is a directory, not a file`);
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

function sentenceOf(code: string, path: string, use: Use): string | null {
  const directory = dirname(path);
  switch (code) {
    case 'ENOENT':
      if (use === 'read') return `There is no file ${path}`;
      return existsSync(directory) ? null : `The directory ${directory} does not exist`;
    case 'ENOTDIR':
      return `${directory} is not a directory`;
    case 'EISDIR':
      return isDirectory(path).message;
    case 'EACCES':
    case 'EPERM':
      return use === 'read'
        ? `You have no permission to read ${path}`
        : `You have no permission to write ${path}, or to create files in ${directory}`;
    case 'ENOSPC':
      return `${path} could not be written: the disk is full`;
    default:
      return null;
  }
}
