/** A Stripe account outside of its API: its objects, and the actions of payers, banks and the merchant's dashboard. */
import type { EmulatorClock, ProviderEvent } from './api.ts';
import { cardOfToken } from './instruments.ts';
import { DASHBOARD, type IntentRow, type RefundRow, StripeBooks } from './stripe-books.ts';
import { missing } from './stripe-errors.ts';
import { finishIntent } from './stripe-intents.ts';
import { addMethod } from './stripe-methods.ts';
import * as refunds from './stripe-refunds.ts';

export class StripeAccount {
  protected readonly books: StripeBooks;

  constructor(clock: EmulatorClock, apiVersion: string, onEvent: (event: ProviderEvent) => void) {
    this.books = new StripeBooks(clock, apiVersion, onEvent);
  }

  /** Those that succeeded, in the order of their creation. */
  charges() {
    return [...this.books.intents.values()]
      .filter(({ status }) => status === 'succeeded')
      .map((intent) => ({
        intentId: intent.id,
        transactionId: intent.metadata.transaction_id ?? null,
        bookingId: intent.metadata.booking_id ?? null,
        amount: intent.amount,
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
      atMs: intent.createdAtMs,
    }));
  }

  /** Whatever has become of them. */
  refunds() {
    return [...this.books.refunds.values()].map(({ id, metadata, charge, amount, status, createdAtMs }) => ({
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

  /** @returns the dispute's id */
  openDispute(intentId: string, reason = 'fraudulent'): string {
    const { latestCharge } = this.intent(intentId);
    if (latestCharge?.status !== 'succeeded') throw new Error(`${intentId} has no charge to dispute`);
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
