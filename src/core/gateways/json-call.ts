/** One HTTP call to a provider; failures are values, too. A reason never quotes the answer or an error. */
import { jsonAtMost } from '../response-body.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** An adapter's access to the network and the clock. */
export interface Outside {
  send: Fetch;
  nowMs: () => number;
}

/** `fetch` is called as a method of nothing, which the platform insists on. */
export const PLATFORM: Outside = { send: (url, init) => fetch(url, init), nowMs: Date.now };

/** A state has some hundred bytes. */
const STATE_MAX_BYTES = 16 * 1024;

/** `body`: undefined if it is not JSON or exceeds the limit. */
export type Answer = { kind: 'answered'; status: number; body: unknown } | { kind: 'silent'; reason: string };

export interface JsonCall {
  url: string;
  method: 'GET' | 'POST' | 'PATCH';
  headers: Record<string, string>;
  /** Text to send; none where it is null. */
  body: string | null;
  signal: AbortSignal;
  /** The rest of a longer answer is not read. */
  maxBytes?: number;
}

export async function jsonCall(send: Fetch, call: JsonCall): Promise<Answer> {
  try {
    const response = await send(call.url, {
      method: call.method,
      headers: { accept: 'application/json', ...call.headers },
      body: call.body,
      redirect: 'manual', // card data and keys go to the configured address only
      signal: call.signal,
    });
    const body = await jsonAtMost(response, call.maxBytes ?? STATE_MAX_BYTES);
    return { kind: 'answered', status: response.status, body };
  } catch {
    const reason = call.signal.aborted
      ? 'the gateway did not answer before the deadline'
      : 'the gateway could not be asked, or the connection broke';
    return { kind: 'silent', reason };
  }
}

/** A provider's code, for logs and reasons; undefined if it is free text. */
export function codeOrNone(code: unknown): string | undefined {
  return typeof code === 'string' && /^[A-Za-z0-9_.-]{1,80}$/.test(code) ? code : undefined;
}
