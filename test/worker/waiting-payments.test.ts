/** Payments that wait for their payer or their capture, at a gateway that answers as the test says. */
import { describe, expect, it } from 'vitest';
import { isAuthorized, type Transaction } from '../../src/core/domain/transaction.ts';
import { capturePayment } from '../../src/core/payments/capture-payment.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { voidPayment } from '../../src/core/payments/void-payment.ts';
import { resolveNotified, resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { RETURN_URL } from './held.ts';
import { newId, paymentRequest } from './operation.ts';
import {
  APPROVED,
  DEADLINE_MS,
  DECLINED,
  FIRST_LOOKUP_MS,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  resolveAfter,
  type Script,
  type TestWorld,
  timesAsked,
  UNREACHABLE,
} from './scripted-gateway.ts';
import { eventsOf, eventTypesOf, transaction } from './stored.ts';

const MINUTE_MS = 60_000;
const AUTHORIZED = { kind: 'authorized', reference: 'auth_1', expiresAtMs: null } as const;
/** With an intent of its own, as each of a provider's has. */
const challenge = () => ({ kind: 'challenged', url: 'https://bank.example/3ds/1', intent: newId('intent_') }) as const;
const PAYER_APPROVED = { kind: 'payer_approved' } as const;
const CANCELLED = { kind: 'cancelled' } as const;
const UNKNOWN = { kind: 'unknown', reason: 'the connection broke' } as const;

const WITH_RETURN = { return_url: RETURN_URL };
const HELD = { capture_method: 'manual' };

interface Waiting {
  world: TestWorld;
  made: Transaction;
}

async function waiting(
  charge: Script['charge'],
  request: Record<string, unknown>,
  script: Partial<Script> = {},
): Promise<Waiting> {
  const world = newWorld({ charge, lookUpCharge: charge as Script['lookUpCharge'], ...script });
  const answer = await processPayment(world.context, paymentRequest(request), '25.50');
  if (answer.kind !== 'challenged' && answer.kind !== 'authorized') throw new Error(`the payment is ${answer.kind}`);
  return { world, made: answer.transaction };
}
const held = (script: Partial<Script> = {}) => waiting(AUTHORIZED, HELD, script);
const challenged = (script: Partial<Script> = {}, request: Record<string, unknown> = WITH_RETURN) =>
  waiting(challenge(), request, script);

const requestOf = ({ transactionId, bookingId, userId }: Transaction) => ({
  transaction_id: transactionId,
  booking_id: bookingId,
  user_id: userId,
});
const capture = ({ world, made }: Waiting) => capturePayment(world.context, requestOf(made));
const voided = ({ world, made }: Waiting) => voidPayment(world.context, requestOf(made));
const row = ({ made }: Waiting) => transaction(made.transactionId);
const events = ({ made }: Waiting) => eventTypesOf(made.bookingId);
/** Later, when its look-up is due. */
async function lookUpDue({ world, made }: Waiting) {
  const due = await transaction(made.transactionId);
  world.clock.nowMs = Math.max(world.clock.nowMs, Number(due?.next_lookup_at_ms));
  return resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
}

describe('a payment that waits', () => {
  it('for its payer is looked up by nobody until the end of the clock', async () => {
    const payment = await challenged();
    const { world, made } = payment;
    world.clock.nowMs += 14 * MINUTE_MS;
    await resolveDue(world.context);
    expect(world.asked).not.toContain(`lookUpCharge ${made.transactionId}`);
    expect(await row(payment)).toMatchObject({
      substate: 'challenged',
      gateway_intent: expect.stringMatching(/^intent_/),
    });
  });

  it('is asked about by its status, and at most every three seconds', async () => {
    const payment = await challenged();
    const { world, made } = payment;
    for (const _ of Array.from({ length: 5 })) await readStatus(world.context, made.transactionId);
    expect(timesAsked(world, 'lookUpCharge')).toBe(1);
    world.clock.nowMs += 3_000;
    world.script.lookUpCharge = APPROVED;
    expect(await readStatus(world.context, made.transactionId)).toMatchObject({
      transaction: { status: 'completed' },
      event: { event_type: 'payment.success' },
    });
  });

  it('shows at once by its status that its payer has authenticated it, and that it is held', async () => {
    const payment = await challenged({ lookUpCharge: AUTHORIZED }, { ...WITH_RETURN, ...HELD });
    const { world, made } = payment;
    const found = await readStatus(world.context, made.transactionId);
    expect(found?.transaction).toMatchObject({ status: 'pending', substate: 'authorized' });
    expect(await row(payment)).toMatchObject({ sealed_action_url: null, authorization_reference: 'auth_1' });
    expect(await events(payment)).toEqual([]);
  });

  it('is found after its answer was lost, and then waits', async () => {
    const world = newWorld({ charge: UNKNOWN, lookUpCharge: challenge() });
    const answer = await processPayment(world.context, paymentRequest(WITH_RETURN), '25.50');
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    await resolveAfter(world, answer.transaction, FIRST_LOOKUP_MS);
    expect(await transaction(answer.transaction.transactionId)).toMatchObject({
      status: 'pending',
      substate: 'challenged',
      expires_at_ms: world.clock.nowMs + 15 * MINUTE_MS,
    });
  });

  it('without having been asked to is released or cancelled at once', async () => {
    const world = newWorld({ lookUpCharge: AUTHORIZED, releaseHold: CANCELLED });
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    await resolveAfter(world, answer.transaction, FIRST_LOOKUP_MS);
    const payment = { world, made: answer.transaction };
    await lookUpDue(payment);
    expect(timesAsked(world, 'releaseHold')).toBe(1);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'AUTHORIZATION_EXPIRED' });
  });
});

