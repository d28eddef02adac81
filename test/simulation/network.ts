/** A call from a process to another system. Each half of the way can go wrong, and the process can die meanwhile. */
import type { Faults } from './faults.ts';
import type { Process, SimulatedTime } from './time.ts';

/** What becomes of one call. */
export interface Fate {
  /** Milliseconds that the request travels; null: it never arrives. */
  requestMs: number | null;
  /** Milliseconds that the answer travels; null: it never arrives. */
  answerMs: number | null;
  /** Whether the caller hears that the connection broke, where it hears nothing else. */
  breaks: boolean;
  /** The request arrives a second time so many milliseconds after the first one. */
  againAfterMs: number | null;
}

export const healthy = (requestMs: number, answerMs: number): Fate => ({
  requestMs,
  answerMs,
  breaks: true,
  againAfterMs: null,
});

export class ConnectionLost extends Error {}

export class Network {
  readonly #time: SimulatedTime;
  readonly #faults: Faults;
  /** Ends a process, and with it perhaps its neighbours. */
  readonly #kill: (process: Process) => void;

  constructor(time: SimulatedTime, faults: Faults, kill: (process: Process) => void) {
    this.#time = time;
    this.#faults = faults;
    this.#kill = kill;
  }

  /** @param effect what the other system does; it may throw, and the caller hears it */
  call<T>(process: Process, fate: Fate, effect: () => T | Promise<T>, connectionLost = 'Network connection lost.') {
    return new Promise<T>((resolve, reject) => {
      const lost = () => {
        if (fate.breaks) this.#time.after(this.#someMs(), () => reject(new ConnectionLost(connectionLost)), process);
      };
      this.#mayDie(process);
      if (fate.requestMs === null) return lost();
      if (fate.againAfterMs !== null) {
        this.#time.after(fate.requestMs + fate.againAfterMs, () => void attempt(effect), null);
      }
      const arrive = async () => {
        const done = await attempt(effect);
        this.#mayDie(process);
        if (fate.answerMs === null) return lost();
        const answer = () => ('error' in done ? reject(done.error) : resolve(done.value));
        this.#time.after(fate.answerMs, answer, process);
      };
      this.#time.after(fate.requestMs, () => void arrive(), null);
    });
  }

  #someMs(): number {
    return 1 + this.#faults.random.below(50);
  }

  /** A process dies between any two things that it does: here, before the request leaves, or before the answer comes. */
  #mayDie(process: Process): void {
    if (process.alive && this.#faults.strike('process_dies', 0.1)) this.#kill(process);
  }
}

async function attempt<T>(effect: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await effect() };
  } catch (error) {
    return { error };
  }
}
