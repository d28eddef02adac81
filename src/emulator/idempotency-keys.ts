/** What a provider remembers of the requests that came with a key, for as long as it does. */
import type { EmulatorClock } from './api.ts';

export class IdempotencyKeys<Memory> {
  readonly #clock: EmulatorClock;
  readonly #keptForMs: number;
  readonly #kept = new Map<string, { memory: Memory; untilMs: number }>();

  constructor(clock: EmulatorClock, keptForMs: number) {
    this.#clock = clock;
    this.#keptForMs = keptForMs;
  }

  get(key: string): Memory | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.untilMs > this.#clock.nowMs()) return kept?.memory;
    this.#kept.delete(key);
    return undefined;
  }

  /** The first memory of a key stays, and with it its end. */
  keep(key: string, memory: Memory): void {
    if (this.get(key) === undefined) {
      this.#kept.set(key, { memory, untilMs: this.#clock.nowMs() + this.#keptForMs });
    }
  }

  forget(): void {
    this.#kept.clear();
  }
}
