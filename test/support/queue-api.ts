/**
 * A queue of Cloudflare's with a pull consumer, by the part of its API that is documented for one:
 * https://developers.cloudflare.com/queues/configuration/pull-consumers/ and the API schema's messages (push, pull, ack).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const BATCH_SIZE_DEFAULT = 5;
const BATCH_SIZE_MAX = 100;
const VISIBILITY_TIMEOUT_DEFAULT_MS = 30_000;
const VISIBILITY_TIMEOUT_MAX_MS = 12 * 60 * 60_000;
const MESSAGE_MAX_BYTES = 128_000;
const BATCH_MAX_BYTES = 256_000;
const MAX_RETRIES = 100;

export interface QueueApi {
  readonly url: string;
  readonly accountId: string;
  readonly queueId: string;
  readonly apiToken: string;
  /** Messages that are not acknowledged, in flight or not. */
  backlog(): number;
  /** How many messages have been sent to the queue, and how many have been handed out, repeated ones included. */
  readonly counts: { sent: number; pulled: number; pulls: number; acknowledged: number };
  send(...bodies: string[]): void;
  /** Messages are handed out, and the answers held back until then. */
  holdPulls(until: Promise<void> | null): void;
  purge(): void;
  /** Lets the time pass after which messages that nobody has acknowledged come again. */
  endVisibilityTimeouts(): void;
  /** Lets time pass: visibility timeouts end, and answers have a later date. */
  advance(ms: number): void;
  /** How the next calls of this kind are answered instead; null: as they should be. */
  refuse(action: 'pull' | 'ack', refusal: Refusal | null): void;
  close(): Promise<void>;
}

export interface Refusal {
  status: number;
  retryAfterSeconds?: number;
}

interface Message {
  id: string;
  /** As the API gives it: text as it is, everything else in base64. */
  body: string;
  contentType: 'text' | 'json';
  timestampMs: number;
  attempts: number;
  leaseIds: string[];
  visibleAtMs: number;
}

type Answer = { result: unknown } | { status: number; code: number; message: string; retryAfterSeconds?: number };

