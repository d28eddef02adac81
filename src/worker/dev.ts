/**
 * What `npm run dev` has wrangler start in place of index.ts: the same Worker, which logs each request's end as well, and answers
 * the page at /demo. On Cloudflare, a line for each request would be paid for. Wrangler's line of a request has no id that would join it to
 * the Worker's.
 */
import { createLog } from '../core/log.ts';
import type { Bindings } from './bindings.ts';
import { DEMO_PATH, demoApi } from './demo/demo-api.ts';
import worker from './index.ts';

export { RateLimiter } from './index.ts';

export default {
  ...worker,

  async fetch(request: Request, env: Bindings, execution: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith(`${DEMO_PATH}/`)) return demoApi.fetch(request, env, execution);
    const startedAtMs = Date.now();
    const response = await worker.fetch(request, env, execution);
    const log = createLog({ request_id: response.headers.get('X-Request-Id') });
    log('info', 'http.answered', {
      method: request.method,
      path: pathname,
      status: response.status,
      duration_ms: Date.now() - startedAtMs,
    });
    return response;
  },
};
