/** The composition root: makes the context of a request, a batch or a cron of Cloudflare's bindings, the clock and chance. */
import { ulid } from 'ulid';
import { backgroundCaller, type Caller } from '../core/caller.ts';
import type { Context } from '../core/context.ts';
import { newBreakersOf } from '../core/gateways/circuit-breaker.ts';
import { configuredGateways, namedGateways } from '../core/gateways/registry.ts';
import { blockHash } from '../core/ledger/audit/hash-chain.ts';
import { type Database, type Patience, STATEMENTS_PER_INVOCATION } from '../core/ledger/database.ts';
import { accountsIn } from '../core/ledger/providers/keep-gateway-account.ts';
import { createLog, type Log, type LogFields } from '../core/log.ts';
import { postToBridge } from '../core/outbox/relay-client.ts';
import { createCipher } from '../core/security/cipher.ts';
import { fingerprinter } from '../core/security/fingerprint.ts';
import { readSettings, type Settings } from '../core/settings/settings.ts';
import type { Bindings } from './bindings.ts';

/** One for each gateway, as long as the isolate lives: a gateway's health is shared by all requests. */
const breakersOf = newBreakersOf();

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
    ...(caller.keyCheck && { keyCheck: caller.keyCheck }),
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
    newId: (prefix) => `${prefix}${ulid()}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
    velocityHash: fingerprinter(settings.velocity.cardKey),
    blockHash,
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
  const read = readSettings(env);
  if (read.kind === 'invalid') {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('nothing is delivered or looked up until the settings are right');
  }
  return compose(env, read.settings, log, backgroundCaller(actor), null);
}
