/** The composition root: makes what a request, a batch or a cron works with of Cloudflare's bindings, the clock and chance. */
import { waitUntil } from 'cloudflare:workers';
import { backgroundCaller, type Caller } from '../core/caller.ts';
import { type CircuitBreaker, newBreakersOf } from '../core/circuit-breaker.ts';
import type { Context } from '../core/context.ts';
import { configuredGateways, namedGateways } from '../core/gateways/registry.ts';
import { blockHash, sha256 } from '../core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../core/ledger/audit/packed-lines.ts';
import {
  type Database,
  type DatabasePlace,
  newDatabaseBreaker,
  type Patience,
  STATEMENTS_PER_INVOCATION,
  type StatementBudget,
} from '../core/ledger/database.ts';
import type { DatabaseSize } from '../core/ledger/fill-level.ts';
import { accountsIn } from '../core/ledger/providers/keep-gateway-account.ts';
import { createLog, type Log, type LogFields, withFields } from '../core/log.ts';
import { postAlert } from '../core/monitoring/post-alert.ts';
import { reportBreaker } from '../core/monitoring/report-breaker.ts';
import { probeBridge } from '../core/outbox/probe-bridge.ts';
import type { Relay } from '../core/outbox/relay.ts';
import { postToBridge } from '../core/outbox/relay-client.ts';
import { putIntoQueue } from '../core/outbox/relay-queue.ts';
import { createCipher } from '../core/security/cipher.ts';
import { fingerprinter } from '../core/security/fingerprint.ts';
import type { Settings } from '../core/settings/settings.ts';
import { databasesIn, isBoundRight, markOf, type Shards } from '../core/shards.ts';
import type { Bindings } from './bindings.ts';
import { environmentSettings } from './environment-settings.ts';
import { newUlid } from './new-ulid.ts';

/** One for each gateway, as long as the isolate lives: a gateway's health is shared by all requests. */
const breakersOf = newBreakersOf();
/** The databases of an environment, and what an isolate knows of each. */
const boundDatabases = new WeakMap<Bindings, BoundDatabase[]>();

interface BoundDatabase {
  binding: D1Database;
  place: DatabasePlace;
  size: DatabaseSize;
  breaker: CircuitBreaker;
}

/** No database has its place in so many: each of them refuses its first batch. */
const NO_INSTALLATION = 0;

function databasesOf(env: Bindings): BoundDatabase[] {
  const known = boundDatabases.get(env);
  if (known !== undefined) return known;
  const bindings = databasesIn<D1Database>(env);
  const shards = isBoundRight(env, bindings.length) ? bindings.length : NO_INSTALLATION;
  const found = bindings.map((binding, shard) => ({
    binding,
    place: { shard, shards, isConfirmed: false },
    size: { bytes: null },
    breaker: newDatabaseBreaker(),
  }));
  boundDatabases.set(env, found);
  return found;
}

/** What is the same whichever database is worked with. */
interface Invocation {
  env: Bindings;
  settings: Settings;
  log: Log;
  caller: Caller;
  /** Of a caller who waits for an answer; null where nobody does. */
  patience: Patience | null;
}

export function compose(invocation: Invocation): Shards {
  const databases = databasesOf(invocation.env);
  // What D1 allows an invocation, it allows it over all databases.
  const budget = { left: STATEMENTS_PER_INVOCATION };
  const contexts: Context[] = [];
  const shards: Shards = {
    count: databases.length,
    at(shard) {
      const database = databases[shard];
      if (database === undefined) throw new Error(`there is no database number ${shard}`);
      contexts[shard] ??= composeOne(invocation, database, budget, shards);
      return contexts[shard];
    },
  };
  return shards;
}

function composeOne(
  { env, settings, log: logOfAll, caller, patience }: Invocation,
  { binding, place, size, breaker }: BoundDatabase,
  budget: StatementBudget,
  shards: Shards,
): Context {
  const log = shards.count === 1 ? logOfAll : withFields(logOfAll, { shard: place.shard });
  const db: Database = {
    d1: binding,
    log,
    cipher: createCipher(settings.encryption),
    author: caller.author,
    place,
    breaker,
    budget,
    fillLevel: { size, maxBytes: settings.databaseMaxBytes },
    ...(caller.keyCheck && { keyCheck: caller.keyCheck }),
    ...(settings.statusFromReplica && { replica: binding.withSession('first-unconstrained') }),
    ...(patience && { patience }),
  };
  const { bridgeUrl } = settings;
  const { webhookUrl } = settings.alerts;
  return {
    settings,
    log,
    shard: place.shard,
    shards,
    db,
    gateways: namedGateways(configuredGateways(settings, { log, requestId: caller.author.requestId }), accountsIn(db)),
    breakersOf,
    reportBreaker: (report) => waitUntil(reportBreaker(shards.at(0), report)),
    tenant: caller.tenant,
    network: caller.network,
    nowMs: Date.now,
    newId: (prefix) =>
      `${prefix}${newUlid()}${prefix === 'TXN-' || prefix === 'REF-' ? markOf(place.shard, place.shards) : ''}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
    velocityHash: fingerprinter(settings.velocity.cardKey),
    blockCodec: { blockHash, pack, unpack, sha256 },
    archive: env.ARCHIVE ?? null,
    relay: relayOf(env, settings),
    bridgeState: bridgeUrl === null ? null : () => probeBridge(bridgeUrl),
    postAlert: webhookUrl === null ? null : (text) => postAlert(webhookUrl, text),
    eventQueue: env.PAYMENT_EVENTS,
    workQueue: env.PAYMENT_WORK,
  };
}

function relayOf({ PAYMENT_RELAY: queue }: Bindings, { bridgeUrl: url, bridgeSigningSecret }: Settings): Relay {
  if (url !== null) {
    const bridge = { url, signingSecret: bridgeSigningSecret };
    return (events, requestIds) => postToBridge(bridge, events, Date.now(), requestIds);
  }
  if (queue === undefined) throw new Error('the settings allow no delivery without a bridge and without its queue');
  return (events, requestIds, leases) => putIntoQueue(queue, events, requestIds, leases);
}

/**
 * The same for work in the background.
 *
 * @param actor who does the work, for the audit log
 * @param about what started the work, for the log
 * @throws Error where the Worker is not configured: the queue keeps its batch, and D1 keeps the rest
 */
export function composeBackground(env: Bindings, actor: 'queue' | 'cron', about: LogFields): Shards {
  const log = createLog(about);
  const read = environmentSettings(env);
  if (read.kind === 'invalid') {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('nothing is delivered or looked up until the settings are right');
  }
  return compose({ env, settings: read.settings, log, caller: backgroundCaller(actor), patience: null });
}
