/**
 * Runs before the npm scripts that need the dependencies: installs what package-lock.json names where that has not been
 * done, or was done for an older one. So `npm run dev` works right after `git clone`. Plain JavaScript without imports of
 * packages, because it runs where there are none yet, on whatever Node the machine has.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From here on, Node runs TypeScript as it is. */
const NODE_MIN = [22, 18];
const INSTALL_DEADLINE_MS = 10 * 60_000;

const project = join(dirname(fileURLToPath(import.meta.url)), '..');

if (!isInstalled()) {
  if (isLink(join(project, 'node_modules'))) {
    console.error('node_modules is a link, and npm ci would empty what it links to: remove the link, then try again.');
    process.exit(1);
  }
  // To standard error: what a command prints may be on its way into a file.
  console.error('Installing the dependencies (npm ci) …');
  // The lock file settles what is installed; audits and adverts are for whoever changes it.
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_DEADLINE_MS,
  });
  if (status !== 0) fail(`npm ci did not succeed${error ? `: ${error.message}` : ''}`);
}

// npm puts node_modules/.bin first, where the package `node` has one that is new enough; this process may be an older one.
const version = spawnSync('node', ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? 'none';
const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
if (!(major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]))) {
  fail(
    `Node ${NODE_MIN.join('.')} or newer is needed, and this is ${version}: the package "node" brings one, if npm may run its install script`,
  );
}

function isInstalled() {
  const installed = modifiedAtMs(join(project, 'node_modules', '.package-lock.json'));
  const wanted = modifiedAtMs(join(project, 'package-lock.json'));
  return installed !== null && (wanted === null || installed >= wanted);
}

/** @param {string} path */
function modifiedAtMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** @param {string} why */
function fail(why) {
  console.error(why);
  process.exit(1);
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
