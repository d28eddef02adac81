/** POST /bridge/deliveries: a bridge that takes events from a queue reports what became of them. For the bridge alone, which signs it. */
import { Hono } from 'hono/tiny';
import { Webhook } from 'standardwebhooks';
import { DELIVERIES_BODY_MAX_BYTES, deliveriesReport, type RecordedDeliveries } from '../../../contract/pull.ts';
import { whyUnsigned } from '../../../contract/why-unsigned.ts';
import { backgroundCaller } from '../../../core/caller.ts';
import { takeDeliveries } from '../../../core/outbox/take-deliveries.ts';
import { parsedJson } from '../../../core/response-body.ts';
import { compose } from '../../compose.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { bodyBytes, limitBody } from '../middleware/limit-body.ts';
import { methodNotAllowed } from '../middleware/method-not-allowed.ts';
import { rateLimit } from '../middleware/rate-limit.ts';

/** Only what is not signed is counted: a bridge reports as often as there is something to report. */
const countUnsigned = rateLimit({ name: 'bridge', perMinute: 30, burst: 10 });

export const bridgeRoute = new Hono<HttpEnv>();

bridgeRoute
  .post('/deliveries', limitBody(DELIVERIES_BODY_MAX_BYTES, 'A report'), async (c) => {
    const body = new TextDecoder().decode(await bodyBytes(c.req.raw));
    const [settings, log] = [c.get('settings'), c.get('log')];
    const reason = whyUnsigned([new Webhook(settings.bridgeSigningSecret)], body, c.req.header());
    if (reason !== null) {
      const refused = await countUnsigned(c, async () => {});
      if (refused !== undefined) return refused;
      log('warn', 'deliveries.unsigned', { reason });
      return errorResponse(c, 401, 'UNAUTHORIZED', 'The report is not signed with BRIDGE_SIGNING_SECRET.');
    }
    const report = deliveriesReport.safeParse(parsedJson(body));
    if (!report.success) {
      const problems = report.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      log('error', 'deliveries.invalid', { problems: problems.join('; ') });
      return errorResponse(c, 422, 'INVALID_REQUEST', 'The report is not valid.', { problems });
    }
    const caller = backgroundCaller('bridge', c.get('requestId'));
    const shards = compose({ env: c.env, settings, log, caller, patience: null });
    // The bridge may hang up: what it has reported is recorded all the same.
    const taking = takeDeliveries(shards, report.data.deliveries);
    c.executionCtx.waitUntil(
      taking.then(
        ({ sendNext }) => sendNext(),
        () => {}, // an error is answered and logged below
      ),
    );
    const { recorded } = await taking;
    return c.json<RecordedDeliveries>({ recorded });
  })
  .all('/deliveries', methodNotAllowed('POST'));
