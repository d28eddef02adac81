/** GET /console/api/reconciliations: what was compared, and what differs. POST: compares the last 24 hours now. */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import * as z from 'zod/mini';
import type { ConsoleReconciliations } from '../../../../contract/console.ts';
import { orderReconciliation } from '../../../../core/background/order-reconciliation.ts';
import { isoSeconds, timeOrNull } from '../../../../core/domain/timestamp.ts';
import { listReconciliations } from '../../../../core/ledger/reconciliations/list-reconciliations.ts';
import type { HttpEnv } from '../../http-env.ts';
import { BODY_MAX_BYTES, jsonBody } from '../../middleware/json-body.ts';
import { limitBody } from '../../middleware/limit-body.ts';
import { validate } from '../../middleware/validate.ts';

const RECONCILIATIONS_MAX = 30;

export const reconciliationsRoute = new Hono<HttpEnv>()
  .get('/', async function reconciliations(c) {
    return c.json(await listed(c));
  })
  .post('/', limitBody(BODY_MAX_BYTES), jsonBody(), validate(z.strictObject({})), async function reconcile(c) {
    await orderReconciliation(c.get('shards'));
    return c.json(await listed(c), 202);
  });

async function listed(c: Context<HttpEnv>): Promise<ConsoleReconciliations> {
  const all = await listReconciliations(c.get('shards').at(0).db, RECONCILIATIONS_MAX);
  return {
    reconciliations: all.map((one) => ({
      from: isoSeconds(one.fromMs),
      to: isoSeconds(one.toMs),
      compared_until: isoSeconds(one.comparedUntilMs),
      started_at: isoSeconds(one.startedAtMs),
      ended_at: timeOrNull(one.endedAtMs),
      payments: one.payments,
      refunds: one.refunds,
      movements: one.movements,
      differences: one.differences.map(({ kind, subject, message, transactionId }) => ({
        kind,
        subject,
        transaction_id: transactionId,
        message,
      })),
    })),
  };
}
