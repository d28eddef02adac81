/** A provider's stored answers by idempotency key, until they expire. */
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

  /** The first entry of a key is kept, with its expiry. */
  keep(key: string, memory: Memory): void {
    if (this.get(key) === undefined) {
      this.#kept.set(key, { memory, untilMs: this.#clock.nowMs() + this.#keptForMs });
    }
  }

  forget(): void {
    this.#kept.clear();
  }
}
