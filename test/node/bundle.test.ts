/** The Worker as it is deployed: what it need not load when it starts, it does not. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { unstable_readConfig } from 'wrangler';

const BUILD_DEADLINE_MS = 60_000;
/** Compressed. */
const CONSOLE_MAX_BYTES = 60_000;
/** What esbuild writes before each module that it has put in. */
const MODULE = /^\/\/ (node_modules\/\S+|src\/\S+)$/m;
/** A module that is evaluated when somebody imports it, and not before. */
const LAZY = /^var init_\w+ = __esm\(\{$/m;

const SDK = 'node_modules/stripe/esm';

describe('the bundle', () => {
  /** The text of each module, by its path. */
  const modules = new Map<string, string>();
  /** What is beside it in the upload. */
  let files: string[];
  /** The static assets, which wrangler uploads from where they are. */
  let pages: string[];
  let printed: string;

  beforeAll(() => {
    // Not among what the run is searched for card data in: the sandbox's cards are in the bundle.
    const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
    const args = ['deploy', '--dry-run', '--no-minify', '--outdir', directory];
    printed = execFileSync(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: BUILD_DEADLINE_MS,
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    });
    files = globSync('**', { cwd: directory }).toSorted();
    const { assets } = unstable_readConfig({ config: 'wrangler.toml' });
    pages = globSync('**', { cwd: assets?.directory ?? '' }).toSorted();
    const parts = readFileSync(join(directory, 'index.js'), 'utf8').split(MODULE);
    rmSync(directory, { recursive: true });
    for (let index = 1; index < parts.length; index += 2) modules.set(parts[index] ?? '', parts[index + 1] ?? '');
  }, BUILD_DEADLINE_MS);

  it('begins with index.ts, and has nothing of what `npm run dev` starts in its place', () => {
    expect(modules.has('src/worker/index.ts')).toBe(true);
    expect(modules.has('src/worker/dev.ts')).toBe(false);
  });

  it('has nothing of the checkout demo, neither its API nor its page', () => {
    expect([...modules.keys()].filter((path) => path.startsWith('src/worker/demo/'))).toEqual([]);
    expect(files.filter((file) => !/^(\.|README\.md|index\.js(\.map)?)?$/.test(file))).toEqual([]);
    expect(pages.filter((page) => page.includes('demo'))).toEqual([]);
  });

  it('has the API pages beside it, and nothing of them in it', () => {
    expect(printed).toContain('--dry-run');
    expect(pages).toEqual(
      expect.arrayContaining(['_headers', '_redirects', 'docs.html', 'docs/docs.js', 'index.html', 'openapi.json']),
    );
    const ofPages = /^src\/(api-document|pages)\/|^src\/contract\/(search-)?responses|zod-openapi|swagger-ui/;
    expect([...modules.keys()].filter((path) => ofPages.test(path))).toEqual([]);
  });

  it('has the console beside it, which weighs less than 60 KB', () => {
    const files = pages.filter((page) => /^console\/.*\.(js|css|html)$/.test(page));
    expect(files.length).toBeGreaterThan(3);
    const weights = files.map((file) => gzipSync(readFileSync(join('.pages/deployed', file))).length);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeLessThan(CONSOLE_MAX_BYTES);
    expect([...modules.keys()].filter((path) => /^src\/console\/|preact|uplot/.test(path))).toEqual([]);
  });

  it('has nothing of Stripe’s SDK to do before the first call to Stripe', () => {
    const stripe = [...modules].filter(([path]) => path.startsWith('node_modules/stripe/'));
    expect(stripe.map(([path]) => path)).toEqual(expect.arrayContaining([`${SDK}/stripe.core.js`]));
    const eager = stripe.filter(([, text]) => !LAZY.test(text)).map(([path]) => path);
    expect(eager).toEqual([]);
    // The same test sees what is evaluated at once.
    expect(modules.get('src/core/gateways/stripe/stripe-gateway.ts')).not.toMatch(LAZY);
  });

  it('has one build of the SDK, the one for Workers', () => {
    expect([...modules.keys()].filter((path) => /stripe\/(cjs|esm\/stripe\.esm\.node)/.test(path))).toEqual([]);
  });

  it('has none of the emulator', () => {
    expect([...modules.keys()].filter((path) => /emulator|published-apis/.test(path))).toEqual([]);
  });
});
