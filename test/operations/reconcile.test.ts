import { describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { readPaymentRecords } from '../../src/core/ledger/read-payment-records.ts';
import { writeExternalRefund } from '../../src/core/ledger/refunds/book-external-refund.ts';
import { type Difference, differencesBetween } from '../../src/core/recovery/differences.ts';
import { explainDifference } from '../../src/core/recovery/explain-difference.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openWorld, type World } from './world.ts';

const USD_25_50 = { amountMinor: 2550, currency: 'USD' };

describe('finds no difference', () => {
  for (const canList of [true, false]) {
    it(`in whatever the service does by itself, at a gateway that ${canList ? 'lists' : 'lists none of'} its movements`, async () => {
      const world = openWorld({ canList });
      await world.pay();
      await world.pay(TEST_CARDS.visaDeclined);
      await world.pay(TEST_CARDS.badCheckDigit);
      await payAndRefund(world, ['10.00', '5.50']);
      await payAndRefund(world, ['25.50']);
      await payAndRefund(world, ['10.00', '15.50']);
      await payTwiceForOneBooking(world);
      await reverseARefund(world, ['10.00']);
      await reverseARefund(world, ['25.50']);
      await refundAgainAfterReversal(world);
      await payBackALateCharge(world);
      world.deliverAll();

      const { differences, ...counts } = await world.reconcile();
      expect(differences).toEqual([]);
      expect(counts).toMatchObject({ payments: 12, refunds: 11, movements: canList ? 20 : null });
    });
  }

  it('in a refund that was made at the provider by hand, which is listed under the provider’s own name', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    world.clock.nowMs += 3 * DAY_MS;
    const reference = 're_by_hand';
    const { nowMs } = world.clock;
    await writeExternalRefund(world.context.db, {
      refundId: world.context.newId('REF-'),
      eventId: world.context.newId('evt_'),
      transactionId,
      gatewayReference: reference,
      chargeReference: `ref_${transactionId}`,
      currency: 'USD',
      amountMinor: 1000,
      reason: 'Refunded at Stripe',
      movedAtMs: nowMs,
      nowMs,
      nextLookupAtMs: null,
    });
    world.deliverAll();
    world.gateway.movements = [
      {
        kind: 'refund',
        id: reference,
        reference,
        amountMinor: 1000,
        currency: 'USD',
        status: 'succeeded',
        movedAtMs: nowMs,
        transactionId,
      },
    ];
    world.tamper(`UPDATE transactions SET created_at_ms = created_at_ms - ${30 * DAY_MS}`);
    expect(await world.reconcile()).toMatchObject({ differences: [], refunds: 1 });

    world.gateway.movements = world.gateway.movements.map((movement) => ({ ...movement, amountMinor: 900 }));
    expect(await found(world)).toMatchObject([{ kind: 'amount_differs' }]);
  });

  it('in a payment that is under way', async () => {
    const world = openWorld();
    world.gateway.losesNext = true;
    const { status } = await world.pay();
    expect(status).toBe('pending');
    expect((await world.reconcile()).differences).toEqual([]);
  });

  it('where a payment ends after the gateway has listed: it is asked before anything is called missing', async () => {
    const world = openWorld();
    const payment = await world.pay();
    world.deliverAll();
    world.gateway.movements = [];
    world.gateway.says.set(payment.transactionId, { kind: 'approved', reference: 'ch_1' });
    expect((await world.reconcile()).differences).toEqual([]);
    expect(world.gateway.lookUps).toBe(1);
  });

  it('in a payment outside of the time that is only read for a refund in it', async () => {
    const world = openWorld();
    const payment = await world.pay();
    world.clock.nowMs += 3 * DAY_MS;
    await world.refund(payment, '1.00');
    world.deliverAll();
    const movements = world.gateway.movements.splice(0, 1);
    expect(movements[0]?.id).toBe(payment.transactionId);
    world.tamper(`UPDATE transactions SET created_at_ms = created_at_ms - ${30 * DAY_MS}`);
    const { differences, payments } = await world.reconcile();
    expect({ differences, payments }).toEqual({ differences: [], payments: 1 });
  });
});

