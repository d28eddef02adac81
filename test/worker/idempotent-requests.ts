/** Requests that carry an Idempotency-Key, each key of the test's own. */
import { env } from 'cloudflare:workers';
import { type Answer, send } from './request.ts';
import type { Row } from './stored.ts';

export const newKey = () => crypto.randomUUID();

const withKey = (path: string) => (key: string, body: unknown) =>
  send('POST', path, { body, headers: { 'Idempotency-Key': key } });
export const payWithKey = withKey('/payment/process');
export const refundWithKey = withKey('/payment/refund');

export const isReplayed = ({ headers }: Answer) => headers.get('Idempotent-Replayed') === 'true';

/** The body without the time at which an error was answered. */
export const lasting = ({ body: { timestamp, ...rest } }: Answer) => rest;

export async function keyRows(key: string): Promise<Row[]> {
  const found = await env.DB.prepare('SELECT * FROM idempotency_keys WHERE idempotency_key = ?1').bind(key).all<Row>();
  return found.results;
}

/** Makes a key as old as this. */
export async function age(key: string, ageMs: number): Promise<void> {
  await env.DB.prepare('UPDATE idempotency_keys SET created_at_ms = ?2 WHERE idempotency_key = ?1')
    .bind(key, Date.now() - ageMs)
    .run();
}
