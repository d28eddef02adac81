/** External refunds that no webhook has told of: a provider that refuses a refund because of them proves that they are there. */
import { describe, expect, it, vi } from 'vitest';
import type { ExternalRefund, RefundListing } from '../../src/core/gateways/gateway.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { refundRequest } from './operation.ts';
import {
  DEADLINE_MS,
  loggedErrors,
  newWorld,
  paidPayment,
  paidRefund,
  pendingRefund,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';

// A month of checks is some 130 of them.
vi.setConfig({ testTimeout: 30_000 });

const ALREADY = { kind: 'declined', code: 'REFUND_NOT_ALLOWED', cause: 'already_refunded' } as const;
const EXCEEDS = { kind: 'declined', code: 'REFUND_NOT_ALLOWED', cause: 'refund_exceeds' } as const;

interface Shop {
  world: TestWorld;
  made: { transactionId: string; bookingId: string };
  /** What the provider lists. */
  at: { provider: ExternalRefund[] | 'unreachable' };
  external: (overrides?: Partial<ExternalRefund>) => ExternalRefund;
}

/** A payment of 25.50 dollars that was paid, at a provider that lists its refunds. */
async function shopWith(): Promise<Shop> {
  const at: Shop['at'] = { provider: [] };
  const world = newWorld(
    {},
    {
      gateway: {
        async listRefundsOfCharge({ transactionId }): Promise<RefundListing> {
          world.asked.push(`listRefundsOfCharge ${transactionId}`);
          if (at.provider === 'unreachable') return { kind: 'unreachable', reason: 'a 503' };
          return { kind: 'listed', refunds: at.provider };
        },
      },
    },
  );
  const made = await paidPayment(world);
  const external = (overrides: Partial<ExternalRefund> = {}): ExternalRefund => ({
    ...{ reference: 're_1', refundId: null, chargeReference: 'reference', transactionId: made.transactionId },
    ...{ amountMinor: 1000, currency: 'USD', state: 'moved', reason: 'Refunded at Stripe' },
    movedAtMs: world.clock.nowMs,
    ...overrides,
  });
  return { world, made, at, external };
}

async function refused({ world, made }: Shop, answer: typeof ALREADY | typeof EXCEEDS = ALREADY, amount = '25.50') {
  world.script.refund = answer;
  return refundPayment(world.context, refundRequest(made), amount);
}

const listed = ({ world }: Shop) => timesAsked(world, 'listRefundsOfCharge');
const resolveNow = ({ world, made }: Shop) => resolveOutcome(world.context, made.transactionId, DEADLINE_MS);

describe('a refund that the provider refuses because of external ones', () => {
  it.each([ALREADY, EXCEEDS])('fails first, and has its payment looked at: %j', async (answer) => {
    const shop = await shopWith();
    const { world, made, at, external } = shop;
    at.provider = [external({ amountMinor: 2550 })];
    const failed = await refused(shop, answer);
    expect(failed).toMatchObject({ kind: 'failed', lookUp: { id: made.transactionId } });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', reserved_minor: 0 });

    expect(await resolveNow(shop)).toMatchObject({
      kind: 'ended',
      event: { event_type: 'payment.refund', refund_amount: 25.5, booking_id: made.bookingId },
    });
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'refunded',
      refunded_minor: 2550,
      next_lookup_at_ms: null,
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'failed' },
      { status: 'completed', gateway_reference: 're_1', amount_minor: 2550, reason: 'Refunded at Stripe' },
    ]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', 'payment.refund']);
    expect(loggedErrors(world)).toEqual([]);
  });

  it('is found by the cron where the message was lost, and by whoever asks for the status', async () => {
    const [byCron, byStatus] = [await shopWith(), await shopWith()];
    for (const shop of [byCron, byStatus]) {
      shop.at.provider = [shop.external({ amountMinor: 2550 })];
      await refused(shop);
    }
    const answer = await readStatus(byStatus.world.context, byStatus.made.transactionId);
    expect(answer).toMatchObject({ transaction: { status: 'refunded' }, event: { event_type: 'payment.refund' } });
    await resolveDue(byCron.world.context);
    expect(await transaction(byCron.made.transactionId)).toMatchObject({ status: 'refunded' });
  });

  it('books each of the provider’s refunds once, and none of ours', async () => {
    const shop = await shopWith();
    const { world, made, at, external } = shop;
    const ours = await paidRefund(world, made, '5.00');
    at.provider = [
      external({ reference: 'reference', refundId: ours, amountMinor: 500 }),
      external({ reference: 're_2', amountMinor: 700, movedAtMs: world.clock.nowMs + 2 }),
      external({ reference: 're_1', amountMinor: 300, movedAtMs: world.clock.nowMs + 1 }),
      external({ reference: 're_3', state: 'never' }),
    ];
    for (let time = 0; time < 2; time += 1) {
      await refused(shop, EXCEEDS, '1.00');
      await resolveNow(shop);
    }
    const booked = (await refundsOf(made.transactionId)).filter(({ status }) => status === 'completed');
    expect(booked.map(({ gateway_reference }) => gateway_reference)).toEqual(['reference', 're_1', 're_2']);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 1500, reserved_minor: 0 });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', ...Array(3).fill('payment.refund')]);
  });

  it('is looked at again while the provider can’t be reached, or has not decided', async () => {
    const shop = await shopWith();
    const { world, made, at, external } = shop;
    at.provider = 'unreachable';
    await refused(shop);
    expect(await resolveNow(shop)).toMatchObject({ kind: 'open', unreachable: true });
    at.provider = [external({ state: 'open' })];
    world.clock.nowMs += 60_000;
    expect(await resolveNow(shop)).toMatchObject({ kind: 'open', unreachable: false });
    at.provider = [external()];
    world.clock.nowMs += 60_000;
    expect(await resolveNow(shop)).toMatchObject({ kind: 'ended' });
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 1000, next_lookup_at_ms: null });
  });

  it.each([
    ['can’t be reached', () => 'unreachable' as const, 'a 503'],
    ['does not decide on one', ({ external }: Shop) => [external({ state: 'open' })], 'an external refund'],
  ])(
    'is looked at ever more seldom while the provider %s, and given up after a month, with an alarm',
    async (_, says, reason) => {
      const shop = await shopWith();
      const { world, made, at } = shop;
      at.provider = says(shop);
      await refused(shop);
      const startMs = world.clock.nowMs;
      const dueAtMs = async () => (await transaction(made.transactionId))?.next_lookup_at_ms as number | null;
      const pausesMs: number[] = [];
      for (let dueMs = await dueAtMs(); dueMs !== null; dueMs = await dueAtMs()) {
        world.clock.nowMs = dueMs;
        await resolveNow(shop);
        pausesMs.push(((await dueAtMs()) ?? dueMs) - dueMs);
      }
      const hoursMs = 60 * 60_000;
      expect(pausesMs.slice(0, 9).every((pauseMs) => pauseMs <= 5 * 60_000)).toBe(true);
      expect(Math.max(...pausesMs)).toBe(6 * hoursMs);
      expect((world.clock.nowMs - startMs) / (24 * hoursMs)).toBeCloseTo(29, -1);
      const given = loggedErrors(world).filter(({ event }) => event === 'follow_up.given_up');
      expect(given).toMatchObject([{ id: made.transactionId, reason: expect.stringContaining(reason) }]);
    },
  );

  it('waits for a refund of ours that is under way and may be the listed one', async () => {
    const shop = await shopWith();
    const { world, made, at, external } = shop;
    world.script.refund = { kind: 'unknown', reason: 'the connection broke' };
    await pendingRefund(world, made, '10.00');
    at.provider = [external()];
    world.script.refund = EXCEEDS;
    await refundPayment(world.context, refundRequest(made), '15.50');
    expect(await resolveNow(shop)).toMatchObject({ kind: 'open' });
    expect((await refundsOf(made.transactionId)).map(({ status }) => status)).toEqual(['pending', 'failed']);
  });

  it('beyond what is left here raises one alarm, and ends', async () => {
    const shop = await shopWith();
    const { world, made, at, external } = shop;
    at.provider = [external({ amountMinor: 9_999 })];
    for (let time = 0; time < 2; time += 1) {
      await refused(shop);
      expect(await resolveNow(shop)).toMatchObject({ kind: 'ended', event: null });
    }
    expect(loggedErrors(world).map(({ event }) => event)).toEqual(['refund.external_does_not_fit']);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 0, next_lookup_at_ms: null });
  });

  it('has a look of its own where it was refused again while the first one was under way', async () => {
    const shop = await shopWith();
    const { world, made } = shop;
    await refused(shop);
    const { listRefundsOfCharge } = world.gateway;
    world.gateway.listRefundsOfCharge = async (...question) => {
      world.clock.nowMs += 500;
      await refused(shop);
      return listRefundsOfCharge?.(...question) ?? { kind: 'unreachable', reason: 'none' };
    };
    await resolveNow(shop);
    expect(await transaction(made.transactionId)).toMatchObject({ next_lookup_at_ms: world.clock.nowMs });
  });
});

describe('a completed payment', () => {
  it('whose refund was refused for another reason is not looked at', async () => {
    const shop = await shopWith();
    shop.world.script.refund = { kind: 'declined', code: 'REFUND_NOT_ALLOWED', cause: 'disputed' };
    const answer = await refundPayment(shop.world.context, refundRequest(shop.made), '25.50');
    expect(answer).toMatchObject({ kind: 'failed', lookUp: null });
    expect(await resolveNow(shop)).toBeNull();
    expect(listed(shop)).toBe(0);
  });

  it('is not asked about its refunds by the webhook of its success', async () => {
    const shop = await shopWith();
    const { world, made } = shop;
    const notice = { about: 'payment', transactionId: made.transactionId, charged: true } as const;
    const event = {
      provider: 'stripe',
      eventId: `evt_${made.transactionId}`,
      type: 'payment_intent.succeeded',
      notice,
    } as const;
    await handleWebhook(world.context, world.gateway, event);
    expect(listed(shop)).toBe(0);
  });
});
