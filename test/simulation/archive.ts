/** The archive: objects that stay what they are, whatever is lost on the way to them. */
import type { ArchiveBucket } from '../../src/core/ledger/archive/archive-bucket.ts';
import type { Faults } from './faults.ts';
import { healthy, type Network } from './network.ts';
import type { Process } from './time.ts';

export class SimulatedArchive {
  readonly objects = new Map<string, Uint8Array>();
  readonly #network: Network;
  readonly #faults: Faults;

  constructor(network: Network, faults: Faults) {
    this.#network = network;
    this.#faults = faults;
  }

  seenBy(process: Process): ArchiveBucket {
    return {
      put: (key, bytes) => this.#call(process, () => this.#put(key, Uint8Array.from(bytes))),
      get: (key) =>
        this.#call(process, () => {
          const bytes = this.objects.get(key);
          return bytes === undefined ? null : { arrayBuffer: async () => Uint8Array.from(bytes).buffer };
        }),
    };
  }

  #put(key: string, bytes: Uint8Array): void {
    if (this.#faults.strike('archive_refuses')) throw new Error('the archive answered 503');
    // Half of it was written.
    this.objects.set(key, this.#faults.strike('archive_cuts_off') ? bytes.slice(0, bytes.length / 2) : bytes);
  }

  #call<T>(process: Process, effect: () => T): Promise<T> {
    const { random } = this.#faults;
    const fate = healthy(1 + random.below(50), 1 + random.below(50));
    if (this.#faults.strike('archive_request_lost')) fate.requestMs = null;
    if (this.#faults.strike('archive_answer_lost')) fate.answerMs = null;
    return this.#network.call(process, fate, effect);
  }
}
