/** The tests of the Worker, run as they are by a developer who has settings of their own in .dev.vars and in the environment. */
import { execFile } from 'node:child_process';
import { cpSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';

const DEADLINE_MS = 120_000;
/** Each changes what the Worker answers. */
const OWN_SETTINGS = {
  PAYMENT_GATEWAY: 'stripe',
  STRIPE_SECRET_KEY: 'sk_test_51Abcdefghijklmnopqrstuv',
  STRIPE_WEBHOOK_SECRET: 'whsec_abcdefghijklmnopqrstuvwxyz012345',
  AUTH_MODE: 'api_key',
  PAYMENT_CURRENCY: 'JPY',
  PAYMENT_MAX_AMOUNT: '7',
  RATE_LIMIT_PER_MINUTE: '3',
};

let project: ProjectCopy;

beforeAll(() => {
  project = copyProject();
  const parts = ['test', 'vitest.config.ts', ...globSync('tsconfig.*.json')];
  for (const part of parts) cpSync(part, join(project.directory, part), { recursive: true });
});
afterAll(() => project?.remove());

it.each([
  ['.dev.vars', Object.entries(OWN_SETTINGS), {}],
  ['the environment', [], { ...OWN_SETTINGS, CLOUDFLARE_INCLUDE_PROCESS_ENV: 'true' }],
] as const)(
  'settings in %s change no test',
  async (_, inFile, inEnvironment) => {
    writeFileSync(join(project.directory, '.dev.vars'), inFile.map(([name, value]) => `${name}=${value}\n`).join(''));
    const { exitCode, output } = await runContractExamples(inEnvironment);
    expect({ exitCode, output }).toMatchObject({ exitCode: 0, output: expect.stringMatching(/Tests +\d+ passed/) });
  },
  DEADLINE_MS,
);

function runContractExamples(environment: Record<string, string>): Promise<{ exitCode: number; output: string }> {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'worker', 'contract-examples'];
  const options = {
    cwd: project.directory,
    timeout: DEADLINE_MS,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...environment },
  };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}
