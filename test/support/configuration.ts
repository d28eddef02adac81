/** A stack that has what wrangler.toml leaves out: more databases, each in its place, and an archive. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bindingOf } from '../../src/core/shards.ts';
import { prepareDatabase } from './worker.ts';

export interface Installation {
  /** How many the Worker has. */
  databases?: number;
  archive?: boolean;
}

/** The static pages and their build, whose paths begin where wrangler.toml is. */
const PAGES = /^\[(assets|build)\]\n(\w+ = .*\n)+/gm;

/** Writes the configuration of such a Worker, and makes its databases. Answers with its path. */
export async function install(directory: string, { databases = 1, archive = false }: Installation): Promise<string> {
  const config = join(directory, 'wrangler.toml');
  const migrations = `migrations_dir = ${JSON.stringify(resolve('migrations'))}`;
  const own = readFileSync('wrangler.toml', 'utf8')
    .replace(/^main = "(.+)"$/m, (_, main) => `main = ${JSON.stringify(resolve(main))}`)
    .replace(/^migrations_dir = .+$/m, migrations)
    .replace(PAGES, '');
  const further = Array.from({ length: databases - 1 }, (_, index) => {
    const shard = index + 1;
    return `[[d1_databases]]\nbinding = "${bindingOf(shard)}"\ndatabase_name = "payment-service-${shard}"\n${migrations}\n`;
  });
  const bucket = archive ? ['[[r2_buckets]]\nbinding = "ARCHIVE"\nbucket_name = "payment-archive"\n'] : [];
  await writeFile(config, [own, ...further, ...bucket].join('\n'));
  for (let shard = 0; shard < databases; shard += 1) {
    const database = new DatabaseSync(prepareDatabase(directory, bindingOf(shard)));
    database.prepare('INSERT INTO database_place (one, shard, shards) VALUES (1, ?, ?)').run(shard, databases);
    database.close();
  }
  return config;
}
