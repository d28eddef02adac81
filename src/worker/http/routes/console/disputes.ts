/** GET /console/api/disputes */
import { Hono } from 'hono/tiny';
import type { ConsoleDisputes } from '../../../../contract/console.ts';
import { decimalAmount } from '../../../../core/domain/money.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { openFirst, recentDisputes } from '../../../../core/ledger/payments/list-disputes.ts';
import { isDecided } from '../../../../core/ledger/payments/record-dispute.ts';
import { answersOf, readEach } from '../../../../core/monitoring/read-each.ts';
import type { HttpEnv } from '../../http-env.ts';
import { shownTenant } from '../../middleware/of-installation.ts';

const DISPUTES_MAX = 500;

export const disputesRoute = new Hono<HttpEnv>().get('/', async function disputes(c) {
  const tenant = shownTenant(c);
  const reads = await readEach(c.get('shards'), ({ db }) => recentDisputes(db, tenant, DISPUTES_MAX));
  const { answers: lists, notRead } = answersOf(reads);
  return c.json<ConsoleDisputes>({
    disputes: lists
      .flat()
      .toSorted(openFirst)
      .slice(0, DISPUTES_MAX)
      .map((one) => ({
        dispute_id: one.disputeId,
        organisation: one.tenant,
        provider: one.provider,
        transaction_id: one.transactionId,
        booking_id: one.bookingId,
        status: one.status,
        is_open: !isDecided(one.status),
        reason: one.reason,
        amount: decimalAmount(one.amountMinor, one.currency),
        currency: one.currency,
        opened_at: isoSeconds(one.openedAtMs),
        reported_at: isoSeconds(one.reportedAtMs),
      })),
    not_read: notRead,
  });
});
