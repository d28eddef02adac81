/** The keys of an issuer: when it is asked for them, and what holds when it does not answer. */
import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/core/log.ts';
import { keySets } from '../../src/core/security/key-set.ts';

const URL_OF_KEYS = 'https://issuer.example/keys';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const UNAVAILABLE = { kind: 'unavailable', reason: 'The keys of the token’s issuer are unavailable' };
const keySetOf = (...kids: string[]) => ({ keys: kids.map((kid) => ({ kid, kty: 'RSA' })) });
const known = (...kids: string[]) => ({ kind: 'keys', ...keySetOf(...kids) });
const publishing =
  (...kids: string[]) =>
  () =>
    Response.json(keySetOf(...kids));

/** An issuer that answers as the test wants, and what the Worker makes of it. */
function newIssuer(answer: () => Response | Promise<Response>) {
  const issuer = { answer, asked: [] as string[], logged: [] as LogLevel[], sent: {} as RequestInit };
  const sets = keySets(
    (level) => void issuer.logged.push(level),
    async (url, init) => {
      issuer.asked.push(url);
      issuer.sent = init;
      return issuer.answer();
    },
    new Map(),
  );
  return Object.assign(issuer, {
    keysAt: (nowMs: number, kid: string | null = 'key-1', url = URL_OF_KEYS) =>
      sets.keysFor(url, kid ?? undefined, nowMs),
  });
}

function breaks(): Response {
  throw new Error('the connection breaks');
}

describe('a key set', () => {
  it('is asked for once in ten minutes, as long as it has the keys that tokens name', async () => {
    const issuer = newIssuer(publishing('key-1', 'key-2'));
    for (const nowMs of [0, 1, 9 * MINUTE_MS, 10 * MINUTE_MS - 1]) {
      expect(await issuer.keysAt(nowMs)).toEqual(known('key-1', 'key-2'));
      expect(await issuer.keysAt(nowMs, 'key-2')).toEqual(known('key-1', 'key-2'));
    }
    expect(issuer.asked).toEqual([URL_OF_KEYS]);
  });

  it('drops a key that the issuer has withdrawn after ten minutes', async () => {
    const issuer = newIssuer(publishing('key-1', 'key-2'));
    await issuer.keysAt(0);
    issuer.answer = publishing('key-2');
    expect(await issuer.keysAt(10 * MINUTE_MS)).toEqual(known('key-2'));
  });

  it('is fetched again for each token with an unknown key, which may be newer than the cache', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    expect(await issuer.keysAt(1, 'made-up')).toEqual(known('key-1'));
    issuer.answer = publishing('key-1', 'key-2');
    expect(await issuer.keysAt(2, 'key-2')).toEqual(known('key-1', 'key-2'));
    expect(await issuer.keysAt(3, 'key-2')).toEqual(known('key-1', 'key-2'));
    expect(issuer.asked).toHaveLength(3);
  });

  it('has a new key for all of eight tokens that come while it is being fetched', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    issuer.answer = publishing('key-1', 'key-2');
    const at = Array.from({ length: 8 }, (_, index) => issuer.keysAt(1 + index, 'key-2'));
    expect(await Promise.all(at)).toEqual(Array(8).fill(known('key-1', 'key-2')));
  });

  it('is fetched 20 times at once for invented key ids, then once in 1.5 seconds; without a fetch no token is called invalid', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    for (let index = 0; index < 20; index += 1) {
      expect(await issuer.keysAt(100, `made-up-${index}`)).toEqual(known('key-1'));
    }
    for (let index = 0; index < 100; index += 1) {
      expect(await issuer.keysAt(101, `made-up-${index}`)).toEqual(UNAVAILABLE);
      expect(await issuer.keysAt(101)).toEqual(known('key-1'));
    }
    expect(issuer.asked).toHaveLength(21);

    // The next fetch is anybody's, and brings the new key to everybody.
    issuer.answer = publishing('key-1', 'key-2');
    expect(await issuer.keysAt(1_599, 'key-2')).toEqual(UNAVAILABLE);
    expect(await issuer.keysAt(1_600, 'made-up')).toEqual(known('key-1', 'key-2'));
    expect(await issuer.keysAt(1_601, 'key-2')).toEqual(known('key-1', 'key-2'));
    expect(issuer.asked).toHaveLength(22);

    for (let index = 0; index < 30; index += 1) await issuer.keysAt(5 * MINUTE_MS, 'made-up');
    expect(issuer.asked).toHaveLength(42);
  });

  it('is not asked for for a token that names no key', async () => {
    const issuer = newIssuer(publishing('key-1'));
    expect(await issuer.keysAt(0, null)).toEqual({ kind: 'keys', keys: [] });
    await issuer.keysAt(0);
    expect(await issuer.keysAt(MINUTE_MS, null)).toEqual(known('key-1'));
    expect(issuer.asked).toHaveLength(1);
  });

  it('is that of the fetch which began last, whichever ends last', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    const slow = Promise.withResolvers<Response>();
    issuer.answer = () => slow.promise;
    const early = issuer.keysAt(1, 'key-2');
    issuer.answer = publishing('key-1', 'key-2');
    expect(await issuer.keysAt(2, 'key-2')).toEqual(known('key-1', 'key-2'));
    slow.resolve(publishing('key-1')());
    expect(await early).toEqual(known('key-1'));
    expect(await issuer.keysAt(3, 'key-2')).toEqual(known('key-1', 'key-2'));
    expect(issuer.asked).toHaveLength(3);
  });

  it('is that of its address', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    await issuer.keysAt(0, 'key-1', 'https://other.example/keys');
    expect(issuer.asked).toEqual([URL_OF_KEYS, 'https://other.example/keys']);
  });

  // RFC 7517, 5: keys that lack what they need, or whose values nobody understands, are to be ignored.
  it('leaves out keys that can’t be read, and has the others', async () => {
    const unreadable = [{ kid: 'no-type' }, { kid: 7, kty: 'RSA' }, 'text', null];
    const keys = [...unreadable, { kid: null, kty: 'RSA' }, { kid: 'key-1', kty: 'RSA' }];
    const issuer = newIssuer(() => Response.json({ keys }));
    const found = await issuer.keysAt(0);
    expect(found).toMatchObject({ keys: expect.arrayContaining([{ kid: 'key-1', kty: 'RSA' }]) });
    expect(JSON.stringify(found)).not.toContain('no-type');
  });

  it('is asked for with a deadline, and at its address only', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    expect(issuer.sent).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) });
  });
});

