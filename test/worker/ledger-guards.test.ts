/** What the database itself refuses, whatever the code does, and that every batch may be repeated. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { failure } from '../../src/core/domain/failure.ts';
import type { Outcome, Refund } from '../../src/core/domain/transaction.ts';
import { KEY_LIFETIME_MS, type KeyClaim } from '../../src/core/ledger/idempotency-keys/claim-key.ts';
import { scheduleLookUp } from '../../src/core/ledger/look-ups/schedule-look-up.ts';
import { takeLookUp } from '../../src/core/ledger/look-ups/take-look-up.ts';
import { claimBooking } from '../../src/core/ledger/payments/claim-booking.ts';
import { keepIntent } from '../../src/core/ledger/payments/keep-intent.ts';
import { recordPaymentOutcome } from '../../src/core/ledger/payments/record-payment-outcome.ts';
import { recordRefundOutcome } from '../../src/core/ledger/refunds/record-refund-outcome.ts';
import { reserveRefund } from '../../src/core/ledger/refunds/reserve-refund.ts';
import { reverseRefund } from '../../src/core/ledger/refunds/reverse-refund.ts';
import { keyRows, newKey } from './idempotent-requests.ts';
import { database, newId } from './operation.ts';
import { newBooking } from './request.ts';
import { eventsOf, refundsOf, transaction, transactionsOf } from './stored.ts';

const COMPLETED: Outcome = { status: 'completed', gatewayReference: 'reference' };
const FAILED: Outcome = { status: 'failed', failure: failure('CARD_DECLINED') };

const newClaim = () => ({
  transactionId: newId('TXN-'),
  tenant: 'default',
  bookingId: newBooking(),
  userId: 'user_123',
  userEmail: null,
  currency: 'USD',
  amountMinor: 10_000,
  paymentMethod: 'credit_card' as const,
  cardBrand: 'visa',
  cardLast4: '1111',
  gateway: 'sandbox',
  gatewayIntent: null,
  createdAtMs: 1000,
  nextLookupAtMs: 2000,
});

const outcomeOf = (transactionId: string, result: Outcome) => ({
  transactionId,
  eventId: newId('evt_'),
  result,
  processedAtMs: 3000,
  nextLookupAtMs: null,
});

async function paymentThatIs(status: 'pending' | 'completed' | 'failed' | 'refunded'): Promise<string> {
  const claim = newClaim();
  await claimBooking(database, claim);
  if (status === 'pending') return claim.transactionId;
  await recordPaymentOutcome(database, outcomeOf(claim.transactionId, status === 'failed' ? FAILED : COMPLETED));
  if (status === 'refunded') {
    await env.DB.prepare(
      "UPDATE transactions SET refunded_minor = amount_minor, status = 'refunded' WHERE transaction_id = ?1",
    )
      .bind(claim.transactionId)
      .run();
  }
  return claim.transactionId;
}

const newReservation = (transactionId: string, bookingId: string) => ({
  refundId: newId('REF-'),
  tenant: 'default',
  transactionId,
  bookingId,
  userId: 'user_123',
  currency: 'USD',
  amountMinor: 6000,
  reason: '',
  createdAtMs: 4000,
  nextLookupAtMs: 5000,
});

async function reserved(reservation: ReturnType<typeof newReservation>): Promise<Refund> {
  const made = await reserveRefund(database, reservation);
  if (made.kind !== 'reserved') throw new Error(`the reservation of a test is ${made.kind}`);
  return made.refund;
}

const newKeyClaim = (path: KeyClaim['path']): KeyClaim => ({
  tenant: 'default',
  path,
  key: newKey(),
  fingerprint: 'fingerprint',
});

const claimedIdOf = async ({ key }: KeyClaim) => (await keyRows(key))[0]?.claimed_id ?? null;

/** All columns as the status wants them, so that only the move itself can be what is refused. */
const MOVES = {
  pending: "status = 'pending', processed_at_ms = NULL, error_code = NULL, refunded_minor = 0",
  completed: "status = 'completed', processed_at_ms = 1, error_code = NULL, refunded_minor = 0",
  failed: "status = 'failed', processed_at_ms = 1, error_code = 'CARD_DECLINED', refunded_minor = 0",
  refunded: "status = 'refunded', processed_at_ms = 1, error_code = NULL, refunded_minor = amount_minor",
} as const;
type Status = keyof typeof MOVES;
const LEGAL = ['pending → completed', 'pending → failed', 'completed → refunded'];
const STATUSES = Object.keys(MOVES) as Status[];

