/**
 * What the checkout demo at /demo asks of the development Worker, beside the service's own API: the price of a seat, and the events of a
 * booking as RabbitMQ gets them. It is no part of index.ts, so it is not deployed. The page itself is in page/, which wrangler serves.
 */
import { secureHeaders } from 'hono/secure-headers';
import { Hono } from 'hono/tiny';
import { backgroundCaller } from '../../core/caller.ts';
import { decimalAmount } from '../../core/domain/money.ts';
import { timeOrNull } from '../../core/domain/timestamp.ts';
import { eventsOfBooking } from '../../core/ledger/outbox/events-of-booking.ts';
import { findEvents } from '../../core/ledger/outbox/find-events.ts';
import { createLog } from '../../core/log.ts';
import { contextOfBooking } from '../../core/shards.ts';
import { errorResponse } from '../http/error-envelope.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { onError } from '../http/middleware/on-error.ts';
import { configured } from '../http/middleware/require-settings.ts';
import { withShards } from '../http/middleware/with-shards.ts';

export const DEMO_PATH = '/demo';

/** 12.75 where the currency has two decimals, 1275 where it has none. */
const SEAT_PRICE_MINOR = 1275;

export const demoApi = new Hono<HttpEnv>().basePath(DEMO_PATH);

demoApi.onError(onError);
demoApi.notFound((c) => errorResponse(c, 404, 'NOT_FOUND', 'There is nothing at this path.'));

demoApi.use(secureHeaders());
demoApi.use(async function everyRequest(c, next) {
  c.header('Cache-Control', 'no-store');
  c.set('log', createLog({ path: c.req.path }));
  c.set('caller', backgroundCaller('demo'));
  return next();
});
demoApi.use(configured(), withShards());

demoApi.get('/shop', function shop(c) {
  const { currency } = c.get('settings');
  return c.json({ currency, seat_price: decimalAmount(SEAT_PRICE_MINOR, currency) });
});

demoApi.get('/events/:booking', async function events(c) {
  const bookingId = c.req.param('booking');
  const { db, tenant } = await contextOfBooking(c.get('shards'), c.get('caller').tenant, bookingId);
  const rows = await eventsOfBooking(db, tenant, bookingId);
  const { events: rendered } = await findEvents(
    db,
    rows.map(({ eventId }) => eventId),
  );
  const messages = new Map(rendered.map((event) => [event.event_id, event]));
  return c.json({
    events: rows.map(({ eventId, deliveredAtMs, attempts, lastError }) => ({
      message: messages.get(eventId) ?? null,
      delivered_at: timeOrNull(deliveredAtMs),
      attempts,
      last_error: lastError,
    })),
  });
});
