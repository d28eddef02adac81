/**
 * An hour without the bridge, at a hundred payments a second: how long it takes until RabbitMQ has every event, in the order in which each
 * booking's were written. The bridge, the broker and the consumer are real. The local queue runs one invocation at a time, of two that
 * Cloudflare would run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsOfAnOutage, statements, writeBacklog } from '../backlogs.ts';
import type { Figure, Measuring } from '../figure.ts';
import { withWholeService } from '../whole-service.ts';

const EVENTS_PER_SECOND = 100;
const OUTAGE_SECONDS = 3_600;
const QUICK_OUTAGE_SECONDS = 60;
/** What an hour's outage may take to be made up for. */
const MAX_MINUTES = 10;
const POLL_MS = 500;
/** As Cloudflare's clock does. */
const CRON_EACH_MS = 60_000;

export const outage: Figure = {
  name: 'outage',
  title: 'outage: an hour of events, delivered when the bridge is back',
  isLong: true,
  async measure(measuring) {
    return withWholeService('outage', measuring, async ({ worker, listener, directory }) => {
      const count = EVENTS_PER_SECOND * (measuring.quick ? QUICK_OUTAGE_SECONDS : OUTAGE_SECONDS);
      writeBacklog(directory, (database) =>
        statements(eventsOfAnOutage)(database, { count, nowMs: Date.now(), gateway: 'sandbox' }),
      );
      const events = () => listener.received.map(({ body }) => ({ id: body.event_id, booking: body.booking_id }));
      const seconds = await drained(
        () => worker.runCron(),
        () => listener.received.length,
        count,
        measuring,
      );
      const outOfOrder = bookingsOutOfOrder(events());
      const minutes = seconds / 60;
      return {
        lines: [
          {
            what: `${count.toLocaleString('en')} events, until all have arrived`,
            value: minutes,
            unit: 'min',
            target: { atMost: MAX_MINUTES },
            note: `${Math.round(count / seconds).toLocaleString('en')} a second`,
          },
          { what: 'bookings whose events came in another order', value: outOfOrder, unit: '', target: { atMost: 0 } },
        ],
        details: { events: count, seconds, out_of_order: outOfOrder, messages: listener.received.length },
      };
    });
  },
};

/** Seconds until so many have arrived. */
async function drained(
  cron: () => Promise<void>,
  arrived: () => number,
  count: number,
  { progress, signal }: Measuring,
): Promise<number> {
  const startedMs = performance.now();
  let cronAtMs = Number.NEGATIVE_INFINITY;
  while (arrived() < count) {
    signal.throwIfAborted();
    if (performance.now() - cronAtMs >= CRON_EACH_MS) {
      cronAtMs = performance.now();
      await cron();
    }
    progress.at(arrived(), count);
    await sleep(POLL_MS);
  }
  return (performance.now() - startedMs) / 1_000;
}

/** Ids are in the order in which the events were written; a second delivery of the same changes nothing. */
function bookingsOutOfOrder(events: readonly { id: string; booking: string }[]): number {
  const newest = new Map<string, string>();
  const wrong = new Set<string>();
  const seen = new Set<string>();
  for (const { id, booking } of events) {
    if (seen.has(id)) continue;
    seen.add(id);
    if (id < (newest.get(booking) ?? '')) wrong.add(booking);
    newest.set(booking, id);
  }
  return wrong.size;
}
