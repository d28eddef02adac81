/** Payers who have been given an address at which to authenticate or approve. */
import type { Faults } from './faults.ts';
import type { SimulatedTime } from './time.ts';

/** So long a payer takes at most: some are done before anybody has written down that they are asked, and some too late. */
const ANSWERS_WITHIN_MS = [1_000, 20_000, 120_000, 330_000, 900_000] as const;

export class Payers {
  readonly #time: SimulatedTime;
  readonly #faults: Faults;
  /** The payments whose payers have begun to answer. */
  readonly #answering = new Set<string>();

  constructor(time: SimulatedTime, faults: Faults) {
    this.#time = time;
    this.#faults = faults;
  }

  /**
   * The payer of a payment has the address, and uses it, or not, or twice. Returns after how many milliseconds; null: not, or it is
   * known.
   *
   * @param answer called with whether the payer approves
   */
  send(transactionId: string, answer: (approves: boolean) => void): number | null {
    const { random } = this.#faults;
    if (this.#answering.has(transactionId)) return null;
    this.#answering.add(transactionId);
    const answers = random.pick(['approves', 'approves', 'approves', 'approves', 'fails', 'leaves', 'twice'] as const);
    if (answers === 'leaves') return null;
    const afterMs = random.below(random.pick(ANSWERS_WITHIN_MS));
    this.#time.after(afterMs, () => answer(answers !== 'fails'), null);
    if (answers === 'twice') this.#time.after(afterMs + random.below(20_000), () => answer(false), null);
    return afterMs;
  }
}
