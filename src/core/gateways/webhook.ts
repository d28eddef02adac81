/** Webhooks of providers. A webhook is only a hint: it starts a look-up, and the look-up determines the outcome. */
import * as z from 'zod/mini';

/** A provider's event id or event type, as the ledger stores it. */
export const eventText = z.string().check(z.regex(/^[\x21-\x7e]{1,255}$/));

export function refused(reason: string): WebhookReading {
  return { kind: 'refused', reason };
}

export interface Webhook {
  header(name: string): string | undefined;
  /** The raw body: signatures cover its bytes. */
  body: Uint8Array<ArrayBuffer>;
  nowMs: number;
  /** The store of certificates that verify signatures. */
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
  /** Forged or unreadable: `reason` is a sentence for the sender. */
  | { kind: 'refused'; reason: string }
  /** It cannot be verified right now. */
  | { kind: 'unreachable'; reason: string };

export interface ProviderEvent {
  provider: Provider;
  /** The provider's id of the event; a repetition has the same one. */
  eventId: string;
  type: string;
  /** Null: not relevant to this service. */
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
  /** The provider's id of the charge. */
  chargeReference: string;
  /** Null where the provider does not include it in the dispute. */
  transactionId: string | null;
  status: string;
  reason: string;
  amountMinor: number;
  currency: string;
  openedAtMs: number;
  /** Of this event of the dispute. */
  reportedAtMs: number;
}