describe('names', () => {
  it('a charge without a payment: unknown_charge', async () => {
    const world = openWorld();
    await world.context.gateways.all[0]?.charge({
      transaction: { ...(await healthyPayment(world)), transactionId: 'TXN-LOST' },
      instrument: { kind: 'paypal', email: 'payer@example.com', paymentId: 'PAYID-1' },
      signal: AbortSignal.timeout(1_000),
    });
    expect(await found(world)).toEqual([
      {
        kind: 'unknown_charge',
        id: 'TXN-LOST',
        reference: 'ref_TXN-LOST',
        money: USD_25_50,
        movedAtMs: world.clock.nowMs,
      },
    ]);
  });

  it('a refund without a row: unknown_refund', async () => {
    const world = openWorld();
    const payment = await healthyPayment(world);
    const movement = { kind: 'refund' as const, id: 'REF-LOST', reference: 're_1', ...USD_25_50 };
    world.gateway.movements.push({ ...movement, status: 'succeeded', movedAtMs: payment.createdAtMs });
    expect(await found(world)).toMatchObject([{ kind: 'unknown_refund', id: 'REF-LOST', reference: 're_1' }]);
  });

  it('an external refund at a gateway that lists nothing, by the charge that says that it has refunds: unknown_refund', async () => {
    const world = openWorld({ canList: false });
    const [paid, other] = [await world.pay(), await world.pay()];
    const ours = await world.refund(paid, '5.00');
    world.deliverAll();
    for (const { transactionId } of [paid, other]) {
      const reference = `ref_${transactionId}`;
      const hasRefunds = transactionId === paid.transactionId ? { hasRefunds: true as const } : {};
      world.gateway.says.set(transactionId, { kind: 'approved', reference, ...hasRefunds });
    }
    const listed = { currency: 'USD', state: 'moved', reason: 'Refunded', movedAtMs: world.clock.nowMs } as const;
    const of = { chargeReference: `ref_${paid.transactionId}`, transactionId: paid.transactionId };
    world.gateway.refundsOfCharge = [
      { ...listed, ...of, reference: `ref_${ours}`, refundId: ours, amountMinor: 500 },
      { ...listed, ...of, reference: 're_by_hand', refundId: null, amountMinor: 700 },
    ];
    expect(await found(world)).toEqual([
      expect.objectContaining({
        kind: 'unknown_refund',
        id: 're_by_hand',
        money: { amountMinor: 700, currency: 'USD' },
      }),
    ]);
    expect(world.gateway.listedChargesOf).toEqual([paid.transactionId]);

    world.gateway.refundsOfCharge = 'unreachable';
    expect(await found(world)).toMatchObject([{ kind: 'not_compared', id: paid.transactionId }]);
  });

  it('money that moved twice under one id: moved_twice', async () => {
    const world = openWorld();
    const { transactionId } = await healthyPayment(world);
    const [first] = world.gateway.movements;
    if (first) world.gateway.movements.push(first, { ...first, reference: 'ch_again' });
    expect(await found(world)).toEqual([
      { kind: 'moved_twice', id: transactionId, references: [`ref_${transactionId}`, 'ch_again'] },
    ]);
  });

  it('a charge of a failed payment, until its late refund has given it back: charge_of_failed_payment', async () => {
    const world = openWorld();
    const { transactionId } = await lateCharge(world);
    world.deliverAll();
    const difference = {
      kind: 'charge_of_failed_payment',
      transactionId,
      reference: `ref_${transactionId}`,
      money: USD_25_50,
    };
    expect(await found(world)).toEqual([difference]);

    await world.resolveAfter(HOUR_MS, transactionId);
    expect(await found(world)).toEqual([]);
    world.clock.nowMs += 11 * MINUTE_MS;
    const refundId = transactionId.replace('TXN-', 'REF-');
    expect(await found(world)).toEqual([difference, expect.objectContaining({ kind: 'unresolved', id: refundId })]);
    await world.resolveAfter(0, refundId);
    expect(await found(world)).toEqual([]);
  });

  it('the same at a gateway that lists nothing, where the payment failed because the gateway did', async () => {
    const world = openWorld({ canList: false });
    const { transactionId } = await lateCharge(world);
    world.deliverAll();
    expect(await found(world)).toMatchObject([{ kind: 'charge_of_failed_payment', transactionId }]);
  });

  it('a payment that stays pending, and whether it was charged: unresolved', async () => {
    const world = openWorld();
    world.gateway.losesNext = true;
    const lost = await world.pay();
    const charged = await world.pay();
    world.tamper(
      `UPDATE transactions SET status = 'pending', processed_at_ms = NULL WHERE transaction_id = ?`,
      charged.transactionId,
    );
    world.tamper('DELETE FROM events');
    world.clock.nowMs += 11 * MINUTE_MS;
    expect(await found(world)).toEqual([
      { kind: 'unresolved', id: lost.transactionId, createdAtMs: lost.createdAtMs, moved: false },
      { kind: 'unresolved', id: charged.transactionId, createdAtMs: charged.createdAtMs, moved: true },
    ]);
  });

  it('a refund that the gateway paid and the ledger has as failed: refund_of_failed_row', async () => {
    const world = openWorld();
    const { refundIds } = await payAndRefund(world, ['10.00']);
    world.deliverAll();
    world.tamper(`UPDATE refunds SET status = 'failed', error_code = 'PAYMENT_GATEWAY_ERROR'`);
    world.tamper(`UPDATE transactions SET refunded_minor = 0`);
    world.tamper(`DELETE FROM events WHERE refund_id IS NOT NULL`);
    expect(await found(world)).toEqual([
      {
        kind: 'refund_of_failed_row',
        refundId: refundIds[0],
        status: 'failed',
        reference: `ref_${refundIds[0]}`,
        money: { amountMinor: 1000, currency: 'USD' },
      },
    ]);
  });

  it('an amount or a currency that differs: amount_differs', async () => {
    const world = openWorld();
    const { payment, refundIds } = await payAndRefund(world, ['10.00']);
    world.deliverAll();
    const [charge, refund] = world.gateway.movements;
    if (charge) charge.amountMinor = 2551;
    if (refund) refund.currency = 'EUR';
    const usd10 = { amountMinor: 1000, currency: 'USD' };
    expect(await found(world)).toEqual([
      {
        kind: 'amount_differs',
        id: payment.transactionId,
        ledger: USD_25_50,
        gateway: { ...USD_25_50, amountMinor: 2551 },
      },
      { kind: 'amount_differs', id: refundIds[0], ledger: usd10, gateway: { ...usd10, currency: 'EUR' } },
    ]);
  });

  for (const canList of [true, false]) {
    it(`a refund that was taken back and is completed in the ledger, ${canList ? 'by the list' : 'by a look-up'}: refund_taken_back`, async () => {
      const world = openWorld({ canList });
      const { payment, refundIds } = await payAndRefund(world, ['10.00']);
      world.deliverAll();
      takeBack(world, refundIds[0]);
      expect(await found(world)).toEqual([
        { kind: 'refund_taken_back', refundId: refundIds[0], transactionId: payment.transactionId },
      ]);
    });

    it(`what the gateway ${canList ? 'neither lists nor' : 'does not'} know: charge_missing, refund_missing`, async () => {
      const world = openWorld({ canList });
      const { payment, refundIds } = await payAndRefund(world, ['10.00']);
      world.deliverAll();
      world.gateway.movements = [];
      expect(await found(world)).toEqual([
        { kind: 'charge_missing', id: payment.transactionId, gatewaySays: 'not_found' },
        { kind: 'refund_missing', id: refundIds[0], gatewaySays: 'not_found' },
      ]);
    });
  }

  it('what a gateway that can’t be reached does not say: not_compared, and asks it no more after a while', async () => {
    const world = openWorld({ canList: false });
    for (let payments = 0; payments < 30; payments += 1) {
      const { transactionId } = await world.pay();
      world.gateway.says.set(transactionId, { kind: 'unreachable', reason: 'no answer' });
    }
    world.deliverAll();
    const differences = await found(world);
    expect(differences).toHaveLength(30);
    expect(differences[0]).toMatchObject({ kind: 'not_compared', gateway: 'test', reason: 'no answer' });
    expect(new Set(differences.map(({ kind }) => kind))).toEqual(new Set(['not_compared']));
    expect(world.gateway.lookUps).toBeLessThan(20);
  });

  it('a list that breaks off: not_compared, and each row is asked about', async () => {
    const world = openWorld();
    await healthyPayment(world);
    world.gateway.listingBreaks = true;
    const { differences, movements } = await world.reconcile();
    expect(differences).toEqual([{ kind: 'not_compared', id: null, gateway: 'test', reason: 'the list broke off' }]);
    expect({ movements, lookUps: world.gateway.lookUps }).toEqual({ movements: null, lookUps: 1 });
  });

  it('a payment of a gateway that is not configured any more: not_compared', async () => {
    const world = openWorld();
    const { transactionId } = await healthyPayment(world);
    world.gateway.movements = [];
    world.tamper(`UPDATE transactions SET gateway = 'former'`);
    expect(await found(world)).toEqual([
      {
        kind: 'not_compared',
        id: transactionId,
        gateway: 'former',
        reason: 'it is not configured, or with a key of another account',
      },
    ]);
  });

  it('a balance that is not the sum of the refunds: balance_differs', async () => {
    const world = openWorld();
    const { payment } = await payAndRefund(world, ['10.00']);
    world.deliverAll();
    world.tamper('UPDATE transactions SET refunded_minor = 900, reserved_minor = 100');
    expect(await found(world)).toEqual([
      {
        kind: 'balance_differs',
        transactionId: payment.transactionId,
        currency: 'USD',
        balance: { refundedMinor: 900, reservedMinor: 100 },
        refunds: { refundedMinor: 1000, reservedMinor: 0 },
      },
    ]);
  });

  it('a payment that is refunded by more than its refunds: balance_differs', async () => {
    const world = openWorld();
    await payAndRefund(world, ['10.00']);
    world.deliverAll();
    world.tamper(`UPDATE transactions SET status = 'refunded', refunded_minor = 2550`);
    expect(await found(world)).toMatchObject([{ kind: 'balance_differs', balance: { refundedMinor: 2550 } }]);
  });

  it('an outcome without its event: event_missing', async () => {
    const world = openWorld();
    const { payment, refundIds } = await payAndRefund(world, ['10.00']);
    world.tamper('DELETE FROM events');
    expect(await found(world)).toEqual([
      { kind: 'event_missing', id: payment.transactionId, eventType: 'payment.success' },
      { kind: 'event_missing', id: refundIds[0], eventType: 'payment.refund' },
    ]);
  });

  it('a status of a dispute that was to be published and has no event: event_missing', async () => {
    const world = openWorld();
    const { transactionId } = await healthyPayment(world);
    const dispute = {
      ...{ provider: 'stripe', disputeId: 'dp_1', transactionId, status: 'lost', reason: 'fraudulent' },
      ...{ currency: 'USD', amountMinor: 2550, openedAtMs: 1, reportedAtMs: 2 },
    };
    await recordDispute(world.context.db, dispute, world.clock.nowMs, 'evt_dispute', true);
    world.deliverAll();
    expect(await found(world)).toEqual([]);
    world.tamper(`UPDATE events SET delivered_at_ms = NULL WHERE event_type = 'payment.dispute'`);
    world.clock.nowMs += 10 * MINUTE_MS + 1;
    expect(await found(world)).toMatchObject([{ kind: 'event_waiting', eventType: 'payment.dispute' }]);
    world.tamper(`DELETE FROM events WHERE event_type = 'payment.dispute'`);
    expect(await found(world)).toEqual([{ kind: 'event_missing', id: 'evt_dispute', eventType: 'payment.dispute' }]);
  });

  it('an event of another outcome than the row has: event_unfounded', async () => {
    const world = openWorld();
    const { transactionId } = await healthyPayment(world);
    world.tamper(`UPDATE events SET event_type = 'payment.failed'`);
    expect(await found(world)).toMatchObject([
      { kind: 'event_unfounded', eventType: 'payment.failed', id: transactionId },
      { kind: 'event_missing', eventType: 'payment.success', id: transactionId },
    ]);
  });

  it('an event of a late charge’s refund, which has none: event_unfounded', async () => {
    const world = openWorld();
    const { transactionId, bookingId } = await payBackALateCharge(world);
    const refundId = transactionId.replace('TXN-', 'REF-');
    world.tamper(
      `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
       VALUES ('evt_X', 'default', ?, 'payment.refund', ?, ?, 0)`,
      ...[bookingId, transactionId, refundId],
    );
    world.deliverAll();
    expect(await found(world)).toEqual([
      { kind: 'event_unfounded', eventId: 'evt_X', eventType: 'payment.refund', id: refundId },
    ]);
  });

  it('an event that waits for more than ten minutes: event_waiting', async () => {
    const world = openWorld();
    await world.pay();
    world.clock.nowMs += 10 * MINUTE_MS;
    expect(await found(world)).toEqual([]);
    world.clock.nowMs += 1;
    world.tamper(`UPDATE events SET attempts = 3, last_error = 'the bridge answered 503'`);
    expect(await found(world)).toMatchObject([
      { kind: 'event_waiting', eventType: 'payment.success', attempts: 3, lastError: 'the bridge answered 503' },
    ]);
  });

  it('an event that waits for more than ten minutes since its replay, however old it is', async () => {
    const world = openWorld();
    const { transactionId } = await world.pay();
    const replayedAtMs = world.clock.nowMs + DAY_MS;
    const records = (await readPaymentRecords(world.context.db, [transactionId])).map((record) => ({
      ...record,
      events: record.events.map((event) => ({ ...event, replayedAtMs })),
    }));
    const waitingAt = (nowMs: number) =>
      differencesBetween({
        range: { fromMs: 0, toMs: nowMs },
        records,
        movements: world.gateway.movements,
        lookUps: new Map(),
        eventsLeftMs: () => 0,
        transactionsLeftMs: () => 0,
        nowMs,
      });
    expect(waitingAt(replayedAtMs + 10 * MINUTE_MS)).toEqual([]);
    expect(waitingAt(replayedAtMs + 10 * MINUTE_MS + 1)).toMatchObject([
      { kind: 'event_waiting', waitingSinceMs: replayedAtMs },
    ]);
  });

  const columnsOfEvents = openWorld().rows(`SELECT name FROM pragma_table_info('events')`);
  it.skipIf(!columnsOfEvents.some(({ name }) => name === 'replayed_at_ms'))(
    'the same of a row that says when it was replayed',
    async () => {
      const world = openWorld();
      await world.pay();
      world.clock.nowMs += DAY_MS;
      world.tamper('UPDATE events SET replayed_at_ms = ?', world.clock.nowMs);
      expect(await found(world)).toEqual([]);
      world.clock.nowMs += 10 * MINUTE_MS + 1;
      expect(await found(world)).toMatchObject([{ kind: 'event_waiting' }]);
    },
  );

  it('every difference in every tenant', async () => {
    const world = openWorld();
    const payment = await healthyPayment(world);
    const second = await healthyPayment(world);
    world.tamper(`UPDATE transactions SET tenant = 'other' WHERE transaction_id = ?`, second.transactionId);
    world.gateway.movements = [];
    const missing = (await found(world)) as { kind: string; id: string }[];
    expect(missing.map(({ id }) => id)).toEqual([payment.transactionId, second.transactionId]);
  });
});

