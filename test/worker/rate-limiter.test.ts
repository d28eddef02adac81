/** The Durable Object behind the rate limit: what it stores, and when it forgets. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { type Answer, newAddress, send } from './request.ts';

const from = (address: string) => send('GET', '/payment/methods', { address });
const together = (count: number, address: string): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, () => from(address)));
const stubOf = (address: string) => env.RATE_LIMITER.getByName(address);

const stored = (address: string) =>
  runInDurableObject(stubOf(address), async (_, state) => ({
    entries: Object.fromEntries(state.storage.kv.list()) as { admissions?: number[] },
    alarmAtMs: await state.storage.getAlarm(),
  }));

/** Makes the object one that was last asked at the given times, and has been evicted since. */
async function remember(address: string, admissions: number[]): Promise<void> {
  await runInDurableObject(stubOf(address), (_, state) => state.storage.kv.put('admissions', admissions));
  await evictDurableObject(stubOf(address));
}

describe('the rate limiter', () => {
  it('has every admission in storage, and no refusal', async () => {
    const address = newAddress();
    await together(25, address);
    expect((await stored(address)).entries.admissions).toHaveLength(20);
  });

  it('holds the minute’s limit beside the burst’s', async () => {
    const address = newAddress();
    const nowMs = Date.now();
    await remember(
      address,
      Array.from({ length: 93 }, (_, index) => nowMs - 30_000 + index),
    );

    const answers = await together(20, address);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
    const refused = await from(address);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(20);
    expect(Number(refused.headers.get('Retry-After'))).toBeLessThanOrEqual(31);
    expect(refused.headers.get('RateLimit')).toMatch(/"burst";r=13;t=\d+, "minute";r=0;t=(?:2\d|3[01])/);
    expect(refused.headers.get('X-RateLimit-Remaining')).toBe('0');
  });

  it('says when more is admitted truthfully: then, and not before', async () => {
    const address = newAddress();
    await remember(address, Array(20).fill(Date.now() - 9_000));
    const refused = await from(address);
    expect(refused.status).toBe(429);
    const resetAtMs = Number(refused.headers.get('X-RateLimit-Reset')) * 1000;
    await expect.poll(async () => Date.now() >= resetAtMs, { timeout: 3000, interval: 20 }).toBe(true);
    expect((await from(address)).status).toBe(200);
  });

  it('forgets what has left every window', async () => {
    const address = newAddress();
    await remember(address, Array(100).fill(Date.now() - 61_000));
    expect((await from(address)).headers.get('X-RateLimit-Remaining')).toBe('19');
    expect((await stored(address)).entries.admissions).toHaveLength(1);
  });

  it('makes no room because the clock was set back', async () => {
    const address = newAddress();
    const aheadMs = Date.now() + 5_000;
    await remember(address, Array(19).fill(aheadMs));
    expect((await from(address)).status).toBe(200);
    expect((await from(address)).status).toBe(429);
    expect((await stored(address)).entries.admissions).toEqual(Array(20).fill(aheadMs));
  });

  it('does not clear the storage of an address that is still asking', async () => {
    const address = newAddress();
    await together(5, address);
    expect(await runDurableObjectAlarm(stubOf(address))).toBe(true);

    const { entries, alarmAtMs } = await stored(address);
    expect(entries.admissions).toHaveLength(5);
    expect(alarmAtMs).toBeGreaterThan(Date.now() + 55_000);
    expect((await from(address)).headers.get('X-RateLimit-Remaining')).toBe('14');
  });

  it('clears the storage of an address that has gone silent', async () => {
    const address = newAddress();
    await from(address);
    await remember(address, [Date.now() - 62_000]);
    expect(await runDurableObjectAlarm(stubOf(address))).toBe(true);
    expect(await stored(address)).toEqual({ entries: {}, alarmAtMs: null });
  });

  it('begins again, alarm and all, when such an address comes back', async () => {
    const address = newAddress();
    await from(address);
    await remember(address, [Date.now() - 62_000]);
    await runDurableObjectAlarm(stubOf(address));

    expect((await from(address)).headers.get('X-RateLimit-Remaining')).toBe('19');
    const { entries, alarmAtMs } = await stored(address);
    expect(entries.admissions).toHaveLength(1);
    expect(alarmAtMs).not.toBeNull();
  });
});