describe('a challenge whose time is over', () => {
  it('is cancelled at the provider, and fails with AUTHENTICATION_EXPIRED', async () => {
    const payment = await challenged();
    await lookUpDue(payment);
    expect(payment.world.asked.slice(-2).map((call) => call.split(' ')[0])).toEqual(['lookUpCharge', 'cancelCharge']);
    expect(await row(payment)).toMatchObject({
      status: 'failed',
      step: 'expire',
      error_code: 'AUTHENTICATION_EXPIRED',
    });
    expect(await events(payment)).toEqual(['payment.failed']);
  });

  it('is completed where its payer was faster than the cancellation', async () => {
    const payment = await challenged({ cancelCharge: APPROVED });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
    expect(await events(payment)).toEqual(['payment.success']);
  });

  it('stays pending until the provider has confirmed the cancellation, and is cancelled again', async () => {
    const payment = await challenged({ cancelCharge: UNREACHABLE });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'pending', step: 'expire' });
    payment.world.script.cancelCharge = CANCELLED;
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(2);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'AUTHENTICATION_EXPIRED' });
  });

  it('is not ended while the provider does not answer', async () => {
    const payment = await challenged({ lookUpCharge: UNREACHABLE });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'pending', step: null });
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(0);
  });

  it('ends with its row where the provider cannot cancel, since nobody else takes the money', async () => {
    const payment = await challenged({ cancelCharge: null });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'AUTHENTICATION_EXPIRED' });
  });

  it('is failed as the provider says, where the payer could not be authenticated', async () => {
    const declined = { kind: 'declined', code: 'AUTHENTICATION_FAILED', cause: 'authentication_failed' } as const;
    const payment = await challenged({ lookUpCharge: declined });
    await resolveNotified(payment.world.context, payment.made.transactionId, false);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'AUTHENTICATION_FAILED', step: null });
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(1);
  });

  it('is held where its payer authenticated after all, before the challenge was ended', async () => {
    const declined = { kind: 'declined', code: 'AUTHENTICATION_FAILED', cause: 'authentication_failed' } as const;
    const script = { lookUpCharge: declined, cancelCharge: AUTHORIZED, releaseHold: CANCELLED };
    const payment = await challenged(script, { ...WITH_RETURN, ...HELD });
    await resolveNotified(payment.world.context, payment.made.transactionId, false);
    expect(await row(payment)).toMatchObject({ status: 'pending', substate: 'authorized' });
    expect(timesAsked(payment.world, 'releaseHold')).toBe(0);
  });

  it('is completed where its payer authenticated after all, before the challenge was ended', async () => {
    const declined = { kind: 'declined', code: 'AUTHENTICATION_FAILED', cause: 'authentication_failed' } as const;
    const payment = await challenged({ lookUpCharge: declined, cancelCharge: APPROVED });
    await resolveNotified(payment.world.context, payment.made.transactionId, false);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
  });

  it('stays pending until the provider has ended the challenge, though the payer failed to authenticate', async () => {
    const declined = { kind: 'declined', code: 'AUTHENTICATION_FAILED', cause: 'authentication_failed' } as const;
    const payment = await challenged({ lookUpCharge: declined, cancelCharge: UNREACHABLE });
    await resolveNotified(payment.world.context, payment.made.transactionId, false);
    expect(await row(payment)).toMatchObject({ status: 'pending', substate: 'challenged' });
    expect(await events(payment)).toEqual([]);

    payment.world.script.cancelCharge = CANCELLED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'AUTHENTICATION_FAILED' });
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(2);
    expect(await events(payment)).toEqual(['payment.failed']);
  });
});

