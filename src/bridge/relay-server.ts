/** The bridge's HTTP side: signed batches in, one result for each event out. It keeps nothing between two requests. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { paymentEvent } from '../contract/events.ts';
import {
  notOfTheContract,
  RELAY_BODY_MAX_BYTES,
  RELAY_CONFIRM_DEADLINE_MS,
  type RelayRefusal,
  type RelayResult,
  type RelayResults,
} from '../contract/relay.ts';
import { relayBatch, requestId } from '../contract/relay-batch.ts';
import type { Publisher } from './publisher.ts';

/** Why a batch is refused for now. */
const UNAVAILABLE = {
  stopping: 'the bridge is stopping',
  'no broker': 'the broker is not connected',
  'not set up': 'the exchange on the broker is not set up',
} as const satisfies Record<string, RelayRefusal['error']>;

export interface RelayServer {
  app: Hono;
  /** Accepts no more batches; resolves when the last accepted one has been answered. */
  drain(): Promise<void>;
}

/** A batch may be signed with any of the secrets: there are two during a rotation. */
export function createRelayServer(publisher: Publisher, signingSecrets: string[], log: Logger): RelayServer {
  const webhooks = signingSecrets.map((secret) => new Webhook(secret));
  const open = new Set<Promise<unknown>>();
  let draining = false;

  const app = new Hono();
  app.notFound((c) => c.json<RelayRefusal>({ error: 'there is nothing at this path' }, 404));
  app.onError((error, c) => {
    if (c.req.raw.signal.aborted) {
      log.warn(errorPlace(error), 'relay.sender_gone');
      return c.json<RelayRefusal>({ error: 'the batch did not arrive whole' }, 400); // the client has disconnected
    }
    log.error(errorPlace(error), 'relay.bug');
    return c.json<RelayRefusal>({ error: 'internal error' }, 500);
  });

  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    const status = draining ? 'stopping' : publisher.state();
    return c.json({ status }, status === 'ready' ? 200 : 503);
  });

  app.post(
    '/events',
    bodyLimit({
      maxSize: RELAY_BODY_MAX_BYTES,
      onError: (c) => {
        c.header('Connection', 'close'); // the rest of the body is not read
        return c.json<RelayRefusal>({ error: 'the batch is too large' }, 413);
      },
    }),
    async (c) => {
      const body = await c.req.text();
      const reason = whyUnsigned(webhooks, body, c.req.header());
      if (reason !== null) {
        log.warn({ reason }, 'relay.unsigned');
        return c.json<RelayRefusal>({ error: 'the signature does not hold' }, 401);
      }
      const status = draining ? 'stopping' : publisher.state();
      if (status !== 'ready') {
        c.header('Retry-After', '5');
        return c.json<RelayRefusal>({ error: UNAVAILABLE[status] }, 503);
      }

      const batch = relayBatch.safeParse(parsed(body));
      if (!batch.success) {
        const issues = batch.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
        log.error({ issues }, 'relay.invalid');
        return c.json<RelayRefusal>({ error: 'the batch is not valid', issues }, 422);
      }

      const startedAtMs = performance.now();
      const requestIds = requestIdsIn(batch.data.request_ids);
      const publishing = relay(publisher, batch.data.events, requestIds);
      open.add(publishing);
      const results = await publishing.finally(() => open.delete(publishing));
      const undelivered = results.filter((result) => !result.delivered);
      const [first] = undelivered;
      log[undelivered.length === 0 ? 'info' : 'warn'](
        {
          delivered: results.length - undelivered.length,
          undelivered: undelivered.length,
          reason: first?.reason,
          event_id: first?.event_id,
          request_id: first && requestIds.get(first.event_id),
          duration_ms: Math.round(performance.now() - startedAtMs),
        },
        'relay.batch',
      );
      return c.json<RelayResults>({ results });
    },
  );

  return {
    app,
    async drain() {
      draining = true;
      await Promise.allSettled(open);
    },
  };
}

/** Why the body is signed with none of the secrets, or null if it is. */
function whyUnsigned(webhooks: Webhook[], body: string, headers: Record<string, string>): string | null {
  let reason = 'there is no secret';
  for (const webhook of webhooks) {
    try {
      webhook.verify(body, headers, { jsonParse: false });
      return null;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      reason = error.message;
    }
  }
  return reason;
}

/** By the event's id. What does not have the form of a request id is left out: it must keep no event from its queue. */
function requestIdsIn(ids: Record<string, unknown> = {}): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(ids).flatMap(([eventId, id]) => {
      const { success, data } = requestId.safeParse(id);
      return success ? [[eventId, data] as const] : [];
    }),
  );
}

/** Publishes the events that match the contract and returns the reason for the others: one result per event, in order. */
async function relay(
  publisher: Publisher,
  batch: { event_id: string }[],
  requestIds: ReadonlyMap<string, string>,
): Promise<RelayResult[]> {
  const judged = batch.map((event) => ({ event, parsed: paymentEvent.safeParse(event) }));
  const published = await publisher.publish(
    judged.flatMap(({ parsed: { success, data: event } }) =>
      success ? [{ event, requestId: requestIds.get(event.event_id) ?? null }] : [],
    ),
    RELAY_CONFIRM_DEADLINE_MS,
  );
  const results = published.values();
  return judged.map(({ event, parsed }) => {
    const result = parsed.success ? results.next().value : undefined;
    if (result !== undefined) return result;
    const fields = parsed.error?.issues.flatMap(({ path }) => path) ?? [];
    return { event_id: event.event_id, delivered: false, reason: notOfTheContract(fields), invalid: true };
  });
}

/** The stack without the message, because the message can quote the request. */
function errorPlace(error: Error): { error: string; at: string[] } {
  const at = (error.stack ?? '').split('\n').filter((line) => /^ +at .*:\d+:\d+\)?$/.test(line));
  return { error: error.name, at: at.map((line) => line.trim()) };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // answered as an invalid batch
  }
}
