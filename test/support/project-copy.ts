/** The project in a directory of its own, so that a test can have its own .dev.vars, wrangler.toml and local state. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PARTS = [
  '.dev.vars.example',
  'environments',
  'migrations',
  'scripts',
  'src',
  'package.json',
  'tsconfig.json',
  'wrangler.toml',
];

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

/** The wrangler.toml of an installation with more databases: the first one is called payment-service, and the next payment-service-1. */
export function withDatabases(config: string, bindings: readonly string[]): string {
  const first = /^\[\[d1_databases\]\]\nbinding = "DB"\n(?:\w+ = .*\n)+/m.exec(config)?.[0] ?? '';
  const others = [...config.matchAll(/^\[\[d1_databases\]\]\nbinding = "DB_?\d+"\n(?:\w+ = .*\n)+\n?/gm)].map(
    ([section]) => section,
  );
  const alone = others.reduce((text, section) => text.replace(section, ''), config);
  const more = bindings.map((binding, index) =>
    first.replace('"DB"', `"${binding}"`).replace('"payment-service"', `"payment-service-${index + 1}"`),
  );
  return alone.replace(first, [first, ...more].join('\n'));
}
