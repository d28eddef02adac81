/** Reports to the payment service what became of events: a signed call, repeated with what it has not recorded while the leases last. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Webhook } from 'standardwebhooks';
import { DELIVERIES_PATH, type DeliveriesReport, type Delivery, recordedDeliveries } from '../contract/pull.ts';

const CALL_DEADLINE_MS = 10_000;
/** Before each further try. */
const PAUSES_MS = [1_000, 4_000];
/** The longest that a report can take. */
export const REPORT_DEADLINE_MS = PAUSES_MS.reduce((sum, pause) => sum + pause + CALL_DEADLINE_MS, CALL_DEADLINE_MS);

/** Answers with the ids of the events whose results are recorded; null where the service did not take the report. */
export type ReportDeliveries = (deliveries: Delivery[], tries?: number) => Promise<ReadonlySet<string> | null>;

/** @param secrets that the service may have: while one is replaced, each report is signed with both */
export function deliveriesReporter(serviceUrl: string, secrets: readonly string[], log: Logger): ReportDeliveries {
  const url = new URL(DELIVERIES_PATH.slice(1), serviceUrl.endsWith('/') ? serviceUrl : `${serviceUrl}/`);
  const webhooks = secrets.map((secret) => new Webhook(secret));

  async function once(body: string): Promise<ReadonlySet<string> | null> {
    const at = new Date();
    const id = `msg_${crypto.randomUUID()}`;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': webhooks.map((webhook) => webhook.sign(id, at, body)).join(' '),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(CALL_DEADLINE_MS),
      });
      const { status } = response;
      if (status === 200) return new Set(recordedDeliveries.parse(await response.json()).recorded);
      await response.body?.cancel();
      // 401 is another secret, or a clock that is more than five minutes off; 422 a service of another version.
      log[status === 401 || status === 404 || status === 422 ? 'error' : 'warn']({ status }, 'report.refused');
    } catch (error) {
      log.warn({ error: error instanceof Error ? error.name : typeof error }, 'report.failed');
    }
    return null;
  }

  return async (all, tries = 1 + PAUSES_MS.length) => {
    const recorded = new Set<string>();
    let isTaken = false;
    let deliveries = all;
    for (let tried = 1; ; tried += 1) {
      const some = await once(JSON.stringify({ deliveries } satisfies DeliveriesReport));
      isTaken ||= some !== null;
      for (const id of some ?? []) recorded.add(id);
      // One of several databases may not have answered.
      deliveries = deliveries.filter(({ result }) => !recorded.has(result.event_id));
      if ((isTaken && deliveries.length === 0) || tried >= tries) return isTaken ? recorded : null;
      await sleep(PAUSES_MS[tried - 1]);
    }
  };
}
