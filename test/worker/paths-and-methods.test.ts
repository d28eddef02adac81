import { describe, expect, it } from 'vitest';
import { titled } from '../data/abridged.ts';
import { MARKER } from './bad-bodies.ts';
import { expectEnvelope } from './matchers.ts';
import { payment, send } from './request.ts';
import { rowCounts } from './stored.ts';

const READ = ['/health', '/metrics', '/ready', '/payment/methods', '/payment/status/TXN-1'];
const WRITTEN = ['/payment/process', '/payment/capture', '/payment/void', '/payment/refund'];

const wrongMethods = [
  ...WRITTEN.flatMap((path) => ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => [method, path, 'POST'])),
  ...READ.flatMap((path) => ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => [method, path, 'GET, HEAD'])),
] as [string, string, string][];

describe('a method that a path does not have', () => {
  it.each(wrongMethods)('%s %s is a 405 that allows %s', async (method, path, allow) => {
    const before = await rowCounts();
    const answer = await send(method, path, method === 'GET' ? {} : { body: payment({ user_id: MARKER }) });

    expect(answer.status).toBe(405);
    expect(answer.headers.get('Allow')).toBe(allow);
    expectEnvelope(answer, 'METHOD_NOT_ALLOWED');
    expect(answer.text).not.toContain('zq7x');
    expect(await rowCounts()).toEqual(before);
  });

  it.each(WRITTEN)('HEAD %s is a 405 without a body', async (path) => {
    const answer = await send('HEAD', path);
    expect([answer.status, answer.headers.get('Allow'), answer.text]).toEqual([405, 'POST', '']);
  });

  it.each(['/health', '/metrics', '/ready', '/payment/methods'])('HEAD %s is answered', async (path) => {
    const answer = await send('HEAD', path);
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('a path that does not exist', () => {
  it.each(
    titled([
      '/',
      '/payment',
      '/payment/',
      `/${MARKER}`,
      `/payment/${MARKER}`,
      '/payments/process',
      '/PAYMENT/PROCESS',
      `/payment/process/${MARKER}`,
      '//payment/process',
      '/payment/status',
      '/payment/status/',
      `/payment/status/${MARKER}/${MARKER}`,
      '/health/x',
      `/payment/%00${MARKER}`,
      `/payment/%E0%A4%A${MARKER}`,
      `/${'x'.repeat(4000)}${MARKER}`,
    ]),
  )('is a 404: %s', async (_, path) => {
    for (const method of ['GET', 'POST']) {
      const answer = await send(method, path, method === 'GET' ? {} : { body: payment() });
      expect([method, answer.status]).toEqual([method, 404]);
      expectEnvelope(answer, 'NOT_FOUND');
      expect(answer.text).not.toContain('zq7x');
    }
  });
});

describe('an identifier that was never given out', () => {
  it.each(
    titled([
      'TXN-456789',
      'TXN-01J00000000000000000000000',
      'REF-01J00000000000000000000000',
      'txn-01j00000000000000000000000',
      `TXN-${MARKER}`,
      MARKER,
      'TXN-',
      "TXN-' OR '1'='1",
      '%00',
      '%E0%A4%A',
      '%ED%A0%80',
      '%2e%2e%2fprocess',
      '__proto__',
      'x'.repeat(4000),
      `TXN-${'0'.repeat(4000)}`,
    ]),
  )('is a 404: %s', async (_, id) => {
    const answer = await send('GET', `/payment/status/${id}`);
    expect(answer.status).toBe(404);
    expectEnvelope(answer, 'TRANSACTION_NOT_FOUND');
    expect(answer.text).not.toContain('zq7x');
  });
});
