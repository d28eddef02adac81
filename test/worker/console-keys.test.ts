/** API keys in the console: listed, made and revoked in every database. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ConsoleKey } from '../../src/contract/console.ts';
import { SCOPES } from '../../src/core/security/credential.ts';
import { PRODUCTION_VARIABLES } from '../data/local-variables.ts';
import { AT_DESK, FROM_CONSOLE, signedIn } from './console.ts';
import { apiKey, bearer, WITH_KEYS } from './credentials.ts';
import { databases, FOUR, inEach, migrateAll, place } from './four-databases.ts';
import { sendWith } from './request.ts';
import { allCells } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const DAY_MS = 24 * 60 * 60_000;
const desk = await signedIn();

const asked = (overrides: Record<string, unknown> = {}) => ({
  name: 'booking-service',
  organisation: 'default',
  scopes: ['payments:read'],
  expires_in_days: null,
  ...overrides,
});
const listed = async (keyId: string): Promise<ConsoleKey | undefined> =>
  (await desk.get('keys')).body.keys.find((key: ConsoleKey) => key.key_id === keyId);
const methods = (key: string, bindings: Record<string, unknown> = WITH_KEYS) =>
  sendWith(bindings, 'GET', '/payment/methods', { headers: bearer(key) });
const audited = async (subject: string) =>
  (
    await env.DB.prepare('SELECT action, actor, detail FROM audit_entries WHERE subject = ?1 ORDER BY sequence')
      .bind(subject)
      .all()
  ).results;

describe('a new key', () => {
  it('is shown once, is accepted, and is stored nowhere', async () => {
    const { status, body } = await desk.post(
      'keys',
      asked({ scopes: ['refunds:write', 'payments:read'], organisation: 'cinema-2' }),
    );
    expect(status).toBe(201);
    expect(body.key).toEqual({
      ...{ key_id: expect.stringMatching(/^key_[0-9a-f]{12}$/), organisation: 'cinema-2', name: 'booking-service' },
      ...{ scopes: ['refunds:write', 'payments:read'], created_at: expect.any(String) },
      ...{ expires_at: null, last_used_at: null, revoked_at: null, is_own: false, is_complete: true },
    });
    expect((await methods(body.secret)).status).toBe(200);
    expect(await listed(body.key.key_id)).toMatchObject({ name: 'booking-service', last_used_at: expect.any(String) });
    expect((await desk.get('keys')).text).not.toContain(body.secret);
    expect((await allCells()).filter(({ value }) => String(value).includes(body.secret))).toEqual([]);
    expect(await audited(body.key.key_id)).toEqual([
      {
        action: 'key.created',
        actor: `key:${desk.keyId}`,
        detail: JSON.stringify({ scopes: 'refunds:write payments:read', expires_at_ms: null }),
      },
    ]);
  });

  it('expires after so many days', async () => {
    const { body } = await desk.post('keys', asked({ expires_in_days: 30 }));
    expect(Date.parse(body.key.expires_at) - Date.parse(body.key.created_at)).toBe(30 * DAY_MS);
  });

  it('is a live one in production', async () => {
    const production = { ...env, ...PRODUCTION_VARIABLES };
    const { headers } = await apiKey({ scopes: ['admin'] }, 'live');
    const { body } = await sendWith(production, 'POST', '/console/api/keys', { body: asked(), headers });
    expect(body.secret).toMatch(/^psk_live_/);
    expect((await methods(body.secret, production)).status).toBe(200);
  });

  it('can be made on a desk that asks nobody for one', async () => {
    const made = await sendWith(AT_DESK, 'POST', '/console/api/keys', { body: asked(), headers: FROM_CONSOLE });
    expect(made.status).toBe(201);
    expect((await methods(made.body.secret)).status).toBe(200);
  });

  it('is not made without a secret to sign it with', async () => {
    const answer = await sendWith({ ...AT_DESK, API_KEY_SECRET: '' }, 'POST', '/console/api/keys', {
      ...{ body: asked(), headers: FROM_CONSOLE },
    });
    expect([answer.status, answer.body.error.code]).toEqual([503, 'NOT_CONFIGURED']);
  });

  it.each([
    ['no name', { name: '' }, 'name'],
    ['a script in its name', { name: '<script>alert(1)</script>' }, 'name'],
    ['a name that is too long', { name: 'x'.repeat(101) }, 'name'],
    ['an organisation with a space', { organisation: 'a b' }, 'organisation'],
    ['no scopes', { scopes: [] }, 'scopes'],
    ['an unknown scope', { scopes: ['everything'] }, 'scopes.0'],
    ['half a day', { expires_in_days: 0.5 }, 'expires_in_days'],
    ['no days', { expires_in_days: 0 }, 'expires_in_days'],
    ['eleven years', { expires_in_days: 4_015 }, 'expires_in_days'],
    ['a key of its own', { secret: 'psk_test_x' }, ''],
  ])('with %s is not made', async (_, overrides, path) => {
    const answer = await desk.post('keys', asked(overrides));
    expect([answer.status, answer.body.error.details.issues[0].path]).toEqual([422, path]);
    expect(answer.text).not.toContain('alert(1)');
  });
});

describe('the list', () => {
  it('says what each scope allows', async () => {
    const { scopes } = (await desk.get('keys')).body;
    expect(scopes.map(({ scope }: { scope: string }) => scope)).toEqual([...SCOPES]);
    for (const { description } of scopes) expect(description).toMatch(/\S/);
  });

  it('marks the key that was used to ask for it, and leaves a trace in the audit log', async () => {
    expect(await listed(desk.keyId)).toMatchObject({ is_own: true, scopes: ['admin'] });
    expect(await audited('api_keys')).toContainEqual(
      expect.objectContaining({ action: 'keys.read', actor: `key:${desk.keyId}` }),
    );
  });
});

describe('revoking', () => {
  it('ends a key from the next request on, once', async () => {
    const { key, keyId } = await apiKey();
    expect((await methods(key)).status).toBe(200);
    const first = await desk.post(`keys/${keyId}/revoke`);
    const again = await desk.post(`keys/${keyId}/revoke`);
    expect([first.status, first.body.revoked_at]).toEqual([200, expect.any(String)]);
    expect(again.body.revoked_at).toBe(first.body.revoked_at);
    expect((await methods(key)).status).toBe(401);
    expect((await audited(keyId)).map(({ action }) => action)).toEqual(['key.created', 'key.revoked']);
  });

  it('is refused of the key that asks for it', async () => {
    const answer = await desk.post(`keys/${desk.keyId}/revoke`);
    expect([answer.status, answer.body.error.message]).toEqual([
      409,
      expect.stringContaining('sign in with another one'),
    ]);
    expect((await desk.get('session')).status).toBe(200);
  });

  it.each(['key_000000000000', encodeURIComponent('<script>alert(1)</script>')])('of %s is a 404', async (keyId) => {
    const answer = await desk.post(`keys/${keyId}/revoke`);
    expect(answer.status).toBe(404);
    expect(answer.text).not.toContain('alert(1)');
  });
});

describe('of four databases', () => {
  beforeAll(async () => {
    await migrateAll();
    for (const [shard, database] of databases.entries()) await place(database, shard);
  });

  const AT_FOUR = { ...AT_DESK, ...FOUR };
  const post = (path: string, body: object, bindings: Record<string, unknown> = AT_FOUR) =>
    sendWith(bindings, 'POST', `/console/api/${path}`, { body, headers: FROM_CONSOLE });
  const keyIn = async (bindings: Record<string, unknown>, keyId: string): Promise<ConsoleKey | undefined> =>
    (await sendWith(bindings, 'GET', '/console/api/keys')).body.keys.find((key: ConsoleKey) => key.key_id === keyId);
  const DOWN = { ...AT_FOUR, DB_2: watchedDatabase(() => 'fail').d1 };

  it('a key is made and revoked in all of them', async () => {
    const { key_id } = (await post('keys', asked())).body.key;
    const sql = 'SELECT revoked_at_ms IS NULL AS valid FROM api_keys WHERE key_id = ?1';
    expect(await inEach(sql, key_id)).toEqual(Array(4).fill([{ valid: 1 }]));
    expect((await post(`keys/${key_id}/revoke`, {})).status).toBe(200);
    expect(await inEach(sql, key_id)).toEqual(Array(4).fill([{ valid: 0 }]));
  });

  it('a key that one of them does not confirm is shown to nobody, and can be revoked', async () => {
    const answer = await post('keys', asked({ name: 'half-made' }), DOWN);
    expect([answer.status, answer.body.error.message]).toEqual([
      503,
      expect.stringMatching(/^The database DB_2 did not confirm the key key_\w+\. Nobody has it/),
    ]);
    expect(answer.text).not.toContain('psk_');
    const [, keyId = ''] = /(key_\w+)/.exec(answer.body.error.message) ?? [];
    expect(await keyIn(AT_FOUR, keyId)).toMatchObject({ is_complete: false, revoked_at: null });
    expect((await post(`keys/${keyId}/revoke`, {})).status).toBe(200);
    expect(await keyIn(AT_FOUR, keyId)).toMatchObject({ is_complete: true, revoked_at: expect.any(String) });
  });

  it('a key that one of them has not revoked is said to be accepted there', async () => {
    const { key_id } = (await post('keys', asked())).body.key;
    const answer = await post(`keys/${key_id}/revoke`, {}, DOWN);
    expect([answer.status, answer.body.error.message]).toEqual([
      503,
      expect.stringMatching(/^The database DB_2 did not confirm that the key is revoked/),
    ]);
    expect(await keyIn(AT_FOUR, key_id)).toMatchObject({ is_complete: false });
  });
});
