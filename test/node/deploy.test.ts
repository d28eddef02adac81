/** `npm run deploy`, with the real wrangler against a stand-in of Cloudflare's API. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, type CloudflareApi, startCloudflareApi } from '../support/cloudflare-api.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';

/** Wrangler is started up to six times in a deployment, and twice that in a test. */
const DEADLINE_MS = 120_000;
const MIGRATIONS = readdirSync('migrations').toSorted();

let api: CloudflareApi;
let project: ProjectCopy;

beforeEach(async () => {
  api = await startCloudflareApi();
  project = copyProject();
});

afterEach(async () => {
  await api.close();
  project.remove();
});

describe('npm run deploy', { timeout: DEADLINE_MS }, () => {
  it('creates what is missing, then migrates, then deploys; and creates nothing the second time', async () => {
    const first = await deploy();
    expect(first).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      'create database payment-service',
      'create queue payment-events',
      ...MIGRATIONS.map((name) => `migrate ${name}`),
      'deploy payment-service',
    ]);

    api.changes.length = 0;
    const second = await deploy();
    expect(second).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual(['deploy payment-service']);
  });

  it('takes the names and the id that the Deploy button wrote into wrangler.toml', async () => {
    rewriteConfig((config) =>
      config
        .replaceAll('"payment-events"', '"their-events"')
        .replace(
          'database_name = "payment-service"',
          'database_name = "their-database"\ndatabase_id = "11111111-1111-4111-8111-111111111111"',
        ),
    );
    expect(await deploy()).toMatchObject({ exitCode: 0 });
    expect(api.changes).toEqual([
      'create queue their-events',
      ...MIGRATIONS.map((name) => `migrate ${name}`),
      'deploy payment-service',
    ]);
  });

  it('does not put out a Worker that is at work, where the new version needs another secret', async () => {
    await fetch(`${api.url}/accounts/${ACCOUNT}/workers/scripts/payment-service`, { method: 'PUT', body: '{}' });
    api.secrets.push('BRIDGE_SIGNING_SECRET');
    const { exitCode, output } = await deploy({ withSecrets: false });
    expect(exitCode).toBe(1);
    expect(output).toContain('npx wrangler secret put FINGERPRINT_KEY');
    expect(api.changes.filter((change) => change.startsWith('deploy'))).toHaveLength(1);

    api.secrets.push('FINGERPRINT_KEY', 'CARD_FINGERPRINT_KEY', 'ENCRYPTION_KEY', 'API_KEY_SECRET');
    expect(await deploy({ withSecrets: false })).toMatchObject({ exitCode: 0 });
  });

  it('stops at the first failure, with wrangler’s words', async () => {
    api.refuse('/queues', 'This token may not see queues');
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain('This token may not see queues');
    expect(api.changes).toEqual(['create database payment-service']);
  });

  it('refuses a queue that is sent to and another that is read from', async () => {
    rewriteConfig((config) => config.replace('queue = "payment-events"', 'queue = "their-events"'));
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output.trim()).toBe('wrangler.toml names different queues: their-events, payment-events');
    expect(api.changes).toEqual([]);
  });
});

function rewriteConfig(change: (config: string) => string): void {
  const path = join(project.directory, 'wrangler.toml');
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

/** The first deployment of a Worker brings its secrets along. */
async function deploy({ withSecrets = true } = {}): Promise<{ exitCode: number | null; output: string }> {
  const secrets = join(project.directory, 'secrets.env');
  writeFileSync(secrets, `BRIDGE_SIGNING_SECRET=${Buffer.alloc(32, 7).toString('base64')}\n`);
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['scripts/deploy.ts', ...(withSecrets ? ['--secrets-file', secrets] : [])],
      {
        cwd: project.directory,
        timeout: DEADLINE_MS,
        env: {
          PATH: process.env.PATH,
          // Wrangler keeps its login and its logs there, and those of whoever runs this are none of a test's business.
          HOME: project.directory,
          XDG_CONFIG_HOME: project.directory,
          CI: 'true',
          WRANGLER_SEND_METRICS: 'false',
          CLOUDFLARE_API_BASE_URL: api.url,
          CLOUDFLARE_API_TOKEN: 'token',
          CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
        },
      },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode, output: `${stdout}${stderr}` }),
    );
  });
}
