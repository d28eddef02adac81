/** Makes what operations work with: the one place where clock and chance come in. */
import { ulid } from 'ulid';
import { fingerprinter } from './fingerprint.ts';
import { newBreakersOf } from './gateways/circuit-breaker.ts';
import { configuredGateways } from './gateways/configured.ts';
import type { Log } from './log.ts';
import type { OperationContext } from './operations/context.ts';
import type { Settings } from './settings.ts';

/** The one organisation that there is, until API keys tell several apart. */
const DEFAULT_TENANT = 'default';

/** One for each gateway, as long as the isolate lives: how a gateway does is nobody's request in particular. */
const breakersOf = newBreakersOf();

export function operationContext(d1: D1Database, settings: Settings, log: Log): OperationContext {
  return {
    db: { d1, log },
    gateways: configuredGateways(settings),
    breakersOf,
    settings,
    log,
    tenant: DEFAULT_TENANT,
    nowMs: Date.now,
    newId: (prefix) => `${prefix}${ulid()}`,
    fingerprint: fingerprinter(settings.fingerprintKey),
  };
}
