/** Whether the bridge can publish events to RabbitMQ. */
import type { ConsoleBroker } from '../../../../contract/console.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { BRIDGE_PROBLEMS } from '../../../../core/outbox/probe-bridge.ts';
import type { Shards } from '../../../../core/shards.ts';

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
