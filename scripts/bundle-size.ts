/** `npm run bundle-size`: what the Worker weighs as it is deployed. Its size decides how fast it starts cold. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** As `wrangler deploy` counts it. A quarter is Stripe's SDK, which is not touched before the first call to Stripe. */
const LIMIT_KIB = 105;
const BUILD_DEADLINE_MS = 60_000;

const directory = mkdtempSync(join(tmpdir(), 'payment-service-'));
execFileSync(
  process.execPath,
  ['node_modules/wrangler/bin/wrangler.js', 'deploy', '--dry-run', '--outdir', directory],
  { stdio: ['ignore', 'ignore', 'inherit'], timeout: BUILD_DEADLINE_MS },
);
const bundle = readFileSync(join(directory, 'index.js'));
rmSync(directory, { recursive: true });

const gzipKib = gzipSync(bundle).length / 1024;
console.log(
  `Worker bundle: ${(bundle.length / 1024).toFixed(1)} KiB minified, ${gzipKib.toFixed(1)} KiB gzip (limit ${LIMIT_KIB} KiB)`,
);
if (gzipKib > LIMIT_KIB) process.exit(1);
