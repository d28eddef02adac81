/**
 * A gateway that moves no money and keeps no state: what happens is decided by the card's number, as in the test suites
 * of the card networks. It is for development, for demonstrations and for callers' own tests.
 */
import { hasExpired } from '../../domain/card.ts';
import type { DeclineCode } from '../../domain/failure-causes.ts';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import type {
  Authorized,
  Challenged,
  ChargeRequest,
  Fence,
  Gateway,
  GatewayOutcome,
  Instrument,
  LookUp,
  RefundRequest,
} from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';

/** The contract's date. Its examples and all published test cards expire after it, and so they never do here. */
export const SANDBOX_TODAY = { year: 2024, month: 12, day: 15 } as const;

type Scenario =
  | { kind: 'declined'; code: DeclineCode }
  | { kind: 'failed' }
  /** The gateway charges the card and answers after every deadline. */
  | { kind: 'answers_late' }
  /** The connection breaks before the request has reached the gateway. */
  | { kind: 'never_arrives' }
  /** The payer has to authenticate on a page of this service. */
  | { kind: 'challenged' };

/** Every other card succeeds. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  '4000000000000002': { kind: 'declined', code: 'CARD_DECLINED' },
  '4000000000009995': { kind: 'declined', code: 'INSUFFICIENT_FUNDS' },
  '4000000000000069': { kind: 'declined', code: 'CARD_EXPIRED' },
  '4000000000000127': { kind: 'declined', code: 'INVALID_CARD' },
  '4000000000000119': { kind: 'failed' },
  '4000000000000408': { kind: 'answers_late' },
  '4000000000000507': { kind: 'never_arrives' },
  '4000002500003155': { kind: 'challenged' },
  '4000000000003220': { kind: 'challenged' },
};
const BY_LAST_FOUR = new Map(Object.entries(SCENARIOS).map(([number, scenario]) => [number.slice(-4), scenario]));

/** Tokens of such cards. Every other token succeeds. */
const TOKENS: Readonly<Record<string, Scenario>> = {
  tok_card_declined: { kind: 'declined', code: 'CARD_DECLINED' },
  tok_insufficient_funds: { kind: 'declined', code: 'INSUFFICIENT_FUNDS' },
  tok_card_expired: { kind: 'declined', code: 'CARD_EXPIRED' },
  tok_invalid_card: { kind: 'declined', code: 'INVALID_CARD' },
  tok_gateway_error: { kind: 'failed' },
};

/** Where the page is that plays the bank of a payer. What comes of it is written on the payment's row. */
export const SANDBOX_CHALLENGE_PATH = '/sandbox/challenge';

/** @param newToken makes the address of a challenge one that nobody can guess */
export function createSandbox(newToken: () => string = () => crypto.randomUUID()): Gateway {
  const challengeOf = ({ transactionId }: Transaction): Challenged => ({
    kind: 'challenged',
    url: `${SANDBOX_CHALLENGE_PATH}/${transactionId}?token=${newToken()}`,
  });
  return {
    name: 'sandbox',
    canBeDown: false,
    methods: ['credit_card', 'debit_card', 'paypal'],
    createsOrders: true,
    knownWithinMs: 0,
    keysKeptForMs: Number.POSITIVE_INFINITY,

    async charge({ transaction, instrument, returnUrl = null, signal }: ChargeRequest): Promise<GatewayOutcome> {
      const scenario = scenarioOf(instrument);
      switch (scenario?.kind) {
        case undefined:
          return taken(transaction);
        case 'challenged':
          return returnUrl === null ? declinedBecause('authentication_required') : challengeOf(transaction);
        case 'declined':
        case 'failed':
          return scenario;
        case 'answers_late':
          await aborted(signal);
          return { kind: 'unknown', reason: 'the gateway did not answer before the deadline' };
        case 'never_arrives':
          return { kind: 'unknown', reason: 'the connection to the gateway broke' };
      }
    },

    async refund({ refund }: RefundRequest): Promise<GatewayOutcome> {
      return { kind: 'approved', reference: refundReference(refund) };
    },

    async lookUpCharge(transaction: Transaction): Promise<LookUp> {
      const { status, substate, sealedReturnUrl } = transaction;
      if (substate !== null && status === 'failed') return { kind: 'cancelled' };
      if (substate === 'challenged' && status === 'pending') return { kind: 'challenged', url: null };
      const scenario = scenarioByRow(transaction);
      switch (scenario?.kind) {
        case undefined:
        case 'answers_late':
          return taken(transaction);
        case 'challenged':
          if (substate !== null) return taken(transaction);
          return sealedReturnUrl === null ? declinedBecause('authentication_required') : challengeOf(transaction);
        case 'declined':
        case 'failed':
          return scenario;
        case 'never_arrives':
          return { kind: 'not_found' };
      }
    },

    async cancelCharge(transaction: Transaction, signal: AbortSignal): Promise<Fence> {
      const found = await this.lookUpCharge(transaction, signal);
      return found.kind === 'not_found' || found.kind === 'challenged' ? { kind: 'cancelled' } : found;
    },

    holds: {
      capture: async ({ transaction }) => ({ kind: 'approved', reference: chargeReference(transaction) }),
      release: async () => ({ kind: 'cancelled' }),
    },

    async lookUpRefund(refund: Refund): Promise<LookUp> {
      return { kind: 'approved', reference: refundReference(refund) };
    },
  };
}

function scenarioOf(instrument: Instrument): Scenario | undefined {
  if (instrument.kind === 'token')
    return Object.hasOwn(TOKENS, instrument.token) ? TOKENS[instrument.token] : undefined;
  if (instrument.kind === 'new_paypal_order') return { kind: 'challenged' };
  if (instrument.kind === 'paypal') return undefined;
  const { card } = instrument;
  return hasExpired(card, SANDBOX_TODAY) ? { kind: 'declined', code: 'CARD_EXPIRED' } : SCENARIOS[card.number.reveal()];
}

/**
 * The row of the ledger has brand and last four digits, which distinguish the scenarios, all of them Visa cards. By PayPal, only a payer
 * who is to approve an order has somewhere to come back to.
 */
function scenarioByRow({ cardBrand, cardLast4, paymentMethod, sealedReturnUrl }: Transaction): Scenario | undefined {
  if (paymentMethod === 'paypal') return sealedReturnUrl === null ? undefined : { kind: 'challenged' };
  if (cardBrand !== 'visa' || cardLast4 === null) return undefined;
  return BY_LAST_FOUR.get(cardLast4);
}

/** The money is taken, or held where that is asked for. */
export function taken(transaction: Transaction): Authorized | { kind: 'approved'; reference: string } {
  const reference = chargeReference(transaction);
  const isHeld = transaction.captureMethod === 'manual' && transaction.status === 'pending';
  return isHeld ? { kind: 'authorized', reference, expiresAtMs: null } : { kind: 'approved', reference };
}

function chargeReference(transaction: Transaction): string {
  return `sandbox_charge_${transaction.transactionId}`;
}

function refundReference(refund: Refund): string {
  return `sandbox_refund_${refund.refundId}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
