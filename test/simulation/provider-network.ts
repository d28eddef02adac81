/** HTTP between a process and a provider's API, with what can befall a request on its way, and what the provider can make of it. */
import type { Fetch } from '../../src/core/gateways/json-call.ts';
import type { ApiAnswer, ApiRequest } from '../../src/emulator/api.ts';
import { type Fault, receive } from '../../src/emulator/faults.ts';
import { keyOf, type Operation, operationOf } from '../../src/emulator/operations.ts';
import type { PayPalEmulator } from '../../src/emulator/paypal.ts';
import type { StripeEmulator } from '../../src/emulator/stripe.ts';
import type { Faults } from './faults.ts';
import { ConnectionLost, type Fate, healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

/** Of a request that is on its way for longer than anybody waits. */
const LATE_FROM_MS = 8_000;
/** By so much less than promised does the latest of them arrive. */
const PROMISE_MARGIN_MS = 10_000;
/** These are rarer than charges, and so are refunds: so that as much happens to them. */
const ON_HOLDS = ['payment_intents.capture', 'authorizations.capture', 'authorizations.void'];
/** What is still being worked on ends within so long. */
const WORKED_ON_MAX_MS = 60_000;

/** What has to be said of a call before it is carried out, and after it. */
export interface Arrival {
  by: Process;
  operation: Operation;
  /** The id of the payment or refund of this service that it is about, if it says one. */
  ownId: string | null;
  /** It has been on its way for longer than the provider is trusted to let it be. */
  brokePromise: boolean;
}

export interface ProviderNetworkOptions {
  time: SimulatedTime;
  network: Network;
  faults: Faults;
  /** The account that the request's key is of. */
  stripeOf: (request: ApiRequest) => StripeEmulator;
  paypal: PayPalEmulator;
  knownWithinMs: number;
  isDown: () => boolean;
  /** How a call ends because of what it is about; null: as the instrument and the state of things say. */
  endingOf: (arrival: Arrival) => Fault | null;
  /** Carries a call out: `carryOut` does what the provider does. */
  arrive: (arrival: Arrival, carryOut: () => ApiAnswer | 'dropped') => ApiAnswer | 'dropped';
  /** What was taken and not decided: all of it is decided now. */
  decide: () => void;
  trace: (line: string) => void;
  /** Told of what a look-up sends that may change something (invariant 9). */
  movedByAsking: (what: string) => void;
  /** Of the emulator itself: a bug, which an adapter would take for a connection that broke. */
  broke: (error: unknown) => void;
}

export class ProviderNetwork {
  readonly #options: ProviderNetworkOptions;

  constructor(options: ProviderNetworkOptions) {
    this.#options = options;
  }

  /** `fetch`, as one process sees it. */
  seenBy(process: Process): Fetch {
    return (url, init) => this.#send(process, requestOf(url, init), init.signal ?? null);
  }

  /** The same for whoever only asks. */
  askedBy(process: Process): Fetch {
    return (url, init) => {
      const request = requestOf(url, init);
      const isRead = request.method === 'GET' || operationOf(request)?.name === 'oauth2.token';
      if (!isRead) this.#options.movedByAsking(`${process.name} ${request.method} ${request.url}`);
      return this.#send(process, request, init.signal ?? null);
    };
  }

  #send(process: Process, request: ApiRequest, signal: AbortSignal | null): Promise<Response> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { time, network, faults } = this.#options;
    const sentAtMs = time.nowMs;
    const fate = this.#fateOf(request);
    // Whoever does not hear the signal waits for an answer, and there may be none.
    const deaf = faults.strike('gateway_deaf_to_its_signal', 2);
    if (deaf && faults.random.chance(0.5)) Object.assign(fate, { answerMs: null, breaks: false });
    // A request whose copy comes later has not been refused for good: it would be carried out then.
    const refusable = fate.againAfterMs === null;
    const answered = network.call(process, fate, () => this.#arrive(process, request, sentAtMs, refusable));
    return new Promise((resolve, reject) => {
      if (!deaf) signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      answered.then((answer) => resolve(responseOf(answer)), reject);
    });
  }

  #fateOf(request: ApiRequest): Fate {
    const { method, url } = request;
    const { faults, isDown, knownWithinMs } = this.#options;
    const { random } = faults;
    const fate = healthy(5 + random.below(100), 5 + random.below(100));
    if (isDown() || faults.strike('gateway_request_lost')) fate.requestMs = null;
    if (faults.strike('gateway_answer_lost')) fate.answerMs = null;
    if (faults.strike('gateway_answers_late')) fate.answerMs = 1_000 + random.below(30_000);
    fate.breaks = random.chance(0.5);
    if (method === 'GET') return fate;
    const isRare = url.includes('/refund') || ON_HOLDS.includes(operationOf(request)?.name ?? '');
    if (faults.strike('gateway_lands_late', isRare ? 5 : 2)) {
      fate.requestMs = LATE_FROM_MS + random.below(knownWithinMs - LATE_FROM_MS - PROMISE_MARGIN_MS);
    }
    if (faults.strike('gateway_breaks_its_promise')) {
      fate.requestMs = knownWithinMs + 60_000 + random.below(20 * 60_000);
    }
    if (faults.strike('gateway_takes_request_twice')) fate.againAfterMs = random.below(60_000);
    return fate;
  }

  #arrive(process: Process, request: ApiRequest, sentAtMs: number, refusable: boolean): ApiAnswer {
    const { time, trace, faults, stripeOf, paypal, arrive, decide, broke, knownWithinMs } = this.#options;
    const received = receive({ stripe: stripeOf(request), paypal }, request);
    const operation = operationOf(request);
    if (received.kind === 'refused' || operation === null) {
      if (received.kind !== 'refused') throw new Error('what fits the API has an operation');
      trace(`${process.name} ${request.method} ${request.url}: refused, ${received.because}`);
      return received.refusal;
    }
    const arrival = {
      by: process,
      operation,
      ownId: ownIdIn(request),
      brokePromise: time.nowMs - sentAtMs > knownWithinMs,
    };
    const fault = this.#faultOf(arrival, request.method !== 'GET', refusable);
    const later = (ms: number, what: () => void) => void time.after(ms, what, null);
    const answer = arrive(arrival, () => {
      try {
        return received.carryOut(fault, later);
      } catch (error) {
        broke(error);
        throw error;
      }
    });
    if (fault.kind === 'pending') time.after(1_000 + faults.random.below(WORKED_ON_MAX_MS), decide, null);
    const shown = answer === 'dropped' ? answer : answer.status;
    trace(`${process.name} ${operation.name} ${arrival.ownId ?? operation.id}: ${shown} (${fault.kind})`);
    if (answer === 'dropped') throw new ConnectionLost('the connection broke');
    return answer;
  }

  /** One at most. */
  #faultOf(arrival: Arrival, writes: boolean, refusable: boolean): Fault {
    const { faults, paypal, endingOf } = this.#options;
    const { random } = faults;
    const { name, provider } = arrival.operation;
    const isStripe = provider === 'stripe';
    if (faults.strike('gateway_error_500')) return { kind: 'error_500', committed: random.chance(0.5), cached: false };
    if (faults.strike('gateway_rate_limits')) return { kind: 'rate_limited_429', retryAfterSeconds: 1 };
    if (faults.strike('gateway_answers_nonsense', ON_HOLDS.includes(name) ? 5 : 1)) {
      const status = random.pick([200, 502]);
      return { kind: 'answer', status, body: '<html>An error page</html>', committed: random.chance(0.5) };
    }
    if (refusable && faults.strike('gateway_refuses_credentials', 0.3)) {
      if (isStripe) return { kind: 'stripe_error', status: 401, type: 'invalid_request_error', message: 'Expired key' };
      paypal.revokeTokens(); // which the next call hears of
    }
    if (writes && faults.strike('gateway_key_conflicts')) return { kind: 'conflict_409' };
    // Intents that nobody waits for are those of fences, and rare.
    const fences = name === 'payment_intents.create' && !arrival.by.name.startsWith('pay');
    if (writes && isStripe && faults.strike('gateway_keeps_500', fences ? 15 : 3)) {
      return { kind: 'error_500', committed: random.chance(0.5), cached: true };
    }
    const charges = name in FAILURES;
    const refunds = name === 'refunds.create' || name === 'captures.refund';
    const ending = endingOf(arrival);
    if (ending !== null) return ending;
    if ((charges || refunds) && name !== 'orders.authorize' && faults.strike('gateway_still_working', 2)) {
      return { kind: 'pending' };
    }
    if (refusable && charges && faults.strike('gateway_fails')) return FAILURES[name] ?? { kind: 'normal' };
    if (refunds && faults.strike('refund_taken_back', 2)) {
      return { kind: 'refund_fails_later', afterMs: (1 + random.below(140)) * 60 * 60_000 };
    }
    return { kind: 'normal' };
  }
}

