import {
  abortAllDurableObjects,
  createExecutionContext,
  evictDurableObject,
  runInDurableObject,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../src/worker/bindings.ts';
import { createApp } from '../../src/worker/http/app.ts';
import { expectEnvelope } from './matchers.ts';
import { type Answer, newAddress, payment, send, sendWith } from './request.ts';
import { rowCounts } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const BURST = 20;
/** In an environment of its own, so that the limiter is asked about every request. */
const from = (address: string | null) => sendWith({}, 'GET', '/payment/methods', { address });
const together = (count: number, address: string | null) =>
  Promise.all(Array.from({ length: count }, () => from(address)));
const admittedOf = (answers: Answer[]) => answers.filter(({ status }) => status !== 429).length;

/** A machine that does much else at the same time needs longer than usual. */
const MANY = { timeout: 30_000 };

describe('the rate limit', () => {
  it(
    'admits exactly 20 of 1,000 requests that come as fast as they can, and spares other addresses',
    MANY,
    async () => {
      const address = newAddress();
      const startedAtMs = Date.now();
      const answers = await together(1000, address);
      const tookMs = Date.now() - startedAtMs;

      expect(tookMs, 'the burst must fit into its window for this test to mean anything').toBeLessThan(10_000);
      expect(admittedOf(answers)).toBe(BURST);
      expect((await from(newAddress())).status).toBe(200);
    },
  );

  it('counts down, and says when more is admitted', async () => {
    const address = newAddress();
    for (let remaining = BURST - 1; remaining >= 0; remaining -= 1) {
      const { status, headers } = await from(address);
      expect([status, headers.get('X-RateLimit-Limit'), headers.get('X-RateLimit-Remaining')]).toEqual([
        200,
        '100',
        String(remaining),
      ]);
    }
    const nowSeconds = Date.now() / 1000;
    const refused = await from(address);
    expect(refused.status).toBe(429);
    expectEnvelope(refused, 'RATE_LIMIT_EXCEEDED');
    expect(refused.headers.get('X-RateLimit-Remaining')).toBe('0');
    expect(Number(refused.headers.get('X-RateLimit-Reset'))).toBeGreaterThan(nowSeconds + 5);
    expect(Number(refused.headers.get('X-RateLimit-Reset'))).toBeLessThanOrEqual(Math.ceil(nowSeconds + 11));
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(5);
    expect(Number(refused.headers.get('Retry-After'))).toBeLessThanOrEqual(11);
    expect(refused.body.error.details.retry_after_seconds).toBe(Number(refused.headers.get('Retry-After')));
  });

  it('comes before anything else is read: no body, no database', async () => {
    const address = newAddress();
    await together(BURST, address);
    const before = await rowCounts();
    const database = watchedDatabase(() => 'fail');
    for (const body of [payment(), '{', 'x'.repeat(17 * 1024)]) {
      expect((await sendWith({ DB: database.d1 }, 'POST', '/payment/process', { body, address })).status).toBe(429);
    }
    expect(database.roundTrips()).toBe(0);
    expect(await rowCounts()).toEqual(before);
  });

  it('admits no more because its object is evicted in between', async () => {
    const address = newAddress();
    const stub = env.RATE_LIMITER.getByName(address);
    let admitted = 0;
    for (let round = 0; round < 4; round += 1) {
      admitted += admittedOf(await together(7, address));
      await evictDurableObject(stub);
    }
    expect(admitted).toBe(BURST);
  });

  it('admits no more because all objects are aborted in between', async () => {
    const address = newAddress();
    const before = admittedOf(await together(13, address));
    await abortAllDurableObjects();
    expect(before + admittedOf(await together(30, address))).toBe(BURST);
  });
});

describe('an address that has been refused', () => {
  /** As in production, one environment for all requests. Its limiter counts how often it is asked. */
  function watchedService() {
    let asked = 0;
    const getByName = (name: string) => {
      asked += 1;
      return env.RATE_LIMITER.getByName(name);
    };
    const bindings = { ...env, RATE_LIMITER: { getByName } } as unknown as Bindings;
    const ask = async (address: string) => {
      const request = new Request('https://payments.test/payment/methods', {
        headers: { 'CF-Connecting-IP': address },
      });
      return createApp().fetch(request, bindings, createExecutionContext());
    };
    return { ask, asked: () => asked };
  }

  it('is refused without its limiter, which would answer the same, and no other address is', async () => {
    const [service, address] = [watchedService(), newAddress()];
    await together(BURST, address);
    const first = await service.ask(address);
    const again = await service.ask(address);
    expect([first.status, again.status, service.asked()]).toEqual([429, 429, 1]);
    const limiter = await from(address);
    for (const name of ['X-RateLimit-Remaining', 'X-RateLimit-Reset', 'RateLimit-Policy']) {
      expect(again.headers.get(name), name).toBe(limiter.headers.get(name));
    }
    expect((await service.ask(newAddress())).status).toBe(200);
    expect(service.asked()).toBe(2);
  });

  it('is admitted as soon as its limiter has room for it', MANY, async () => {
    const [service, address] = [watchedService(), newAddress()];
    await runInDurableObject(env.RATE_LIMITER.getByName(address), (_, state) =>
      state.storage.kv.put('admissions', Array(BURST).fill(Date.now() - 8_500)),
    );
    await evictDurableObject(env.RATE_LIMITER.getByName(address));
    const refused = await service.ask(address);
    expect(refused.status).toBe(429);
    const resetAtMs = Number(refused.headers.get('X-RateLimit-Reset')) * 1000;
    await expect.poll(() => Date.now() >= resetAtMs, { timeout: 5_000, interval: 20 }).toBe(true);
    expect((await service.ask(address)).status).toBe(200);
  });
});

describe('the headers of the rate limit', () => {
  it.each([
    ['GET', '/payment/methods', undefined, 200],
    ['GET', '/payment/status/TXN-1', undefined, 404],
    ['GET', '/payment/nothing', undefined, 404],
    ['DELETE', '/payment/process', undefined, 405],
    ['POST', '/payment/process', '{', 400],
    ['POST', '/payment/process', {}, 422],
    ['POST', '/payment/refund', {}, 422],
    ['POST', '/payment/process', 'x'.repeat(17 * 1024), 413],
    ['POST', '/payment/process', payment(), 200],
  ])('are on the answer to %s %s, whatever it is', async (method, path, body, status) => {
    const nowSeconds = Date.now() / 1000;
    const answer = await send(method, path, { body });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('X-RateLimit-Limit')).toBe('100');
    expect(answer.headers.get('X-RateLimit-Remaining')).toBe(String(BURST - 1));
    const reset = Number(answer.headers.get('X-RateLimit-Reset'));
    expect(reset).toBeGreaterThanOrEqual(nowSeconds + 10);
    expect(reset).toBeLessThanOrEqual(nowSeconds + 13);
    expect(answer.headers.get('RateLimit-Policy')).toBe('"burst";q=20;w=10, "minute";q=100;w=60');
    expect(answer.headers.get('RateLimit')).toMatch(/^"burst";r=19;t=1[01], "minute";r=99;t=6[01]$/);
    expect(answer.headers.get('Retry-After')).toBeNull();
  });

  it('are on a 429 too', async () => {
    const address = newAddress();
    await together(BURST, address);
    const { headers } = await from(address);
    expect(headers.get('RateLimit-Policy')).toBe('"burst";q=20;w=10, "minute";q=100;w=60');
    expect(headers.get('RateLimit')).toMatch(/^"burst";r=0;t=(?:\d|1[01]), "minute";r=80;t=\d\d$/);
    expect(headers.get('X-RateLimit-Limit')).toBe('100');
  });

  it.each(['/health', '/nothing'])('are not on %s, which is free', async (path) => {
    const address = newAddress();
    const answers = await Promise.all(Array.from({ length: 120 }, () => send('GET', path, { address })));
    expect(admittedOf(answers)).toBe(120);
    expect([...(answers[0]?.headers.keys() ?? [])].filter((name) => name.includes('ratelimit'))).toEqual([]);
    expect((await from(address)).headers.get('X-RateLimit-Remaining')).toBe(String(BURST - 1));
  });
});

describe('an address', () => {
  const remaining = async (address: string | null) =>
    Number((await from(address)).headers.get('X-RateLimit-Remaining'));

  it.each([
    ['of IPv6 counts together with its /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', BURST - 2],
    ['of IPv6 counts apart from the next /64', '2001:db8:2:2::1', '2001:db8:2:3::1', BURST - 1],
    ['of IPv6 is the same in all spellings', '2001:db8:3::1', '2001:0DB8:0003:0000:0000:0000:0000:0001', BURST - 2],
    ['of IPv4 is the same written as IPv6', '203.0.113.1', '::ffff:203.0.113.1', BURST - 2],
    ['of IPv4 is the same in hexadecimal', '203.0.113.2', '::ffff:cb00:7102', BURST - 2],
    ['of IPv4 counts apart from the next one', '203.0.113.3', '203.0.113.4', BURST - 1],
    ['that is none counts as one that is missing', null, 'no address', BURST - 2],
  ])('%s', async (_, first, second, expected) => {
    expect(await remaining(first)).toBe(BURST - 1);
    expect(await remaining(second)).toBe(expected);
  });
});
