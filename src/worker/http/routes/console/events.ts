/** GET /console/api/events: what waits for delivery. POST /console/api/events/send: publishes events now, or again. */
import { Hono } from 'hono/tiny';
import * as z from 'zod/mini';
import type { ConsoleEvent, ConsoleEvents, EventsSent } from '../../../../contract/console.ts';
import { wakeAtOnce } from '../../../../core/background/jobs.ts';
import { isoSeconds, timeOrNull } from '../../../../core/domain/timestamp.ts';
import { type ListedEvent, listEvents } from '../../../../core/ledger/outbox/list-events.ts';
import { findReplayed, replayFound } from '../../../../core/ledger/outbox/replay-events.ts';
import { answersOf, readEach } from '../../../../core/monitoring/read-each.ts';
import { allContexts } from '../../../../core/shards.ts';
import type { HttpEnv } from '../../http-env.ts';
import { BODY_MAX_BYTES, jsonBody } from '../../middleware/json-body.ts';
import { limitBody } from '../../middleware/limit-body.ts';
import { validate } from '../../middleware/validate.ts';
import { brokerState, lastDeliveredAt } from './broker-state.ts';

const WAITING_MAX = 100;
const DELIVERED_MAX = 20;
const SENT_MAX = 100;

const sendRequest = z.strictObject({
  event_ids: z
    .array(z.string().check(z.regex(/^evt_\w{1,64}$/, 'must be the id of an event, evt_…')))
    .check(z.minLength(1, 'must have an id'), z.maxLength(SENT_MAX, `must have no more than ${SENT_MAX} ids`)),
});

export const eventsRoute = new Hono<HttpEnv>()
  .get('/', async function events(c) {
    const shards = c.get('shards');
    const nowMs = Date.now();
    const limits = { waitingMax: WAITING_MAX, deliveredMax: DELIVERED_MAX };
    const [state, reads] = await Promise.all([
      brokerState(shards),
      readEach(shards, ({ db }) => listEvents(db, limits, nowMs)),
    ]);
    const { answers: lists, notRead } = answersOf(reads);
    const waiting = lists.flatMap(({ oldest }) => oldest).toSorted((a, b) => a.createdAtMs - b.createdAtMs);
    const delivered = lists
      .flatMap((list) => list.delivered)
      .toSorted((a, b) => (b.deliveredAtMs ?? 0) - (a.deliveredAtMs ?? 0));
    return c.json<ConsoleEvents>({
      waiting: lists.reduce((sum, list) => sum + list.waiting, 0),
      has_more: lists.some(({ hasMore }) => hasMore),
      delivered: delivered.slice(0, DELIVERED_MAX).map(shownEvent),
      events: waiting.slice(0, WAITING_MAX).map(shownEvent),
      broker: { ...state, last_delivered_at: lastDeliveredAt(delivered) },
      not_read: notRead,
    });
  })
  .post('/send', limitBody(BODY_MAX_BYTES), jsonBody(), validate(sendRequest), async function sendEvents(c) {
    const eventIds = [...new Set(c.req.valid('json').event_ids)];
    const which = { kind: 'events', eventIds } as const;
    const nowMs = Date.now();
    // The id of an event does not say in which database it is.
    const found = await Promise.all(
      allContexts(c.get('shards')).map(async (context) => {
        const own = await findReplayed(context.db, which, SENT_MAX);
        if (own.length === 0) return [];
        await replayFound(context.db, which, own, nowMs);
        await wakeAtOnce(context, 'sweep');
        return own.map(({ eventId }) => eventId);
      }),
    );
    const known = new Set(found.flat());
    return c.json<EventsSent>({ sent: known.size, unknown: eventIds.filter((id) => !known.has(id)) });
  });

function shownEvent(event: ListedEvent): ConsoleEvent {
  return {
    event_id: event.eventId,
    event_type: event.eventType,
    organisation: event.tenant,
    booking_id: event.bookingId,
    transaction_id: event.transactionId,
    created_at: isoSeconds(event.createdAtMs),
    delivered_at: timeOrNull(event.deliveredAtMs),
    attempts: event.attempts,
    last_error: event.lastError,
    next_attempt_at: timeOrNull(event.nextAttemptAtMs),
    behind: event.behind,
  };
}
