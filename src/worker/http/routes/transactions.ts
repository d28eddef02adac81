/** GET /payment/transactions: the search of payments. GET /payment/transactions/{id}: one payment's story. */
import { Hono } from 'hono/tiny';
import { limitOf, queryTimeMs, type SearchQuery, searchQuery } from '../../../contract/search.ts';
import type { FoundTransaction, SearchResponse, StoryResponse } from '../../../contract/search-responses.ts';
import { failureMessage } from '../../../core/domain/failure.ts';
import { gatewayKind } from '../../../core/domain/gateway-kind.ts';
import { decimalAmount } from '../../../core/domain/money.ts';
import { isoSeconds, timeOrNull } from '../../../core/domain/timestamp.ts';
import {
  isIdentifier,
  isWaiting,
  refundableMinor,
  shownStatus,
  type Transaction,
} from '../../../core/domain/transaction.ts';
import { PAGE_MAX_ROWS, type PaymentFilters } from '../../../core/ledger/payments/search-page.ts';
import { notFound } from '../../../core/payments/not-found.ts';
import { type PaymentStory, readStory } from '../../../core/payments/payment-story.ts';
import { searchPayments } from '../../../core/payments/search-payments.ts';
import { CannotOpen, type Cipher } from '../../../core/security/cipher.ts';
import { allDatabases, contextOfId } from '../../../core/shards.ts';
import { transactionNotFound } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { requireScope } from '../middleware/require-scope.ts';
import { invalidRequest, validateQuery } from '../middleware/validate.ts';
import { shownActor } from './shown-actor.ts';

export const transactionsRoute = new Hono<HttpEnv>()
  .get('/', requireScope('payments:read'), validateQuery(searchQuery), async function search(c) {
    const query = c.req.valid('query');
    const shards = c.get('shards');
    const { tenant } = c.get('caller');
    const { cipher } = shards.at(0).db;
    const place = placeOfCursor(tenant, query);
    const before = query.cursor === undefined ? null : await openCursor(cipher, query.cursor, place);
    if (before === undefined) return invalidRequest(c, [{ path: 'cursor', message: CURSOR_REFUSED }]);
    const databases = allDatabases(shards);
    const limit = limitOf(query);
    const search = { tenant, filters: filtersOf(query), before, limit, rowsMax: PAGE_MAX_ROWS };
    const page = await searchPayments(databases, search, Date.now());
    const { nextBefore } = page;
    return c.json<SearchResponse>({
      transactions: page.payments.map(foundTransaction),
      next_cursor: nextBefore === null ? null : await cipher.seal(nextBefore, place),
    });
  })
  .get('/:id', requireScope('payments:read'), async function story(c) {
    const id = c.req.param('id');
    const context = contextOfId(c.get('shards'), id);
    const { db, tenant, blockCodec } = context;
    const found = await readStory(db, id, { tenant, nowMs: Date.now(), unpack: blockCodec.unpack });
    if (found === null) return transactionNotFound(c, (await notFound(context, id)).archived);
    return c.json<StoryResponse>(storyOf(found));
  });

const CURSOR_REFUSED = 'must be the next_cursor of a page of the same search: begin again without it';

/** A cursor belongs to one search. It is encrypted: the payment at which a page ends may be another organisation's. */
function placeOfCursor(tenant: string, { limit, cursor, ...filters }: SearchQuery): string {
  return `search ${JSON.stringify([tenant, Object.entries(filters).toSorted()])}`;
}

/** Undefined where it is none. */
async function openCursor(cipher: Cipher, cursor: string, place: string): Promise<string | undefined> {
  try {
    const id = await cipher.open(cursor, place);
    return isIdentifier(id, 'TXN-') ? id : undefined;
  } catch (error) {
    if (error instanceof CannotOpen) return undefined;
    throw error;
  }
}

function filtersOf(query: SearchQuery): PaymentFilters {
  const { created_from, created_to } = query;
  return {
    bookingId: query.booking_id,
    userId: query.user_id,
    status: query.status,
    paymentMethod: query.payment_method,
    gateway: query.gateway,
    reference: query.reference,
    createdFromMs: created_from === undefined ? undefined : queryTimeMs(created_from),
    createdToMs: created_to === undefined ? undefined : queryTimeMs(created_to),
  };
}

function foundTransaction(payment: Transaction): FoundTransaction {
  const { currency, errorCode, failureReason } = payment;
  return {
    transaction_id: payment.transactionId,
    status: shownStatus(payment),
    booking_id: payment.bookingId,
    user_id: payment.userId,
    amount: decimalAmount(payment.amountMinor, currency),
    currency,
    payment_method: payment.paymentMethod,
    gateway: gatewayKind(payment.gateway),
    gateway_reference: payment.gatewayReference,
    card_brand: payment.cardBrand,
    card_last4: payment.cardLast4,
    refunded_amount: decimalAmount(payment.refundedMinor, currency),
    error_code: errorCode,
    error_message: errorCode === null ? null : failureMessage(errorCode, failureReason ?? ''),
    created_at: isoSeconds(payment.createdAtMs),
    processed_at: timeOrNull(payment.processedAtMs),
  };
}

function storyOf({ payment, refunds, events, disputes, history, isComplete }: PaymentStory): StoryResponse {
  const { currency } = payment;
  return {
    transaction: {
      ...foundTransaction(payment),
      capture_method: payment.captureMethod,
      hold_minutes: payment.holdMinutes,
      refundable_amount: decimalAmount(refundableMinor(payment), currency),
      pending_refund_amount: decimalAmount(payment.reservedMinor, currency),
      expires_at: isWaiting(payment) ? timeOrNull(payment.expiresAtMs) : null,
      gateway_intent: payment.gatewayIntent,
      next_look_up_at: timeOrNull(payment.nextLookupAtMs),
      look_ups: payment.lookUps,
    },
    refunds: refunds.map((refund) => ({
      refund_transaction_id: refund.refundId,
      kind: refund.shownKind,
      status: refund.status,
      refund_amount: decimalAmount(refund.amountMinor, currency),
      reason: refund.reason,
      gateway_reference: refund.gatewayReference,
      error_code: refund.errorCode,
      error_message: refund.errorCode === null ? null : failureMessage(refund.errorCode, refund.failureReason ?? ''),
      created_at: isoSeconds(refund.createdAtMs),
      processed_at: timeOrNull(refund.processedAtMs),
    })),
    events: events.map((event) => ({
      event_id: event.eventId,
      event_type: event.eventType,
      created_at: isoSeconds(event.createdAtMs),
      delivered_at: timeOrNull(event.deliveredAtMs),
      attempts: event.attempts,
      last_error: event.lastError,
    })),
    disputes: disputes.map((dispute) => ({
      provider: dispute.provider,
      dispute_id: dispute.disputeId,
      status: dispute.status,
      reason: dispute.reason,
      amount: decimalAmount(dispute.amountMinor, dispute.currency),
      currency: dispute.currency,
      opened_at: isoSeconds(dispute.openedAtMs),
      reported_at: isoSeconds(dispute.reportedAtMs),
    })),
    history: history.map(({ atMs, type, id, actor, requestId, auditEntry, detail }) => ({
      at: new Date(atMs).toISOString(),
      type,
      id,
      actor: actor && shownActor(actor),
      request_id: requestId,
      audit_entry: auditEntry,
      // Its reason is for operators only.
      detail: type === 'resolution.recorded' ? {} : detail,
    })),
    is_complete: isComplete,
  };
}
