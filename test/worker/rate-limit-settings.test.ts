import { describe, expect, it } from 'vitest';
import { expectEnvelope } from './matchers.ts';
import { newAddress, send, sendWith } from './request.ts';

/** The status of each request, one after the other, from one address. */
async function statuses(bindings: Record<string, unknown>, address: string | null, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let request = 0; request < count; request += 1) {
    all.push((await sendWith(bindings, 'GET', '/payment/methods', { address })).status);
  }
  return all;
}

describe('RATE_LIMIT_EXEMPT', () => {
  it.each([
    ['an address', '192.0.2.7', '192.0.2.7'],
    ['a network', '192.0.2.0/24, 10.0.0.0/8', '10.1.2.3'],
    ['an address written as IPv6', '192.0.2.8', '::ffff:192.0.2.8'],
    ['a network of IPv6', '2001:db8::/32', '2001:db8:ffff::1'],
    ['one of several, separated by blanks', '192.0.2.9  2001:db8::1', '2001:db8::1'],
    ['a Worker that calls by service binding, which has no address', '192.0.2.10 direct', null],
  ])('lets %s through, uncounted', async (_, exempt, address) => {
    const exempted = { RATE_LIMIT_EXEMPT: exempt, RATE_LIMIT_BURST: '1' };
    expect(await statuses(exempted, address, 3)).toEqual([200, 200, 200]);
  });

  it.each([
    ['an address beside it', '192.0.2.0/25', '192.0.2.129'],
    ['an IPv6 address where all of IPv4 is exempt', '0.0.0.0/0', '2001:db8:9::1'],
    ['a request that says nothing of where it comes from', '0.0.0.0/0,::/0', null],
    ['an address where only requests without one are exempt', 'direct', '192.0.2.130'],
  ])('does not let %s through', async (_, exempt, address) => {
    const exempted = { RATE_LIMIT_EXEMPT: exempt, RATE_LIMIT_BURST: '1' };
    expect(await statuses(exempted, address, 2)).toEqual([200, 429]);
  });
});

describe('RATE_LIMIT_PER_MINUTE and RATE_LIMIT_BURST', () => {
  it('are what is admitted, and what the headers say', async () => {
    const limits = { RATE_LIMIT_PER_MINUTE: '3', RATE_LIMIT_BURST: '5' };
    const address = newAddress();
    expect(await statuses(limits, address, 4)).toEqual([200, 200, 200, 429]);
    const { headers } = await sendWith(limits, 'GET', '/payment/methods', { address });
    expect(headers.get('X-RateLimit-Limit')).toBe('3');
    expect(headers.get('RateLimit-Policy')).toBe('"burst";q=5;w=10, "minute";q=3;w=60');
  });

  it('may be lowered while an address has more to its name than they allow', async () => {
    const address = newAddress();
    for (let request = 0; request < 10; request += 1) await send('GET', '/payment/methods', { address });
    const lowered = { RATE_LIMIT_PER_MINUTE: '4', RATE_LIMIT_BURST: '2' };
    const { status, headers } = await sendWith(lowered, 'GET', '/payment/methods', { address });
    expect([status, headers.get('X-RateLimit-Remaining')]).toEqual([429, '0']);
  });
});

const limiter = (admit: () => unknown) => ({ RATE_LIMITER: { getByName: () => ({ admit }) } });
const unreachable = limiter(() => Promise.reject(new Error('Network connection lost.')));
const silent = limiter(() => new Promise(() => {}));
const unnamed = {
  RATE_LIMITER: {
    getByName() {
      throw new Error('no such namespace');
    },
  },
};

describe('a limiter that can’t be reached', () => {
  it.each([
    ['breaks', unreachable],
    ['is not there', unnamed],
  ])('lets a request through where it %s', async (_, bindings) => {
    const answer = await sendWith(bindings, 'GET', '/payment/methods');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('X-RateLimit-Remaining')).toBe('20');
  });

  it('lets none through where RATE_LIMIT_FAIL_OPEN is false', async () => {
    const answer = await sendWith({ ...unreachable, RATE_LIMIT_FAIL_OPEN: 'false' }, 'GET', '/payment/methods');
    expect(answer.status).toBe(503);
    expectEnvelope(answer, 'SERVICE_UNAVAILABLE');
    expect(answer.headers.get('X-RateLimit-Remaining')).toBe('0');
    expect(answer.headers.get('Retry-After')).toBe('1');
  });
});

describe('a limiter that is overloaded', () => {
  it('is a 429 where it says nothing in time: a flood must not be let in because it is one', async () => {
    const answer = await sendWith(silent, 'GET', '/payment/methods');
    expect(answer.status).toBe(429);
    expect(answer.headers.get('X-RateLimit-Remaining')).toBe('0');
  });

  it.each(['true', 'false'])('is a 429, with RATE_LIMIT_FAIL_OPEN at %s', async (RATE_LIMIT_FAIL_OPEN) => {
    const overloaded = limiter(() =>
      Promise.reject(Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true })),
    );
    const answer = await sendWith({ ...overloaded, RATE_LIMIT_FAIL_OPEN }, 'GET', '/payment/methods');

    expect(answer.status).toBe(429);
    expectEnvelope(answer, 'RATE_LIMIT_EXCEEDED');
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(answer.headers.get('X-RateLimit-Remaining')).toBe('0');
    expect(answer.headers.get('X-RateLimit-Limit')).toBe('100');
  });
});
