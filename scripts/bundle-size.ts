/** `npm run bundle-size`: what the Worker weighs as it is deployed. Its size decides how fast it starts cold. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** With Stripe's SDK, which is a third of it and is not touched before a call to Stripe. */
const LIMIT_KB = 100;
const BUILD_DEADLINE_MS = 60_000;

const directory = mkdtempSync(join(tmpdir(), 'payment-service-'));
execFileSync(
  process.execPath,
  ['node_modules/wrangler/bin/wrangler.js', 'deploy', '--dry-run', '--outdir', directory],
  { stdio: ['ignore', 'ignore', 'inherit'], timeout: BUILD_DEADLINE_MS },
);
const bundle = readFileSync(join(directory, 'index.js'));
rmSync(directory, { recursive: true });

const gzipKb = gzipSync(bundle).length / 1000;
console.log(
  `Worker bundle: ${(bundle.length / 1000).toFixed(1)} KB minified, ${gzipKb.toFixed(1)} KB gzip (limit ${LIMIT_KB} KB)`,
);
if (gzipKb > LIMIT_KB) process.exit(1);
