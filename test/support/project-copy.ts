/** The project in a directory of its own, so that a test can have its own .dev.vars, wrangler.toml and local state. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PARTS = ['.dev.vars.example', 'migrations', 'scripts', 'src', 'package.json', 'tsconfig.json', 'wrangler.toml'];

export interface ProjectCopy {
  readonly directory: string;
  remove(): void;
}

export function copyProject(): ProjectCopy {
  const directory = mkdtempSync(join(tmpdir(), 'payment-service-'));
  for (const part of PARTS) cpSync(part, join(directory, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