describe('a challenge that was voided, or whose time is over, after its payer failed to authenticate', () => {
  const declined = { kind: 'declined', code: 'AUTHENTICATION_FAILED', cause: 'authentication_failed' } as const;
  const ending: [string, (payment: Waiting) => Promise<unknown>, string][] = [
    ['a void', (payment) => voided(payment), 'PAYMENT_VOIDED'],
    ['its clock', (payment) => lookUpDue(payment), 'AUTHENTICATION_EXPIRED'],
  ];
  it.each(ending)('by %s stays pending until it is cancelled at the provider', async (_, end, code) => {
    const payment = await challenged({ cancelCharge: UNREACHABLE });
    await end(payment);
    payment.world.script.lookUpCharge = declined;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'pending' });
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(2);

    payment.world.script.cancelCharge = CANCELLED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: code });
    expect(await events(payment)).toEqual(['payment.failed']);
  });
});

describe('money that is held though nobody asked for it', () => {
  it('is released, and its payment is pending until then, never authorized', async () => {
    const world = newWorld({ charge: challenge(), lookUpCharge: AUTHORIZED });
    const request = paymentRequest(WITH_RETURN);
    const key = newId('key_');
    const made = await processPayment(world.context, request, '25.50', key);
    if (made.kind !== 'challenged') throw new Error(`the payment is ${made.kind}`);
    await readStatus(world.context, made.transaction.transactionId);
    const status = await readStatus(world.context, made.transaction.transactionId);
    if (status === null) throw new Error('the payment has no status');
    expect(status.transaction).toMatchObject({ status: 'pending', substate: 'authorized' });
    expect(isAuthorized(status.transaction)).toBe(false);
    expect(await processPayment(world.context, request, '25.50', key)).toMatchObject({ kind: 'in_progress' });
  });
});

