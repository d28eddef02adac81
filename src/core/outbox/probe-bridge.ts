/** Asks the bridge whether it takes events, as an uptime monitor would. It sends nothing. */
import { jsonAtMost } from '../response-body.ts';

/** `ready`, `no_broker`, `not_set_up` and `stopping` are what the bridge answers; `away`: nothing answers, or not as the bridge does. */
export type BridgeState = 'ready' | 'no_broker' | 'not_set_up' | 'stopping' | 'away';

/** Why it takes no events, in alerts and in the console. */
export const BRIDGE_PROBLEMS: Readonly<Record<Exclude<BridgeState, 'ready'>, string>> = {
  away: 'The bridge does not answer at BRIDGE_URL. Events wait until it does.',
  no_broker: 'The bridge is running, but has no connection to RabbitMQ. Events wait until it is connected.',
  not_set_up:
    'The bridge is connected to RabbitMQ, but the exchange or the queue is not set up. Events wait until both are.',
  stopping: 'The bridge is stopping. Events wait until it runs again.',
};

const PROBE_DEADLINE_MS = 3_000;
const ANSWER_MAX_BYTES = 1_024;

const STATES: Readonly<Record<string, BridgeState>> = {
  ready: 'ready',
  'no broker': 'no_broker',
  'not set up': 'not_set_up',
  stopping: 'stopping',
};

/** Never throws: without an answer in time, or with that of another server, the bridge is away. */
export async function probeBridge(bridgeUrl: string): Promise<BridgeState> {
  try {
    const response = await fetch(new URL('readyz', bridgeUrl.endsWith('/') ? bridgeUrl : `${bridgeUrl}/`), {
      redirect: 'manual',
      signal: AbortSignal.timeout(PROBE_DEADLINE_MS),
    });
    const answer = await jsonAtMost(response, ANSWER_MAX_BYTES);
    const status = typeof answer === 'object' && answer !== null && 'status' in answer ? String(answer.status) : '';
    const state = STATES[status] ?? 'away';
    return state === 'ready' && response.status !== 200 ? 'away' : state;
  } catch {
    return 'away';
  }
}
