/** The file of --secrets-file. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { fileProblem } from '../local/file-problem.ts';
import type { LedgerPlace } from './arguments.ts';

/** Nothing where none is named. @throws Error where it cannot be read */
export function readSecretsFile({ secretsFile }: LedgerPlace): Record<string, string | undefined> {
  return secretsFile === null ? {} : parseEnv(textOf(secretsFile));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileProblem(error, file, 'read');
  }
}
