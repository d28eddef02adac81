/**
 * Publishes events to RabbitMQ and reports for each whether it was delivered. An event is delivered only when the broker has
 * confirmed a persistent message that reached a queue; otherwise it is not delivered, with a reason.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Channel, Connection, type ReturnedMessage } from 'rabbitmq-client';
import { EVENT_TYPES, type PaymentEvent } from '../contract/events.ts';
import { NOT_CONFIRMED, NOT_CONNECTED, type RelayResult, refusedBecause, returnedBecause } from '../contract/relay.ts';
import { connectionTo } from './broker-address.ts';
import type { BridgeMetrics } from './metrics.ts';
import type { BridgeSettings } from './settings.ts';

const APP_ID = 'payment-service';
const CONTENT_TYPE = 'application/json';
const REQUEST_ID_HEADER = 'x-request-id';
const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A silently lost broker is detected after twice this time. */
const HEARTBEAT_SECONDS = 10;
const SETUP_RETRY_MS = 1_000;
/** After the broker refused to restore a missing binding, the next attempt waits for this time. */
const REFUSED_RESTORE_RETRY_MS = 10_000;
/** Reply codes of the broker. */
const NOT_FOUND = 'NOT_FOUND';
const ACCESS_REFUSED = 'ACCESS_REFUSED';
/** Of a queue that is exclusive to its consumer's connection. */
const RESOURCE_LOCKED = 'RESOURCE_LOCKED';

/** An event, and the id of the HTTP request that caused it; null where none did. */
export interface Message {
  event: PaymentEvent;
  requestId: string | null;
}

export interface Publisher {
  state(): PublisherState;
  /** One result for each message, in order, at the deadline at the latest. Never throws. */
  publish(messages: Message[], deadlineMs: number): Promise<RelayResult[]>;
  /** Closes the connection after the outstanding confirms. */
  close(): Promise<void>;
}

/**
 * `ready`: connected to an exchange that exists. `no broker`: not connected. `not set up`: connected, and the exchange is not
 * declared yet, or can't be (the log says why), so nothing can be published.
 */
export type PublisherState = 'ready' | 'no broker' | 'not set up';

export function connectPublisher(settings: BridgeSettings, metrics: BridgeMetrics, log: Logger): Publisher {
  const connection = new Connection({
    ...connectionTo(settings.rabbitmqUrl),
    connectionName: APP_ID,
    retryLow: RECONNECT_FIRST_MS,
    retryHigh: RECONNECT_MAX_MS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    acquireTimeout: CONNECT_TIMEOUT_MS,
    heartbeat: HEARTBEAT_SECONDS,
  });
  /** Set when everything on the broker is declared, null again when the channel is gone. */
  let open: OpenChannel | null = null;
  let opening = false;
  let closing = false;
  let restoring = false;

  connection.on('error', (error) => log.warn({ err: error }, 'broker.error'));
  connection.on('connection.blocked', (reason) => log.warn({ reason }, 'broker.blocked'));
  connection.on('connection', () => void openChannel());
  connection.on('connection.unblocked', () => void openChannel());

  /** Declares everything and opens a channel; retries while the connection is usable and has no channel. */
  async function openChannel(): Promise<void> {
    if (opening) return;
    opening = true;
    while (!open?.channel.active && connection.ready && !closing) {
      try {
        const refused = await declareTopology(connection, settings);
        if (refused.length > 0) log.warn({ refused }, 'broker.topology_taken_as_it_is');
        open = await openConfirmChannel();
        log.info({ exchange: settings.exchange, queue: settings.queue }, 'broker.ready');
      } catch (error) {
        log.error({ err: error }, 'broker.setup_failed');
        await sleep(SETUP_RETRY_MS, undefined, { ref: false });
      }
    }
    opening = false;
  }

  async function openConfirmChannel(): Promise<OpenChannel> {
    const channel = await connection.acquire({ emitErrorsFromChannel: true });
    const returned = new ReturnedMessages();
    // Of a published message: the broker's text can quote it, so only the code is logged.
    channel.on('error', (error) => log.warn({ code: codeOf(error) }, 'broker.channel_error'));
    channel.on('basic.return', (message) => {
      returned.add(message);
      void restoreTopology();
    });
    channel.on('close', () => {
      if (open?.channel !== channel) return;
      open = null;
      void openChannel();
    });
    try {
      await channel.confirmSelect();
    } catch (error) {
      await channel.close();
      throw error;
    }
    return { channel, returned };
  }

  /**
   * No queue took a message: somebody has removed the queue or a binding, and it is made again for the next attempt. A user
   * without the permission for that can only report it; asking for every message would cost a channel each time.
   */
  async function restoreTopology(): Promise<void> {
    if (restoring) return;
    restoring = true;
    const { exchange, queue } = settings;
    try {
      const refused = await declareTopology(connection, settings);
      if (refused.length === 0) log.warn({ exchange, queue }, 'broker.topology_restored');
      else {
        log.error({ exchange, queue, refused }, 'broker.unroutable');
        await sleep(REFUSED_RESTORE_RETRY_MS, undefined, { ref: false });
      }
    } catch (error) {
      log.error({ err: error }, 'broker.setup_failed');
    } finally {
      restoring = false;
    }
  }

  async function publishOne({ channel, returned }: OpenChannel, { event, requestId }: Message): Promise<RelayResult> {
    const beganAtMs = performance.now();
    const failure = await channel
      .basicPublish(
        {
          exchange: settings.exchange,
          routingKey: event.event_type,
          mandatory: true,
          durable: true,
          messageId: event.event_id,
          type: event.event_type,
          timestamp: Math.floor(Date.parse(event.timestamp) / 1000),
          contentType: CONTENT_TYPE,
          appId: APP_ID,
          ...(requestId !== null && { headers: { [REQUEST_ID_HEADER]: requestId } }),
        },
        Buffer.from(JSON.stringify(event)),
      )
      .then(
        () => metrics.confirmSeconds.observe((performance.now() - beganAtMs) / 1000),
        (error) => refusedBecause(codeOf(error)),
      );
    // An unroutable message is returned first and confirmed all the same. The client tells of the return one turn of
    // the event loop later than it has read it, which can be after it tells of the confirm.
    await nextTurn();
    const reason = returned.take(event.event_id) ?? failure;
    return reason === undefined ? { event_id: event.event_id, delivered: true } : undelivered(event, reason);
  }

  return {
    state() {
      if (!connection.ready) return 'no broker';
      return open?.channel.active === true ? 'ready' : 'not set up';
    },

    async publish(messages, deadlineMs) {
      const channel = open;
      if (channel === null) return messages.map(({ event }) => undelivered(event, NOT_CONNECTED));
      let timer: NodeJS.Timeout | undefined;
      const expired = new Promise<'expired'>((resolve) => {
        timer = setTimeout(() => resolve('expired'), deadlineMs);
      });
      const results = await Promise.all(
        messages.map(async (message) => {
          const result = await Promise.race([publishOne(channel, message), expired]);
          return result === 'expired' ? undelivered(message.event, NOT_CONFIRMED) : result;
        }),
      );
      clearTimeout(timer);
      return results;
    },

    async close() {
      closing = true;
      await open?.channel.close();
      await connection.close();
    },
  };
}

