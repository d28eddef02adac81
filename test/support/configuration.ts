/** A stack that has what wrangler.toml leaves out: more databases, each in its place, an archive, and a queue for a bridge that pulls. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bindingOf } from '../../src/core/shards.ts';
import type { QueueApi } from './queue-api.ts';
import { prepareDatabase } from './worker.ts';

export interface Installation {
  /** How many the Worker has. */
  databases?: number;
  archive?: boolean;
  /** Where the bridge takes events from, instead of being called. */
  pulledFrom?: QueueApi;
}

const PULLED_WORKER = 'test/worker/pulled-worker.ts';
const RELAY_QUEUE = `[[queues.producers]]
binding = "PAYMENT_RELAY"
queue = "payment-relay"

[[queues.consumers]]
queue = "payment-relay"
max_batch_size = 100
max_batch_timeout = 0
`;

/** The static pages and their build, whose paths begin where wrangler.toml is. */
const PAGES = /^\[(assets|build)\]\n(\w+ = .*\n)+/gm;

/** Writes the configuration of such a Worker, and makes its databases. Answers with its path. */
export async function install(directory: string, installation: Installation): Promise<string> {
  const { databases = 1, archive = false, pulledFrom } = installation;
  const config = join(directory, 'wrangler.toml');
  const migrations = `migrations_dir = ${JSON.stringify(resolve('migrations'))}`;
  const own = readFileSync('wrangler.toml', 'utf8')
    .replace(/^main = "(.+)"$/m, (_, main) => `main = ${JSON.stringify(resolve(pulledFrom ? PULLED_WORKER : main))}`)
    .replace(/^migrations_dir = .+$/m, migrations)
    .replace(PAGES, '');
  const further = Array.from({ length: databases - 1 }, (_, index) => {
    const shard = index + 1;
    return `[[d1_databases]]\nbinding = "${bindingOf(shard)}"\ndatabase_name = "payment-service-${shard}"\n${migrations}\n`;
  });
  const bucket = archive ? ['[[r2_buckets]]\nbinding = "ARCHIVE"\nbucket_name = "payment-archive"\n'] : [];
  const queue = pulledFrom ? [RELAY_QUEUE] : [];
  await writeFile(config, [own, ...further, ...bucket, ...queue].join('\n'));
  for (let shard = 0; shard < databases; shard += 1) {
    const database = new DatabaseSync(prepareDatabase(directory, bindingOf(shard)));
    database.prepare('INSERT INTO database_place (one, shard, shards) VALUES (1, ?, ?)').run(shard, databases);
    database.close();
  }
  return config;
}
