/**
 * What `npm run dev` has wrangler start in place of index.ts: the same Worker, which logs each request's end as well. On Cloudflare,
 * the platform's own log has that. Wrangler's line of a request has no id that would join it to the Worker's.
 */
import { createLog } from '../core/log.ts';
import type { Bindings } from './bindings.ts';
import worker from './index.ts';

export { RateLimiter } from './index.ts';

export default {
  ...worker,

  async fetch(request: Request, env: Bindings, execution: ExecutionContext): Promise<Response> {
    const startedAtMs = Date.now();
    const response = await worker.fetch(request, env, execution);
    const log = createLog({ request_id: response.headers.get('X-Request-Id') });
    log('info', 'http.answered', {
      method: request.method,
      path: new URL(request.url).pathname,
      status: response.status,
      duration_ms: Date.now() - startedAtMs,
    });
    return response;
  },
};
