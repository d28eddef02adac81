/** A Stripe account outside of its API: its objects, and the actions of payers, banks and the merchant's dashboard. */
import type { ProviderEvent } from './api.ts';
import { cardOfToken } from './instruments.ts';
import { type AuthenticationEnd, addressAfter, endAuthentication, isOpen } from './stripe-authentication.ts';
import {
  type AuthenticationRow,
  DASHBOARD,
  type IntentRow,
  type RefundRow,
  StripeBooks,
  type StripeBooksOptions,
} from './stripe-books.ts';
import { missing } from './stripe-errors.ts';
import { expireAuthorization, finishIntent } from './stripe-intents.ts';
import { addMethod } from './stripe-methods.ts';
import * as refunds from './stripe-refunds.ts';

export class StripeAccount {
  protected readonly books: StripeBooks;

  constructor(options: StripeBooksOptions) {
    this.books = new StripeBooks(options);
  }

  /** Money that was taken, in the order of the intents' creation. */
  charges() {
    return [...this.books.intents.values()]
      .filter(({ status }) => status === 'succeeded')
      .map((intent) => ({
        intentId: intent.id,
        transactionId: intent.metadata.transaction_id ?? null,
        bookingId: intent.metadata.booking_id ?? null,
        amount: intent.latestCharge?.amountCaptured ?? 0,
        currency: intent.currency,
        atMs: intent.succeededAtMs ?? intent.createdAtMs,
      }));
  }

  intents() {
    return [...this.books.intents.values()].map((intent) => ({
      id: intent.id,
      status: intent.status,
      transactionId: intent.metadata.transaction_id ?? null,
      bookingId: intent.metadata.booking_id ?? null,
      amount: intent.amount,
      currency: intent.currency,
      cancellationReason: intent.cancellationReason,
      /** Whether its payer was asked to authenticate. */
      wasChallenged: intent.authentication !== null,
      /** Until when its money was to be held, if it was. */
      captureBeforeMs: intent.latestCharge?.captureBeforeMs ?? null,
      atMs: intent.createdAtMs,
    }));
  }

  /** Of money that was taken, whatever has become of them. */
  refunds() {
    const refunds = [...this.books.refunds.values()].filter(({ isRelease }) => !isRelease);
    return refunds.map(({ id, metadata, charge, amount, status, createdAtMs }) => ({
      id,
      refundId: metadata.refund_id ?? null,
      intentId: charge.intent.id,
      transactionId: charge.intent.metadata.transaction_id ?? null,
      amount,
      currency: charge.intent.currency,
      status,
      atMs: createdAtMs,
    }));
  }

  /** Every event so far, oldest first. */
  events(): ProviderEvent[] {
    return this.books.events.map(({ event }) => event);
  }

  /**
   * As Stripe.js makes one from a card that a payer types in: for one use.
   *
   * @param like the test token of the card, `pm_card_…` for a payment method or `tok_…` for a token
   * @returns its id
   */
  createToken(like: string): string {
    const card = cardOfToken(like);
    if (card === null) throw new Error(`${like} is not the name of a test card, such as pm_card_visa or tok_visa`);
    if (like.startsWith('pm_')) return addMethod(this.books, card).id;
    const id = this.books.id('tok');
    this.books.tokens.set(id, { card, used: false });
    return id;
  }

  /** @returns the refund's id */
  refundInDashboard(intentId: string, amount?: number): string {
    const params = { payment_intent: intentId, ...(amount !== undefined && { amount }) };
    return refunds.createRefund(this.books, params, {}, DASHBOARD).id;
  }

  failRefund(refundId: string): void {
    refunds.failRefund(this.books, this.refund(refundId), DASHBOARD);
  }

  succeedRefund(refundId: string): void {
    refunds.succeedRefund(this.books, this.refund(refundId), DASHBOARD);
  }

  /** One that was `processing` ends. */
  finishIntent(intentId: string, end: 'succeeded' | 'failed'): void {
    finishIntent(this.books, this.intent(intentId), end, DASHBOARD);
  }

  /** @param secret of the page where it takes place */
  authentication(secret: string): AuthenticationRow | null {
    return this.books.authentications.get(secret) ?? null;
  }

  /**
   * Of one that is open.
   *
   * @returns where the payer goes on
   */
  endAuthentication(authentication: AuthenticationRow, end: AuthenticationEnd): string | null {
    endAuthentication(this.books, authentication, end, DASHBOARD);
    return addressAfter(authentication);
  }

  /** By the payer of an intent that requires it, without a browser. */
  authenticate(intentId: string, end: AuthenticationEnd): string | null {
    const { authentication } = this.intent(intentId);
    if (authentication === null || !isOpen(authentication)) throw new Error(`${intentId} waits for no authentication`);
    return this.endAuthentication(authentication, end);
  }

  /** The bank no longer holds the money of an intent that requires capture. */
  expireAuthorization(intentId: string): void {
    expireAuthorization(this.books, this.intent(intentId), DASHBOARD);
  }

  /** Those whose time is over. Each call of the API begins with it. */
  expireAuthorizations(): void {
    const nowMs = this.books.clock.nowMs();
    for (const intent of this.books.intents.values()) {
      const untilMs = intent.latestCharge?.captureBeforeMs ?? Infinity;
      if (intent.status === 'requires_capture' && untilMs <= nowMs) expireAuthorization(this.books, intent, DASHBOARD);
    }
  }

  /** @returns the dispute's id */
  openDispute(intentId: string, reason = 'fraudulent'): string {
    const { latestCharge } = this.intent(intentId);
    if (!latestCharge?.amountCaptured) throw new Error(`${intentId} has no charge to dispute`);
    return refunds.openDispute(this.books, latestCharge, reason, DASHBOARD).id;
  }

  reviewDispute(disputeId: string): void {
    refunds.reviewDispute(this.books, this.#dispute(disputeId), DASHBOARD);
  }

  closeDispute(disputeId: string, end: 'won' | 'lost'): void {
    refunds.closeDispute(this.books, this.#dispute(disputeId), end, DASHBOARD);
  }

  #dispute(disputeId: string) {
    const dispute = this.books.disputes.get(disputeId);
    if (dispute === undefined) throw new Error(`there is no dispute ${disputeId}`);
    return dispute;
  }

  disputes() {
    return [...this.books.disputes.values()].map(({ id, charge, reason, status, createdAtMs }) => ({
      ...{ id, intentId: charge.intent.id, reason, status, atMs: createdAtMs },
    }));
  }

  protected intent(id: string): IntentRow {
    const intent = this.books.intents.get(id);
    if (intent === undefined) throw missing('payment_intent', id, 'intent');
    return intent;
  }

  protected refund(id: string): RefundRow {
    const refund = this.books.refunds.get(id);
    if (refund === undefined) throw missing('refund', id, 'refund');
    return refund;
  }
}
