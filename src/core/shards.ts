/**
 * The databases of an installation. A booking has its place in one of them, found by a hash of its organisation and its id, so that all
 * that keeps a booking from being paid twice is in one database. The id of a payment or refund names the database that it is in.
 */
import type { Context } from './context.ts';
import type { Database } from './ledger/database.ts';

/** More bindings than that would leave the cron no statements: it asks each database for its backlog. */
export const SHARDS_MAX = 64;
/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;

export interface Shards {
  /** How many there are: fixed when an installation is first deployed. */
  readonly count: number;
  /** The context of one database. */
  at(shard: number): Context;
}

/** The databases in their order: `DB`, `DB_1`, … up to the first gap. */
export function databasesIn<Binding>(
  env: { DB: Binding } & { [name: `DB_${number}`]: Binding | undefined },
): [Binding, ...Binding[]] {
  const found: [Binding, ...Binding[]] = [env.DB];
  for (let next = env.DB_1; next !== undefined; next = env[`DB_${found.length}`]) found.push(next);
  return found;
}

/** Whether all bindings of databases are among those, and not too many. Otherwise the Worker takes its databases for others than they are. */
export function isBoundRight(env: object, databases: number): boolean {
  const bound = Object.entries(env).filter(([name, binding]) => /^DB_\d+$/.test(name) && binding !== undefined);
  return bound.length === databases - 1 && databases <= SHARDS_MAX;
}

/** The binding of a database, as wrangler.toml has it. */
export function bindingOf(shard: number): string {
  return shard === 0 ? 'DB' : `DB_${shard}`;
}

/**
 * Those of the databases in wrangler.toml that are the installation's, in their order.
 *
 * @throws Error that names the binding, where one is missing, or is meant as such a database and is not one
 */
export function installationDatabases<Bound extends { binding: string }>(bound: readonly Bound[]): [Bound, ...Bound[]] {
  const named = new Map(bound.map((database) => [database.binding, database]));
  const first = named.get(bindingOf(0));
  if (first === undefined) throw new Error(`wrangler.toml names no database for the binding ${bindingOf(0)}`);
  const found: [Bound, ...Bound[]] = [first];
  for (let next = named.get(bindingOf(1)); next !== undefined; next = named.get(bindingOf(found.length)))
    found.push(next);
  const others = bound.filter((database) => /^DB_?\d+$/i.test(database.binding) && !found.includes(database));
  if (others.length > 0) {
    throw new Error(
      `wrangler.toml binds ${others.map(({ binding }) => binding).join(', ')}, and no ${bindingOf(found.length)}: databases are bound as DB, DB_1, DB_2, … without a gap`,
    );
  }
  if (found.length > SHARDS_MAX)
    throw new Error(`wrangler.toml binds ${found.length} databases: ${SHARDS_MAX} is the most`);
  return found;
}

/** What the ids of payments and refunds end with; nothing where there is one database. */
export function markOf(shard: number, count: number): string {
  return count === 1 ? '' : `-${shard}`;
}

/** @param id of a payment or a refund. One without a valid number is looked up in the first database */
export function shardOfId(id: string, count: number): number {
  const shard = Number(/^[A-Z]{3}-[0-9A-Z]{26}-(\d{1,2})$/.exec(id)?.[1] ?? 0);
  return shard < count ? shard : 0;
}

/** It never changes: a booking that had another place would be paid twice. */
export function shardOfBooking(tenant: string, bookingId: string, count: number): Promise<number> {
  return shardOf([tenant, bookingId], count);
}

async function shardOf(what: string[], count: number): Promise<number> {
  if (count === 1) return 0;
  const text = new TextEncoder().encode(JSON.stringify(what));
  return new DataView(await crypto.subtle.digest('SHA-256', text)).getUint32(0) % count;
}

export function contextOfId(shards: Shards, id: string): Context {
  return shards.at(shardOfId(id, shards.count));
}

export async function contextOfBooking(shards: Shards, tenant: string, bookingId: string): Promise<Context> {
  return shards.at(await shardOfBooking(tenant, bookingId, shards.count));
}

/** Where it is kept whose a payer's order is. */
export async function contextOfOrder(shards: Shards, gateway: string, order: string): Promise<Context> {
  return shards.at(await shardOf([gateway, order], shards.count));
}

/** All databases, in order. */
export function allDatabases(shards: Shards): Database[] {
  return allContexts(shards).map(({ db }) => db);
}

/** The contexts of all databases, in order. */
export function allContexts(shards: Shards): Context[] {
  return Array.from({ length: shards.count }, (_, shard) => shards.at(shard));
}

/** Does something for each database, for several at once, begun in this order. @throws the first error of `work` */
export async function forEachDatabase<One>(all: readonly One[], work: (one: One) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const workOneByOne = async () => {
    for (const one of waiting) await work(one);
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, workOneByOne));
}
