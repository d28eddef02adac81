/** A payment belongs to the account that charged it: a key of another account never answers for it. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { AccountMemory } from '../../src/core/gateways/account-names.ts';
import type { GatewayAccount } from '../../src/core/gateways/gateway.ts';
import { namedGateways } from '../../src/core/gateways/registry.ts';
import { accountsIn, accountsReadFrom } from '../../src/core/ledger/providers/keep-gateway-account.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { database, paymentRequest, refundRequest } from './operation.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  paidRefund,
  resolveAfter,
  type Script,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { transaction } from './stored.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A deployment whose key is of this account: an isolate that remembers nothing yet, on the same database as the others. */
function deployedWith(
  account: string | GatewayAccount,
  script: Partial<Script> = {},
  memory: AccountMemory = accountsIn(database, new Map()),
): TestWorld {
  const answer = typeof account === 'string' ? ({ kind: 'known', account } as const) : account;
  const world = newWorld(script, {
    gateway: {
      name: 'stripe:test',
      account: {
        keyName: async () => `hash of the key of ${JSON.stringify(answer)}`,
        ask: async () => {
          world.asked.push('account -');
          return answer;
        },
      },
    },
  });
  const { gateway } = world;
  const configured = { all: [gateway], forMethod: () => gateway };
  world.context.gateways = namedGateways(configured, memory);
  return world;
}

