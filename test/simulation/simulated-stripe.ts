/** Stripe as a history's gateway. */
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { Fetch } from '../../src/core/gateways/json-call.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { AUTHENTICATION_PATH, isOpen } from '../../src/emulator/stripe-authentication.ts';
import type { Charge, IsolateMemory, Payable, Wish } from './money-mover.ts';
import {
  API_URL,
  OTHER_STRIPE_KEY,
  type ProviderCharge,
  ProviderGateway,
  type ProviderRefund,
} from './provider-gateway.ts';
import type { Arrival } from './provider-network.ts';

const CARD_TOKENS = {
  challenged: ['pm_card_authenticationRequired', 'pm_card_threeDSecure2Required', 'tok_threeDSecureRequired'],
  /** The issuer declines after the payer has authenticated. */
  challengedInVain: ['pm_card_threeDSecureRequiredChargeDeclined'],
  good: ['pm_card_visa', 'pm_card_mastercard', 'tok_visa'],
  declined: ['pm_card_visa_chargeDeclined'],
};

export class SimulatedStripe extends ProviderGateway {
  readonly endsChallenges = true;
  readonly payersAddresses = [`${API_URL}${AUTHENTICATION_PATH}`];

  protected adapter(send: Fetch, { nowMs, otherAccount }: IsolateMemory): Gateway {
    const { stripeSecretKey, stripeWebhookSecret: webhookSecret } = EMULATOR_CREDENTIALS;
    const secretKey = otherAccount ? OTHER_STRIPE_KEY : stripeSecretKey;
    const gateway = createStripeGateway(
      { secretKey, accountId: null, webhookSecret, apiUrl: API_URL },
      { send, nowMs },
    );
    // A real hash takes turns of the event loop that nobody can count.
    return { ...gateway, ...(gateway.account && { account: { ...gateway.account, keyName: async () => secretKey } }) };
  }

  payable({ card }: Wish, newCard: (lastFour: string | null) => Payable): Payable {
    const { random } = this.faults;
    if (card === 'invalid') return { payment_method: 'stripe', payment_method_token: 'tok_nobody_knows' };
    if (card === 'good' && random.chance(0.5)) return newCard(null);
    const kind = card === 'challenged' && random.chance(0.1) ? 'challengedInVain' : card;
    return { payment_method: 'stripe', payment_method_token: random.pick(CARD_TOKENS[kind]) };
  }

  sendPayer(transactionId: string, url: string): number | null {
    const page = this.stripe.authentication(url.slice(url.lastIndexOf('/') + 1));
    if (page?.url !== url || page.intent.metadata.transaction_id !== transactionId) {
      throw new Error(`${url} is not where the payer of ${transactionId} authenticates`);
    }
    return this.payers.send(transactionId, (approves) => {
      if (isOpen(page)) this.stripe.endAuthentication(page, approves ? 'completed' : 'failed');
    });
  }

  /** A payer who was asked has the intent's secret, and could pay with it as long as the intent is open. */
  override wrongs(): string[] {
    const open = this.stripe.intents().filter(({ wasChallenged, status }) => wasChallenged && OPEN.includes(status));
    return [...super.wrongs(), ...open.map((intent) => `invariant 1: ${intent.transactionId} can still be paid`)];
  }

  protected chargesMade(): ProviderCharge[] {
    return this.stripe.intents().map(({ id, status, transactionId, amount, ...intent }) => ({
      transactionId,
      reference: id,
      amountMinor: amount,
      state: INTENT_STATES[status] ?? 'declined',
      heldUntilMs: intent.captureBeforeMs,
      ended: status === 'canceled' ? endOf(intent) : null,
    }));
  }

  protected refundsMade(): ProviderRefund[] {
    return this.stripe.refunds().map(({ id, refundId, transactionId, amount, status }) => ({
      id,
      refundId,
      transactionId,
      amountMinor: amount,
      state: REFUND_STATES[status],
    }));
  }

  protected refundAtProvider(intentId: string, amountMinor: number): string {
    return this.stripe.refundInDashboard(intentId, amountMinor);
  }

  protected endHold(intentId: string): void {
    this.stripe.expireAuthorization(intentId);
  }

  protected failRefund(id: string): void {
    this.stripe.failRefund(id);
  }

  protected decide(): void {
    const well = () => this.faults.random.chance(0.7);
    for (const { id, status } of this.stripe.intents()) {
      if (status === 'processing') this.stripe.finishIntent(id, well() ? 'succeeded' : 'failed');
    }
    for (const { id, status } of this.stripe.refunds()) {
      if (status !== 'pending') continue;
      if (well()) this.stripe.succeedRefund(id);
      else this.stripe.failRefund(id);
    }
  }

  protected endingOf({ operation }: Arrival): Fault | null {
    if (operation.name !== 'payment_intents.confirm' || !this.faults.strike('gateway_declines', 2)) return null;
    return { kind: 'decline', code: 'card_declined', declineCode: 'generic_decline' };
  }
}

const OPEN = ['requires_payment_method', 'requires_confirmation', 'requires_action'];
const INTENT_STATES: Readonly<Record<string, Charge['state']['kind']>> = {
  succeeded: 'approved',
  processing: 'in_progress',
  requires_action: 'challenged',
  requires_capture: 'authorized',
  canceled: 'cancelled',
};
const REFUND_STATES = { succeeded: 'paid', pending: 'open', failed: 'failed' } as const;

interface Cancelled {
  cancellationReason: string | null;
  captureBeforeMs: number | null;
}

function endOf({ cancellationReason, captureBeforeMs }: Cancelled): Charge['ended'] {
  if (cancellationReason === 'automatic') return 'by_itself';
  return captureBeforeMs === null ? 'cancelled' : 'released';
}
