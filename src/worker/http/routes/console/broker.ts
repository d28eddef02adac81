/** GET /console/api/broker: whether the bridge can publish events to RabbitMQ. */
import { Hono } from 'hono/tiny';
import type { ConsoleBroker } from '../../../../contract/console.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { listEvents } from '../../../../core/ledger/outbox/list-events.ts';
import { BRIDGE_PROBLEMS } from '../../../../core/outbox/probe-bridge.ts';
import { allDatabases, type Shards } from '../../../../core/shards.ts';
import type { HttpEnv } from '../../http-env.ts';

export const brokerRoute = new Hono<HttpEnv>().get('/', async function broker(c) {
  const shards = c.get('shards');
  const nowMs = Date.now();
  const [state, lists] = await Promise.all([
    brokerState(shards),
    Promise.all(allDatabases(shards).map((db) => listEvents(db, { waitingMax: 0, deliveredMax: 1 }, nowMs))),
  ]);
  const delivered = lists.flatMap((list) => list.delivered);
  return c.json<ConsoleBroker>({ ...state, last_delivered_at: lastDeliveredAt(delivered) });
});

export function lastDeliveredAt(events: readonly { deliveredAtMs: number | null }[]): string | null {
  const times = events.flatMap(({ deliveredAtMs }) => deliveredAtMs ?? []);
  return times.length === 0 ? null : isoSeconds(Math.max(...times));
}

/** The state that the bridge reports. A bridge that pulls has no address to ask. */
export async function brokerState(shards: Shards): Promise<Omit<ConsoleBroker, 'last_delivered_at'>> {
  const { bridgeState } = shards.at(0);
  if (bridgeState === null) return { delivery: 'pull', state: 'unknown', message: PULLS };
  const state = await bridgeState();
  return { delivery: 'push', state, message: state === 'ready' ? READY : BRIDGE_PROBLEMS[state] };
}

const PULLS =
  'The bridge takes events from a queue, so the service cannot ask for its state. If events wait for long, check its log.';
const READY = 'The bridge is connected to RabbitMQ.';
