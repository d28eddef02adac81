/** The command line's composition root: its contexts only read. Nothing is sent to the bridge or into a queue. */
import { ulid } from 'ulid';
import type { Caller } from '../core/caller.ts';
import { newBreakersOf } from '../core/circuit-breaker.ts';
import type { Context } from '../core/context.ts';
import { configuredGateways, namedGateways } from '../core/gateways/registry.ts';
import { blockHash, sha256 } from '../core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../core/ledger/audit/packed-lines.ts';
import type { Database } from '../core/ledger/database.ts';
import { accountsReadFrom } from '../core/ledger/providers/keep-gateway-account.ts';
import { fingerprinter } from '../core/security/fingerprint.ts';
import type { Settings } from '../core/settings/settings.ts';
import type { Shards } from '../core/shards.ts';

export function composeForOperator(
  databases: readonly Database[],
  settings: Settings,
  { tenant, network }: Caller,
): Shards {
  const contexts: Context[] = databases.map(
    (db, shard): Context => ({
      settings,
      log: db.log,
      shard,
      get shards() {
        return shards;
      },
      db,
      gateways: namedGateways(configuredGateways(settings), accountsReadFrom(db)),
      breakersOf: newBreakersOf(),
      reportBreaker: () => {},
      tenant,
      network,
      nowMs: Date.now,
      newId: (prefix) => `${prefix}${ulid()}`,
      fingerprint: fingerprinter(settings.fingerprintKey),
      velocityHash: fingerprinter(settings.velocity.cardKey),
      blockCodec: { blockHash, pack, unpack, sha256 },
      archive: null,
      relay: unreachable,
      bridgeState: unreachable,
      postAlert: null,
      eventQueue: { send: unreachable },
      workQueue: { send: unreachable },
    }),
  );
  const shards: Shards = {
    count: contexts.length,
    at(shard) {
      const context = contexts[shard];
      if (context === undefined) throw new Error(`there is no database number ${shard}`);
      return context;
    },
  };
  return shards;
}

async function unreachable(): Promise<never> {
  throw new Error('an operator’s command has neither a queue nor a bridge');
}
