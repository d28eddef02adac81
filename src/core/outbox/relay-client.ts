/**
 * The way to the bridge: one signed request for a batch of events, one result for each. A reason is made of the status and of the
 * bridge's fixed words: a server in its place could repeat the request, which contains email addresses.
 */
import { Webhook } from 'standardwebhooks';
import type { PaymentEvent } from '../../contract/events.ts';
import {
  isReasonOfBridge,
  RELAY_CONFIRM_DEADLINE_MS,
  RELAY_REFUSALS,
  type RelayBatch,
  type RelayResult,
  type RequestIds,
  relayResults,
} from '../../contract/relay.ts';
import { jsonAtMost } from '../response-body.ts';
import type { RelayAnswer } from './relay.ts';

/** The bridge answers at its own deadline at the latest; what is beyond that is the network. */
export const BRIDGE_DEADLINE_MS = RELAY_CONFIRM_DEADLINE_MS + 5_000;

/** Results of a hundred events have some twenty kilobytes. */
const ANSWER_MAX_BYTES = 64 * 1024;

export interface Bridge {
  url: string;
  /** Standard Webhooks: base64, with or without `whsec_`. */
  signingSecret: string;
}

/** Posts a batch. The signature's id is new for each attempt; the events keep theirs. */
export async function postToBridge(
  bridge: Bridge,
  events: PaymentEvent[],
  nowMs: number,
  requestIds: RequestIds = {},
): Promise<RelayAnswer> {
  const request_ids = Object.fromEntries(events.map(({ event_id }) => [event_id, requestIds[event_id]]));
  const body = JSON.stringify({ events, request_ids } satisfies RelayBatch);
  const id = `msg_${crypto.randomUUID()}`;
  try {
    const response = await fetch(new URL('events', bridge.url.endsWith('/') ? bridge.url : `${bridge.url}/`), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(nowMs / 1000)),
        'webhook-signature': new Webhook(bridge.signingSecret).sign(id, new Date(nowMs), body),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(BRIDGE_DEADLINE_MS),
    });
    const { status } = response;
    const answer = await jsonAtMost(response, ANSWER_MAX_BYTES);
    if (status !== 200) return { kind: 'refused', reason: `the bridge answered ${status}${refusalIn(answer)}` };
    const results = relayResults.safeParse(answer);
    if (!results.success) return { kind: 'refused', reason: 'the bridge answered 200, and no results' };
    return { kind: 'results', results: results.data.results.map(inOwnWords) };
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    return {
      kind: 'refused',
      reason: isLate ? 'the bridge did not answer in time' : 'the bridge could not be reached',
    };
  }
}

/** Why the bridge refused the batch; empty where the answer is not the bridge's but a proxy's. */
function refusalIn(answer: unknown): string {
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
  const known = RELAY_REFUSALS.find((refusal) => refusal === error);
  return known === undefined ? '' : `: ${known}`;
}

/** With a reason of the bridge's fixed words. */
export function inOwnWords(result: RelayResult): RelayResult {
  if (result.delivered || isReasonOfBridge(result.reason)) return result;
  return { ...result, reason: 'the bridge gave a reason that is not known' };
}
