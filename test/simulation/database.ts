/** D1 as one process sees it: the real SQL on a real SQLite, at the far end of a network. */
import type { D1Database, D1PreparedStatement, D1Result } from '../../src/core/ledger/d1.ts';
import type { Faults } from './faults.ts';
import { healthy, type Network } from './network.ts';
import type { Process } from './time.ts';

export class SimulatedDatabase {
  readonly #d1: D1Database;
  readonly #network: Network;
  readonly #faults: Faults;
  /** Called after each batch that was carried out. */
  onBatch: () => void = () => {};
  /** Called where an invocation sends more statements than D1 allows it. */
  onTooMany: (process: Process) => void = () => {};
  readonly #statementsMax: (process: Process) => number;
  readonly #sent = new WeakMap<Process, number>();

  /** @param statementsMax so many statements an invocation may send */
  constructor(d1: D1Database, network: Network, faults: Faults, statementsMax: (process: Process) => number) {
    this.#statementsMax = statementsMax;
    this.#d1 = d1;
    this.#network = network;
    this.#faults = faults;
  }

  seenBy(process: Process): D1Database {
    const seen = {
      prepare: (sql: string) => this.#d1.prepare(sql),
      batch: (statements: D1PreparedStatement[]) => this.#batch(process, statements),
    };
    return seen;
  }

  #batch(process: Process, statements: D1PreparedStatement[]): Promise<D1Result[]> {
    const sent = (this.#sent.get(process) ?? 0) + statements.length;
    this.#sent.set(process, sent);
    if (sent > this.#statementsMax(process)) {
      this.onTooMany(process);
      return Promise.reject(new Error('D1_ERROR: too many statements of one invocation'));
    }
    const { random } = this.#faults;
    const fate = healthy(1 + random.below(10), 1 + random.below(10));
    if (this.#faults.strike('d1_request_lost')) fate.requestMs = null;
    // Longer than anybody waits for it: it is carried out all the same.
    if (this.#faults.strike('d1_lands_late', 0.5)) fate.requestMs = 1_500 + random.below(20_000);
    if (this.#faults.strike('d1_answer_lost')) fate.answerMs = null;
    if (this.#faults.strike('d1_silent', 0.5)) {
      fate.answerMs = null;
      fate.breaks = false;
    }
    const carriedOut = async () => {
      const results = await this.#d1.batch(statements);
      this.onBatch();
      return results;
    };
    return this.#network.call(process, fate, carriedOut, 'D1_ERROR: Network connection lost.');
  }
}
