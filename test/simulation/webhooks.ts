/** What providers tell of by themselves, on its way to the service: late, twice, in any order, and again until it was taken up. */
import type { ProviderEvent } from '../../src/core/gateways/webhook.ts';
import type { Faults } from './faults.ts';
import type { SimulatedTime } from './time.ts';

/** Between two attempts, as long as it has not been taken up. Providers give up after days; here, where the cron comes rarely, never. */
const PAUSES_MS = [10_000, 60_000, 5 * 60_000, 30 * 60_000];
const LAST_PAUSE_MS = 2 * 60 * 60_000;
const LATE_MAX_MS = 2 * 60 * 60_000;
/** As long as a provider waits for an answer. */
const DEADLINE_MS = 20_000;
/** A Worker has to come to its end, whoever waits for it. */
const OPERATION_MAX_MS = 60_000;

export class SimulatedWebhooks {
  /** Sends it, and answers with whether it was taken up. */
  deliver: (event: ProviderEvent) => Promise<boolean> = () => Promise.resolve(true);
  /** Called where that takes longer than it may. */
  onTooLong: (event: ProviderEvent) => void = () => {};
  readonly #time: SimulatedTime;
  readonly #faults: Faults;
  #waiting = 0;

  constructor(time: SimulatedTime, faults: Faults) {
    this.#time = time;
    this.#faults = faults;
  }

  /** How many have not been taken up, and come again. */
  get waiting(): number {
    return this.#waiting;
  }

  announce(event: ProviderEvent): void {
    const { random } = this.#faults;
    // Of a refund that was made by hand nobody hears but by its webhook: a provider tells of it until it is taken up.
    if (event.notice?.about !== 'external_refund' && this.#faults.strike('webhook_lost', 2)) return;
    const delayMs = this.#faults.strike('webhook_late', 2) ? random.below(LATE_MAX_MS) : random.below(400);
    this.#send(event, delayMs, 0);
    if (this.#faults.strike('webhook_twice', 6))
      this.#send(event, delayMs + random.below(random.pick([20, 20, 60_000])), 0);
  }

  #send(event: ProviderEvent, delayMs: number, attempt: number): void {
    this.#waiting += 1;
    const send = async () => {
      const taken = await this.#answerInTime(event);
      this.#waiting -= 1;
      if (!taken) this.#send(event, PAUSES_MS[attempt] ?? LAST_PAUSE_MS, attempt + 1);
    };
    this.#time.after(delayMs, () => void send(), null);
  }

  #answerInTime(event: ProviderEvent): Promise<boolean> {
    return new Promise((resolve) => {
      let ended = false;
      this.#time.after(DEADLINE_MS, () => resolve(false), null);
      this.#time.after(OPERATION_MAX_MS, () => ended || this.onTooLong(event), null);
      void this.deliver(event).then((taken) => {
        ended = true;
        resolve(taken);
      });
    });
  }
}
