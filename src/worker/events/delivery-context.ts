/** What the consumer and the sweep work with. Bridge, clock and ids come in from the edge. */
import { ulid } from 'ulid';
import type { PaymentEvent } from '../../contract/events.ts';
import type { Bindings } from '../bindings.ts';
import type { Database } from '../ledger/database.ts';
import { createLog, type Log, type LogFields } from '../log.ts';
import { readSettings } from '../settings.ts';
import { postToBridge, type RelayAnswer } from './bridge.ts';

export interface DeliveryContext {
  db: Database;
  post: (events: PaymentEvent[]) => Promise<RelayAnswer>;
  log: Log;
  nowMs: () => number;
  newLeaseId: () => string;
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
  const bridge = { url: read.settings.bridgeUrl, signingSecret: read.settings.bridgeSigningSecret };
  return {
    db: { d1: env.DB, log },
    post: (events) => postToBridge(bridge, events, Date.now()),
    log,
    nowMs: Date.now,
    newLeaseId: ulid,
  };
}
