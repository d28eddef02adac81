/** The tests: inside workerd, in Node on real sockets, SQLite and RabbitMQ, simulated, and the whole path from HTTP to the exchange. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { isFigures } from './test/data/figures.ts';
import { LOCAL_VARIABLES } from './test/data/local-variables.ts';
import { type OutboundRequest, scriptedBridge } from './test/data/scripted-bridge.ts';
import { scriptedIssuer } from './test/data/scripted-issuer.ts';

/** Where a run keeps what it makes; `npm test` sets it, and searches it for card data afterwards. */
const runDirectory = process.env.TEST_RUN_DIRECTORY ?? '.test-run';
mkdirSync(runDirectory, { recursive: true });

/** wrangler reads the `.dev.vars` beside its configuration. Beside this copy there is none, so a developer's settings change no test. */
const configPath = join(runDirectory, 'wrangler.toml');
const configuration = readFileSync('wrangler.toml', 'utf8').replace(
  /^main = "(.+)"$/m,
  (_, main) => `main = ${JSON.stringify(resolve(main))}`,
);
// Nor do settings in the environment, which wrangler would read if this were true.
process.env.CLOUDFLARE_INCLUDE_PROCESS_ENV = 'false';
// In one step, since two runs of vitest share the directory.
writeFileSync(`${configPath}.${process.pid}`, configuration);
renameSync(`${configPath}.${process.pid}`, configPath);

/** Packages that name source maps which they do not have. */
const withoutMissingSourceMaps: Plugin = {
  name: 'without-missing-source-maps',
  enforce: 'pre',
  load(id) {
    if (!/node_modules\/(stripe|standardwebhooks)\/.*\.js$/.test(id)) return null;
    return { code: readFileSync(id, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''), map: null };
  },
};

/** Vitest's own limits, one to ten seconds, are too short on two cores with other files beside. What hangs still ends. */
const PATIENCE = { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 10_000 } } };

/** Of tests that wait more than they work. */
const WAITING = { maxWorkers: 2 };

/** SQLite in Node is an experiment, which every process of a test would say. */
const execArgv = ['--disable-warning=ExperimentalWarning'];

function scriptedOutside(request: OutboundRequest): Promise<Response> {
  return /(^|\.)issuer\.test$/.test(new URL(request.url).hostname) ? scriptedIssuer(request) : scriptedBridge(request);
}

export default defineConfig({
  test: {
    // The Worker's log lines belong in a file, where they can be searched, and not between the results; a test's figures do not.
    onConsoleLog(log) {
      appendFileSync(`${runDirectory}/console.log`, log);
      return isFigures(log);
    },
    projects: [
      {
        plugins: [
          withoutMissingSourceMaps,
          cloudflareTest(async () => ({
            wrangler: { configPath },
            miniflare: {
              bindings: {
                ...LOCAL_VARIABLES,
                PAYMENT_GATEWAY_TIMEOUT_MS: '1000',
                BRIDGE_URL: 'http://bridge.test/default/',
                TEST_MIGRATIONS: await readD1Migrations('./migrations'),
                HOSTILE_REQUESTS: process.env.HOSTILE_REQUESTS ?? '5000',
              },
              // The databases of an installation that has more than one. Elsewhere the Worker has only DB.
              d1Databases: ['SHARD_0', 'SHARD_1', 'SHARD_2', 'SHARD_3', 'UNUSED_DATABASE'],
              // Nothing leaves the machine: whatever the Worker fetches is answered by what tests script.
              outboundService: scriptedOutside,
            },
          })),
        ],
        test: {
          name: 'worker',
          ...PATIENCE,
          maxWorkers: 2,
          isolate: false,
          include: ['test/worker/**/*.test.ts'],
          setupFiles: ['test/worker/setup.ts'],
        },
      },
      { test: { name: 'node', execArgv, ...PATIENCE, include: ['test/node/**/*.test.ts'] } },
      { test: { name: 'operations', execArgv, ...PATIENCE, include: ['test/operations/**/*.test.ts'] } },
      { test: { name: 'gateways', execArgv, ...PATIENCE, ...WAITING, include: ['test/gateways/**/*.test.ts'] } },
      { test: { name: 'simulation', execArgv, ...PATIENCE, include: ['test/simulation/**/*.test.ts'] } },
      {
        test: {
          name: 'end-to-end',
          execArgv,
          ...PATIENCE,
          include: ['test/end-to-end/**/*.test.ts'],
          ...WAITING,
          // A test's own deadlines come before it, and say what was late.
          testTimeout: 120_000,
          // Longer than all the deadlines of a stack's parts together, so that the part that is late is named.
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