export async function startQueueApi(): Promise<QueueApi> {
  const [accountId, queueId, apiToken] = [hex(16), hex(16), hex(20)];
  const messages = new Map<string, Message>();
  const counts = { sent: 0, pulled: 0, pulls: 0, acknowledged: 0 };
  const refusals = new Map<string, Refusal>();
  let aheadMs = 0;
  let held: Promise<void> | null = null;
  const nowMs = () => Date.now() + aheadMs;

  function add(body: string, contentType: Message['contentType']): void {
    const id = hex(16);
    const message = { id, body, contentType, timestampMs: nowMs(), attempts: 0, leaseIds: [], visibleAtMs: 0 };
    messages.set(id, message);
    counts.sent += 1;
  }

  function answer(request: IncomingMessage, body: string): Answer {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [queue, action] = pathname.split('/messages');
    if (request.method !== 'POST' || queue !== `/accounts/${accountId}/queues/${queueId}`) {
      return { status: 404, code: 7003, message: 'could not route to the path' };
    }
    if (request.headers.authorization !== `Bearer ${apiToken}`) {
      return { status: 403, code: 10_000, message: 'Authentication error' };
    }
    const refusal = refusals.get(action ?? '');
    if (refusal !== undefined) return { ...refusal, code: 971, message: 'Please wait and consider throttling' };
    const given = JSON.parse(body);
    if (action === '/pull') return pull(given);
    if (action === '/ack') return ack(given);
    if (action === '/batch') return pushAll(given);
    return { status: 404, code: 7003, message: 'could not route to the path' };
  }

  function pull({
    batch_size = BATCH_SIZE_DEFAULT,
    visibility_timeout_ms = VISIBILITY_TIMEOUT_DEFAULT_MS,
  }: {
    batch_size?: number;
    visibility_timeout_ms?: number;
  }): Answer {
    if (batch_size < 1 || batch_size > BATCH_SIZE_MAX || visibility_timeout_ms > VISIBILITY_TIMEOUT_MAX_MS) {
      return { status: 400, code: 10_001, message: 'the batch size or the visibility timeout is out of range' };
    }
    counts.pulls += 1;
    const visible = [...messages.values()].filter(({ visibleAtMs }) => visibleAtMs <= nowMs());
    // A queue promises no order.
    const taken = visible.toSorted(() => Math.random() - 0.5).slice(0, batch_size);
    for (const message of taken) {
      message.attempts += 1;
      message.visibleAtMs = nowMs() + visibility_timeout_ms;
      message.leaseIds.push(hex(40));
      if (message.attempts > MAX_RETRIES) messages.delete(message.id);
    }
    counts.pulled += taken.length;
    return {
      result: {
        message_backlog_count: messages.size,
        metadata: {
          metrics: { backlog_count: messages.size, backlog_bytes: 0, oldest_message_timestamp_ms: 0 },
        },
        messages: taken.map(({ id, body, contentType, timestampMs, attempts, leaseIds }) => ({
          id,
          body,
          timestamp_ms: timestampMs,
          attempts,
          metadata: { 'CF-sourceMessageSource': 'dash', 'CF-Content-Type': contentType },
          lease_id: leaseIds.at(-1),
        })),
      },
    };
  }

  /** A lease id is taken after its timeout as well. */
  function ack({
    acks = [],
    retries = [],
  }: {
    acks?: { lease_id: string }[];
    retries?: { lease_id: string }[];
  }): Answer {
    const warnings: Record<string, string> = {};
    const find = (leaseId: string) => {
      const found = [...messages.values()].find(({ leaseIds }) => leaseIds.includes(leaseId));
      if (found === undefined) warnings[leaseId] = 'invalid lease id';
      return found;
    };
    const acked = acks.flatMap(({ lease_id }) => find(lease_id) ?? []);
    for (const { id } of acked) messages.delete(id);
    const retried = retries.flatMap(({ lease_id }) => find(lease_id) ?? []);
    for (const message of retried) message.visibleAtMs = 0;
    counts.acknowledged += acked.length;
    return { result: { ackCount: acked.length, retryCount: retried.length, warnings } };
  }

  function pushAll(given: { messages?: { body: unknown; content_type?: string }[] }): Answer {
    const bodies = (given.messages ?? []).map(({ body, content_type: type = 'json' }) =>
      type === 'text'
        ? ([String(body), 'text'] as const)
        : ([Buffer.from(JSON.stringify(body)).toString('base64'), 'json'] as const),
    );
    const sizes = bodies.map(([body]) => Buffer.byteLength(body));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (bodies.length > BATCH_SIZE_MAX || total > BATCH_MAX_BYTES || Math.max(...sizes) > MESSAGE_MAX_BYTES) {
      return { status: 413, code: 10_002, message: 'the batch is too large' };
    }
    for (const [body, type] of bodies) add(body, type);
    return { result: {} };
  }

  const server = createServer((request, response) => void reply(request, response));
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = answer(request, await textOf(request));
    if (request.url?.endsWith('/pull')) await held;
    const failed = 'status' in given;
    response.writeHead(failed ? given.status : 200, {
      'content-type': 'application/json',
      date: new Date(nowMs()).toUTCString(),
      ...(failed && given.retryAfterSeconds !== undefined && { 'retry-after': String(given.retryAfterSeconds) }),
    });
    response.end(
      JSON.stringify({
        success: !failed,
        errors: failed ? [{ code: given.code, message: given.message }] : [],
        messages: [],
        result: failed ? null : given.result,
      }),
    );
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accountId,
    queueId,
    apiToken,
    counts,
    backlog: () => messages.size,
    send(...bodies) {
      for (const body of bodies) add(body, 'text');
    },
    holdPulls(until) {
      held = until;
    },
    purge: () => messages.clear(),
    endVisibilityTimeouts() {
      for (const message of messages.values()) message.visibleAtMs = 0;
    },
    advance(ms) {
      aheadMs += ms;
    },
    refuse(action, refusal) {
      if (refusal === null) refusals.delete(`/${action}`);
      else refusals.set(`/${action}`, refusal);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