describe('legal transitions only (invariant 6)', () => {
  const moves = STATUSES.flatMap((from) => STATUSES.filter((to) => to !== from).map((to) => [from, to] as const));
  it.each(moves)('the database knows whether %s → %s is legal', async (from, to) => {
    const id = await paymentThatIs(from);
    const moving = env.DB.prepare(`UPDATE transactions SET ${MOVES[to]} WHERE transaction_id = ?1`).bind(id).run();
    if (LEGAL.includes(`${from} → ${to}`)) await expect(moving).resolves.toBeDefined();
    else await expect(moving).rejects.toThrow('illegal transition of a transaction');
  });

  it.each(['refunded', 'completed'] as const)('an outcome changes nothing of a payment that is %s', async (status) => {
    const id = await paymentThatIs(status);
    const before = await transaction(id);
    for (const result of [COMPLETED, FAILED]) {
      const { wroteEvent, lateRefund } = await recordPaymentOutcome(database, outcomeOf(id, result));
      expect([wroteEvent, lateRefund]).toEqual([false, null]);
    }
    expect(await transaction(id)).toEqual(before);
    expect(await refundsOf(id)).toEqual([]);
    expect(await eventsOf(String(before?.booking_id))).toHaveLength(1);
  });

  it('an outcome changes nothing of a payment that is failed, except that a charge is noted and owed', async () => {
    const id = await paymentThatIs('failed');
    const before = await transaction(id);
    await recordPaymentOutcome(database, outcomeOf(id, FAILED));
    expect(await transaction(id)).toEqual(before);
    expect(await refundsOf(id)).toEqual([]);
    expect(await recordPaymentOutcome(database, outcomeOf(id, COMPLETED))).toMatchObject({ wroteEvent: false });
    expect(await transaction(id)).toEqual({ ...before, gateway_reference: 'reference' });
    expect(await refundsOf(id)).toMatchObject([{ kind: 'late_charge', amount_minor: 10_000 }]);
    expect(await eventsOf(String(before?.booking_id))).toHaveLength(1);
  });

  it.each(['pending', 'completed', 'reversed'])('a refund that failed never becomes %s', async (status) => {
    const id = await paymentThatIs('completed');
    const refundId = newId('REF-');
    await env.DB.prepare(
      `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, error_code, created_at_ms, processed_at_ms)
       VALUES (?1, 'default', ?2, 'failed', 1, '', 'REFUND_NOT_ALLOWED', 1, 1)`,
    )
      .bind(refundId, id)
      .run();
    const moving = env.DB.prepare(
      "UPDATE refunds SET status = ?2, error_code = NULL, processed_at_ms = iif(?2 = 'pending', NULL, 1) WHERE refund_id = ?1",
    )
      .bind(refundId, status)
      .run();
    await expect(moving).rejects.toThrow('illegal transition of a refund');
  });
});

