/** Payments of all kinds, written past the service, so that a search has much to find. */
import { ulid } from 'ulid';
import { markOf } from '../../src/core/shards.ts';

export interface Searchable {
  transaction_id: string;
  tenant: string;
  booking_id: string;
  user_id: string;
  status: 'pending' | 'authorized' | 'completed' | 'failed' | 'refunded';
  payment_method: string;
  gateway: string;
  gateway_reference: string | null;
  created_at_ms: number;
}

const STATUSES = [
  'completed',
  'completed',
  'completed',
  'completed',
  'failed',
  'refunded',
  'pending',
  'authorized',
] as const;
const METHODS = ['credit_card', 'credit_card', 'debit_card', 'paypal', 'stripe'];
const GATEWAYS = ['sandbox', 'stripe:acct_1', 'stripe:acct_2', 'paypal:M1'];

/** The same for the same number, whatever ran before it. */
function mixed(number: number): (choices: number) => number {
  let state = (number + 1) * 2_654_435_761;
  return (choices) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * choices);
  };
}

/** @param msApart between one payment and the next */
export function searchable(
  count: number,
  { fromMs = Date.UTC(2026, 9, 1), msApart = 60_000, shards = 1 } = {},
): Searchable[] {
  return Array.from({ length: count }, (_, number) => {
    const one = mixed(number);
    const created_at_ms = fromMs + number * msApart;
    const status = STATUSES[one(STATUSES.length)] ?? 'completed';
    return {
      transaction_id: `TXN-${ulid(created_at_ms)}${markOf(one(shards), shards)}`,
      tenant: one(3) === 0 ? 'cinema-2' : 'default',
      booking_id: `BOOK-SEARCHED-${number}`,
      user_id: `user_${one(12)}`,
      status,
      payment_method: METHODS[one(METHODS.length)] ?? 'credit_card',
      gateway: GATEWAYS[one(GATEWAYS.length)] ?? 'sandbox',
      gateway_reference: status === 'completed' || status === 'refunded' ? `ref_${number}` : null,
      created_at_ms,
    };
  });
}

const INSERT = `
  INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, refunded_minor, payment_method, gateway,
    gateway_reference, error_code, created_at_ms, processed_at_ms, next_lookup_at_ms, capture_method, substate, expires_at_ms)
  SELECT value ->> 'transaction_id', value ->> 'tenant', value ->> 'booking_id', value ->> 'user_id',
    CASE value ->> 'status' WHEN 'authorized' THEN 'pending' ELSE value ->> 'status' END, 'USD', 2550,
    CASE value ->> 'status' WHEN 'refunded' THEN 2550 ELSE 0 END, value ->> 'payment_method', value ->> 'gateway',
    value ->> 'gateway_reference', CASE value ->> 'status' WHEN 'failed' THEN 'CARD_DECLINED' END, value ->> 'created_at_ms',
    CASE WHEN value ->> 'status' IN ('pending', 'authorized') THEN NULL ELSE value ->> 'created_at_ms' END,
    CASE WHEN value ->> 'status' IN ('pending', 'authorized') THEN 4000000000000 END,
    CASE value ->> 'status' WHEN 'authorized' THEN 'manual' END, CASE value ->> 'status' WHEN 'authorized' THEN 'authorized' END,
    CASE value ->> 'status' WHEN 'authorized' THEN 4000000000000 END
  FROM json_each(?1)`;

const ROWS_AT_ONCE = 500;

export async function store(database: D1Database, payments: readonly Searchable[]): Promise<void> {
  for (let from = 0; from < payments.length; from += ROWS_AT_ONCE) {
    await database
      .prepare(INSERT)
      .bind(JSON.stringify(payments.slice(from, from + ROWS_AT_ONCE)))
      .run();
  }
}