it('reads a thousand payments and more, page by page', async () => {
  const world = openWorld();
  const { transactionId } = await healthyPayment(world);
  const prefix = transactionId.slice(0, -16);
  for (let payment = 100; payment < 2_600; payment += 1) {
    const id = `${prefix}${String(payment).padStart(16, '0')}`;
    world.rows(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
         card_brand, card_last4, gateway, error_code, failure_reason, created_at_ms, processed_at_ms)
       SELECT ?, tenant, ?, user_id, 'failed', currency, amount_minor, payment_method, card_brand, card_last4, gateway,
         'CARD_DECLINED', 'declined', created_at_ms, processed_at_ms FROM transactions WHERE transaction_id = ?`,
      ...[id, `BOOK-${payment}`, transactionId],
    );
  }
  const { payments, differences } = await world.reconcile();
  expect(payments).toBe(2_501);
  expect(new Set(differences.map(({ kind }) => kind))).toEqual(new Set(['event_missing']));
  expect(differences).toHaveLength(2_500);
});

async function found(world: World): Promise<Difference[]> {
  const { differences } = await world.reconcile();
  for (const difference of differences) {
    const { what, todo } = explainDifference(difference);
    expect(`${what} ${todo}`).toMatch(/^[^\n]+\. [^\n]+\.$/);
    expect(what).not.toMatch(/undefined|null|NaN/);
  }
  return differences;
}

async function healthyPayment(world: World): Promise<Transaction> {
  const payment = await world.pay();
  world.deliverAll();
  return payment;
}

async function payAndRefund(world: World, amounts: string[]) {
  const payment = await world.pay();
  const refundIds: string[] = [];
  for (const amount of amounts) refundIds.push(await world.refund(payment, amount));
  return { payment, refundIds };
}

async function payTwiceForOneBooking(world: World): Promise<void> {
  const { bookingId } = await world.pay(TEST_CARDS.visaDeclined);
  await world.pay(TEST_CARDS.visa, bookingId);
}

function takeBack({ gateway }: World, refundId: string | undefined): void {
  const movement = gateway.movements.find(({ id }) => id === refundId);
  if (movement === undefined) throw new Error('there is no such refund');
  movement.status = 'reversed';
}

/** The gateway takes the first one back, and the service finds out a day later. */
async function reverseARefund(world: World, amounts: string[]): Promise<Transaction> {
  const { payment, refundIds } = await payAndRefund(world, amounts);
  takeBack(world, refundIds[0]);
  await world.resolveAfter(DAY_MS, refundIds[0] ?? '');
  return payment;
}

async function refundAgainAfterReversal(world: World): Promise<void> {
  const payment = await reverseARefund(world, ['10.00']);
  await world.refund(payment, '20.00');
  await world.refund(payment, '5.50');
}

/** A charge that the gateway did not know, and that turned up after its payment had failed. */
async function lateCharge(world: World): Promise<Transaction> {
  world.gateway.losesNext = true;
  const payment = await world.pay();
  await world.resolveAfter(MINUTE_MS, payment.transactionId);
  await world.context.gateways.all[0]?.charge({
    transaction: payment,
    instrument: { kind: 'paypal', email: 'payer@example.com', paymentId: 'PAYID-1' },
    signal: AbortSignal.timeout(1_000),
  });
  return payment;
}

async function payBackALateCharge(world: World): Promise<Transaction> {
  const payment = await lateCharge(world);
  await world.resolveAfter(HOUR_MS, payment.transactionId);
  await world.resolveAfter(MINUTE_MS, payment.transactionId.replace('TXN-', 'REF-'));
  return payment;
}