describe('a payment that its payer has approved', () => {
  it('is captured by whoever finds it first, once the row says so', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED, completeCharge: APPROVED });
    const { world, made } = payment;
    await Promise.all([
      resolveNotified(world.context, made.transactionId),
      resolveNotified(world.context, made.transactionId),
      readStatus(world.context, made.transactionId),
    ]);
    expect(timesAsked(world, 'completeCharge')).toBe(1);
    expect(await row(payment)).toMatchObject({ status: 'completed', step: 'capture' });
    expect(await events(payment)).toEqual(['payment.success']);
  });

  it('is captured at the end of its clock too: a ticket that is paid late is better than one that is not', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED, completeCharge: APPROVED });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
  });

  it('is captured again under the same key after a lost answer, and neither expires nor is voided meanwhile', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'pending', step: 'capture' });
    expect(await voided(payment)).toMatchObject({ kind: 'conflict' });
    payment.world.script.completeCharge = APPROVED;
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'completeCharge')).toBe(2);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
  });

  it('fails where the provider has lost the order meanwhile, and refuses to take its money', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED });
    await lookUpDue(payment);
    payment.world.script.lookUpCharge = NOT_FOUND;
    payment.world.script.completeCharge = DECLINED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'CARD_DECLINED' });
  });

  it('is looked up again where taking it was refused, and refunded where an earlier request was carried out after all', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED });
    await lookUpDue(payment);
    payment.world.script.completeCharge = DECLINED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: 'CARD_DECLINED' });
    payment.world.script.lookUpCharge = APPROVED;
    await lookUpDue(payment);
    expect(loggedErrors(payment.world).map(({ event }) => event)).toEqual(['payment.charged_late']);
  });

  it('is pending though taking it is refused, as long as an earlier request for it may be on its way', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED });
    const { world } = payment;
    const { gateways } = world.context;
    world.context.gateways = oneGateway({ ...world.gateway, knownWithinMs: 10 * MINUTE_MS });
    await lookUpDue(payment);
    world.script.completeCharge = DECLINED;
    await lookUpDue(payment);
    expect(timesAsked(world, 'completeCharge')).toBe(2);
    expect(await row(payment)).toMatchObject({ status: 'pending', step: 'capture' });
    world.script.lookUpCharge = APPROVED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
    world.context.gateways = gateways;
  });

  it('is asked for once at a time, whoever is told of it', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED, completeCharge: UNKNOWN });
    const { world, made } = payment;
    await resolveNotified(world.context, made.transactionId);
    await resolveNotified(world.context, made.transactionId);
    expect(timesAsked(world, 'completeCharge')).toBe(1);
    world.clock.nowMs += world.context.settings.gatewayTimeoutMs;
    await resolveNotified(world.context, made.transactionId);
    expect(timesAsked(world, 'completeCharge')).toBe(2);
  });

  it('is not captured after it was voided', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED, completeCharge: APPROVED, cancelCharge: null });
    expect(await voided(payment)).toMatchObject({ kind: 'ended', transaction: { errorCode: 'PAYMENT_VOIDED' } });
    await resolveNotified(payment.world.context, payment.made.transactionId);
    expect(timesAsked(payment.world, 'completeCharge')).toBe(0);
  });

  it('is held, where that was asked for, and then captured', async () => {
    const payment = await challenged(
      { lookUpCharge: PAYER_APPROVED, completeCharge: AUTHORIZED, captureHold: APPROVED },
      { ...WITH_RETURN, ...HELD },
    );
    await resolveNotified(payment.world.context, payment.made.transactionId);
    expect(await row(payment)).toMatchObject({ status: 'pending', substate: 'authorized', step: null });
    expect(await capture(payment)).toMatchObject({ kind: 'ended', transaction: { status: 'completed' } });
  });

  it('is held under the same key after a lost answer', async () => {
    const payment = await challenged({ lookUpCharge: PAYER_APPROVED }, { ...WITH_RETURN, ...HELD });
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ substate: 'challenged', step: 'authorize' });
    payment.world.script.lookUpCharge = AUTHORIZED;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ substate: 'authorized', step: null });
  });
});