describe('what the database refuses of any row', () => {
  it.each([
    ['refunded beyond what was captured (invariant 2)', 'refunded_minor = 10001'],
    ['reserved beyond what was captured (invariant 2)', 'reserved_minor = 10001'],
    ['refunded and reserved beyond it together (invariant 2)', 'refunded_minor = 5000, reserved_minor = 5001'],
    ['a negative reservation', 'reserved_minor = -1'],
    ['a negative refund', 'refunded_minor = -1'],
    ['completed and all refunded at once', 'refunded_minor = 10000'],
    ['refunded without all of it', "status = 'refunded', refunded_minor = 9999"],
    ['completed with an error', "error_code = 'CARD_DECLINED'"],
    ['completed without a time', 'processed_at_ms = NULL'],
    ['no amount', 'amount_minor = 0'],
    ['an amount that is no integer (invariant 7)', 'amount_minor = 100.5'],
    ['more of a card than four digits (invariant 5)', "card_last4 = '41111'"],
    ['a method that there is none of', "payment_method = 'cash'"],
    ['a status that there is none of', "status = 'paid'"],
    ['another amount than was asked for', 'amount_minor = 20000'],
    ['another tenant', "tenant = 'other'"],
    ['another booking', "booking_id = 'BOOK-OTHER'"],
  ])('%s', async (_, change) => {
    const id = await paymentThatIs('completed');
    const changing = env.DB.prepare(`UPDATE transactions SET ${change} WHERE transaction_id = ?1`).bind(id).run();
    await expect(changing).rejects.toThrow(/SQLITE_CONSTRAINT|illegal transition/);
  });

  it.each([
    ['another kind', "kind = 'late_charge'"],
    ['a kind that there is none of', "kind = 'gift'"],
    ['another amount', 'amount_minor = 1'],
    ['another payment', "transaction_id = 'TXN-OTHER'"],
    ['another tenant', "tenant = 'other'"],
  ])('%s of a refund', async (_, change) => {
    const id = await paymentThatIs('completed');
    const { refundId } = await reserved(newReservation(id, String((await transaction(id))?.booking_id)));
    const changing = env.DB.prepare(`UPDATE refunds SET ${change} WHERE refund_id = ?1`).bind(refundId).run();
    await expect(changing).rejects.toThrow('a refund is what was asked for');
  });

  it.each(['', 'x'.repeat(256)])('a key that is none: "%s"', async (key) => {
    const claiming = claimBooking(database, newClaim(), { ...newKeyClaim('/payment/process'), key });
    await expect(claiming).rejects.toThrow('CHECK');
  });

  it('a second live payment of a booking (invariant 1)', async () => {
    const { booking_id } = (await transaction(await paymentThatIs('completed'))) ?? {};
    const inserting = env.DB.prepare(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
         gateway, created_at_ms) VALUES (?1, 'default', ?2, 'u', 'pending', 'USD', 1, 'paypal', 'sandbox', 1)`,
    )
      .bind(newId('TXN-'), booking_id)
      .run();
    expect((await inserting).meta.changes).toBe(0);
    expect(await transactionsOf(String(booking_id))).toHaveLength(1);
  });
});

describe('an order that a payer has approved', () => {
  const withOrder = (order: string, overrides = {}) => ({
    ...newClaim(),
    gateway: 'paypal:SHOP',
    gatewayIntent: order,
    ...overrides,
  });

  it('pays for one thing: another booking’s claim with it finds the live payment (invariant 1)', async () => {
    const first = withOrder('ORDER-1');
    await claimBooking(database, first);
    const second = withOrder('ORDER-1');
    expect(await claimBooking(database, second)).toMatchObject({
      kind: 'duplicate',
      standing: { transactionId: first.transactionId },
    });
    await recordPaymentOutcome(database, outcomeOf(first.transactionId, COMPLETED));
    expect(await claimBooking(database, second)).toMatchObject({ kind: 'duplicate' });
    expect(await transactionsOf(second.bookingId)).toEqual([]);
  });

  it('pays for one thing, whichever organisation presents it, and says nothing of the other one', async () => {
    await claimBooking(database, withOrder('ORDER-OF-TWO'));
    const others = withOrder('ORDER-OF-TWO', { tenant: 'another' });
    expect(await claimBooking(database, others)).toEqual({ kind: 'duplicate', standing: null });
  });

  it('pays for one thing, though it has been paid back since', async () => {
    const first = withOrder('ORDER-2');
    await claimBooking(database, first);
    await recordPaymentOutcome(database, outcomeOf(first.transactionId, COMPLETED));
    await env.DB.prepare(
      "UPDATE transactions SET refunded_minor = amount_minor, status = 'refunded' WHERE transaction_id = ?1",
    )
      .bind(first.transactionId)
      .run();
    expect(await claimBooking(database, withOrder('ORDER-2'))).toMatchObject({ kind: 'duplicate' });
  });

  it('is free again after the payment with it has failed, which stays known by it', async () => {
    const first = withOrder('ORDER-3');
    await claimBooking(database, first);
    await recordPaymentOutcome(database, outcomeOf(first.transactionId, FAILED));
    expect(await claimBooking(database, withOrder('ORDER-3'))).toMatchObject({ kind: 'claimed' });
    expect(await transaction(first.transactionId)).toMatchObject({ gateway_intent: 'ORDER-3' });
  });

  it('of a booking that has a live payment already leads to that one', async () => {
    const standing = withOrder('ORDER-4');
    const ofOrder = withOrder('ORDER-5');
    for (const claim of [standing, ofOrder]) await claimBooking(database, claim);
    const both = withOrder('ORDER-5', { bookingId: standing.bookingId });
    expect(await claimBooking(database, both)).toMatchObject({ standing: { transactionId: standing.transactionId } });
  });

  it('leaves no key held where its claim is refused (invariant 8)', async () => {
    await claimBooking(database, withOrder('ORDER-6'));
    const key = newKeyClaim('/payment/process');
    expect(await claimBooking(database, withOrder('ORDER-6'), key)).toMatchObject({ kind: 'duplicate' });
    expect(await claimBooking(database, withOrder('ORDER-7'), key)).toMatchObject({ kind: 'claimed' });
  });
});

describe('what the provider calls a payment', () => {
  it('is kept while its outcome is not known, and only the first time', async () => {
    const pending = await paymentThatIs('pending');
    await keepIntent(database, pending, 'pi_1');
    await keepIntent(database, pending, 'pi_2');
    const ended = await paymentThatIs('failed');
    await keepIntent(database, ended, 'pi_3');
    expect([await transaction(pending), await transaction(ended)]).toMatchObject([
      { gateway_intent: 'pi_1' },
      { gateway_intent: null },
    ]);
  });
});

describe('a batch that is repeated changes nothing the second time', () => {
  it('the claim', async () => {
    const claim = newClaim();
    const first = await claimBooking(database, claim);
    expect(await claimBooking(database, claim)).toEqual(first);
    expect(await transactionsOf(claim.bookingId)).toHaveLength(1);
  });

  it.each([COMPLETED, FAILED])('the outcome $status, which has one event (invariant 4)', async (result) => {
    const id = await paymentThatIs('pending');
    const outcome = outcomeOf(id, result);
    const first = await recordPaymentOutcome(database, outcome);
    const row = await transaction(id);

    expect(await recordPaymentOutcome(database, outcome)).toEqual(first);
    expect(first.wroteEvent).toBe(true);
    expect(await transaction(id)).toEqual(row);
    expect(await eventsOf(String(row?.booking_id))).toMatchObject([{ event_id: outcome.eventId }]);
  });

  it('the reservation (invariant 2)', async () => {
    const id = await paymentThatIs('completed');
    const reservation = newReservation(id, String((await transaction(id))?.booking_id));
    const first = await reserveRefund(database, reservation);

    expect(first).toMatchObject({ kind: 'reserved', refund: { status: 'pending', amountMinor: 6000 } });
    expect(await reserveRefund(database, reservation)).toEqual(first);
    expect(await transaction(id)).toMatchObject({ reserved_minor: 6000 });
    expect(await refundsOf(id)).toHaveLength(1);
  });

  it('the claim with a key (invariant 8)', async () => {
    const claim = newClaim();
    const key = newKeyClaim('/payment/process');
    const first = await claimBooking(database, claim, key);
    expect(first.kind).toBe('claimed');
    expect(await claimBooking(database, claim, key)).toEqual(first);
    expect(await transactionsOf(claim.bookingId)).toHaveLength(1);
    expect(await claimedIdOf(key)).toBe(claim.transactionId);
  });

  it('the claim with a key of a booking that is taken, which holds no key', async () => {
    const standing = newClaim();
    await claimBooking(database, standing);
    const key = newKeyClaim('/payment/process');
    const claim = { ...newClaim(), bookingId: standing.bookingId };
    for (const again of [claim, claim]) {
      expect(await claimBooking(database, again, key)).toMatchObject({
        kind: 'duplicate',
        standing: { transactionId: standing.transactionId },
      });
    }
    expect(await claimedIdOf(key)).toBeNull();
  });

  it('the claim with a key that has run out, and stood for another payment', async () => {
    const key = newKeyClaim('/payment/process');
    await claimBooking(database, newClaim(), key);
    const claim = { ...newClaim(), createdAtMs: 1000 + KEY_LIFETIME_MS };
    const first = await claimBooking(database, claim, key);
    expect(first.kind).toBe('claimed');
    expect(await claimBooking(database, claim, key)).toEqual(first);
    expect(await claimedIdOf(key)).toBe(claim.transactionId);
  });

  it('the reservation with a key', async () => {
    const id = await paymentThatIs('completed');
    const reservation = newReservation(id, String((await transaction(id))?.booking_id));
    const key = newKeyClaim('/payment/refund');
    const first = await reserveRefund(database, reservation, key);

    expect(first).toMatchObject({ kind: 'reserved', refund: { status: 'pending' } });
    expect(await reserveRefund(database, reservation, key)).toEqual(first);
    expect(await transaction(id)).toMatchObject({ reserved_minor: 6000 });
    expect(await refundsOf(id)).toHaveLength(1);
    expect(await claimedIdOf(key)).toBe(reservation.refundId);
  });

  it('the reservation with a key that the payment does not allow, which holds no key', async () => {
    const id = await paymentThatIs('completed');
    const tooMuch = { ...newReservation(id, String((await transaction(id))?.booking_id)), amountMinor: 10_001 };
    const key = newKeyClaim('/payment/refund');
    for (const again of [tooMuch, tooMuch]) {
      expect(await reserveRefund(database, again, key)).toMatchObject({ kind: 'refused' });
    }
    expect(await claimedIdOf(key)).toBeNull();
    expect(await transaction(id)).toMatchObject({ reserved_minor: 0 });
  });

  it('a late charge (invariant 1)', async () => {
    const id = await paymentThatIs('failed');
    const outcome = outcomeOf(id, COMPLETED);
    const first = await recordPaymentOutcome(database, outcome);
    expect(first.lateRefund).toMatchObject({ kind: 'late_charge', status: 'pending', amountMinor: 10_000 });
    const rows = await refundsOf(id);

    expect(await recordPaymentOutcome(database, outcome)).toEqual(first);
    expect(await recordPaymentOutcome(database, outcomeOf(id, COMPLETED))).toEqual({ ...first, owed: false });
    expect(await refundsOf(id)).toEqual(rows);
  });

  it('the outcome of a late charge’s refund, which moves no balance and has no event', async () => {
    const id = await paymentThatIs('failed');
    const { lateRefund: refund } = await recordPaymentOutcome(database, outcomeOf(id, COMPLETED));
    if (refund === null) throw new Error('nothing was owed');
    const before = await transaction(id);
    const outcome = { refund, eventId: newId('evt_'), result: COMPLETED, processedAtMs: 6000, nextLookupAtMs: null };
    const first = await recordRefundOutcome(database, outcome);
    expect(first).toMatchObject({ wroteEvent: false, refund: { status: 'completed' } });
    expect(await recordRefundOutcome(database, outcome)).toEqual(first);
    expect(await transaction(id)).toEqual(before);
    expect(await eventsOf(String(before?.booking_id))).toHaveLength(1);
  });

  it('the reversal of a refund (invariant 2)', async () => {
    const id = await paymentThatIs('completed');
    const bookingId = String((await transaction(id))?.booking_id);
    for (const amountMinor of [1000, 6000]) {
      const refund = await reserved({ ...newReservation(id, bookingId), amountMinor });
      const eventId = newId('evt_');
      await recordRefundOutcome(database, {
        refund,
        eventId,
        result: COMPLETED,
        processedAtMs: 6000,
        nextLookupAtMs: null,
      });
      if (amountMinor === 6000) {
        const attemptId = newId('att_');
        const reverse = (attempt: string) =>
          reverseRefund(database, refund, failure('REFUND_NOT_ALLOWED'), 7000, attempt);
        const first = await reverse(attemptId);
        expect(first).toMatchObject({
          refund: { status: 'reversed' },
          transaction: { refundedMinor: 1000 },
          wrote: true,
        });
        // A batch that is repeated after a lost answer is the same attempt; a second webhook is another one.
        expect(await reverse(attemptId)).toEqual(first);
        expect(await reverse(newId('att_'))).toEqual({ ...first, wrote: false });
      }
    }
    expect(await transaction(id)).toMatchObject({ status: 'completed', refunded_minor: 1000 });
    expect(await eventsOf(bookingId)).toHaveLength(3);
  });

  it.each(['pending', 'failed'] as const)('the reversal of a refund that is %s, which is none', async (status) => {
    const id = await paymentThatIs('completed');
    const refund = await reserved(newReservation(id, String((await transaction(id))?.booking_id)));
    if (status === 'failed') {
      const eventId = newId('evt_');
      await recordRefundOutcome(database, { refund, eventId, result: FAILED, processedAtMs: 1, nextLookupAtMs: null });
    }
    const before = [await refundsOf(id), await transaction(id)];
    await reverseRefund(database, refund, failure('REFUND_NOT_ALLOWED'), 7000, newId('att_'));
    expect([await refundsOf(id), await transaction(id)]).toEqual(before);
  });

  it('the taking of a look-up, which is one look-up', async () => {
    const id = await paymentThatIs('pending');
    expect(await takeLookUp(database, id, 2000)).toMatchObject({
      kind: 'payment',
      transaction: { transactionId: id, nextLookupAtMs: 4000 },
    });
    expect(await takeLookUp(database, id, 2000)).toBeNull();
    expect(await transaction(id)).toMatchObject({ lookups: 1, next_lookup_at_ms: 4000 });
  });

  it('the taking of a refund’s look-up, which comes with its payment', async () => {
    const id = await paymentThatIs('completed');
    const { refundId } = await reserved(newReservation(id, String((await transaction(id))?.booking_id)));
    expect(await takeLookUp(database, refundId, 5000)).toMatchObject({
      kind: 'refund',
      refund: { refundId, nextLookupAtMs: 7000 },
      transaction: { transactionId: id },
    });
    expect(await takeLookUp(database, refundId, 5000)).toBeNull();
    expect(await refundsOf(id)).toMatchObject([{ lookups: 1, next_lookup_at_ms: 7000 }]);
  });

  it('the date of a follow-up, where the row still is what it was', async () => {
    const [pending, ended] = [await paymentThatIs('pending'), await paymentThatIs('failed')];
    for (const id of [pending, ended, pending, ended]) await scheduleLookUp(database, id, 'failed', 9000);
    expect(await transaction(pending)).toMatchObject({ next_lookup_at_ms: 2000 });
    expect(await transaction(ended)).toMatchObject({ next_lookup_at_ms: 9000 });
  });

  it.each([
    [{ status: 'completed', gatewayReference: 'r' }, { reserved_minor: 0, refunded_minor: 6000 }, 2],
    [{ status: 'failed', failure: failure('REFUND_NOT_ALLOWED') }, { reserved_minor: 0, refunded_minor: 0 }, 1],
  ] as const)('the outcome of a refund: $status', async (result, amounts, events) => {
    const id = await paymentThatIs('completed');
    const bookingId = String((await transaction(id))?.booking_id);
    const refund = await reserved(newReservation(id, bookingId));
    const outcome = { refund, eventId: newId('evt_'), result, processedAtMs: 6000, nextLookupAtMs: null };
    const first = await recordRefundOutcome(database, outcome);

    expect(await recordRefundOutcome(database, outcome)).toEqual(first);
    expect(await transaction(id)).toMatchObject(amounts);
    expect(await eventsOf(bookingId)).toHaveLength(events);
  });

  it('nor does another outcome that comes later, under another event', async () => {
    const id = await paymentThatIs('pending');
    await recordPaymentOutcome(database, outcomeOf(id, COMPLETED));
    const later = await recordPaymentOutcome(database, outcomeOf(id, FAILED));
    expect(later).toMatchObject({ wroteEvent: false, transaction: { status: 'completed' } });
    expect(await eventsOf(later.transaction.bookingId)).toMatchObject([{ event_type: 'payment.success' }]);
  });
});
