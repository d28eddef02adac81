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
  /** The organisation whose payments these are. */
  tenant: string;
  /** Where the caller is: an address, or the network that one customer has of its provider. Null where that says nothing. */
  network: string | null;
  nowMs: () => number;
  /** A new identifier: `TXN-`, `REF-`, `evt_` or, of an attempt to write something, `att_`, and a ULID. */
  newId: (prefix: 'TXN-' | 'REF-' | 'evt_' | 'att_') => string;
  /** A keyed hash: tells whether two texts are the same, and nothing else of them. */
  fingerprint: (text: string | Redacted<string>) => Promise<string>;
  /** The same under another key, for what is counted. */
  velocityHash: (text: string | Redacted<string>) => Promise<string>;
}
