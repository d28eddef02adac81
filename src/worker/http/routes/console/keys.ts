/** GET and POST /console/api/keys, POST /console/api/keys/{key_id}/revoke: API keys, in all databases. */
import type { Context as HonoContext } from 'hono';
import { Hono } from 'hono/tiny';
import * as z from 'zod/mini';
import type { ConsoleKey, ConsoleKeyMade, ConsoleKeys, NewConsoleKey } from '../../../../contract/console.ts';
import {
  isIncomplete,
  isKeyName,
  KEY_NAME_MAX_LENGTH,
  makeKey,
  revokeKey,
  storedKeys,
} from '../../../../core/by-hand/api-keys.ts';
import { isoSeconds, timeOrNull } from '../../../../core/domain/timestamp.ts';
import { type ApiKey, listApiKeys } from '../../../../core/ledger/api-keys/list-api-keys.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../../../../core/ledger/database.ts';
import { errorFields } from '../../../../core/log.ts';
import { answersOf, readEach } from '../../../../core/monitoring/read-each.ts';
import { isScope, isTenant, SCOPE_DESCRIPTIONS, SCOPES } from '../../../../core/security/credential.ts';
import { allDatabases, bindingOf } from '../../../../core/shards.ts';
import { errorResponse } from '../../error-envelope.ts';
import type { HttpEnv } from '../../http-env.ts';
import { BODY_MAX_BYTES, jsonBody } from '../../middleware/json-body.ts';
import { limitBody } from '../../middleware/limit-body.ts';
import { validate } from '../../middleware/validate.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Ten years. */
const EXPIRES_MAX_DAYS = 3_650;

const NAME_RULE = `must have 1 to ${KEY_NAME_MAX_LENGTH} letters, digits, spaces and . : @ / - _`;
const TENANT_RULE = 'must have 1 to 64 letters, digits and . : - _';
const DAYS_RULE = `must be whole days, 1 to ${EXPIRES_MAX_DAYS}, or null`;

const newKey = z.strictObject({
  name: z.string(NAME_RULE).check(z.trim(), z.refine(isKeyName, NAME_RULE)),
  organisation: z.string(TENANT_RULE).check(z.refine(isTenant, TENANT_RULE)),
  scopes: z
    .array(z.string().check(z.refine(isScope, `must be one of ${SCOPES.join(', ')}`)))
    .check(z.minLength(1, 'must have a scope'), z.maxLength(SCOPES.length, 'has a scope twice')),
  expires_in_days: z.nullable(z.int(DAYS_RULE).check(z.minimum(1, DAYS_RULE), z.maximum(EXPIRES_MAX_DAYS, DAYS_RULE))),
}) satisfies z.ZodMiniType<NewConsoleKey>;

export const keysRoute = new Hono<HttpEnv>()
  .get('/', async function keys(c) {
    const nowMs = Date.now();
    const { answers: lists, notRead } = answersOf(await readEach(c.get('shards'), ({ db }) => listApiKeys(db, nowMs)));
    return c.json<ConsoleKeys>({
      keys: storedKeys(lists).map((key) => shownKey(c, key, !isIncomplete(key, lists.length))),
      scopes: SCOPES.map((scope) => ({ scope, description: SCOPE_DESCRIPTIONS[scope] })),
      not_read: notRead,
    });
  })
  .post('/', limitBody(BODY_MAX_BYTES), jsonBody(), validate(newKey), async function createKey(c) {
    const { name, organisation, scopes, expires_in_days } = c.req.valid('json');
    const { auth, production } = c.get('settings');
    if (auth.newKeySecret === null) {
      return errorResponse(c, 503, 'NOT_CONFIGURED', 'API_KEY_SECRET is missing. Keys are signed with it.');
    }
    const nowMs = Date.now();
    const asked = {
      name,
      tenant: organisation,
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      expiresAtMs: expires_in_days === null ? null : nowMs + expires_in_days * DAY_MS,
    };
    const mode = production ? 'live' : 'test';
    const made = await makeKey(allDatabases(c.get('shards')), asked, { secret: auth.newKeySecret, mode, nowMs });
    if (made.kind === 'made') {
      return c.json<ConsoleKeyMade>({ key: shownKey(c, made.key, true), secret: made.secret }, 201);
    }
    return notConfirmed(
      c,
      made.error,
      made.shard,
      `the key ${made.keyId}. Nobody has it: create another one, and revoke this one.`,
    );
  })
  .post('/:id/revoke', limitBody(BODY_MAX_BYTES), jsonBody(), validate(z.strictObject({})), async function revoke(c) {
    const keyId = c.req.param('id');
    if (isOwn(c, keyId)) {
      return errorResponse(
        c,
        409,
        'INVALID_REQUEST',
        'You are signed in with this key. To revoke it, sign in with another one.',
      );
    }
    const revoked = await revokeKey(allDatabases(c.get('shards')), keyId, Date.now());
    switch (revoked.kind) {
      case 'revoked':
        return c.json<ConsoleKey>(shownKey(c, revoked.key, true));
      case 'unknown':
        return errorResponse(c, 404, 'NOT_FOUND', 'There is no such key.');
      case 'not_confirmed': {
        const [{ shard, error } = { shard: 0, error: undefined }] = revoked.failed;
        return notConfirmed(
          c,
          error,
          shard,
          'that the key is revoked. It may still be accepted there: revoke it again.',
        );
      }
    }
  });

/** The 503 of a database that has not answered. @throws any other error than that */
function notConfirmed(c: HonoContext<HttpEnv>, error: unknown, shard: number, what: string): Response {
  if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
  c.get('log')('error', 'key.not_confirmed', { shard, ...errorFields(error) });
  return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', `The database ${bindingOf(shard)} did not confirm ${what}`);
}

function isOwn(c: HonoContext<HttpEnv>, keyId: string): boolean {
  return c.get('credential').actor === `key:${keyId}`;
}

function shownKey(c: HonoContext<HttpEnv>, key: ApiKey, isComplete: boolean): ConsoleKey {
  return {
    key_id: key.keyId,
    organisation: key.tenant,
    name: key.name,
    scopes: [...key.scopes],
    created_at: isoSeconds(key.createdAtMs),
    expires_at: timeOrNull(key.expiresAtMs),
    last_used_at: timeOrNull(key.lastUsedAtMs),
    revoked_at: timeOrNull(key.revokedAtMs),
    is_own: isOwn(c, key.keyId),
    is_complete: isComplete,
  };
}
