/** Where a program of the machine is. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The first of these names that is in a directory of PATH, or null.
 *
 * @param elsewhere directories that PATH often lacks
 */
export function programInPath(names: readonly string[], elsewhere: readonly string[] = []): string | null {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...elsewhere];
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(existsSync) ?? null;
}
