/** A payment that was made while another currency was the configured one. */
import { env } from 'cloudflare:workers';
import { newId } from './operation.ts';
import { newBooking } from './request.ts';

/** Of 2500 yen. */
export async function paidInYen(): Promise<{ transaction_id: string; booking_id: string }> {
  const made = { transaction_id: newId('TXN-'), booking_id: newBooking() };
  await env.DB.prepare(
    `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
       gateway, created_at_ms, processed_at_ms)
     VALUES (?1, 'default', ?2, 'user_123', 'completed', 'JPY', 2500, 'credit_card', 'sandbox', 1, 1)`,
  )
    .bind(made.transaction_id, made.booking_id)
    .run();
  return made;
}
