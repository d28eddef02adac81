/** The API of the console's pages: see contract/console.ts. Search, payments, refunds, captures and voids are the public API's own routes. */
import { Hono } from 'hono/tiny';
import type { HttpEnv } from '../../http-env.ts';
import { authenticateConsole } from '../../middleware/authenticate-console.ts';
import { methodNotAllowed } from '../../middleware/method-not-allowed.ts';
import { ofInstallation } from '../../middleware/of-installation.ts';
import { rateLimit } from '../../middleware/rate-limit.ts';
import { requireScope } from '../../middleware/require-scope.ts';
import { sameOrigin } from '../../middleware/same-origin.ts';
import { withShards } from '../../middleware/with-shards.ts';
import { captureRoute, voidRoute } from '../hold.ts';
import { refundRoute } from '../refund.ts';
import { transactionsRoute } from '../transactions.ts';
import { casesRoute } from './cases.ts';
import { databasesRoute } from './databases.ts';
import { disputesRoute } from './disputes.ts';
import { eventsRoute } from './events.ts';
import { gatewaysRoute } from './gateways.ts';
import { keysRoute } from './keys.ts';
import { overviewRoute } from './overview.ts';
import { reconciliationsRoute } from './reconciliations.ts';
import { sessionRoute } from './session.ts';

export const CONSOLE_API_PATH = '/console/api';

/** Open pages refresh themselves, and people have several open: the console has limits of its own, apart from those of payments. */
const CONSOLE_LIMITS = { name: 'console', perMinute: 300, burst: 60 };

const READ = 'GET, HEAD';
/** Paths that show or change more than the caller's organisation. */
const OF_INSTALLATION = ['overview', 'gateways', 'databases', 'events', 'reconciliations', 'keys'];

export const consoleApi = new Hono<HttpEnv>();

consoleApi.use(rateLimit(CONSOLE_LIMITS), authenticateConsole(), withShards(), sameOrigin(), requireScope('admin'));
consoleApi.use(async function nothingToRender(c, next) {
  c.header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  return next();
});

consoleApi.route('/session', sessionRoute).all('/session', methodNotAllowed(READ));
consoleApi
  .route('/transactions', transactionsRoute)
  .all('/transactions', methodNotAllowed(READ))
  .all('/transactions/:id', methodNotAllowed(READ));
consoleApi.route('/refund', refundRoute).all('/refund', methodNotAllowed('POST'));
consoleApi.route('/capture', captureRoute).all('/capture', methodNotAllowed('POST'));
consoleApi.route('/void', voidRoute).all('/void', methodNotAllowed('POST'));

consoleApi
  .route('/cases', casesRoute)
  .all('/cases', methodNotAllowed(READ))
  .all('/cases/resolve', methodNotAllowed('POST'));
consoleApi.route('/disputes', disputesRoute).all('/disputes', methodNotAllowed(READ));

for (const path of OF_INSTALLATION) consoleApi.use(`/${path}/*`, ofInstallation());
consoleApi.route('/overview', overviewRoute).all('/overview', methodNotAllowed(READ));
consoleApi.route('/gateways', gatewaysRoute).all('/gateways', methodNotAllowed(READ));
consoleApi.route('/databases', databasesRoute).all('/databases', methodNotAllowed(READ));
consoleApi
  .route('/events', eventsRoute)
  .all('/events', methodNotAllowed(READ))
  .all('/events/send', methodNotAllowed('POST'));
consoleApi.route('/reconciliations', reconciliationsRoute).all('/reconciliations', methodNotAllowed('GET, HEAD, POST'));
consoleApi
  .route('/keys', keysRoute)
  .all('/keys', methodNotAllowed('GET, HEAD, POST'))
  .all('/keys/:id/revoke', methodNotAllowed('POST'));