async function pay(world: TestWorld) {
  const answer = await processPayment(world.context, paymentRequest(), '25.50');
  if (!('transaction' in answer)) throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

async function rewriteGateway(transactionId: string, name: string) {
  await env.DB.prepare('DROP TRIGGER transactions_fixed_columns').run();
  await env.DB.prepare('UPDATE transactions SET gateway = ?2 WHERE transaction_id = ?1')
    .bind(transactionId, name)
    .run();
}

describe('a payment', () => {
  it('is kept under the account that charged it, and the provider is asked once for each key', async () => {
    const world = deployedWith('acct_1');
    expect((await pay(world)).gateway).toBe('stripe:acct_1');
    expect((await pay(world)).gateway).toBe('stripe:acct_1');
    const otherIsolate = deployedWith('acct_1');
    expect((await pay(otherIsolate)).gateway).toBe('stripe:acct_1');
    expect(timesAsked(world, 'account') + timesAsked(otherIsolate, 'account')).toBe(1);
  });

  it('that was charged and not recorded stays pending while a key of another account is deployed', async () => {
    const made = await pay(deployedWith('acct_1'));
    const other = deployedWith('acct_2', { lookUpCharge: NOT_FOUND, cancelCharge: { kind: 'cancelled' } });
    await resolveAfter(other, made, CANCELS_AFTER_MS);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
    expect(other.asked).toEqual(['account -']);
    expect(other.logged).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'gateway.not_configured', gateway: 'stripe:acct_1' }),
    );

    const back = deployedWith('acct_1', { lookUpCharge: APPROVED });
    back.clock.nowMs = other.clock.nowMs + 60 * 60_000;
    await resolveOutcome(back.context, made.transactionId, DEADLINE_MS);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('is not refunded with a key of another account, and the amount can be refunded again', async () => {
    const made = await pay(deployedWith('acct_1', { charge: APPROVED }));
    const other = deployedWith('acct_2', { refund: APPROVED });
    expect(await refundPayment(other.context, refundRequest(made), '10.00')).toMatchObject({ kind: 'failed' });
    expect(timesAsked(other, 'refund')).toBe(0);
    const back = deployedWith('acct_1', { refund: APPROVED });
    expect(await refundPayment(back.context, refundRequest(made), '25.50')).toMatchObject({ kind: 'completed' });
  });

  it('is refused, and nothing is recorded, while the provider cannot say whose the key is', async () => {
    const world = deployedWith({ kind: 'unreachable', reason: 'Stripe did not answer' });
    const request = paymentRequest();
    expect(await processPayment(world.context, request, '25.50')).toMatchObject({ kind: 'gateway_down' });
    const recorded = await env.DB.prepare('SELECT * FROM transactions WHERE booking_id = ?1')
      .bind(request.booking_id)
      .all();
    expect(recorded.results).toEqual([]);
    expect(world.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'gateway.account_unknown', reason: 'Stripe did not answer' }),
    );
  });

  it('is refused with an error in the log where the settings name another account', async () => {
    const world = deployedWith({ kind: 'unreachable', reason: 'it is of acct_2', cause: 'gateway_not_configured' });
    expect(await processPayment(world.context, paymentRequest(), '25.50')).toEqual({ kind: 'gateway_not_configured' });
    expect(world.logged).toContainEqual(expect.objectContaining({ level: 'error', event: 'gateway.account_unknown' }));
  });

  it('is neither refunded nor looked up, with an error in the log, where the settings name another account', async () => {
    const made = await pay(deployedWith('acct_1', { charge: APPROVED }));
    const pending = await pay(deployedWith('acct_1'));
    const world = deployedWith({ kind: 'unreachable', reason: 'it is of acct_2', cause: 'gateway_not_configured' });
    expect(await refundPayment(world.context, refundRequest(made), '10.00')).toMatchObject({ kind: 'failed' });
    expect(await resolveAfter(world, pending, CANCELS_AFTER_MS)).toMatchObject({ kind: 'open', unreachable: true });
    expect(world.asked.filter((call) => !call.startsWith('account'))).toEqual([]);
    const unknown = { level: 'error', event: 'gateway.account_unknown', gateway: 'stripe:acct_1' };
    expect(loggedErrors(world)).toEqual([
      expect.objectContaining({ ...unknown, id: expect.stringMatching(/^REF-/) }),
      expect.objectContaining({ ...unknown, id: pending.transactionId }),
    ]);
  });

  it('has its refund followed up for a month while nobody knows whose the key is, then given up with one alarm', async () => {
    const first = deployedWith('acct_1', { charge: APPROVED, refund: APPROVED });
    const refundId = await paidRefund(first, await pay(first));
    const world = deployedWith({ kind: 'unreachable', reason: 'Stripe did not answer' });
    const resolveAfterDays = (days: number) => {
      world.clock.nowMs += days * DAY_MS;
      return resolveOutcome(world.context, refundId, DEADLINE_MS);
    };
    expect(await resolveAfterDays(29)).toMatchObject({ kind: 'open', unreachable: true });
    expect(loggedErrors(world)).toEqual([]);
    await resolveAfterDays(2);
    expect(loggedErrors(world)).toEqual([
      expect.objectContaining({ event: 'follow_up.given_up', id: refundId, gateway: 'stripe:acct_1' }),
    ]);
    expect(await resolveAfterDays(1)).toBeNull();
  });

  it('has its external refunds checked ever more seldom while nobody knows whose the key is, then given up with one alarm', async () => {
    const made = await pay(deployedWith('acct_1', { charge: APPROVED }));
    const world = deployedWith({ kind: 'unreachable', reason: 'Stripe did not answer' });
    const setLookUps = 'UPDATE transactions SET next_lookup_at_ms = ?2, lookups = ?3 WHERE transaction_id = ?1';
    const checkedFor = async (lookUps: number) => {
      await env.DB.prepare(setLookUps).bind(made.transactionId, world.clock.nowMs, lookUps).run();
      return resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    };
    const inSixHours = world.clock.nowMs + 6 * 60 * 60_000;
    expect(await checkedFor(100)).toMatchObject({ kind: 'open', unreachable: true, nextLookUpAtMs: inSixHours });
    expect(loggedErrors(world)).toEqual([]);
    expect(await checkedFor(200)).toMatchObject({ nextLookUpAtMs: null });
    expect(loggedErrors(world)).toEqual([
      expect.objectContaining({ event: 'follow_up.given_up', id: made.transactionId, gateway: 'stripe:acct_1' }),
    ]);
  });
});

describe('a payment of a version that did not keep the account', () => {
  it('belongs to the account that was configured when this version was first used', async () => {
    const made = await pay(deployedWith('acct_1'));
    await rewriteGateway(made.transactionId, 'stripe:test');
    const other = deployedWith('acct_2', { lookUpCharge: NOT_FOUND });
    await resolveAfter(other, made, CANCELS_AFTER_MS);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });

    const back = deployedWith('acct_1', { lookUpCharge: APPROVED });
    back.clock.nowMs = other.clock.nowMs + 60 * 60_000;
    await resolveOutcome(back.context, made.transactionId, DEADLINE_MS);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });
});

describe('whoever only reads', () => {
  it('writes no account down, and finds the same gateway (invariant 9)', async () => {
    const world = deployedWith('acct_9', {}, accountsReadFrom(database));
    const kept = async () => (await env.DB.prepare('SELECT * FROM gateway_accounts ORDER BY name').all()).results;
    const before = await kept();
    expect(await world.context.gateways.named('stripe:acct_9')).toEqual({ kind: 'configured', gateway: world.gateway });
    expect(await world.context.gateways.named('stripe:acct_8')).toEqual({ kind: 'not_configured' });
    expect(await kept()).toEqual(before);
  });
});
