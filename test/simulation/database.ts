/** D1 as one process sees it: the real SQL on a real SQLite, at the far end of a network. */
import type { D1Database, D1PreparedStatement, D1Result } from '../../src/core/ledger/d1.ts';
import type { Faults } from './faults.ts';
import { healthy, type Network } from './network.ts';
import type { Process, SimulatedTime } from './time.ts';

/** D1 has been seen to answer so late. */
export const HELD_MAX_MS = 80_000;
/** At the end of a stall, connections come in any order within this time. */
const OUT_OF_ORDER_MS = 3_000;
const SLOW_MAX_MS = 4_000;

/**
 * `in_order`: at the end of the stall, or 80 seconds after they came, in the order of their arrival: a database has one writer.
 * `by_process`: the same, and in order for each process alone. `slowly`: each some seconds late, in the
 * order of each process.
 */
export const STALL_MANNERS = ['in_order', 'by_process', 'slowly'] as const;
export type StallManner = (typeof STALL_MANNERS)[number];

/** What invocations have sent, each to all databases: D1 allows it so many statements over all of them. */
export class SentStatements {
  /** Called where an invocation sends more than it may. */
  onTooMany: (process: Process) => void = () => {};
  readonly #max: (process: Process) => number;
  readonly #sent = new WeakMap<Process, number>();

  constructor(max: (process: Process) => number) {
    this.#max = max;
  }

  /** @throws Error where these are too many */
  add(process: Process, statements: number): void {
    const sent = (this.#sent.get(process) ?? 0) + statements;
    this.#sent.set(process, sent);
    if (sent <= this.#max(process)) return;
    this.onTooMany(process);
    throw new Error('D1_ERROR: too many statements of one invocation');
  }
}

export class SimulatedDatabase {
  readonly #time: SimulatedTime;
  readonly #d1: D1Database;
  readonly #network: Network;
  readonly #faults: Faults;
  /** Called after each batch that was carried out. */
  onBatch: (process: Process) => void = () => {};
  readonly #sent: SentStatements;
  /** How much later than others a connection's batches are carried out, where a stall ends out of order. */
  readonly #behindMs = new WeakMap<Process, number>();
  /** When the last of a connection's batches is carried out that a stall has held. */
  readonly #lastAtMs = new WeakMap<Process, number>();
  #stall: { untilMs: number; manner: StallManner } = { untilMs: 0, manner: 'in_order' };

  /** @param sent where its statements are counted */
  constructor(d1: D1Database, time: SimulatedTime, network: Network, faults: Faults, sent: SentStatements) {
    this.#time = time;
    this.#sent = sent;
    this.#d1 = d1;
    this.#network = network;
    this.#faults = faults;
  }

  /** From now until then, batches wait. They are carried out late, whether or not anybody still waits for them. */
  stall(untilMs: number, manner: StallManner): void {
    this.#stall = { untilMs, manner };
  }

  seenBy(process: Process): D1Database {
    const seen = {
      prepare: (sql: string) => this.#d1.prepare(sql),
      batch: (statements: D1PreparedStatement[]) => this.#batch(process, statements),
    };
    return seen;
  }

  async #batch(process: Process, statements: D1PreparedStatement[]): Promise<D1Result[]> {
    this.#sent.add(process, statements.length);
    const { random } = this.#faults;
    const fate = healthy(1 + random.below(10), 1 + random.below(10));
    if (this.#faults.strike('d1_request_lost')) fate.requestMs = null;
    // Longer than anybody waits for it: it is carried out all the same.
    if (this.#faults.strike('d1_lands_late', 0.5)) fate.requestMs = 1_500 + random.below(20_000);
    if (fate.requestMs !== null) fate.requestMs += this.#heldForMs(process, fate.requestMs);
    if (this.#faults.strike('d1_answer_lost')) fate.answerMs = null;
    if (this.#faults.strike('d1_silent', 0.5)) {
      fate.answerMs = null;
      fate.breaks = false;
    }
    const carriedOut = async () => {
      const results = await this.#d1.batch(statements);
      this.onBatch(process);
      return results;
    };
    return this.#network.call(process, fate, carriedOut, 'D1_ERROR: Network connection lost.');
  }

  /** How long a batch waits that arrives so many milliseconds from now: no batch overtakes one of its process that a stall has held. */
  #heldForMs(process: Process, arrivesInMs: number): number {
    const arrivesAtMs = this.#time.nowMs + arrivesInMs;
    const stalledForMs = this.#stalledForMs(process, arrivesInMs);
    const carriedOutAtMs = Math.max(arrivesAtMs + stalledForMs, this.#lastAtMs.get(process) ?? 0);
    if (stalledForMs > 0) this.#lastAtMs.set(process, carriedOutAtMs);
    return carriedOutAtMs - arrivesAtMs;
  }

  #stalledForMs(process: Process, arrivesInMs: number): number {
    const { untilMs, manner } = this.#stall;
    const leftMs = untilMs - this.#time.nowMs - arrivesInMs;
    if (leftMs <= 0) return 0;
    const { random } = this.#faults;
    switch (manner) {
      case 'in_order':
        return Math.min(leftMs, HELD_MAX_MS);
      case 'by_process': {
        const behindMs = this.#behindMs.get(process) ?? random.below(OUT_OF_ORDER_MS);
        this.#behindMs.set(process, behindMs);
        return Math.min(leftMs, HELD_MAX_MS) + behindMs;
      }
      case 'slowly':
        return random.below(SLOW_MAX_MS);
    }
  }
}
