/** The Stripe adapter at an emulator of its own, for payments that wait for their payer or to be captured. */
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway, GatewayOutcome, Instrument, Movement } from '../../src/core/gateways/gateway.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { stripeEvent } from '../../src/core/gateways/stripe/stripe-webhook.ts';
import type { Notice } from '../../src/core/gateways/webhook.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { stripeClientOf } from './emulator-clients.ts';
import { pendingTransaction } from './rows.ts';

export const RETURN_URL = 'https://shop.example/done?transaction_id=TXN-1';

export interface StripeAdapter {
  readonly emulator: GatewayEmulator;
  readonly gateway: Gateway;
  /** Of the emulator and the adapter; moved by tests. */
  readonly clock: { nowMs: number };
  /** What was posted, each as its path without the id of an intent, and its body. */
  readonly posted: { path: string; body: string }[];
  charge(transaction: Transaction, token: string, more?: ChargeMore): Promise<GatewayOutcome>;
  /** A payment whose money is held, as the ledger has it then. */
  hold(overrides?: Partial<Transaction>): Promise<Transaction>;
  lookUp(transaction: Transaction): ReturnType<Gateway['lookUpCharge']>;
  cancel(transaction: Transaction): ReturnType<NonNullable<Gateway['cancelCharge']>>;
  capture(transaction: Transaction, signal?: AbortSignal): Promise<GatewayOutcome>;
  release(transaction: Transaction): ReturnType<NonNullable<Gateway['cancelCharge']>>;
  movements(): Promise<Movement[]>;
  operations(): string[];
  /** What a webhook of each of Stripe's events reports, by its type, where it reports anything. */
  notices(): Promise<Record<string, Notice>>;
  /** Strikes the first call of the operation, and no other. @param meanwhile happens just before it */
  strike(operation: string, fault: Fault, meanwhile?: () => void): void;
  stop(): Promise<void>;
}

export interface ChargeMore {
  returnUrl?: string;
  signal?: AbortSignal;
}

const HOUR_MS = 60 * 60_000;

export async function startStripeAdapter(): Promise<StripeAdapter> {
  const clock = { nowMs: Date.now() };
  const emulator = await startGatewayEmulator({ clock: { nowMs: () => clock.nowMs, random: Math.random } });
  const posted: StripeAdapter['posted'] = [];
  const send: typeof fetch = (url, init) => {
    const path = new URL(String(url)).pathname.replace(/pi_\w+/, '{intent}');
    if (init?.method === 'POST') posted.push({ path, body: String(init.body ?? '') });
    return fetch(url, init);
  };
  const gateway = createStripeGateway(
    { secretKey: emulator.stripeSecretKey, accountId: null, webhookSecret: null, apiUrl: emulator.url },
    { send, nowMs: () => clock.nowMs },
  );
  const { cancelCharge, holds } = gateway;
  if (cancelCharge === undefined || holds === undefined) throw new Error('Stripe cancels charges and holds money');
  const inTime = () => AbortSignal.timeout(5_000);
  const instrumentOf = (token: string): Instrument => ({ kind: 'token', token });
  return {
    ...{ emulator, gateway, clock, posted },
    charge: (transaction, token, { signal = inTime(), ...more } = {}) =>
      gateway.charge({ transaction, instrument: instrumentOf(token), signal, ...more }),
    async hold(overrides = {}) {
      const transaction = pendingTransaction({ captureMethod: 'manual', ...overrides });
      const outcome = await gateway.charge({ transaction, instrument: instrumentOf('pm_card_visa'), signal: inTime() });
      if (outcome.kind !== 'authorized') throw new Error(`expected a hold, not ${outcome.kind}`);
      return { ...transaction, substate: 'authorized', authorizationReference: outcome.reference };
    },
    lookUp: (transaction) => gateway.lookUpCharge(transaction, inTime()),
    cancel: (transaction) => cancelCharge(transaction, inTime()),
    capture: (transaction, signal = inTime()) => holds.capture({ transaction, signal }),
    release: (transaction) => holds.release(transaction, inTime()),
    async movements() {
      const found: Movement[] = [];
      const { nowMs } = clock;
      for await (const movement of gateway.listMovements?.(nowMs - HOUR_MS, nowMs + HOUR_MS) ?? [])
        found.push(movement);
      return found;
    },
    async notices() {
      const { data } = await stripeClientOf(emulator).events.list({ limit: 100 });
      const noticed = data.flatMap((event): [string, Notice][] => {
        const notice = stripeEvent(event)?.notice ?? null;
        return notice === null ? [] : [[event.type, notice]];
      });
      return Object.fromEntries(noticed);
    },
    operations: () => emulator.calls.map(({ operation }) => operation),
    strike(operation, fault, meanwhile = () => {}) {
      emulator.fault = (call) => {
        if (call.operation !== operation) return { kind: 'normal' };
        emulator.fault = () => ({ kind: 'normal' });
        meanwhile();
        return fault;
      };
    },
    stop: () => emulator.stop(),
  };
}
