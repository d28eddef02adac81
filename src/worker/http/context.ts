/** What the middleware puts beside a request, for the routes to use. */
import type { RequestIdVariables } from 'hono/request-id';
import type { Credential } from '../auth/credential.ts';
import type { Bindings } from '../bindings.ts';
import type { Log } from '../log.ts';
import type { Caller } from '../operation-context.ts';
import type { OperationContext } from '../operations/context.ts';
import type { Settings } from '../settings.ts';

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
    operation: OperationContext;
    /** Null where the request came without one. */
    idempotencyKey: string | null;
  };
}
