/** A stack whose Worker has more than one database: its configuration, and the databases themselves, each in its place. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bindingOf } from '../../src/core/shards.ts';
import { localDatabaseFiles } from './local-database.ts';
import { migrate } from './worker.ts';

/** Writes a configuration with so many databases, and makes them. Answers with its path. */
export async function prepareDatabases(directory: string, count: number): Promise<string> {
  const config = join(directory, 'wrangler.toml');
  const own = readFileSync('wrangler.toml', 'utf8')
    .replace(/^main = "(.+)"$/m, (_, main) => `main = ${JSON.stringify(resolve(main))}`)
    .replace(/^migrations_dir = .+$/m, `migrations_dir = ${JSON.stringify(resolve('migrations'))}`);
  const further = Array.from({ length: count - 1 }, (_, index) => {
    const name = `payment-service-${index + 1}`;
    return `[[d1_databases]]\nbinding = "${bindingOf(index + 1)}"\ndatabase_name = "${name}"\nmigrations_dir = ${JSON.stringify(resolve('migrations'))}\n`;
  });
  await writeFile(config, [own, ...further].join('\n'));
  const known = new Set<string>();
  for (let shard = 0; shard < count; shard += 1) {
    await migrate(directory, { binding: bindingOf(shard), config });
    const [file] = localDatabaseFiles(directory).filter((one) => !known.has(one));
    if (file === undefined) throw new Error(`wrangler has made no database for ${bindingOf(shard)}`);
    known.add(file);
    const database = new DatabaseSync(file);
    database.prepare('INSERT INTO database_place (one, shard, shards) VALUES (1, ?, ?)').run(shard, count);
    database.close();
  }
  return config;
}
