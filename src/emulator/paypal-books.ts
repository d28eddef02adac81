/** The state of a PayPal account: orders, authorizations, captures, refunds, disputes and events. */
import { CAPITALS_AND_DIGITS, type EmulatorClock, type ProviderEvent, randomText } from './api.ts';

export interface OrderRow {
  id: string;
  intent: 'CAPTURE' | 'AUTHORIZE';
  /** PAYER_ACTION_REQUIRED is CREATED with a payment source in the request. */
  status: 'CREATED' | 'PAYER_ACTION_REQUIRED' | 'APPROVED' | 'COMPLETED';
  referenceId: string;
  minor: number;
  currency: string;
  merchantId: string;
  customId: string | null;
  invoiceId: string | null;
  description: string | null;
  softDescriptor: string | null;
  brandName: string | null;
  /** Where the payer is sent from the approval page. */
  returnUrl: string | null;
  cancelUrl: string | null;
  /** When it expires unless approved by then; null: never by itself. */
  expiresAtMs: number | null;
  isExpired: boolean;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface AuthorizationRow {
  id: string;
  order: OrderRow;
  status: 'CREATED' | 'PARTIALLY_CAPTURED' | 'CAPTURED' | 'VOIDED' | 'DENIED';
  /** VOIDED because its time was over: PayPal has no status of its own for this. */
  isExpired: boolean;
  minor: number;
  customId: string | null;
  invoiceId: string | null;
  expiresAtMs: number;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface CaptureRow {
  id: string;
  order: OrderRow;
  /** null: captured from the order directly. */
  authorization: AuthorizationRow | null;
  minor: number;
  isFinal: boolean;
  /** The status at the end of the capture; refunded amounts are in the refunds. */
  status: 'COMPLETED' | 'PENDING' | 'DECLINED';
  customId: string | null;
  invoiceId: string | null;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface RefundRow {
  id: string;
  capture: CaptureRow;
  status: 'COMPLETED' | 'PENDING' | 'FAILED';
  minor: number;
  customId: string | null;
  invoiceId: string | null;
  note: string | null;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface DisputeRow {
  id: string;
  capture: CaptureRow;
  reason: string;
  status: 'OPEN' | 'UNDER_REVIEW' | 'RESOLVED';
  outcome: string | null;
  createdAtMs: number;
  updatedAtMs: number;
}

export class PayPalBooks {
  readonly orders = new Map<string, OrderRow>();
  readonly authorizations = new Map<string, AuthorizationRow>();
  readonly captures = new Map<string, CaptureRow>();
  readonly refunds = new Map<string, RefundRow>();
  readonly disputes = new Map<string, DisputeRow>();
  /** In the order in which they happened. */
  readonly events: { event: ProviderEvent; resourceId: string; createdAtMs: number }[] = [];
  /** The account's setting against two payments of one invoice. */
  refusesDuplicateInvoices = true;
  tellsOfRefunds: 'both' | 'invoice_id' | 'neither' = 'both';
  readonly clock: EmulatorClock;
  /** Links begin with it. */
  readonly baseUrl: () => string;
  readonly #onEvent: (event: ProviderEvent) => void;

  constructor(clock: EmulatorClock, baseUrl: () => string, onEvent: (event: ProviderEvent) => void) {
    this.clock = clock;
    this.baseUrl = baseUrl;
    this.#onEvent = onEvent;
  }

  id(): string {
    return randomText(this.clock, CAPITALS_AND_DIGITS, 17);
  }

  emit(type: string, resourceType: string, resource: Record<string, unknown>, summary: string): void {
    const createdAtMs = this.clock.nowMs();
    const id = `WH-${this.id()}-${this.id()}`;
    const self = `${this.baseUrl()}/v1/notifications/webhooks-events/${id}`;
    const body = JSON.stringify({
      id,
      event_version: '1.0',
      create_time: new Date(createdAtMs).toISOString(),
      resource_type: resourceType,
      resource_version: '2.0',
      event_type: type,
      summary,
      resource,
      links: [
        { href: self, rel: 'self', method: 'GET' },
        { href: `${self}/resend`, rel: 'resend', method: 'POST' },
      ],
    });
    const event = { id, type, body };
    this.events.push({ event, resourceId: String(resource.id ?? resource.dispute_id), createdAtMs });
    this.#onEvent(event);
  }

  authorizationsOf(order: OrderRow): AuthorizationRow[] {
    return [...this.authorizations.values()].filter((authorization) => authorization.order === order);
  }

  capturesOf(order: OrderRow): CaptureRow[] {
    return [...this.captures.values()].filter((capture) => capture.order === order);
  }

  /** Taken, or about to be. */
  capturedOf(authorization: AuthorizationRow): number {
    const captures = this.capturesOf(authorization.order).filter(({ status }) => status !== 'DECLINED');
    return captures.reduce((sum, { minor }) => sum + minor, 0);
  }

  refundsOf(capture: CaptureRow): RefundRow[] {
    return [...this.refunds.values()].filter((refund) => refund.capture === capture);
  }

  /** Paid back, or on its way there. */
  refundedOf(capture: CaptureRow): number {
    const standing = this.refundsOf(capture).filter(({ status }) => status !== 'FAILED');
    return standing.reduce((sum, { minor }) => sum + minor, 0);
  }

  statusOf(capture: CaptureRow): string {
    const refunded = this.refundedOf(capture);
    if (capture.status !== 'COMPLETED' || refunded === 0) return capture.status;
    return refunded < capture.minor ? 'PARTIALLY_REFUNDED' : 'REFUNDED';
  }

  openDisputeOf(capture: CaptureRow): DisputeRow | undefined {
    return [...this.disputes.values()].find((dispute) => dispute.capture === capture && dispute.status !== 'RESOLVED');
  }
}
