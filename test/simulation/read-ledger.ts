/** The ledger's tables as they are, by other code than the service's own. */
import type { World, WorldDatabase } from './world.ts';

export type Row = Record<string, string | number | null>;

export interface Ledger {
  transactions: Map<string, Row>;
  refunds: Map<string, Row>;
  events: Row[];
  keys: Row[];
}

/** Of all databases. */
export function readLedger({ databases }: World): Ledger {
  const parts = databases.map(readDatabase);
  return {
    transactions: new Map(parts.flatMap(({ transactions }) => [...transactions])),
    refunds: new Map(parts.flatMap(({ refunds }) => [...refunds])),
    events: parts.flatMap(({ events }) => events),
    keys: parts.flatMap(({ keys }) => keys),
  };
}

export function readDatabase({ sqlite }: WorldDatabase): Ledger {
  const all = (sql: string) => sqlite.prepare(sql).all() as Row[];
  const by = (rows: Row[], id: string) => new Map(rows.map((row) => [String(row[id]), row]));
  return {
    // Those that have left the database too.
    transactions: by(all('SELECT * FROM transactions UNION ALL SELECT * FROM sim_transactions_left'), 'transaction_id'),
    refunds: by(all('SELECT * FROM refunds UNION ALL SELECT * FROM sim_refunds_left'), 'refund_id'),
    events: all('SELECT * FROM events UNION ALL SELECT * FROM sim_events_left ORDER BY sequence'),
    keys: all('SELECT * FROM idempotency_keys'),
  };
}
