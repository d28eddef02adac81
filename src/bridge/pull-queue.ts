/** The queue that the bridge takes events from, by Cloudflare's API: https://developers.cloudflare.com/queues/configuration/pull-consumers/ */
import { APIError } from 'cloudflare/core/error';
import { BaseMessages } from 'cloudflare/resources/queues/messages';
import { createClient } from 'cloudflare/tree-shakable';
import * as z from 'zod/mini';
import { RELAY_BATCH_MAX_EVENTS } from '../contract/relay.ts';
import { relayMessage } from '../contract/relay-batch.ts';

/** Of each call, to the end of its answer. */
export const QUEUE_CALL_DEADLINE_MS = 10_000;
/**
 * A message that is not acknowledged comes again after this time: longer than the bridge takes to publish, report and acknowledge, or it
 * would come again meanwhile.
 */
const VISIBILITY_TIMEOUT_MS = 90_000;
/** Cloudflare's API refuses calls for five minutes once there were too many. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;
/** An HTTP date has whole seconds. */
const DATE_RESOLUTION_MS = 1_000;

export interface PulledMessage {
  /** Of Cloudflare's, by which the message is acknowledged. */
  receipt: string;
  /** Whether it has been pulled before. */
  isRepeated: boolean;
  /** Null: not a message of the payment service. */
  content: z.infer<typeof relayMessage> | null;
}

export interface Pulled {
  messages: PulledMessage[];
  backlog: number | null;
  /** The latest that it can be now, by Cloudflare's clock: leases are Cloudflare's, and the clock of this machine may be wrong. */
  latestNowMs: () => number;
}

export interface PullQueue {
  /** @throws APIError, or the error of a broken connection */
  pull(): Promise<Pulled>;
  /** @throws the same */
  acknowledge(receipts: string[]): Promise<void>;
  /** Puts messages back: they come again at once. @throws the same */
  retry(receipts: string[]): Promise<void>;
}

export interface QueueAccess {
  apiUrl: string;
  accountId: string;
  queueId: string;
  apiToken: string;
}

/** As much of a message as is needed; the client's types say that everything may be missing. */
const pulledMessage = z.object({ lease_id: z.string(), attempts: z.number(), body: z.string() });

export function connectQueue({ apiUrl, accountId: account_id, queueId, apiToken }: QueueAccess): PullQueue {
  const { messages } = createClient({
    resources: [BaseMessages],
    baseURL: apiUrl,
    apiToken,
    // Not those that the environment may have for another program.
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    // The bridge waits and tries again by itself.
    maxRetries: 0,
    logLevel: 'off',
  }).queues;
  const withDeadline = () => ({ signal: AbortSignal.timeout(QUEUE_CALL_DEADLINE_MS) });

  return {
    async pull() {
      const beganAtMs = performance.now();
      const asked = { account_id, batch_size: RELAY_BATCH_MAX_EVENTS, visibility_timeout_ms: VISIBILITY_TIMEOUT_MS };
      const { data, response } = await messages.pull(queueId, asked, withDeadline()).withResponse();
      const date = Date.parse(response.headers.get('date') ?? '');
      const answeredAtMs = Number.isNaN(date) ? Date.now() : date + DATE_RESOLUTION_MS;
      return {
        messages: (data.messages ?? []).map((message) => read(pulledMessage.parse(message))),
        backlog: data.metadata?.metrics?.backlog_count ?? data.message_backlog_count ?? null,
        latestNowMs: () => answeredAtMs + performance.now() - beganAtMs,
      };
    },

    async acknowledge(receipts) {
      const acks = receipts.map((lease_id) => ({ lease_id }));
      await messages.ack(queueId, { account_id, acks, retries: [] }, withDeadline());
    },

    async retry(receipts) {
      const retries = receipts.map((lease_id) => ({ lease_id }));
      await messages.ack(queueId, { account_id, acks: [], retries }, withDeadline());
    },
  };
}

/** The service sends text, which arrives as it was sent. */
function read({ lease_id, attempts, body }: z.infer<typeof pulledMessage>): PulledMessage {
  return { receipt: lease_id, isRepeated: attempts > 1, content: contentOf(body) };
}

function contentOf(body: string): PulledMessage['content'] {
  try {
    return relayMessage.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null; // JSON of nobody we know
  }
}

export interface QueueFailure {
  status: number | null;
  /** Of an API that says when to come back. */
  retryAfterMs: number | null;
  /** Whether waiting does not help: the token, the account or the queue is wrong. */
  isRefused: boolean;
}

/** Without the error's text, which can quote what was sent. */
export function queueFailure(error: unknown): QueueFailure {
  const status = error instanceof APIError ? (error.status ?? null) : null;
  const seconds = Number(error instanceof APIError ? (error.headers?.get('retry-after') ?? Number.NaN) : Number.NaN);
  return {
    status,
    retryAfterMs: seconds >= 0 ? Math.min(seconds * 1000, RETRY_AFTER_MAX_MS) : null,
    isRefused: status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429,
  };
}
