/** The lint rules hold the layout: each arrow that must not be is tried once, in a project of such files only. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const FORBIDDEN: [folder: string, specifier: string][] = [
  ['src/contract', '../payments/money.ts'],
  ['src/contract', 'pino'],
  ['src/payments', '../worker/log.ts'],
  ['src/payments', 'node:fs'],
  ['src/payments', 'cloudflare:workers'],
  ['src/bridge', '../worker/log.ts'],
  ['src/bridge', 'cloudflare:workers'],
  ['src/worker', '../bridge/settings.ts'],
  ['src/worker/http', '../../bridge/settings.ts'],
  ['src/worker/http', 'node:fs'],
  ['src/worker/operations', '../http/errors.ts'],
  ['src/worker/operations', 'cloudflare:workers'],
  ['src/worker/operations', 'hono'],
  ['src/worker/operations', '../index.ts'],
  ['src/worker/queue', '../http/errors.ts'],
  ['src/worker/queue', '../limits/rate-limiter.ts'],
  ['src/worker/queue', '../../bridge/settings.ts'],
  ['src/worker/queue', '../index.ts'],
  ['src/worker/queue', 'hono/factory'],
  ['src/worker/queue', 'cloudflare:workers'],
  ['src/worker/queue', 'node:fs'],
  ['src/worker/operations', '../queue/send.ts'],
  ['src/worker/events', '../operations/context.ts'],
  ['src/worker/events', '../queue/send.ts'],
  ['src/worker/ledger', 'cloudflare:workers'],
  ['src/worker/ledger', '../gateways/gateway.ts'],
  ['src/worker/ledger', '../events/deliver.ts'],
  ['src/worker/ledger', '../queue/send.ts'],
  ['src/worker/ledger', 'hono/factory'],
  ['src/worker/gateways', '../ledger/database.ts'],
  ['src/worker/gateways', '../queue/send.ts'],
  ['src/worker/gateways', 'cloudflare:workers'],
  ['src/worker/auth', '../ledger/database.ts'],
  ['src/worker/auth', '../http/errors.ts'],
  ['src/worker/auth', 'cloudflare:workers'],
  ['src/worker/limits', '../ledger/database.ts'],
  ['src/worker/limits', '../queue/send.ts'],
];

const ALLOWED: [folder: string, specifier: string][] = [
  ['src/payments', '../contract/events.ts'],
  ['src/bridge', 'node:fs'],
  ['src/worker/http', '../operations/context.ts'],
  ['src/worker/operations', '../ledger/database.ts'],
  ['src/worker/http', '../queue/send.ts'],
  ['src/worker/http', '../auth/credential.ts'],
  ['src/worker/auth', 'hono/utils/encode'],
  ['src/worker/queue', '../events/deliver.ts'],
  ['src/worker/queue', '../operations/settle.ts'],
  ['src/worker/queue', '../ledger/database.ts'],
  ['src/worker/queue', '../background-context.ts'],
  ['src/worker/queue', '../deadline.ts'],
  ['src/worker/queue', '../log.ts'],
  ['src/worker/events', './bridge.ts'],
  ['src/worker/limits', 'cloudflare:workers'],
];

describe('the layout', () => {
  const project = mkdtempSync(join(tmpdir(), 'arrows-'));
  /** The rules that each file breaks, by its path. */
  const broken = new Map<string, Set<string>>();
  const fileOf = (folder: string, specifier: string) => `${folder}/${specifier.replace(/[^a-z]+/g, '-')}.ts`;

  beforeAll(() => {
    cpSync('biome.json', join(project, 'biome.json'));
    const files = [...FORBIDDEN, ...ALLOWED].map(([folder, specifier]) => [
      fileOf(folder, specifier),
      `import { x } from '${specifier}';\nexport const y = x;\n`,
    ]);
    for (const [path = '', code = ''] of [...files, ['src/payments/io.ts', "export const y = fetch('/');\n"]]) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), code);
    }
    const { stdout } = spawnSync(
      process.execPath,
      [
        join(process.cwd(), 'node_modules/@biomejs/biome/bin/biome'),
        'lint',
        '--vcs-enabled=false',
        '--reporter=json',
        '--max-diagnostics=500',
        '.',
      ],
      { cwd: project, encoding: 'utf8', timeout: 30_000 },
    );
    for (const { category, location } of JSON.parse(stdout).diagnostics) {
      const path = typeof location.path === 'string' ? location.path : location.path.file;
      broken.set(path, (broken.get(path) ?? new Set()).add(category));
    }
  });
  afterAll(() => rmSync(project, { recursive: true }));

  it.each(FORBIDDEN)('%s may not import %s', (folder, specifier) => {
    expect(broken.get(fileOf(folder, specifier))).toContain('lint/style/noRestrictedImports');
  });

  it.each(ALLOWED)('%s may import %s', (folder, specifier) => {
    expect(broken.get(fileOf(folder, specifier)) ?? new Set()).not.toContain('lint/style/noRestrictedImports');
  });

  it('payments/ does no I/O', () => {
    expect(broken.get('src/payments/io.ts')).toContain('lint/style/noRestrictedGlobals');
  });
});
