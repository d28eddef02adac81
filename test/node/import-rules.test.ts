/** The import rules hold the layout: each arrow that must not be is tried once, in a project of such files only. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const FORBIDDEN = [
  ['src/contract/a.ts', 'src/core/domain/money.ts'],
  ['src/core/domain/a.ts', 'src/core/ledger/database.ts'],
  ['src/core/domain/a.ts', 'node:fs'],
  ['src/core/domain/a.ts', 'cloudflare:workers'],
  ['src/core/security/a.ts', 'src/core/settings/settings.ts'],
  ['src/core/security/a.ts', 'hono/factory'],
  ['src/core/ledger/a.ts', 'src/core/gateways/gateway.ts'],
  ['src/core/ledger/a.ts', 'src/core/outbox/deliver.ts'],
  ['src/core/gateways/stripe/a.ts', 'src/core/ledger/database.ts'],
  ['src/core/gateways/stripe/a.ts', 'node:crypto'],
  ['src/core/outbox/a.ts', 'src/core/outcomes/record-payment.ts'],
  ['src/core/outcomes/a.ts', 'src/core/recovery/resolve.ts'],
  ['src/core/recovery/a.ts', 'src/core/payments/process-payment.ts'],
  ['src/core/payments/a.ts', 'src/core/background/consume-queue.ts'],
  ['src/core/payments/a.ts', 'src/worker/compose.ts'],
  ['src/core/background/a.ts', 'cloudflare:workers'],
  ['src/core/by-hand/a.ts', 'src/core/background/jobs.ts'],
  ['src/core/by-hand/a.ts', 'src/cli/payctl.ts'],
  ['src/core/recovery/a.ts', 'src/core/by-hand/cases.ts'],
  ['src/worker/a.ts', 'src/bridge/settings.ts'],
  ['src/worker/http/a.ts', 'src/cli/payctl.ts'],
  ['src/worker/http/a.ts', 'node:fs'],
  ['src/worker/http/middleware/a.ts', 'src/worker/http/routes/refund.ts'],
  ['src/bridge/a.ts', 'src/core/domain/money.ts'],
  ['src/bridge/a.ts', 'src/worker/compose.ts'],
  ['src/cli/a.ts', 'src/worker/compose.ts'],
  ['src/cli/a.ts', 'test/support/rows.ts'],
  ['src/emulator/a.ts', 'src/bridge/settings.ts'],
  ['src/emulator/a.ts', 'src/core/domain/money.ts'],
  ['src/local/a.ts', 'src/emulator/service-settings.ts'],
  ['src/worker/a.ts', 'src/local/project.ts'],
  ['src/worker/http/a.ts', 'src/api-document/document.ts'],
  ['src/api-document/a.ts', 'src/worker/http/app.ts'],
  ['src/api-document/a.ts', 'src/core/ledger/database.ts'],
  ['src/api-document/a.ts', 'node:fs'],
  ['src/bridge/a.ts', 'src/local/project.ts'],
  ['src/cli/a.ts', 'src/emulator/emulator.ts'],
  ['src/cli/a.ts', 'scripts/processes.ts'],
  ['src/bridge/a.ts', 'scripts/processes.ts'],
] as const;

const ALLOWED = [
  ['src/core/domain/b.ts', 'src/contract/events.ts'],
  ['src/core/gateways/paypal/b.ts', 'node:crypto'],
  ['src/core/payments/b.ts', 'src/core/recovery/resolve.ts'],
  ['src/core/background/b.ts', 'src/core/outbox/deliver.ts'],
  ['src/worker/http/routes/b.ts', 'src/worker/http/middleware/validate.ts'],
  ['src/worker/http/routes/b.ts', 'src/core/payments/process-payment.ts'],
  ['src/worker/rate-limit/b.ts', 'cloudflare:workers'],
  ['src/api-document/b.ts', 'src/contract/requests.ts'],
  ['src/api-document/b.ts', 'src/core/domain/failure.ts'],
  ['src/bridge/b.ts', 'node:fs'],
  ['src/bridge/b.ts', 'src/contract/relay.ts'],
  ['src/cli/b.ts', 'src/core/ledger/database.ts'],
  ['src/cli/b.ts', 'src/local/project.ts'],
  ['src/cli/b.ts', 'src/emulator/service-settings.ts'],
  ['src/emulator/b.ts', 'src/local/command.ts'],
  ['src/local/b.ts', 'src/core/settings/variables.ts'],
] as const;

const isFile = (target: string) => target.endsWith('.ts');

describe('the layout', () => {
  const project = mkdtempSync(join(tmpdir(), 'import-rules-'));
  /** Each import that breaks a rule, as `from → to`. */
  let broken: string[];

  function write(path: string, code: string): void {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), code);
  }

  async function violations(): Promise<string[]> {
    const config = await extractConfig('./.dependency-cruiser.mjs');
    const { output } = await cruise(['.'], { ...config.options, ruleSet: config, validate: true, baseDir: project });
    const { summary } = output as ICruiseResult;
    return summary.violations.map(({ from, to, rule }) => `${from} → ${to} (${rule.name})`);
  }

  beforeAll(async () => {
    const imports = new Map<string, string[]>();
    for (const [from, to] of [...FORBIDDEN, ...ALLOWED]) {
      imports.set(from, [...(imports.get(from) ?? []), to]);
      if (isFile(to)) write(to, 'export const x = 1;\n');
    }
    for (const [from, targets] of imports) {
      write(from, targets.map((to) => `import '${isFile(to) ? relativeTo(from, to) : to}';\n`).join(''));
    }
    write('src/core/domain/one.ts', "import { two } from './two.ts';\nexport const one = two;\n");
    write('src/core/domain/two.ts', "import { one } from './one.ts';\nexport const two = one;\n");
    broken = await violations();
  });
  afterAll(() => rmSync(project, { recursive: true }));

  const breaks = (from: string, to: string) => broken.filter((line) => line.startsWith(`${from} → ${nameOf(to)} (`));

  it.each(FORBIDDEN)('%s may not import %s', (from, to) => {
    expect(breaks(from, to)).not.toEqual([]);
  });

  it.each(ALLOWED)('%s may import %s', (from, to) => {
    expect(breaks(from, to)).toEqual([]);
  });

  it('has no cycle', () => {
    expect(broken).toContainEqual(expect.stringContaining('(no-cycles)'));
  });
});

function relativeTo(from: string, to: string): string {
  return `${'../'.repeat(from.split('/').length - 1)}${to}`;
}

/** Node's modules lose their prefix. */
function nameOf(target: string): string {
  return target.replace(/^node:/, '');
}
