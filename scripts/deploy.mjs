/**
 * What `npm run deploy` starts: installs the dependencies if need be, then runs deploy.ts. It is not a `predeploy` script, because
 * npm shows such a script no arguments, and `--dry-run` and `--help` must not install anything. Plain JavaScript without imports of
 * packages, like ensure-installed.mjs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const changesNothing =
  args.includes('--dry-run') ||
  args.includes('--help') ||
  Object.keys(process.env).some((name) => name.startsWith('npm_config_dry'));

if (!changesNothing) {
  run('ensure-installed.mjs');
} else if (!existsSync(join(scripts, '../node_modules/wrangler'))) {
  console.error('The dependencies are not installed, and --dry-run and --help install nothing: run `npm ci` first.');
  process.exit(2);
}
run('deploy.ts', ...args);

/**
 * With the `node` that npm finds first, that of the dependencies; this process may be an older one. Ends where it fails.
 *
 * @param {string} script
 * @param {string[]} args
 */
function run(script, ...args) {
  // As installed.cjs has it.
  const env = { NODE_COMPILE_CACHE: join(scripts, '../node_modules/.cache/compiled'), ...process.env };
  const { status, error } = spawnSync('node', [join(scripts, script), ...args], { stdio: 'inherit', env });
  if (error) console.error(error.message);
  if (status !== 0) process.exit(status ?? 1);
}
