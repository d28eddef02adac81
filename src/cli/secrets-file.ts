/** The file of --secrets-file. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { LedgerPlace } from './arguments.ts';

/** Nothing where none is named. */
export function readSecretsFile({ secretsFile }: LedgerPlace): Record<string, string | undefined> {
  return secretsFile === null ? {} : parseEnv(readFileSync(secretsFile, 'utf8'));
}
