/** The workflow that deploys, step by step with its own commands, against a stand-in of Cloudflare's API and a real Worker. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../scripts/free-port.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { ACCOUNT, type CloudflareApi, startCloudflareApi } from '../support/cloudflare-api.ts';
import { insertKey } from '../support/desk.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { runDirectory } from '../support/run.ts';
import { prepareDatabase, startWorker, type WorkerProcess } from '../support/worker.ts';
import { runJob } from '../support/workflow.ts';

/** Wrangler is started thirty times, which takes a busy machine minutes. */
const DEADLINE_MS = 480_000;
const WORKFLOWS = '.github/workflows';
const ENVIRONMENT = `${WORKFLOWS}/deploy-environment.yml`;
const NAME = 'payment-service-staging';
const LOGIN = { CLOUDFLARE_API_TOKEN: 'token', CLOUDFLARE_ACCOUNT_ID: ACCOUNT };
const LAST = '0016_former_indexes.after-deployment.sql';
const STEPS = {
  remember: 'Remember the version that is deployed',
  deploy: 'Migrate, then deploy',
  test: 'Smoke test',
  rollBack: 'Roll back',
  finish: 'Drop what only the former version used',
};

let api: CloudflareApi;
let project: ProjectCopy;
let worker: WorkerProcess;
/** In front of the Worker, as Cloudflare is: requests go to the deployed version, which says which one it is. */
const front = createServer((incoming, outgoing) => {
  const { method, headers, url } = incoming;
  const passedOn = request(`${worker.url}${url}`, { method, headers }, (answer) => {
    const version = api.deployments(NAME).at(-1) ?? '';
    outgoing.writeHead(answer.statusCode ?? 0, { ...answer.headers, 'x-service-version': version });
    answer.pipe(outgoing);
  });
  incoming.pipe(passedOn);
});
let key: string;
const directory = runDirectory('deploy-workflow');

beforeAll(async () => {
  prepareDatabase(directory);
  const variables = { ...LOCAL_VARIABLES, AUTH_MODE: 'api_key', BRIDGE_URL: 'http://127.0.0.1:9' };
  [api, worker] = await Promise.all([
    startCloudflareApi(),
    startWorker({ port: await freePort(), directory, variables }),
  ]);
  await once(front.listen(0, '127.0.0.1'), 'listening');
  project = copyProject();
  key = await insertKey({ directory }, ['payments:write', 'payments:read', 'refunds:write']);
}, DEADLINE_MS);
afterAll(async () => {
  front.close();
  await worker?.child.stop();
  await api?.close();
  project?.remove();
});

const environment = () => ({
  PATH: process.env.PATH,
  ...{ HOME: directory, XDG_CONFIG_HOME: directory, CI: 'true', WRANGLER_SEND_METRICS: 'false' },
  CLOUDFLARE_API_BASE_URL: api.url,
});

const run = (name: string, smokeTestKey = key) =>
  runJob(
    ENVIRONMENT,
    'deploy',
    {
      inputs: { environment: name },
      secrets: { ...LOGIN, SMOKE_TEST_KEY: smokeTestKey },
      vars: { SERVICE_URL: `http://127.0.0.1:${(front.address() as AddressInfo).port}` },
    },
    {
      directory: project.directory,
      env: environment(),
    },
  );

it('deploys, tests and finishes; what fails the test is rolled back, and not finished', {
  timeout: DEADLINE_MS,
}, async () => {
  const held = join(directory, LAST);
  renameSync(join(project.directory, 'migrations', LAST), held);
  const first = await run('staging');
  expect(first.map(({ name, exitCode }) => [name, exitCode])).toEqual([
    [STEPS.remember, 0],
    [STEPS.deploy, 0],
    [STEPS.test, 0],
    [STEPS.finish, 0],
  ]);
  const [, , tested, finished] = first;
  for (const check of [
    'version',
    'health',
    'no key, no answer',
    'methods',
    'payment',
    'status',
    'refund',
    'status after the refund',
  ]) {
    expect(tested?.output).toMatch(new RegExp(`^passed +${check} `, 'm'));
  }
  expect(finished?.output).toContain('No migration follows the deployment');
  expect(api.changes).toContain(`create database ${NAME}`);
  expect(api.deployments(NAME)).toEqual(['version 1']);

  renameSync(held, join(project.directory, 'migrations', LAST));
  api.changes.length = 0;
  const second = await run('staging', 'psk_live_wrong');
  expect(second.map(({ name, exitCode }) => [name, exitCode])).toEqual([
    [STEPS.remember, 0],
    [STEPS.deploy, 0],
    [STEPS.test, 1],
    [STEPS.rollBack, 0],
  ]);
  expect(second[2]?.output).toMatch(/^failed +methods .* 401 /m);
  expect(api.changes).toEqual([`deploy ${NAME}`, `roll ${NAME} back to version 1`]);

  api.changes.length = 0;
  const finish = ['run', 'deploy', '--', '--env', 'staging', '--finish'];
  await promisify(execFile)('npm', finish, { cwd: project.directory, env: { ...environment(), ...LOGIN } });
  expect(api.changes).toEqual([`migrate ${LAST}`]);
});

it('production comes after staging, and staging after all checks', () => {
  const { jobs, permissions } = parse(readFileSync(`${WORKFLOWS}/deploy.yml`, 'utf8'));
  expect(jobs).toMatchObject({
    check: { uses: './.github/workflows/ci.yml' },
    staging: { needs: 'check', uses: `./${ENVIRONMENT}`, with: { environment: 'staging' } },
    production: { needs: 'staging', uses: `./${ENVIRONMENT}`, with: { environment: 'production' } },
  });
  expect(permissions).toEqual({ contents: 'read' });
});

it('each command of a workflow is one of package.json, or a file of the project', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const files = readdirSync(WORKFLOWS).map((name) => readFileSync(join(WORKFLOWS, name), 'utf8'));
  const called = files.flatMap((text) =>
    [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name]) => name),
  );
  expect(called.length).toBeGreaterThan(4);
  expect(called.filter((name) => !(String(name) in scripts))).toEqual([]);
});
