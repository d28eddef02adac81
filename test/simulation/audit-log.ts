/** The audit log of a database, wherever its entries are. */
import type { World, WorldDatabase } from './world.ts';

/** The whole audit log, from the archive, its blocks and its table, as World's codec has packed it. */
export function auditLogOf({ archive }: World, { sqlite }: WorldDatabase): Record<string, unknown>[] {
  const archived = sqlite
    .prepare("SELECT object FROM archived_ranges WHERE kind = 'audit' ORDER BY first_sequence")
    .all();
  const packed = sqlite
    .prepare('SELECT packed FROM audit_blocks WHERE packed IS NOT NULL ORDER BY last_sequence')
    .all();
  const parts = [
    ...archived.map(({ object }) => archive?.objects.get(String(object))),
    ...packed.map((row) => row.packed as Uint8Array),
  ];
  const entries = parts.flatMap(linesIn).filter(({ block }) => block === undefined);
  return [...entries, ...sqlite.prepare('SELECT * FROM audit_entries ORDER BY sequence').all()];
}

export function linesIn(packed: Uint8Array | undefined): Record<string, unknown>[] {
  const lines = new TextDecoder().decode(packed).split('\n').filter(Boolean);
  return lines.map(lineIn);
}

/** A line that was cut off is a line of nothing. */
function lineIn(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}
