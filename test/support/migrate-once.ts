/** Before the tests of the whole path: a migrated database, of which each of their stacks gets a copy. wrangler takes long to make one. */
import { runDirectory } from './run.ts';
import { MIGRATED_DIRECTORY_VARIABLE, migrate } from './worker.ts';

export async function setup(): Promise<void> {
  const directory = runDirectory('migrated');
  await migrate(directory);
  process.env[MIGRATED_DIRECTORY_VARIABLE] = directory;
}
