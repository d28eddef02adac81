/** The one place that turns thrown errors into answers, without internal details. */
import type { Context } from 'hono';
import { KeyRefused, LedgerMisplaced, LedgerNotMigrated, LedgerUnavailable } from '../../../core/ledger/database.ts';
import { errorFields } from '../../../core/log.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { unauthorized } from './authenticate.ts';
import { isUnreadable } from './unreadable-request.ts';

const RETRY_AFTER_SECONDS = '5';
const NOT_MIGRATED =
  'The database lacks tables or columns that this version needs. On your machine, run `npm run setup`. For Cloudflare, run `npm run deploy`.';
const MISPLACED =
  'The databases bound to this Worker are not the ones that it was first deployed with, or not in their order. Correct the bindings DB, DB_1, … in wrangler.toml: `npx payctl shards` shows which is which.';

export function onError(error: Error, c: Context<HttpEnv>): Response {
  if (isUnreadable(error)) return errorResponse(c, 400, 'INVALID_REQUEST', error.message);
  if (error instanceof KeyRefused) {
    c.get('log')('warn', 'auth.refused', { reason: error.name, actor: c.get('credential').actor });
    return unauthorized(c, 'The API key has been revoked, or is not known', 'invalid_token');
  }
  if (error instanceof LedgerUnavailable) {
    c.get('log')('error', 'ledger.unavailable', errorFields(error));
    c.header('Retry-After', RETRY_AFTER_SECONDS);
    return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', 'The service cannot be reached right now. Please try again.');
  }
  if (error instanceof LedgerNotMigrated) {
    c.get('log')('error', error.alarm, errorFields(error));
    return errorResponse(c, 503, 'NOT_CONFIGURED', error instanceof LedgerMisplaced ? MISPLACED : NOT_MIGRATED);
  }
  c.get('log')('error', 'http.bug', { ...errorFields(error), stack: error.stack });
  return errorResponse(c, 500, 'INTERNAL_ERROR', 'Internal server error');
}