interface OpenChannel {
  channel: Channel;
  returned: ReturnedMessages;
}

/** Why the broker returned messages. The same event may be in flight twice, so each return counts once. */
class ReturnedMessages {
  private readonly reasons = new Map<string, string[]>();

  add({ messageId = '', replyText }: ReturnedMessage): void {
    this.reasons.set(messageId, [...(this.reasons.get(messageId) ?? []), returnedBecause(replyText)]);
  }

  /** The reason why this message was returned, or undefined; reading it removes it. */
  take(messageId: string): string | undefined {
    const [reason, ...others] = this.reasons.get(messageId) ?? [];
    if (others.length > 0) this.reasons.set(messageId, others);
    else this.reasons.delete(messageId);
    return reason;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function undelivered(event: PaymentEvent, reason: string): RelayResult {
  return { event_id: event.event_id, delivered: false, reason };
}

/**
 * The exchange, the queue and its bindings. What exists is taken as it is, because a queue's owner may have given
 * it a type or a limit that we don't know of; what does not exist is made, durable. What this user may not declare or bind, or what
 * is exclusive to another connection, is taken as it is too: whether it is complete shows when a mandatory message is returned.
 *
 * @returns the broker's refusals, as its own text
 * @throws where the exchange is missing and can't be made: without it nothing can be published
 */
async function declareTopology(connection: Connection, { exchange, queue }: BridgeSettings): Promise<string[]> {
  const hidden = await refusalOf(() =>
    ensure(
      () => connection.exchangeDeclare({ exchange, passive: true }),
      () =>
        connection.exchangeDeclare({ exchange, type: 'topic', durable: true }).catch((error: unknown) => {
          // Not one that is taken as it is: there is none.
          throw hasCode(error, ACCESS_REFUSED)
            ? new Error(`the exchange ${exchange} is missing: ${errorMessage(error)}`)
            : error;
        }),
    ),
  );
  const noQueue = await refusalOf(() =>
    ensure(
      () => connection.queueDeclare({ queue, passive: true }),
      () => connection.queueDeclare({ queue, durable: true }),
    ),
  );
  const unbound: (string | null)[] = [];
  // Without the queue, which only its owner may make, there is nothing to bind.
  for (const routingKey of noQueue === null ? EVENT_TYPES : []) {
    unbound.push(await refusalOf(() => connection.queueBind({ exchange, queue, routingKey })));
  }
  return [hidden, noQueue, ...unbound].filter((refusal) => refusal !== null);
}

/** Declares what is not found. */
async function ensure(find: () => Promise<unknown>, declare: () => Promise<unknown>): Promise<void> {
  try {
    await find();
  } catch (error) {
    if (!hasCode(error, NOT_FOUND)) throw error;
    await declare();
  }
}

/** The broker's text if this user may not do it; null if it is done. */
async function refusalOf(ask: () => Promise<unknown>): Promise<string | null> {
  try {
    await ask();
    return null;
  } catch (error) {
    if (!hasCode(error, ACCESS_REFUSED) && !hasCode(error, RESOURCE_LOCKED)) throw error;
    return errorMessage(error);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

/** The broker's own text, for the bridge's log: these calls send no event that it could quote. */
function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
