/**
 * `node scripts/paypal-types.ts`: makes the types of PayPal's API, as far as the service speaks it, from PayPal's own description of it.
 * To be run when the description in src/emulator/published-apis/ has been replaced by a newer one.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT } from '../src/local/project.ts';

const DESCRIPTIONS = join(PROJECT, 'src/emulator/published-apis');
const TYPES = join(PROJECT, 'src/core/gateways/paypal/paypal-api.d.ts');
const DEADLINE_MS = 120_000;
/** Not among the dependencies: it wants an older TypeScript than the project's, and is needed once in a year. */
const GENERATOR = ['openapi-typescript@7.13.0', 'typescript@5.9.3'];
const HEADING =
  '// Made from PayPal’s OpenAPI description (Apache-2.0) by `node scripts/paypal-types.ts`. Not to be changed by hand.\n';

/** What an adapter reads and writes. The parts that each of them is made of come along. */
const SCHEMAS: Readonly<Record<string, readonly string[]>> = {
  'paypal-orders-v2.json': ['order', 'patch', 'purchase_unit_request', 'paypal_wallet_experience_context'],
  'paypal-payments-v2.json': [
    'authorization-2',
    'capture-2',
    'capture_request',
    'refund',
    'refund_request',
    'error_422',
    'error_details',
  ],
};
/** Parts with hundreds of fields that the service does not read: what a payer paid with, and where it is shipped to. */
const LEFT_OUT = new Set([
  'payment_source_response',
  'payer',
  'shipping_detail',
  'shipping_with_tracking_details',
  'item',
]);

interface Description {
  components: { schemas: Record<string, unknown> };
}

const directory = mkdtempSync(join(tmpdir(), 'paypal-types-'));
const schemas: Record<string, unknown> = {};
for (const [file, names] of Object.entries(SCHEMAS)) {
  const description = JSON.parse(readFileSync(join(DESCRIPTIONS, file), 'utf8')) as Description;
  for (const name of names) take(description, name);
}
const input = join(directory, 'paypal.json');
writeFileSync(
  input,
  JSON.stringify({ openapi: '3.0.3', info: { title: 'PayPal', version: '2' }, paths: {}, components: { schemas } }),
);
const packages = GENERATOR.flatMap((name) => ['--package', name]);
const generated = execFileSync('npm', ['exec', '--yes', ...packages, '--', 'openapi-typescript', input], {
  cwd: directory,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  timeout: DEADLINE_MS,
});
rmSync(directory, { recursive: true });
writeFileSync(TYPES, HEADING + generated);

/** A schema and all that it refers to. If both descriptions define a name, the later definition is used. */
function take({ components }: Description, name: string): void {
  const taken = new Set<string>();
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (taken.has(next)) continue;
    taken.add(next);
    const schema = LEFT_OUT.has(next) ? { type: 'object' } : components.schemas[next];
    if (schema === undefined) throw new Error(`the description has no schema ${next}`);
    schemas[next] = withoutProse(schema);
    for (const [, reference = ''] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      waiting.push(reference);
    }
  }
}

/** The types omit the descriptions. */
function withoutProse(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    (key === 'description' || key === 'title') && typeof value === 'string' ? undefined : value,
  );
}
