/** What the emulated APIs have in common: requests and answers as plain data, a clock from outside, and how a call may end. */

export interface ApiRequest {
  method: string;
  /** Path and query. */
  url: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: string;
}

export interface ApiAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface EmulatorClock {
  nowMs(): number;
  /** 0 ≤ x < 1 */
  random(): number;
}

/** An event as the provider would send it to a webhook. */
export interface ProviderEvent {
  id: string;
  type: string;
  /** JSON. */
  body: string;
}

/** A scripted ending of a call, in place of the one that the instrument and the state determine. */
export interface Ending {
  /** A charge is still being processed, a refund still on its way. */
  pending?: boolean;
  /** The issuer declines. */
  decline?: Decline;
  /** Called with a refund that this call created and that has succeeded. */
  onRefund?: (refundId: string) => void;
  /** Instead of the answer; `committed`: after all was done. Stripe keeps it for the request's key. */
  crash?: { committed: boolean };
}

export interface Decline {
  code: string;
  declineCode?: string;
  message?: string;
}

/** A request that matches the published API, or its refusal before any effect. */
export type Received<Call> = { kind: 'accepted'; call: Call } | RefusedRequest;

/** `because`: the reason, for the emulator's log. */
export type RefusedRequest = { kind: 'refused'; refusal: ApiAnswer; because: string };

/** Breaks off a call with this answer. */
export class Refused extends Error {
  readonly answer: ApiAnswer;

  constructor(answer: ApiAnswer) {
    super(answer.body);
    this.answer = answer;
  }
}

export function answerOf(work: () => ApiAnswer): ApiAnswer {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): ApiAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

export const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
export const CAPITALS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
export const HEX_DIGITS = '0123456789abcdef';

export function randomText(clock: EmulatorClock, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[Math.floor(clock.random() * alphabet.length)]).join('');
}

export function parsedJson(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}
