/**
 * Runs a program of this project with its own Node, the package `node`: npx runs the commands of package.json with whatever Node the
 * machine has. Plain JavaScript without imports of packages, because it must be able to say that they are not installed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXIT_FAILED = 2;

/**
 * Passes on the arguments, signals and the exit code.
 *
 * @param {string} program in the project, such as src/cli/payctl.ts
 */
export function launch(program) {
  const project = fileURLToPath(new URL('../..', import.meta.url));
  const node = join(project, 'node_modules/.bin/node');
  if (!existsSync(node) || !existsSync(join(project, 'node_modules/commander'))) {
    console.error(`The dependencies are not installed: run \`npm ci\` in ${project}`);
    process.exit(EXIT_FAILED);
  }

  // Commands use node:sqlite, which Node 22 calls experimental on standard error each time.
  const args = ['--disable-warning=ExperimentalWarning', join(project, program), ...process.argv.slice(2)];
  // The channel tells a program that goes on until it is ended that nobody waits for it any more.
  const child = spawn(node, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // What is loaded is compiled once, and not by each process again: wrangler alone takes half a second.
    env: { NODE_COMPILE_CACHE: join(project, 'node_modules/.cache/compiled'), ...process.env },
  });
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
}
