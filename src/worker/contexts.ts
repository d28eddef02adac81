/** Makes what the work is done with, of Cloudflare's bindings and of settings: the one place where clock and chance come in. */
import { ulid } from 'ulid';
import type { BackgroundContext } from './background-context.ts';
import type { Bindings } from './bindings.ts';
import { postToBridge } from './events/bridge.ts';
import { fingerprinter } from './fingerprint.ts';
import { type CircuitBreaker, newCircuitBreaker } from './gateways/circuit-breaker.ts';
import { configuredGateway, gatewayNamed } from './gateways/configured.ts';
import { createLog, type Log, type LogFields } from './log.ts';
import type { OperationContext } from './operations/context.ts';
import { readSettings, type Settings } from './settings.ts';

/** The one organisation that there is, until API keys tell several apart. */
const DEFAULT_TENANT = 'default';

/** One for each gateway, as long as the isolate lives: how a gateway does is nobody's request in particular. */
const breakers = new Map<string, CircuitBreaker>();

function breakerOf(gateway: string): CircuitBreaker {
  const breaker = breakers.get(gateway) ?? newCircuitBreaker();
  breakers.set(gateway, breaker);
  return breaker;
}

export function operationContext(env: Bindings, settings: Settings, log: Log): OperationContext {
  const gateway = configuredGateway(settings);
  return {
    db: { d1: env.DB, log },
    gateway,
    gatewayNamed: (name) => gatewayNamed(settings, name),
    breaker: breakerOf(gateway.name),
    settings,
    log,
    tenant: DEFAULT_TENANT,
    nowMs: Date.now,
    newId: (prefix) => `${prefix}${ulid()}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
  };
}

/**
 * @param about what set the work off, for the log
 * @throws Error where the Worker is not configured: the queue keeps its batch, and D1 keeps the rest
 */
export function backgroundContext(env: Bindings, about: LogFields): BackgroundContext {
  const log = createLog(about);
  const read = readSettings(env);
  if ('problems' in read) {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('nothing is delivered or settled until the settings are right');
  }
  const { settings } = read;
  const bridge = { url: settings.bridgeUrl, signingSecret: settings.bridgeSigningSecret };
  return {
    operation: operationContext(env, settings, log),
    delivery: {
      db: { d1: env.DB, log },
      post: (events) => postToBridge(bridge, events, Date.now()),
      log,
      nowMs: Date.now,
      newLeaseId: ulid,
    },
    sender: { queue: env.PAYMENT_EVENTS, log },
    log,
  };
}
