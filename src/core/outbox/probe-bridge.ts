/** Asks the bridge whether it takes events, as an uptime monitor would. It sends nothing. */
import { jsonAtMost } from '../response-body.ts';

/** `ready`, `no_broker`, `not_set_up` and `stopping` are the bridge's own words; `away`: nothing answers as the bridge does. */
export type BridgeState = 'ready' | 'no_broker' | 'not_set_up' | 'stopping' | 'away';

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
