/**
 * Runs before the npm scripts that a contributor uses: reports in one line that the dependencies are not installed, instead of
 * the twenty lines of the first failed import. On its own, or with `node -r`, on whatever Node the machine has.
 */
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { join } = require('node:path');

const EXIT_FAILED = 2;
const modules = join(__dirname, '../node_modules');

if (!existsSync(join(modules, '.package-lock.json')) || !existsSync(join(modules, '.bin/node'))) {
  console.error('The dependencies are not installed: run `npm ci`');
  process.exit(EXIT_FAILED);
}

// What is loaded is compiled once, and not by each process again: wrangler alone takes half a second.
process.env.NODE_COMPILE_CACHE ??= join(modules, '.cache/compiled');
enableCompileCache?.(process.env.NODE_COMPILE_CACHE);

// Scripts use node:sqlite, which Node 22 calls experimental on standard error each time. An option for it would stop an older Node here.
const { emitWarning } = process;
process.emitWarning = (warning, ...details) => {
  if (details[0] !== 'ExperimentalWarning') emitWarning.call(process, warning, ...details);
};
