/** The composition root: makes the context of a request, a batch or a cron of Cloudflare's bindings, the clock and chance. */
import { backgroundCaller, type Caller } from '../core/caller.ts';
import type { Context } from '../core/context.ts';
import { newBreakersOf } from '../core/gateways/circuit-breaker.ts';
import { configuredGateways, namedGateways } from '../core/gateways/registry.ts';
import { blockHash, sha256 } from '../core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../core/ledger/audit/packed-lines.ts';
import { type Database, type Patience, STATEMENTS_PER_INVOCATION } from '../core/ledger/database.ts';
import type { DatabaseSize } from '../core/ledger/fill-level.ts';
import { accountsIn } from '../core/ledger/providers/keep-gateway-account.ts';
import { createLog, type Log, type LogFields } from '../core/log.ts';
import { postToBridge } from '../core/outbox/relay-client.ts';
import { createCipher } from '../core/security/cipher.ts';
import { fingerprinter } from '../core/security/fingerprint.ts';
import type { Settings } from '../core/settings/settings.ts';
import type { Bindings } from './bindings.ts';
import { environmentSettings } from './environment-settings.ts';
import { newUlid } from './new-ulid.ts';

/** One for each gateway, as long as the isolate lives: a gateway's health is shared by all requests. */
const breakersOf = newBreakersOf();
/** The same of the database's size. */
const databaseSize: DatabaseSize = { bytes: null };

/** @param patience of a caller who waits for an answer; null where nobody does */
export function compose(
  env: Bindings,
  settings: Settings,
  log: Log,
  caller: Caller,
  patience: Patience | null,
): Context {
  const db: Database = {
    d1: env.DB,
    log,
    cipher: createCipher(settings.encryption),
    author: caller.author,
    budget: { left: STATEMENTS_PER_INVOCATION },
    fillLevel: { size: databaseSize, maxBytes: settings.databaseMaxBytes },
    ...(caller.keyCheck && { keyCheck: caller.keyCheck }),
    ...(settings.statusFromReplica && { replica: env.DB.withSession('first-unconstrained') }),
    ...(patience && { patience }),
  };
  const bridge = { url: settings.bridgeUrl, signingSecret: settings.bridgeSigningSecret };
  return {
    settings,
    log,
    db,
    gateways: namedGateways(configuredGateways(settings), accountsIn(db)),
    breakersOf,
    tenant: caller.tenant,
    network: caller.network,
    nowMs: Date.now,
    newId: (prefix) => `${prefix}${newUlid()}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
    velocityHash: fingerprinter(settings.velocity.cardKey),
    blockCodec: { blockHash, pack, unpack, sha256 },
    archive: env.ARCHIVE ?? null,
    relay: (events) => postToBridge(bridge, events, Date.now()),
    eventQueue: env.PAYMENT_EVENTS,
    workQueue: env.PAYMENT_WORK,
  };
}

/**
 * The same for work in the background.
 *
 * @param actor who does the work, for the audit log
 * @param about what started the work, for the log
 * @throws Error where the Worker is not configured: the queue keeps its batch, and D1 keeps the rest
 */
export function composeBackground(env: Bindings, actor: 'queue' | 'cron', about: LogFields): Context {
  const log = createLog(about);
  const read = environmentSettings(env);
  if (read.kind === 'invalid') {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('nothing is delivered or looked up until the settings are right');
  }
  return compose(env, read.settings, log, backgroundCaller(actor), null);
}