const RESTRICTED: Fault = { kind: 'issue', status: 422, issue: 'PAYEE_ACCOUNT_RESTRICTED' };

/** Certain ones of what takes or holds money: the merchant's account may not do what it is asked for, or the issuer does not pay. */
const FAILURES: Readonly<Record<string, Fault>> = {
  'payment_intents.confirm': {
    kind: 'stripe_error',
    status: 403,
    type: 'invalid_request_error',
    message: 'This account cannot make charges',
  },
  'payment_intents.capture': {
    kind: 'stripe_error',
    status: 402,
    type: 'card_error',
    code: 'card_declined',
    message: 'Your card was declined.',
  },
  'orders.capture': RESTRICTED,
  'orders.authorize': RESTRICTED,
  'authorizations.capture': RESTRICTED,
};

function requestOf(address: string, init: RequestInit): ApiRequest {
  const { pathname, search } = new URL(address);
  const headers = Object.fromEntries(new Headers(init.headers));
  return { method: init.method ?? 'GET', url: pathname + search, headers, body: String(init.body ?? '') };
}

/** In the key or in the body: whatever moves money names what it is for. */
function ownIdIn(request: ApiRequest): string | null {
  const [inKey] = /(TXN|REF)-[0-9A-Z]{26}(?:-\d+)?/.exec(keyOf(request) ?? '') ?? [];
  if (inKey !== undefined) return inKey;
  return /(TXN|REF)-[0-9A-Z]{26}(?:-\d+)?/.exec(request.body)?.[0] ?? null;
}

/** As much of a response as adapters read. A real one's body takes turns of the event loop that nobody can count. */
function responseOf({ status, headers, body }: ApiAnswer): Response {
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: new Headers(headers),
    body: [new TextEncoder().encode(body)],
    text: () => Promise.resolve(body),
  } as unknown as Response;
}
