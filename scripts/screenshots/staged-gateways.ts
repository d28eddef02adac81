/** Stripe and PayPal as the plan of the day wants them: what they answer, how long it takes, and what they list afterwards. */
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway, GatewayOutcome, LookUp, Movement } from '../../src/core/gateways/gateway.ts';
import { declinedBecause } from '../../src/core/gateways/refusal.ts';
import type { Gateways } from '../../src/core/gateways/registry.ts';
import { createSandbox } from '../../src/core/gateways/sandbox/sandbox-gateway.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import type { PlannedPayment } from './plan-days.ts';

const REFUND_MS = 420;
/** As those of the emulator are called, so that it is the same gateways that go on. */
const NAMES_IN_LEDGER: Readonly<Record<string, string>> = {
  stripe: `stripe:${EMULATOR_CREDENTIALS.stripeAccountId}`,
  paypal: `paypal:${EMULATOR_CREDENTIALS.paypalMerchantId}`,
};

export interface Clock {
  nowMs: number;
}

export interface Stage {
  gateways: Gateways;
  stripe: Gateway;
  /** Whose charge is asked for next. */
  current: PlannedPayment | null;
  /** Of payments whose payer has answered. */
  answered: Map<string, 'completed' | 'failed'>;
  /** Refunds that the payer's bank has sent back. */
  reversed: Set<string>;
}

export function createStage(clock: Clock): Stage {
  const movements: { gateway: string; movement: Movement }[] = [];
  const stripe = gateway('stripe', 'pi_3', ['credit_card', 'debit_card', 'stripe']);
  const paypal = gateway('paypal', '8F', ['paypal']);
  const all = [stripe, paypal];
  const stage: Stage = {
    stripe,
    current: null,
    answered: new Map(),
    reversed: new Set(),
    gateways: {
      all,
      forMethod: (method) => (method === 'paypal' ? paypal : stripe),
      nameInLedger: async ({ name }) => ({ kind: 'named', name: NAMES_IN_LEDGER[name] ?? name }),
      named: async (name) => {
        const found = all.find((one) => NAMES_IN_LEDGER[one.name] === name);
        return found === undefined ? { kind: 'not_configured' } : { kind: 'configured', gateway: found };
      },
    },
  };
  return stage;

  function gateway(name: string, prefix: string, methods: Gateway['methods']): Gateway {
    const referenceOf = ({ transactionId }: Transaction) => `${prefix}${transactionId.slice(-20)}`;

    function taken(transaction: Transaction): GatewayOutcome & LookUp {
      const { transactionId, amountMinor, currency, captureMethod } = transaction;
      const reference = referenceOf(transaction);
      if (captureMethod === 'manual') return { kind: 'authorized', reference, expiresAtMs: null };
      const moved = { id: transactionId, reference, amountMinor, currency, movedAtMs: clock.nowMs };
      movements.push({ gateway: name, movement: { kind: 'charge', status: 'succeeded', ...moved } });
      return { kind: 'approved', reference };
    }

    function paidBack({ refundId, amountMinor }: Refund, { currency }: Transaction): GatewayOutcome & LookUp {
      const reference = `re_3${refundId.slice(-20)}`;
      const moved = { id: refundId, reference, amountMinor, currency, movedAtMs: clock.nowMs };
      movements.push({ gateway: name, movement: { kind: 'refund', status: 'succeeded', ...moved } });
      return { kind: 'approved', reference };
    }

    return {
      ...createSandbox(),
      name,
      methods,
      canBeDown: true,

      async charge({ transaction }) {
        const { current } = stage;
        if (current === null) throw new Error('nothing is planned');
        clock.nowMs += current.gatewayMs;
        switch (current.ending.kind) {
          case 'completed':
          case 'held':
            return taken(transaction);
          case 'declined':
            return { kind: 'declined', code: current.ending.code };
          case 'failed':
            return { kind: 'failed', reason: 'the provider answered 500' };
          case 'challenged':
            return { kind: 'challenged', url: 'https://bank.example/authenticate', intent: referenceOf(transaction) };
          case 'undetermined':
            return { kind: 'unknown', reason: 'the gateway did not answer before the deadline' };
        }
      },

      async lookUpCharge(transaction) {
        const movement = movements.find(({ movement: { id } }) => id === transaction.transactionId);
        if (movement !== undefined) return { kind: 'approved', reference: movement.movement.reference };
        const answer = stage.answered.get(transaction.transactionId);
        if (answer === 'completed') return taken(transaction);
        if (answer === 'failed') return declinedBecause('authentication_failed');
        if (transaction.substate === 'challenged') return { kind: 'challenged', url: null };
        return { kind: 'undetermined', reason: 'the provider does not say how it ended' };
      },

      holds: {
        capture: async ({ transaction }) => taken({ ...transaction, captureMethod: 'automatic' }),
        release: async () => ({ kind: 'cancelled' }),
      },

      async refund({ refund, transaction }) {
        clock.nowMs += REFUND_MS;
        return paidBack(refund, transaction);
      },

      async lookUpRefund(refund) {
        if (stage.reversed.has(refund.refundId)) return { kind: 'declined', code: 'PAYMENT_FAILED' };
        return { kind: 'approved', reference: `re_3${refund.refundId.slice(-20)}` };
      },

      async *listMovements(fromMs, toMs) {
        for (const { gateway: of, movement } of movements) {
          if (of !== name || movement.movedAtMs < fromMs || movement.movedAtMs >= toMs) continue;
          yield stage.reversed.has(movement.id) ? { ...movement, status: 'reversed' } : movement;
        }
      },
    };
  }
}