describe('a capture', () => {
  it('whose answer is lost is pending, and is sent again while the provider says authorized', async () => {
    const payment = await held();
    expect(await capture(payment)).toMatchObject({ kind: 'pending' });
    expect(await capture(payment)).toMatchObject({ kind: 'conflict' });
    payment.world.script.captureHold = APPROVED;
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'captureHold')).toBe(2);
    expect(await events(payment)).toEqual(['payment.success']);
    expect(await capture(payment)).toMatchObject({ kind: 'ended', transaction: { status: 'completed' } });
  });

  it('whose answer is lost is completed where the provider has taken the money', async () => {
    const payment = await held();
    await capture(payment);
    payment.world.script.lookUpCharge = APPROVED;
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'captureHold')).toBe(1);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
  });

  it('by a gateway that was configured without holds meanwhile stays pending, with an alarm, until it has them again', async () => {
    const payment = await held({ captureHold: APPROVED });
    const { world } = payment;
    const { gateways } = world.context;
    const { holds: _, ...withoutHolds } = world.gateway;
    world.context.gateways = oneGateway(withoutHolds);
    expect(await capture(payment)).toMatchObject({ kind: 'pending' });
    world.clock.nowMs += 15 * MINUTE_MS;
    expect(await lookUpDue(payment)).toMatchObject({ kind: 'open', unreachable: false });
    expect(loggedErrors(world)).toMatchObject([{ event: 'look_up.undetermined' }]);
    world.context.gateways = gateways;
    await lookUpDue(payment);
    expect(await row(payment)).toMatchObject({ status: 'completed' });
  });

  it('that is refused for certain fails the payment, and what may still be held is released', async () => {
    const payment = await held({ captureHold: DECLINED, releaseHold: CANCELLED });
    expect(await capture(payment)).toMatchObject({ kind: 'ended', transaction: { status: 'failed' } });
    expect(await events(payment)).toEqual(['payment.failed']);
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'releaseHold')).toBe(1);
  });

  it('that began before capture_before counts, however long it takes', async () => {
    const payment = await held();
    const { world, made } = payment;
    world.clock.nowMs = Number(made.expiresAtMs) - 1;
    expect(await capture(payment)).toMatchObject({ kind: 'pending' });
    world.clock.nowMs += 10 * MINUTE_MS;
    await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    expect(timesAsked(world, 'releaseHold')).toBe(0);
    expect(await row(payment)).toMatchObject({ step: 'capture' });
  });

  it('is refused from capture_before on, and the payment expires after the provider was asked', async () => {
    const payment = await held({ releaseHold: CANCELLED });
    payment.world.clock.nowMs = Number(payment.made.expiresAtMs);
    expect(await capture(payment)).toMatchObject({ kind: 'not_allowed' });
    await lookUpDue(payment);
    expect(payment.world.asked.slice(-2).map((call) => call.split(' ')[0])).toEqual(['lookUpCharge', 'releaseHold']);
    expect(await row(payment)).toMatchObject({ error_code: 'AUTHORIZATION_EXPIRED' });
  });
});

