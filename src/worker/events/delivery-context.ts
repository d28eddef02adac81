/** What the delivery of events works with. Bridge, clock and ids come in from the edge. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Database } from '../ledger/database.ts';
import type { Log } from '../log.ts';
import type { RelayAnswer } from './bridge.ts';

export interface DeliveryContext {
  db: Database;
  post: (events: PaymentEvent[]) => Promise<RelayAnswer>;
  log: Log;
  nowMs: () => number;
  newLeaseId: () => string;
}
