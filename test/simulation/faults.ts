/** What can go wrong between two systems, and how often it did. */
import type { Random } from './random.ts';

export const FAULT_KINDS = [
  // Between the Worker and D1.
  'd1_request_lost',
  'd1_answer_lost',
  'd1_silent',
  'd1_lands_late',
  /** All batches wait, and are carried out when it is over. */
  'd1_stalls',
  /** Those of one database, where there are several. */
  'one_d1_stalls',
  // Between the Worker and the gateway.
  'gateway_request_lost',
  'gateway_answer_lost',
  'gateway_answers_late',
  'gateway_lands_late',
  'gateway_takes_request_twice',
  'gateway_error_500',
  'gateway_fails',
  'gateway_still_working',
  'gateway_deaf_to_its_signal',
  'gateway_breaks_its_promise',
  'refund_taken_back',
  'challenge_ends_early',
  'hold_ends_early',
  // The same, where the gateway is a provider's API.
  'gateway_declines',
  'gateway_key_conflicts',
  'gateway_keeps_500',
  'gateway_rate_limits',
  'gateway_refuses_credentials',
  'gateway_answers_nonsense',
  'webhook_lost',
  'webhook_late',
  'webhook_twice',
  // Between the Worker and the queue.
  'queue_refuses',
  'queue_loses_message',
  'queue_delivers_twice',
  'queue_delivers_late',
  // Between the Worker, the bridge and the broker.
  'bridge_refuses',
  'bridge_request_lost',
  'bridge_answer_lost',
  'bridge_takes_batch_twice',
  'broker_confirm_lost',
  'broker_returns_message',
  // Between the Worker and the archive.
  'archive_refuses',
  'archive_cuts_off',
  'archive_request_lost',
  'archive_answer_lost',
  // The Worker itself.
  'process_dies',
  'isolate_dies',
  'cron_skipped',
  /** Versions run side by side, and one of them has the key of another account at the provider. */
  'other_account_deployed',
  /** The same, and one of them has fewer databases than the installation, more, or has them in another order. */
  'wrong_databases_deployed',
  'clock_is_off',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type FaultCounts = Partial<Record<FaultKind, number>>;

/** Decides, by one source of chance, what goes wrong. */
export class Faults {
  readonly counts: FaultCounts = {};
  readonly #enabled: ReadonlySet<FaultKind>;
  readonly #rate: number;
  readonly random: Random;
  #healed = false;

  constructor(random: Random, enabled: readonly FaultKind[], rate: number) {
    this.random = random;
    this.#enabled = new Set(enabled);
    this.#rate = rate;
  }

  /** Whether this goes wrong now. `weight` makes a kind rarer than others. */
  strike(kind: FaultKind, weight = 1): boolean {
    const struck = this.random.chance(this.#rate * weight);
    return struck && this.begin(kind);
  }

  /** Whether this goes wrong now, which is planned and no matter of chance. */
  begin(kind: FaultKind): boolean {
    if (this.#healed || !this.#enabled.has(kind)) return false;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    return true;
  }

  /** From now on, nothing goes wrong. */
  heal(): void {
    this.#healed = true;
  }
}