describe('a void', () => {
  it('that the provider does not confirm stays pending, and is sent again', async () => {
    const payment = await held();
    expect(await voided(payment)).toMatchObject({ kind: 'pending' });
    payment.world.script.releaseHold = CANCELLED;
    await lookUpDue(payment);
    expect(timesAsked(payment.world, 'releaseHold')).toBe(2);
    expect(await eventsOf(payment.made.bookingId)).toMatchObject([{ event_type: 'payment.failed' }]);
    expect(await row(payment)).toMatchObject({ error_code: 'PAYMENT_VOIDED' });
  });

  it('that the provider refuses while it holds the money raises an alarm', async () => {
    const payment = await held({ releaseHold: AUTHORIZED });
    expect(await voided(payment)).toMatchObject({ kind: 'pending' });
    payment.world.clock.nowMs += 15 * MINUTE_MS;
    await lookUpDue(payment);
    expect(loggedErrors(payment.world)).toMatchObject([{ event: 'look_up.undetermined' }]);
    expect(await row(payment)).toMatchObject({ status: 'pending', step: 'void' });
  });

  it('of a challenge that its payer has completed is answered with what the payer did', async () => {
    const payment = await challenged({ cancelCharge: APPROVED });
    expect(await voided(payment)).toMatchObject({ kind: 'ended', transaction: { status: 'completed' } });
    expect(await events(payment)).toEqual(['payment.success']);
  });

  it('of a challenge that its payer has completed before is a conflict, as it is for a payer who was faster', async () => {
    const payment = await challenged({ lookUpCharge: APPROVED });
    await resolveNotified(payment.world.context, payment.made.transactionId);
    expect(await row(payment)).toMatchObject({ status: 'completed', step: null });
    expect(await voided(payment)).toMatchObject({ kind: 'conflict', transaction: { status: 'completed' } });
    expect(timesAsked(payment.world, 'cancelCharge')).toBe(0);
  });

  it('and a capture at once: one of them ends the payment', async () => {
    for (const _ of Array.from({ length: 20 })) {
      const payment = await held({ captureHold: APPROVED, releaseHold: CANCELLED });
      const answers = await Promise.all([capture(payment), voided(payment), capture(payment), voided(payment)]);
      const ended = await row(payment);
      const calls = payment.world.asked.filter((call) => /^(captureHold|releaseHold) /.test(call));
      expect(calls).toHaveLength(1);
      expect(ended?.status).toBe(ended?.step === 'capture' ? 'completed' : 'failed');
      expect(answers.filter(({ kind }) => kind === 'ended').length).toBeGreaterThan(0);
      expect(await events(payment)).toHaveLength(1);
    }
  });
});

describe('what a provider calls cancelled', () => {
  it.each([
    ['of a hold that nobody ended', held, 'AUTHORIZATION_EXPIRED', 'authorization_ended'],
    ['of a challenge', challenged, 'AUTHENTICATION_EXPIRED', 'authentication_expired'],
  ])('%s is no charge that never happened', async (_, wait, code, cause) => {
    const payment = await wait();
    payment.world.script.lookUpCharge = CANCELLED;
    await resolveNotified(payment.world.context, payment.made.transactionId);
    expect(await row(payment)).toMatchObject({ status: 'failed', error_code: code, failure_cause: cause });
  });
});

describe('an authorization of another amount than was asked for', () => {
  it.each(['order_changed', 'new_order_changed'] as const)(
    '%s: fails the payment, and is released later',
    async (cause) => {
      const world = newWorld({ lookUpCharge: NOT_FOUND, releaseHold: CANCELLED });
      const answer = await processPayment(world.context, paymentRequest(HELD), '25.50');
      if (answer.kind !== 'pending') throw new Error(answer.kind);
      const payment = { world, made: answer.transaction };
      world.script.lookUpCharge = { kind: 'declined', code: 'PAYMENT_FAILED', cause };
      await lookUpDue(payment);
      expect(await row(payment)).toMatchObject({ status: 'failed', failure_cause: cause });
      world.script.lookUpCharge = AUTHORIZED;
      await lookUpDue(payment);
      expect(timesAsked(world, 'releaseHold')).toBe(1);
    },
  );
});

describe('an authorization that turns up after its payment has failed', () => {
  it('is released, with an alarm, and is no refund', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND, releaseHold: CANCELLED });
    const answer = await processPayment(world.context, paymentRequest(HELD), '25.50');
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    const payment = { world, made: answer.transaction };
    await resolveAfter(world, answer.transaction, 60_000);
    expect(await row(payment)).toMatchObject({ status: 'failed' });
    world.script.lookUpCharge = AUTHORIZED;
    await resolveNotified(world.context, answer.transaction.transactionId, true);
    expect(timesAsked(world, 'releaseHold')).toBe(1);
    expect(loggedErrors(world).map(({ event }) => event)).toContain('payment.authorized_late');
    expect(await events(payment)).toEqual(['payment.failed']);
  });
});
