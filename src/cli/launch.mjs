#!/usr/bin/env node
/**
 * The `payctl` of package.json, which npx runs with whatever Node the machine has: runs payctl.ts with the project's own Node, the package
 * `node`. Plain JavaScript without imports of packages, because it must be able to say that they are not installed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXIT_FAILED = 2;
const project = fileURLToPath(new URL('../..', import.meta.url));
const node = join(project, 'node_modules/.bin/node');

if (!existsSync(node) || !existsSync(join(project, 'node_modules/commander'))) {
  console.error(`The dependencies are not installed: run \`npm ci\` in ${project}`);
  process.exit(EXIT_FAILED);
}

// The command uses node:sqlite, which Node 22 calls experimental on standard error each time.
const args = ['--disable-warning=ExperimentalWarning', join(project, 'src/cli/payctl.ts'), ...process.argv.slice(2)];
const child = spawn(node, args, { stdio: 'inherit' });
// Ctrl-C reaches the command by itself; this process waits for its exit code.
for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('error', (error) => {
  console.error(`${node} could not be started: ${error.message}`);
  process.exitCode = EXIT_FAILED;
});
child.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? EXIT_FAILED) : 128 + constants.signals[signal];
});
