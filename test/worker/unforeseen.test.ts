/** What goes wrong inside is told outside without anything of the inside. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { titled } from '../data/abridged.ts';
import { expectEnvelope } from './matchers.ts';
import { newId } from './operation.ts';
import { send, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

const statusOf = (DB: unknown) => sendWith({ DB }, 'GET', `/payment/status/${newId('TXN-')}`);

describe('an answer', () => {
  it('to a bug is a 500 that says nothing of it', async () => {
    const broken = {
      prepare: (query: string) => env.DB.prepare(query),
      batch: () => Promise.reject(new Error('D1_ERROR: near "SELEKT": syntax error: SQLITE_ERROR')),
    };
    const answer = await statusOf(broken);
    expect(answer.status).toBe(500);
    expectEnvelope(answer, 'INTERNAL_ERROR');
    expect(answer.text).not.toMatch(/SELEKT|SQLITE|D1|stack|\.ts/);
  });

  it('to a question about a payment is a 503 while D1 does not answer, with the time to ask again', async () => {
    const answer = await statusOf(watchedDatabase(() => 'fail').d1);
    expect(answer.status).toBe(503);
    expectEnvelope(answer, 'SERVICE_UNAVAILABLE');
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  });

  it('to a question about a payment comes at the third try, if D1 answers then', async () => {
    const database = watchedDatabase((roundTrip) => (roundTrip < 3 ? 'fail' : 'answer'));
    expect((await statusOf(database.d1)).status).toBe(404);
    // And then whether the payment may have left for the archive.
    expect(database.roundTrips()).toBe(3 + 1);
  });
});

describe('X-Request-Id', () => {
  it('is the caller’s own, so that both sides can find the request', async () => {
    const { headers } = await send('GET', '/health', { headers: { 'X-Request-Id': 'booking-4711' } });
    expect(headers.get('X-Request-Id')).toBe('booking-4711');
  });

  it.each(titled(['a b', '<script>', 'y'.repeat(300)]))('is a new one where the caller’s is "%s"', async (_, id) => {
    const { headers } = await send('GET', '/health', { headers: { 'X-Request-Id': id } });
    expect(headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is another one for each request', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('GET', '/health')));
    expect(new Set(answers.map(({ headers }) => headers.get('X-Request-Id'))).size).toBe(20);
  });
});
