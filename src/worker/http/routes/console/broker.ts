/** GET /console/api/broker: whether events get to RabbitMQ, asked of the bridge now. */
import { Hono } from 'hono/tiny';
import type { ConsoleBroker } from '../../../../contract/console.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { listEvents } from '../../../../core/ledger/outbox/list-events.ts';
import type { BridgeState } from '../../../../core/outbox/probe-bridge.ts';
import { allContexts, type Shards } from '../../../../core/shards.ts';
import type { HttpEnv } from '../../http-env.ts';

export const brokerRoute = new Hono<HttpEnv>().get('/', async function broker(c) {
  const shards = c.get('shards');
  const nowMs = Date.now();
  const [state, lists] = await Promise.all([
    brokerState(shards),
    Promise.all(allContexts(shards).map(({ db }) => listEvents(db, { waitingMax: 0, deliveredMax: 1 }, nowMs))),
  ]);
  const delivered = lists.flatMap((list) => list.delivered);
  return c.json<ConsoleBroker>({ ...state, last_delivered_at: lastDeliveredAt(delivered) });
});

export function lastDeliveredAt(events: readonly { deliveredAtMs: number | null }[]): string | null {
  const times = events.flatMap(({ deliveredAtMs }) => deliveredAtMs ?? []);
  return times.length === 0 ? null : isoSeconds(Math.max(...times));
}

/** What the bridge says of itself. One that takes events from a queue has no address that could be asked. */
export async function brokerState(shards: Shards): Promise<Omit<ConsoleBroker, 'last_delivered_at'>> {
  const { bridgeState } = shards.at(0);
  if (bridgeState === null) return { delivery: 'pull', state: 'unknown', message: PULLS };
  const state = await bridgeState();
  return { delivery: 'push', state, message: MESSAGES[state] };
}

const PULLS =
  'The bridge takes events from a queue, where nothing can ask it. If events wait for long, look at its log.';
const MESSAGES: Readonly<Record<BridgeState, string>> = {
  ready: 'The bridge is connected to RabbitMQ.',
  no_broker: 'The bridge answers, and has no connection to RabbitMQ: events wait until it has.',
  not_set_up: 'The bridge is connected to RabbitMQ, and the exchange there is not set up: events wait until it is.',
  stopping: 'The bridge is stopping: events wait until it runs again.',
  away: 'The bridge does not answer at BRIDGE_URL: events wait until it does.',
};