describe.each<[what: string, answer: () => Response]>([
  ['breaks the connection', breaks],
  ['has a bug', () => new Response('{"keys":[]}', { status: 500 })],
  ['sends elsewhere', () => Response.redirect('https://elsewhere.example/keys', 302)],
  ['answers with a page', () => new Response('<html>')],
  ['answers without keys', () => Response.json({})],
  ['answers with keys of no type', () => Response.json({ keys: [{ kid: 'key-1' }] })],
  ['answers with more than 256 KiB', () => Response.json({ ...keySetOf('key-1'), padding: 'x'.repeat(256 * 1024) })],
])('an issuer that %s', (_, answer) => {
  it('has no keys as long as none are known, and is asked each time', async () => {
    const issuer = newIssuer(answer);
    expect(await issuer.keysAt(0)).toEqual(UNAVAILABLE);
    issuer.answer = publishing('key-1');
    expect(await issuer.keysAt(1)).toEqual(known('key-1'));
    expect(issuer.logged).toEqual(['error']);
  });

  it('has the keys that are known, and is asked again after half a minute', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    issuer.answer = answer;
    for (const nowMs of [10 * MINUTE_MS, 10 * MINUTE_MS + 29_999]) {
      expect(await issuer.keysAt(nowMs)).toEqual(known('key-1'));
    }
    expect([issuer.asked.length, issuer.logged]).toEqual([2, ['warn']]);

    issuer.answer = publishing('key-2');
    expect(await issuer.keysAt(10 * MINUTE_MS + 30_000)).toEqual(known('key-2'));
  });

  it('is unavailable for a token with an unknown key, and accepts tokens with known keys', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    issuer.answer = answer;
    expect(await issuer.keysAt(1, 'key-2')).toEqual(UNAVAILABLE);
    expect(await issuer.keysAt(2, 'key-2')).toEqual(UNAVAILABLE);
    expect(await issuer.keysAt(3)).toEqual(known('key-1'));
    expect(issuer.logged).toEqual(['error', 'error']);
  });

  it('has no keys any more after a day, however often it is asked', async () => {
    const issuer = newIssuer(publishing('key-1'));
    await issuer.keysAt(0);
    issuer.answer = answer;
    expect(await issuer.keysAt(DAY_MS - 1)).toEqual(known('key-1'));
    for (const nowMs of [DAY_MS, DAY_MS + 1, DAY_MS + MINUTE_MS])
      expect(await issuer.keysAt(nowMs)).toEqual(UNAVAILABLE);
  });
});
