/** An installation with one database: its context is what work on any database is done with. */
import type { Context } from '../../src/core/context.ts';
import type { Shards } from '../../src/core/shards.ts';

export function oneDatabase(context: Context): Context & Shards {
  const alone = { ...context, count: 1, at: () => alone };
  return alone;
}
