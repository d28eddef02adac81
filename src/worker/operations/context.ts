/** What an operation works with. Clock and ids come in from the edge, so that an operation is a function of what it is given. */
import type { Redacted } from '../../contract/redacted.ts';
import type { CircuitBreakers } from '../gateways/circuit-breaker.ts';
import type { Gateways } from '../gateways/configured.ts';
import type { Database } from '../ledger/database.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';

export interface OperationContext {
  db: Database;
  gateways: Gateways;
  /** Of the gateway with this name. */
  breakersOf: (gateway: string) => CircuitBreakers;
  settings: Settings;
  log: Log;
  /** Whose payments these are. One organisation, until API keys tell several apart. */
  tenant: string;
  nowMs: () => number;
  /** A new identifier: `TXN-`, `REF-` or `evt_` and a ULID. */
  newId: (prefix: 'TXN-' | 'REF-' | 'evt_') => string;
  /** A keyed hash: tells whether two texts are the same, and nothing else of them. */
  fingerprint: (text: string | Redacted<string>) => Promise<string>;
}
