/** The state of a Stripe account: payment methods, intents, charges, refunds, disputes and events. */
import { type EmulatorClock, LETTERS_AND_DIGITS, type ProviderEvent, randomText } from './api.ts';
import type { Card } from './instruments.ts';

export interface PaymentMethodRow {
  id: string;
  card: Card;
  metadata: Record<string, string>;
  billing: Record<string, unknown> | null;
  /** Whether a payment has been confirmed with it: without a customer it can't be used again, even after a decline. */
  used: boolean;
  createdAtMs: number;
}

export interface TokenRow {
  card: Card;
  used: boolean;
}

export type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'requires_capture'
  | 'processing'
  | 'succeeded'
  | 'canceled';

export interface IntentRow {
  id: string;
  clientSecret: string;
  status: IntentStatus;
  amount: number;
  currency: string;
  metadata: Record<string, string>;
  description: string | null;
  receiptEmail: string | null;
  statementDescriptor: string | null;
  statementDescriptorSuffix: string | null;
  /** Null: whatever the account accepts. */
  allowedMethodTypes: string[] | null;
  automaticMethods: { enabled: boolean; allow_redirects?: string } | null;
  captureMethod: 'automatic' | 'automatic_async' | 'manual';
  method: PaymentMethodRow | null;
  /** The latest, whether or not it is over. */
  authentication: AuthenticationRow | null;
  latestCharge: ChargeRow | null;
  lastError: Record<string, unknown> | null;
  canceledAtMs: number | null;
  cancellationReason: string | null;
  createdAtMs: number;
  succeededAtMs: number | null;
}

/** A payer's authentication of one confirmation of an intent. */
export interface AuthenticationRow {
  intent: IntentRow;
  /** Of the page where the payer completes it; its last part is a secret. */
  url: string;
  returnUrl: string | null;
}

export interface ChargeRow {
  id: string;
  intent: IntentRow;
  method: PaymentMethodRow;
  /** `succeeded` with nothing captured: an authorization. */
  status: 'succeeded' | 'pending' | 'failed';
  /** Whether the payer has authenticated. */
  authenticated: boolean;
  amountCaptured: number;
  /** Of a capture that is pending. */
  amountToCapture: number | null;
  /** Null unless capture is manual. */
  captureBeforeMs: number | null;
  failure: { code: string; declineCode: string; message: string; blocked: boolean } | null;
  disputed: boolean;
  createdAtMs: number;
}

export interface RefundRow {
  id: string;
  charge: ChargeRow;
  amount: number;
  status: 'pending' | 'succeeded' | 'failed';
  reason: string | null;
  metadata: Record<string, string>;
  /** Of money that was held and not taken. Stripe has no object of its own for it. */
  isRelease: boolean;
  createdAtMs: number;
}

export interface DisputeRow {
  id: string;
  charge: ChargeRow;
  reason: string;
  status: 'needs_response' | 'under_review' | 'won' | 'lost';
  createdAtMs: number;
}

/** The origin of an event: a request or the dashboard. */
export interface Cause {
  requestId: string | null;
  key: string | null;
}

export const DASHBOARD: Cause = { requestId: null, key: null };

export interface StripeBooksOptions {
  clock: EmulatorClock;
  apiVersion: string;
  baseUrl: () => string;
  onEvent: (event: ProviderEvent) => void;
}

export class StripeBooks {
  readonly methods = new Map<string, PaymentMethodRow>();
  /** As Stripe.js makes them, each for one use; the test tokens of the documentation can be used again and again. */
  readonly tokens = new Map<string, TokenRow>();
  readonly intents = new Map<string, IntentRow>();
  /** By the secret in the page's address. */
  readonly authentications = new Map<string, AuthenticationRow>();
  readonly refunds = new Map<string, RefundRow>();
  readonly disputes = new Map<string, DisputeRow>();
  /** In the order in which they happened. */
  readonly events: { event: ProviderEvent; createdAtMs: number }[] = [];
  readonly clock: EmulatorClock;
  readonly apiVersion: string;
  /** Of the emulator. */
  readonly baseUrl: () => string;
  readonly #onEvent: (event: ProviderEvent) => void;

  constructor({ clock, apiVersion, baseUrl, onEvent }: StripeBooksOptions) {
    this.clock = clock;
    this.apiVersion = apiVersion;
    this.baseUrl = baseUrl;
    this.#onEvent = onEvent;
  }

  id(prefix: string): string {
    return `${prefix}_${randomText(this.clock, LETTERS_AND_DIGITS, 24)}`;
  }

  emit(type: string, object: unknown, cause: Cause): void {
    const createdAtMs = this.clock.nowMs();
    const id = this.id('evt');
    const body = JSON.stringify({
      id,
      object: 'event',
      api_version: this.apiVersion,
      created: seconds(createdAtMs),
      data: { object },
      livemode: false,
      pending_webhooks: 1,
      request: { id: cause.requestId, idempotency_key: cause.key },
      type,
    });
    const event = { id, type, body };
    this.events.push({ event, createdAtMs });
    this.#onEvent(event);
  }

  refundsOf(charge: ChargeRow): RefundRow[] {
    return [...this.refunds.values()].filter((refund) => refund.charge === charge);
  }

  /** Paid back, on its way there, or released. */
  refundedOf(charge: ChargeRow): number {
    const standing = this.refundsOf(charge).filter(({ status }) => status !== 'failed');
    return standing.reduce((sum, { amount }) => sum + amount, 0);
  }
}

/** As Stripe counts time. */
export function seconds(atMs: number): number {
  return Math.floor(atMs / 1000);
}
