/**
 * The environments of this project. wrangler.toml is production. environments/NAME.toml is another one, derived from wrangler.toml: the names of its
 * Worker, databases, queues and buckets get the suffix -NAME, so that the two cannot drift apart or share anything. An environment with other
 * bindings is a section [env.NAME] of wrangler.toml, which inherits none.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './project.ts';

export const PRODUCTION = 'production';
const BASE = 'wrangler.toml';

/** Where wrangler finds an environment. */
export interface EnvironmentSource {
  /** A file in the project's root, because the paths in it are relative to it. */
  config: string;
  /** Of that file; the empty string is its top level. */
  section: string;
}

/** Fields of wrangler.toml that are the same in each environment. */
const SHARED = [
  ...[
    '$schema',
    'account_id',
    'main',
    'compatibility_date',
    'compatibility_flags',
    'workers_dev',
    'preview_urls',
    'minify',
  ],
  ...['keep_names', 'upload_source_maps', 'assets', 'build', 'durable_objects', 'exports', 'triggers', 'observability'],
  ...['placement', 'limits', 'logpush', 'version_metadata'],
];
/** Fields that belong to production alone. */
const OWN_ADDRESSES = ['route', 'routes', 'env'];
/** Fields that name resources. */
const NAMED = ['name', 'vars', 'd1_databases', 'r2_buckets', 'queues'];

interface Named {
  [field: string]: unknown;
}
interface RawConfig {
  [field: string]: unknown;
  name?: string;
  vars?: Record<string, unknown>;
  d1_databases?: Named[];
  r2_buckets?: Named[];
  queues?: { producers?: Named[]; consumers?: Named[] };
}

/**
 * The environment that a command is for.
 *
 * @param asked by `--env`; without it, wrangler's own variable decides. So every command is for the same one
 */
export function environmentName(asked: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  return asked ?? environment.CLOUDFLARE_ENV ?? '';
}

/**
 * @param name empty, or `production`: wrangler.toml itself
 * @throws Error if there is no such environment, or if it would share something with production
 */
export async function findEnvironment(name: string): Promise<EnvironmentSource> {
  const base = join(PROJECT, BASE);
  if (name === '') return { config: base, section: '' };
  // Loaded late, because loading takes seconds.
  const { experimental_readRawConfig: read } = await import('wrangler');
  const rawOf = (config: string) => read({ config }).rawConfig as RawConfig & { env?: Record<string, unknown> };
  const production = rawOf(base);
  if (Object.hasOwn(production.env ?? {}, name)) return { config: base, section: name };
  if (name === PRODUCTION) return { config: base, section: '' };
  const file = `environments/${name}.toml`;
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(join(PROJECT, file))) {
    throw new Error(`There is no environment ${name}: wrangler.toml has no [env.${name}], and there is no ${file}`);
  }
  const own = rawOf(join(PROJECT, file));
  const config = join(PROJECT, `wrangler.${name}.json`);
  const text = `${JSON.stringify(derivedConfig(production, own, name), null, 2)}\n`;
  if (!existsSync(config) || readFileSync(config, 'utf8') !== text) writeFileSync(config, text);
  return { config, section: '' };
}

/**
 * @param own what environments/NAME.toml has: variables, which are set beside those of production, and any other field, which takes the
 *   place of production's
 * @throws Error if the two would share something
 */
export function derivedConfig(production: RawConfig, { vars, ...own }: RawConfig, name: string): RawConfig {
  const file = `environments/${name}.toml`;
  const unknown = Object.keys(production).find(
    (field) => ![...SHARED, ...OWN_ADDRESSES, ...NAMED, ...Object.keys(own)].includes(field),
  );
  if (unknown !== undefined) {
    throw new Error(
      `${file} needs a ${unknown} of its own: wrangler.toml has one, which it would share with production`,
    );
  }
  const derived: RawConfig = {
    ...Object.fromEntries(Object.entries(production).filter(([field]) => SHARED.includes(field))),
    name: `${production.name}-${name}`,
    vars: { ...production.vars, ...vars },
    d1_databases: renamed(production.d1_databases, ['database_name'], name),
    r2_buckets: renamed(production.r2_buckets, ['bucket_name'], name),
    queues: {
      producers: renamed(production.queues?.producers, ['queue'], name),
      consumers: renamed(production.queues?.consumers, ['queue', 'dead_letter_queue'], name),
    },
    ...own,
  };
  const ofProduction = new Set(namesIn(production));
  const shared = namesIn(derived).find((resource) => ofProduction.has(resource));
  if (shared !== undefined) throw new Error(`${file} has ${shared}, which is production's`);
  return derived;
}

/** Without ids, which are production's: other environments find their resources by name. */
function renamed(resources: readonly Named[] = [], fields: readonly string[], name: string): Named[] {
  return resources.map((resource) => {
    const { database_id, preview_database_id, preview_bucket_name, ...kept } = resource;
    const names = fields.flatMap((field) => (kept[field] === undefined ? [] : [[field, `${kept[field]}-${name}`]]));
    return { ...kept, ...Object.fromEntries(names) };
  });
}

/** Names that two environments must not share, such as `the queue payment-events`. */
function namesIn({
  name,
  vars = {},
  d1_databases = [],
  r2_buckets = [],
  queues = {},
  routes,
  route,
}: RawConfig): string[] {
  const { producers = [], consumers = [] } = queues;
  const addresses = [routes ?? [], route ?? []].flat();
  return [
    `the name ${name}`,
    ...d1_databases.flatMap(({ database_name, database_id }) => [
      `the database ${database_name}`,
      ...(database_id === undefined ? [] : [`the database ${database_id}`]),
    ]),
    ...r2_buckets.map(({ bucket_name }) => `the bucket ${bucket_name}`),
    ...[...producers, ...consumers].map(({ queue }) => `the queue ${queue}`),
    ...addresses.map((address) => `the route ${JSON.stringify(address)}`),
    // Its bridge would publish to production's consumers.
    ...(vars.BRIDGE_URL ? [`the BRIDGE_URL ${vars.BRIDGE_URL}`] : []),
  ];
}
