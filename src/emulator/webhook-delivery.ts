/** Sends what has happened to webhooks, as a test asks for it: later, twice, never, or before the call that caused it is answered. */
import type { EmulatorClock, ProviderEvent } from './api.ts';
import type { EmulatorCredentials } from './credentials.ts';
import type { Provider } from './operations.ts';
import { type PayPalSigner, signPayPal, signStripe } from './webhooks.ts';

export type WebhookTiming = 'after_answer' | 'before_answer' | 'twice' | 'never' | { laterMs: number };

export interface WebhookAnswer {
  provider: Provider;
  type: string;
  /** 0: there was none. */
  status: number;
}

export interface Notification {
  provider: Provider;
  event: ProviderEvent;
}

/** Where webhooks are posted: to webhooks/stripe and webhooks/paypal below an address, or each to its own. Null: nowhere. */
export type WebhooksTo = string | Readonly<Record<Provider, string | null>> | null;

/** As long as Stripe waits at most. */
const DEADLINE_MS = 20_000;
/** Providers go on for days. */
const MAX_TIMES = 30;

export class WebhookDelivery {
  readonly answers: WebhookAnswer[] = [];
  to: WebhooksTo;
  timing: (event: ProviderEvent) => WebhookTiming = () => 'after_answer';
  /** What was not taken is sent again after so long; null: never, so that a test decides by itself. */
  sendsAgainAfterMs: number | null = null;
  readonly #credentials: EmulatorCredentials;
  readonly #clock: EmulatorClock;
  readonly #baseUrl: () => string;
  readonly #signer: PayPalSigner;
  readonly #later: (ms: number, what: () => void) => void;
  readonly #log: (line: string) => void;
  readonly #stopped = new AbortController();
  readonly #underWay = new Set<Promise<number>>();

  constructor(options: {
    to: WebhooksTo;
    credentials: EmulatorCredentials;
    clock: EmulatorClock;
    baseUrl: () => string;
    signer: PayPalSigner;
    later: (ms: number, what: () => void) => void;
    log: (line: string) => void;
  }) {
    this.to = options.to;
    this.#credentials = options.credentials;
    this.#clock = options.clock;
    this.#baseUrl = options.baseUrl;
    this.#signer = options.signer;
    this.#later = options.later;
    this.#log = options.log;
  }

  /** Begins with those that are to come before the answer, and resolves when they have been answered. */
  async beforeAnswer(notifications: readonly Notification[]): Promise<void> {
    const early = notifications.filter(({ event }) => this.timing(event) === 'before_answer');
    for (const notification of early) await this.send(notification);
  }

  /** The others, in their order. */
  afterAnswer(notifications: readonly Notification[]): void {
    for (const notification of notifications) {
      const timing = this.timing(notification.event);
      if (timing === 'after_answer') void this.send(notification);
      else if (timing === 'twice') void this.send(notification).then(() => this.send(notification));
      else if (typeof timing === 'object') this.#later(timing.laterMs, () => void this.send(notification));
    }
  }

  /** Of what happens outside of calls: in a dashboard there is no answer to wait for. */
  announce(notification: Notification): void {
    if (this.timing(notification.event) === 'before_answer') void this.send(notification);
    else this.afterAnswer([notification]);
  }

  /** @returns the status of the answer; 0: there was none, or nowhere to send to */
  send(notification: Notification, time = 1): Promise<number> {
    const sent = this.#post(notification);
    this.#underWay.add(sent);
    void sent.then((status) => {
      this.#underWay.delete(sent);
      const afterMs = status >= 200 && status < 300 ? null : this.sendsAgainAfterMs;
      if (afterMs !== null && time < MAX_TIMES) this.#later(afterMs, () => void this.send(notification, time + 1));
    });
    return sent;
  }

  /** When all that is under way has been answered. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.settled();
  }

  async #post({ provider, event }: Notification): Promise<number> {
    const address = this.#addressOf(provider);
    if (address === null || this.#stopped.signal.aborted) return 0;
    const { stripeWebhookSecret, paypalWebhookId } = this.#credentials;
    const { body, type } = event;
    const headers =
      provider === 'stripe'
        ? signStripe(body, stripeWebhookSecret, this.#clock.nowMs())
        : signPayPal(body, paypalWebhookId, this.#signer, this.#baseUrl(), this.#clock);
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DEADLINE_MS)]);
    const status = await fetch(address, { method: 'POST', headers, body, signal, redirect: 'manual' })
      .then(async (response) => {
        await response.arrayBuffer();
        return response.status;
      })
      .catch(() => 0);
    if (this.#stopped.signal.aborted) return status;
    this.answers.push({ provider, type, status });
    this.#log(`webhook ${type} ${status === 0 ? 'unanswered' : status}`);
    return status;
  }

  #addressOf(provider: Provider): string | URL | null {
    if (this.to === null || typeof this.to === 'object') return this.to?.[provider] ?? null;
    return new URL(`webhooks/${provider}`, this.to.endsWith('/') ? this.to : `${this.to}/`);
  }
}
