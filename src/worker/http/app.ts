/** The order in which a request passes through the service. */

import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { Hono } from 'hono/tiny';
import { SANDBOX_CHALLENGE_PATH } from '../../core/gateways/sandbox/sandbox-gateway.ts';
import { createLog } from '../../core/log.ts';
import { errorResponse } from './error-envelope.ts';
import type { HttpEnv } from './http-env.ts';
import { authenticate } from './middleware/authenticate.ts';
import { crossOrigin } from './middleware/cross-origin.ts';
import { httpsOnly } from './middleware/https-only.ts';
import { methodNotAllowed } from './middleware/method-not-allowed.ts';
import { onError } from './middleware/on-error.ts';
import { rateLimit } from './middleware/rate-limit.ts';
import { configured } from './middleware/require-settings.ts';
import { withShards } from './middleware/with-shards.ts';
import { healthRoute } from './routes/health.ts';
import { captureRoute, voidRoute } from './routes/hold.ts';
import { methodsRoute } from './routes/methods.ts';
import { metricsRoute } from './routes/metrics.ts';
import { processRoute } from './routes/process.ts';
import { webhooksRoute } from './routes/provider-webhooks.ts';
import { readyRoute } from './routes/ready.ts';
import { refundRoute } from './routes/refund.ts';
import { sandboxChallengeRoute } from './routes/sandbox-challenge.ts';
import { statusRoute } from './routes/status.ts';
import { transactionsRoute } from './routes/transactions.ts';

/** A provider's few addresses send what all payers cause, and send again what was too much. Others shall not have us ask PayPal. */
const WEBHOOK_LIMITS = { name: 'webhooks', perMinute: 1000, burst: 300 };

/** Uptime monitors ask once or twice a minute, each from several places. A question costs a query of each database. */
const READY_LIMITS = { name: 'ready', perMinute: 60, burst: 20 };

export function createApp(): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.onError(onError);
  app.notFound((c) => errorResponse(c, 404, 'NOT_FOUND', 'There is nothing at this path.'));

  app.use(requestId(), secureHeaders());
  app.use(async function everyRequest(c, next) {
    c.set('log', createLog({ request_id: c.get('requestId') }));
    c.header('Cache-Control', 'no-store');
    return next();
  });
  app.route('/health', healthRoute).all('/health', methodNotAllowed('GET, HEAD'));

  app.use(configured(), httpsOnly());
  app.use('/payment/*', crossOrigin(), rateLimit(), authenticate(), withShards());
  app.use('/ready', rateLimit(READY_LIMITS));
  app.use('/metrics', rateLimit(), authenticate(), withShards());
  app.use('/webhooks/*', rateLimit(WEBHOOK_LIMITS));
  app.use(`${SANDBOX_CHALLENGE_PATH}/*`, rateLimit());

  app.route('/ready', readyRoute).all('/ready', methodNotAllowed('GET, HEAD'));
  app.route('/payment/process', processRoute).all('/payment/process', methodNotAllowed('POST'));
  app.route('/payment/capture', captureRoute).all('/payment/capture', methodNotAllowed('POST'));
  app.route('/payment/void', voidRoute).all('/payment/void', methodNotAllowed('POST'));
  app.route('/payment/refund', refundRoute).all('/payment/refund', methodNotAllowed('POST'));
  app.route('/payment/status', statusRoute).all('/payment/status/:id', methodNotAllowed('GET, HEAD'));
  app
    .route('/payment/transactions', transactionsRoute)
    .all('/payment/transactions', methodNotAllowed('GET, HEAD'))
    .all('/payment/transactions/:id', methodNotAllowed('GET, HEAD'));
  app.route('/webhooks', webhooksRoute);
  app.route(SANDBOX_CHALLENGE_PATH, sandboxChallengeRoute);
  app.route('/metrics', metricsRoute).all('/metrics', methodNotAllowed('GET, HEAD'));
  app.route('/payment/methods', methodsRoute).all('/payment/methods', methodNotAllowed('GET, HEAD'));
  return app;
}
