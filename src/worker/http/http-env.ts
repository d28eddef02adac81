/** What the middleware puts beside a request, for the routes to use. */
import type { RequestIdVariables } from 'hono/request-id';
import type { ConsoleSession } from '../../contract/console.ts';
import type { Caller } from '../../core/caller.ts';
import type { Log } from '../../core/log.ts';
import type { Credential } from '../../core/security/credential.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { Shards } from '../../core/shards.ts';
import type { Bindings } from '../bindings.ts';
import type { Client } from '../rate-limit/client-address.ts';

declare module 'hono' {
  /** For handlers that other packages type: each request has a log. */
  interface ContextVariableMap {
    log: Log;
  }
}

export interface HttpEnv {
  Bindings: Bindings;
  Variables: RequestIdVariables & {
    settings: Settings;
    credential: Credential;
    caller: Caller;
    shards: Shards;
    /** Null where the request came without one. */
    idempotencyKey: string | null;
    /** A JSON body, as it was sent. */
    bodyText: string;
    client: Client;
    /** Of the console. */
    signedInBy: ConsoleSession['signed_in_by'];
  };
}
