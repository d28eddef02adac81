/** A queue that delivers at least once, in no order, and now and then not at all. */

import type { ConsumedMessage } from '../../src/core/background/consume-queue.ts';
import type { MessageQueue } from '../../src/core/outbox/queue-message.ts';
import type { Faults } from './faults.ts';
import { healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

const MAX_RETRIES = 3;
/** After so long without an acknowledgement, because the consumer has died, a batch is delivered again. */
const VISIBILITY_TIMEOUT_MS = 60_000;

interface Held {
  id: string;
  /** As it travels: text, in which nothing may be that must not be written down. */
  text: string;
  attempts: number;
}

export class SimulatedQueue<Body extends ConsumedMessage['body']> {
  /** All that ever went in. */
  readonly sent: string[] = [];
  /** Hands a batch to a consumer; rejects, or never ends, where that one failed. */
  consume: (messages: ConsumedMessage[]) => void = () => {};
  readonly #time: SimulatedTime;
  readonly #network: Network;
  readonly #faults: Faults;
  readonly #maxBatch: number;
  #ready: Held[] = [];
  #lastId = 0;

  constructor(time: SimulatedTime, network: Network, faults: Faults, maxBatch: number) {
    this.#time = time;
    this.#network = network;
    this.#faults = faults;
    this.#maxBatch = maxBatch;
  }

  seenBy(process: Process): MessageQueue<Body> {
    const { random } = this.#faults;
    const send = async (body: Body, options?: { delaySeconds?: number }) => {
      const text = JSON.stringify(body);
      const fate = healthy(1 + random.below(20), 1 + random.below(20));
      if (this.#faults.strike('queue_refuses')) fate.requestMs = null;
      await this.#network.call(process, fate, () => this.#accept(text, (options?.delaySeconds ?? 0) * 1_000));
    };
    return { send };
  }

  #accept(text: string, delayMs: number): void {
    this.sent.push(text);
    if (this.#faults.strike('queue_loses_message')) return;
    this.#lastId += 1;
    const held = { id: `message-${this.#lastId}`, text, attempts: 0 };
    this.#deliver(held, delayMs);
    if (this.#faults.strike('queue_delivers_twice')) this.#deliver(held, delayMs + this.#faults.random.below(90_000));
  }

  #deliver(held: Held, delayMs: number): void {
    const late = this.#faults.strike('queue_delivers_late') ? this.#faults.random.below(120_000) : 0;
    this.#time.after(
      delayMs + late,
      () => {
        this.#ready.push(held);
        // What is ready within a moment goes out together.
        this.#time.after(this.#faults.random.below(20), () => this.#flush(), null);
      },
      null,
    );
  }

  #flush(): void {
    const batch = this.#ready.splice(0, this.#maxBatch);
    if (batch.length === 0) return;
    const open = new Set(batch);
    const again = (held: Held, delayMs: number) => {
      if (!open.delete(held)) return;
      held.attempts += 1;
      if (held.attempts <= MAX_RETRIES) this.#deliver(held, delayMs);
    };
    this.consume(
      batch.map((held) => ({
        id: held.id,
        body: JSON.parse(held.text) as Body,
        ack: () => void open.delete(held),
        retry: (options?: { delaySeconds?: number }) => again(held, (options?.delaySeconds ?? 0) * 1_000),
      })),
    );
    const timedOut = () => {
      for (const held of [...open]) again(held, 0);
    };
    this.#time.after(VISIBILITY_TIMEOUT_MS, timedOut, null);
  }
}
