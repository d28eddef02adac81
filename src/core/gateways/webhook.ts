/** What providers report on their own. A webhook is a hint: it says what to ask about, and the answer to that counts. */
import * as z from 'zod/mini';

/** A provider's event id or event type, as the ledger stores it. */
export const eventText = z.string().check(z.regex(/^[\x21-\x7e]{1,255}$/));

export function refused(reason: string): WebhookReading {
  return { kind: 'refused', reason };
}

export interface Webhook {
  header(name: string): string | undefined;
  /** As it was sent: signatures are over its bytes. */
  body: Uint8Array<ArrayBuffer>;
  nowMs: number;
  /** Where certificates are kept that signatures are verified with. */
  certificates: CertificateStore;
}

/** Certificates that have been fetched, of the whole installation, and how many unknown ones may be in an hour. */
export interface CertificateStore {
  /** The network that the webhook came from: each has its own share of the hour's requests. */
  sender: string;
  /**
   * All that are kept and have not expired. Where none of them has this address, the address may be asked for now (`granted`), or
   * not: because it was a moment ago, or because the hour's requests for unknown addresses are used up.
   */
  requestUnlessKnown(
    url: string,
    nowMs: number,
  ): Promise<{ certificates: { url: string; pem: string }[]; request: 'granted' | 'under_way' | 'used_up' }>;
  keep(certificate: { url: string; pem: string; expiresAtMs: number }, nowMs: number): Promise<void>;
}

export type Provider = 'stripe' | 'paypal';

export type WebhookReading =
  | { kind: 'event'; event: ProviderEvent }
  /** Not the provider's, or none that can be read: `reason` is a sentence for whoever sent it. */
  | { kind: 'refused'; reason: string }
  /** Nobody can say whether it is the provider's. */
  | { kind: 'unreachable'; reason: string };

export interface ProviderEvent {
  provider: Provider;
  /** The provider's own: it comes again with the same one. */
  eventId: string;
  type: string;
  /** Null: of nothing that this service has to know. */
  notice: Notice | null;
}

export type Notice =
  /** `charged`: only then may one that has failed here have been charged after all. */
  | { about: 'payment'; transactionId: string; charged: boolean }
  | { about: 'refund'; refundId: string }
  /** Of a refund without an id of ours; `reference` is the provider's. */
  | { about: 'external_refund'; reference: string }
  | { about: 'dispute'; dispute: Dispute };

/** A payer who has asked their bank, or the provider, for the money back. */
export interface Dispute {
  disputeId: string;
  /** What the provider calls the charge. */
  chargeReference: string;
  /** Null where the provider does not say it along with the dispute. */
  transactionId: string | null;
  status: string;
  reason: string;
  amountMinor: number;
  currency: string;
  openedAtMs: number;
  /** Of this word about it. */
  reportedAtMs: number;
}
