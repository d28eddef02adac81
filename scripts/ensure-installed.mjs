/**
 * Runs before the npm scripts that need the dependencies. Installs what package-lock.json names if any of it is missing or has another
 * version, development dependencies included, whatever NODE_ENV or npm's settings leave out. So `npm run dev` works right after
 * `git clone`. Plain JavaScript without imports of packages, because it runs where there are none yet, on whatever Node the machine has.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
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
  // The lock file determines the packages; audits and funding notices are for those who change it.
  const { status, error } = spawnSync(
    'npm',
    ['ci', '--include=dev', '--include=optional', '--include=peer', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: project, stdio: ['ignore', 'ignore', 'inherit'], timeout: INSTALL_DEADLINE_MS },
  );
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

/** Whether all packages of the lock file are there. npm writes down what it has installed when it has installed all of it. */
function isInstalled() {
  const installed = packagesIn(join(project, 'node_modules', '.package-lock.json'));
  if (installed === null) return false;
  const wanted = Object.entries(packagesIn(join(project, 'package-lock.json')) ?? {});
  return wanted
    .filter(([path, entry]) => path.startsWith('node_modules/') && isNeeded(entry))
    .every(([path, { version }]) => installed[path]?.version === version && existsSync(join(project, path)));
}

/** An optional package is needed where it is made for this machine. Which libc that has, is for npm to find out. */
function isNeeded({ optional = false, devOptional = false, os, cpu, libc }) {
  if (!optional && !devOptional) return true;
  const isOurs = os?.includes(process.platform) && cpu?.includes(process.arch);
  return Boolean(isOurs) && libc === undefined;
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string }> | null} null where there is no such file
 */
function packagesIn(lockFile) {
  return existsSync(lockFile) ? JSON.parse(readFileSync(lockFile, 'utf8')).packages : null;
}

/** @param {string} why */
function fail(why) {
  console.error(why);
  process.exit(1);
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
