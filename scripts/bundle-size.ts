/** `npm run bundle-size`: what the Worker weighs as it is deployed, and how long it takes to start here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Compressed, as Cloudflare counts a Worker: https://developers.cloudflare.com/workers/platform/limits/ */
const LIMIT_KIB = 200;
const DEADLINE_MS = 60_000;

const directory = mkdtempSync(join(tmpdir(), 'payment-service-'));
try {
  wrangler('deploy', '--dry-run', '--outdir', directory);
  const bundle = readFileSync(join(directory, 'index.js'));
  const gzipKib = gzipSync(bundle).length / 1024;
  console.log(
    `Worker bundle: ${(bundle.length / 1024).toFixed(1)} KiB minified, ${gzipKib.toFixed(1)} KiB gzip (limit ${LIMIT_KIB} KiB)`,
  );
  const startup = wrangler('check', 'startup', '--outfile', join(directory, 'startup.cpuprofile'));
  console.log(`Start-up on this machine: ${/Active: .*/.exec(startup)?.[0] ?? 'not reported by wrangler'}`);
  process.exitCode = gzipKib > LIMIT_KIB ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true });
}

/** @returns what it printed */
function wrangler(...args: string[]): string {
  return execFileSync(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: DEADLINE_MS,
    encoding: 'utf8',
  });
}
