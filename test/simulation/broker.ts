/** The bridge and RabbitMQ behind it: what reached the exchange, in its order, is what the other services know. */
import type { PaymentEvent } from '../../src/contract/events.ts';
import type { RelayResult } from '../../src/contract/relay.ts';
import type { RelayAnswer } from '../../src/core/outbox/relay.ts';
import { BRIDGE_DEADLINE_MS } from '../../src/core/outbox/relay-client.ts';
import type { Faults } from './faults.ts';
import { healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

export class SimulatedBroker {
  /** Every message that the exchange took, as text. */
  readonly published: string[] = [];
  readonly #time: SimulatedTime;
  readonly #network: Network;
  readonly #faults: Faults;
  #outageUntilMs = 0;

  constructor(time: SimulatedTime, network: Network, faults: Faults) {
    this.#time = time;
    this.#network = network;
    this.#faults = faults;
  }

  goDown(untilMs: number): void {
    this.#outageUntilMs = untilMs;
  }

  seenBy(process: Process): (events: PaymentEvent[]) => Promise<RelayAnswer> {
    return (events) => this.#post(process, events);
  }

  #post(process: Process, events: PaymentEvent[]): Promise<RelayAnswer> {
    const { random } = this.#faults;
    const text = JSON.stringify(events);
    const fate = healthy(1 + random.below(50), 1 + random.below(50));
    if (this.#faults.strike('bridge_request_lost')) fate.requestMs = null;
    if (this.#faults.strike('bridge_answer_lost')) fate.answerMs = null;
    if (this.#faults.strike('bridge_takes_batch_twice')) fate.againAfterMs = random.below(60_000);
    fate.breaks = random.chance(0.5);
    const answer = this.#network.call(process, fate, () => this.#relay(JSON.parse(text)));
    return new Promise((resolve) => {
      const refused = (reason: string): RelayAnswer => ({ kind: 'refused', reason });
      this.#time.after(BRIDGE_DEADLINE_MS, () => resolve(refused('no answer in time')), process);
      answer.then(resolve, () => resolve(refused('the connection broke')));
    });
  }

  #relay(events: PaymentEvent[]): RelayAnswer {
    if (this.#time.nowMs < this.#outageUntilMs || this.#faults.strike('bridge_refuses')) {
      return { kind: 'refused', reason: 'the bridge answered 503' };
    }
    return { kind: 'results', results: events.map((event) => this.#publish(event)) };
  }

  #publish(event: PaymentEvent): RelayResult {
    const { event_id } = event;
    if (this.#faults.strike('broker_returns_message')) return { event_id, delivered: false, reason: 'unroutable' };
    this.published.push(JSON.stringify(event));
    if (this.#faults.strike('broker_confirm_lost')) return { event_id, delivered: false, reason: 'no confirm' };
    return { event_id, delivered: true };
  }
}
