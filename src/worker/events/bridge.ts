/** The way to the bridge: one signed request for a batch of events, one result for each. */
import type { PaymentEvent } from '../../contract/events.ts';
import { RELAY_CONFIRM_DEADLINE_MS, type RelayBatch, type RelayResult, relayResults } from '../../contract/relay.ts';
import { hmacSha256 } from '../hmac.ts';

/** The bridge answers at its own deadline at the latest; what is beyond that is the network. */
export const BRIDGE_DEADLINE_MS = RELAY_CONFIRM_DEADLINE_MS + 5_000;

export interface Bridge {
  url: string;
  /** Standard Webhooks: base64, with or without `whsec_`. */
  signingSecret: string;
}

export type RelayAnswer =
  | { kind: 'results'; results: RelayResult[] }
  /** The batch as a whole was not taken: no connection, no answer in time, or an answer that is none. */
  | { kind: 'refused'; reason: string };

/** Posts a batch. The signature's id is new for each attempt; the events keep theirs. */
export async function postToBridge(bridge: Bridge, events: PaymentEvent[], nowMs: number): Promise<RelayAnswer> {
  const body = JSON.stringify({ events } satisfies RelayBatch);
  const id = `msg_${crypto.randomUUID()}`;
  const timestamp = String(Math.floor(nowMs / 1000));
  try {
    const response = await fetch(new URL('events', bridge.url.endsWith('/') ? bridge.url : `${bridge.url}/`), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': await signature(bridge.signingSecret, `${id}.${timestamp}.${body}`),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(BRIDGE_DEADLINE_MS),
    });
    const text = await response.text();
    if (response.status !== 200) return { kind: 'refused', reason: `the bridge answered ${response.status}: ${text}` };
    const answer = relayResults.safeParse(parsed(text));
    if (!answer.success) return { kind: 'refused', reason: 'the bridge answered 200, and no results' };
    return { kind: 'results', results: answer.data.results };
  } catch (error) {
    return {
      kind: 'refused',
      reason: `the bridge could not be asked: ${error instanceof Error ? error.message : error}`,
    };
  }
}

/** Of Standard Webhooks' first scheme. */
async function signature(secret: string, signed: string): Promise<string> {
  const hash = await hmacSha256(secret, signed);
  return `v1,${btoa(String.fromCharCode(...hash))}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // which is no list of results, and is refused as such
  }
}
