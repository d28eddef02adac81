/** The PayPal adapter at an emulator of its own, and the rows that core keeps of what it answers. */
import { expect } from 'vitest';
import type { Step, Transaction } from '../../src/core/domain/transaction.ts';
import type { ChargeRequest, Gateway, GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import { type AccessToken, PayPalClient } from '../../src/core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { pendingTransaction } from './rows.ts';

export const RETURN_URL = 'https://shop.example/paid?cart=7&transaction_id=TXN-1';

export class PayPalAtEmulator {
  readonly emulator: GatewayEmulator;
  readonly gateway: Gateway;
  readonly #clock: { nowMs: number };

  private constructor(emulator: GatewayEmulator, clock: { nowMs: number }) {
    this.emulator = emulator;
    this.#clock = clock;
    const settings = {
      clientId: emulator.paypalClientId,
      clientSecret: emulator.paypalClientSecret,
      merchantId: emulator.paypalMerchantId,
      webhookId: emulator.paypalWebhookId,
      apiUrl: emulator.url,
    };
    const outside = { send: (url: string, init: RequestInit) => fetch(url, init), nowMs: () => clock.nowMs };
    const client = new PayPalClient(settings, outside, new Map<string, AccessToken>());
    this.gateway = createPayPalGateway(settings, client);
  }

  static async start(): Promise<PayPalAtEmulator> {
    const clock = { nowMs: Date.now() };
    const emulator = await startGatewayEmulator({ clock: { nowMs: () => clock.nowMs, random: Math.random } });
    return new PayPalAtEmulator(emulator, clock);
  }

  async stop(): Promise<void> {
    expect(this.emulator.misfits).toEqual([]);
    await this.emulator.stop();
  }

  pass(milliseconds: number): void {
    this.#clock.nowMs += milliseconds;
  }

  /** Each call's operation and key. */
  calls(): [string | null, string | null][] {
    return this.emulator.calls.map(({ operation, key }) => [operation, key]);
  }

  operations(): (string | null)[] {
    return this.emulator.calls.map(({ operation }) => operation);
  }

  /** Strikes the first call of the operation, and no other. */
  strike(operation: string, fault: Fault): void {
    this.emulator.fault = (call) => {
      if (call.operation !== operation) return { kind: 'normal' };
      this.emulator.fault = () => ({ kind: 'normal' });
      return fault;
    };
  }

  /** Changes something right before a call of the operation is carried out. */
  before(operation: string, change: () => void): void {
    this.emulator.fault = (call) => {
      if (call.operation === operation) change();
      return { kind: 'normal' };
    };
  }

  create(transaction: Transaction, more: Partial<ChargeRequest> = {}): Promise<GatewayOutcome> {
    const instrument = { kind: 'new_paypal_order' } as const;
    return this.gateway.charge({ transaction, instrument, returnUrl: RETURN_URL, signal: signal(), ...more });
  }

  /** A payment whose payer has an order of ours to approve. */
  async challenged(overrides: Partial<Transaction> = {}): Promise<Transaction & { gatewayIntent: string }> {
    const transaction = pendingTransaction({ paymentMethod: 'paypal', ...overrides });
    const outcome = await this.create(transaction);
    if (outcome.kind !== 'challenged' || outcome.intent === undefined) throw unexpected(outcome);
    return { ...transaction, substate: 'challenged', gatewayIntent: outcome.intent };
  }

  /** The same, approved, of which core has begun to take or to hold the money. */
  async approved(overrides: Partial<Transaction> = {}): Promise<Transaction & { gatewayIntent: string }> {
    const transaction = await this.challenged(overrides);
    this.emulator.paypal.approveOrder(transaction.gatewayIntent);
    return stepped(transaction, transaction.captureMethod === 'manual' ? 'authorize' : 'capture');
  }

  /** A payment whose money is held. */
  async authorized(overrides: Partial<Transaction> = {}): Promise<Held> {
    const transaction = await this.approved({ captureMethod: 'manual', ...overrides });
    const outcome = await this.complete(transaction);
    if (outcome.kind !== 'authorized') throw unexpected(outcome);
    return { ...transaction, substate: 'authorized', step: null, authorizationReference: outcome.reference };
  }

  complete(transaction: Transaction): Promise<GatewayOutcome> {
    if (this.gateway.completeCharge === undefined) throw new Error('PayPal completes nothing');
    return this.gateway.completeCharge({ transaction, signal: signal() });
  }

  lookUp(transaction: Transaction) {
    return this.gateway.lookUpCharge(transaction, signal());
  }

  capture(transaction: Transaction): Promise<GatewayOutcome> {
    return this.#holds.capture({ transaction: stepped(transaction, 'capture'), signal: signal() });
  }

  release(transaction: Transaction) {
    return this.#holds.release(stepped(transaction, 'void'), signal());
  }

  get #holds() {
    if (this.gateway.holds === undefined) throw new Error('PayPal holds nothing');
    return this.gateway.holds;
  }
}

export type Held = Transaction & { gatewayIntent: string; authorizationReference: string };

export const signal = () => AbortSignal.timeout(5_000);

export function stepped<Row extends Transaction>(transaction: Row, step: Step): Row {
  return { ...transaction, step };
}

function unexpected(outcome: GatewayOutcome): Error {
  return new Error(`the payment of a test is ${JSON.stringify(outcome)}`);
}
