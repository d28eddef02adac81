/** What the consumer and the sweep work with. */
import type { Bindings } from '../bindings.ts';
import type { Database } from '../ledger/database.ts';
import { createLog, type Log, type LogFields } from '../log.ts';
import { readSettings } from '../settings.ts';
import type { Bridge } from './bridge.ts';

export interface DeliveryContext {
  db: Database;
  bridge: Bridge;
  log: Log;
  nowMs: () => number;
}

/**
 * @param about what set the delivery off, for the log
 * @throws Error where the Worker is not configured: the queue keeps its batch, and D1 keeps the events
 */
export function deliveryContext(env: Bindings, about: LogFields): DeliveryContext {
  const log = createLog(about);
  const read = readSettings(env);
  if ('problems' in read) {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('no events are delivered until the settings are right');
  }
  const { bridgeUrl, bridgeSigningSecret } = read.settings;
  return {
    db: { d1: env.DB, log },
    bridge: { url: bridgeUrl, signingSecret: bridgeSigningSecret },
    log,
    nowMs: Date.now,
  };
}
