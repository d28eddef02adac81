/** The bridge's HTTP side: signed batches in, one result for each event out. It keeps nothing between two requests. */
import type { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Webhook } from 'standardwebhooks';
import {
  RELAY_BODY_MAX_BYTES,
  RELAY_CONFIRM_DEADLINE_MS,
  type RelayRefusal,
  type RelayResults,
} from '../contract/relay.ts';
import { relayBatch } from '../contract/relay-batch.ts';
import { whyUnsigned } from '../contract/why-unsigned.ts';
import { createHealthApp } from './health.ts';
import { type Publishing, publishBatch } from './publish-batch.ts';

/** Why a batch is refused for now. */
const UNAVAILABLE = {
  stopping: 'the bridge is stopping',
  'no broker': 'the broker is not connected',
  'not set up': 'the exchange on the broker is not set up',
} as const satisfies Record<string, RelayRefusal['error']>;

/** Where events come from. */
export interface Source {
  app: Hono;
  /** Accepts no more events; resolves when what became of the last accepted ones has been answered or reported. */
  drain(): Promise<void>;
  /** The longest that `drain` can take. */
  drainDeadlineMs: number;
}

/** A batch may be signed with any of the secrets: there are two during a rotation. */
export function createRelayServer(publishing: Publishing, signingSecrets: string[]): Source {
  const { publisher, metrics, log } = publishing;
  const webhooks = signingSecrets.map((secret) => new Webhook(secret));
  const open = new Set<Promise<unknown>>();
  let draining = false;
  const state = () => (draining ? 'stopping' : publisher.state());

  const app = createHealthApp(state, log);
  app.post(
    '/events',
    bodyLimit({
      maxSize: RELAY_BODY_MAX_BYTES,
      onError: (c) => {
        metrics.batches.inc({ result: 'too large' });
        c.header('Connection', 'close'); // the rest of the body is not read
        return c.json<RelayRefusal>({ error: 'the batch is too large' }, 413);
      },
    }),
    async (c) => {
      const body = await c.req.text();
      const reason = whyUnsigned(webhooks, body, c.req.header());
      if (reason !== null) {
        metrics.batches.inc({ result: 'unsigned' });
        log.warn({ reason }, 'relay.unsigned');
        return c.json<RelayRefusal>({ error: 'the signature does not hold' }, 401);
      }
      const status = state();
      if (status !== 'ready') {
        metrics.batches.inc({ result: status });
        c.header('Retry-After', '5');
        return c.json<RelayRefusal>({ error: UNAVAILABLE[status] }, 503);
      }

      const batch = relayBatch.safeParse(parsed(body));
      if (!batch.success) {
        metrics.batches.inc({ result: 'invalid' });
        const issues = batch.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
        log.error({ issues }, 'relay.invalid');
        return c.json<RelayRefusal>({ error: 'the batch is not valid', issues }, 422);
      }

      const publishingBatch = publishBatch(publishing, batch.data.events, batch.data.request_ids);
      open.add(publishingBatch);
      const results = await publishingBatch.finally(() => open.delete(publishingBatch));
      return c.json<RelayResults>({ results });
    },
  );

  return {
    app,
    async drain() {
      draining = true;
      await Promise.allSettled(open);
    },
    drainDeadlineMs: RELAY_CONFIRM_DEADLINE_MS,
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // answered as an invalid batch
  }
}
