/**
 * A gateway that moves no money and keeps no state: what happens is decided by the card's number, as in the test suites
 * of the card networks. It is for development, for demonstrations and for callers' own tests.
 */
import { hasExpired } from '../../domain/card.ts';
import type { DeclineCode } from '../../domain/failure-causes.ts';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import type { ChargeRequest, Fence, Gateway, GatewayOutcome, Instrument, LookUp, RefundRequest } from '../gateway.ts';

/** The contract's date. Its examples and all published test cards expire after it, and so they never do here. */
export const SANDBOX_TODAY = { year: 2024, month: 12, day: 15 } as const;

type Scenario =
  | { kind: 'declined'; code: DeclineCode }
  | { kind: 'failed' }
  /** The gateway charges the card and answers after every deadline. */
  | { kind: 'answers_late' }
  /** The connection breaks before the request has reached the gateway. */
  | { kind: 'never_arrives' };

/** Every other card succeeds. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  '4000000000000002': { kind: 'declined', code: 'CARD_DECLINED' },
  '4000000000009995': { kind: 'declined', code: 'INSUFFICIENT_FUNDS' },
  '4000000000000069': { kind: 'declined', code: 'CARD_EXPIRED' },
  '4000000000000127': { kind: 'declined', code: 'INVALID_CARD' },
  '4000000000000119': { kind: 'failed' },
  '4000000000000408': { kind: 'answers_late' },
  '4000000000000507': { kind: 'never_arrives' },
};

/** Tokens of such cards. Every other token succeeds. */
const TOKENS: Readonly<Record<string, Scenario>> = {
  tok_card_declined: { kind: 'declined', code: 'CARD_DECLINED' },
  tok_insufficient_funds: { kind: 'declined', code: 'INSUFFICIENT_FUNDS' },
  tok_card_expired: { kind: 'declined', code: 'CARD_EXPIRED' },
  tok_invalid_card: { kind: 'declined', code: 'INVALID_CARD' },
  tok_gateway_error: { kind: 'failed' },
};

export function createSandbox(): Gateway {
  return {
    name: 'sandbox',
    canBeDown: false,
    methods: ['credit_card', 'debit_card', 'paypal'],
    knownWithinMs: 0,
    keysKeptForMs: Number.POSITIVE_INFINITY,

    async charge({ transaction, instrument, signal }: ChargeRequest): Promise<GatewayOutcome> {
      const scenario = scenarioOf(instrument);
      switch (scenario?.kind) {
        case undefined:
          return { kind: 'approved', reference: chargeReference(transaction) };
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
      const scenario = scenarioByLastFour(transaction);
      switch (scenario?.kind) {
        case undefined:
        case 'answers_late':
          return { kind: 'approved', reference: chargeReference(transaction) };
        case 'declined':
        case 'failed':
          return scenario;
        case 'never_arrives':
          return { kind: 'not_found' };
      }
    },

    async cancelCharge(transaction: Transaction, signal: AbortSignal): Promise<Fence> {
      const found = await this.lookUpCharge(transaction, signal);
      return found.kind === 'not_found' ? { kind: 'cancelled' } : found;
    },

    async lookUpRefund(refund: Refund): Promise<LookUp> {
      return { kind: 'approved', reference: refundReference(refund) };
    },
  };
}

function scenarioOf(instrument: Instrument): Scenario | undefined {
  if (instrument.kind === 'token')
    return Object.hasOwn(TOKENS, instrument.token) ? TOKENS[instrument.token] : undefined;
  if (instrument.kind !== 'card') return undefined;
  const { card } = instrument;
  return hasExpired(card, SANDBOX_TODAY) ? { kind: 'declined', code: 'CARD_EXPIRED' } : SCENARIOS[card.number.reveal()];
}

/** The row of the ledger has brand and last four digits, which distinguish the scenarios, all of them Visa cards. */
function scenarioByLastFour({ cardBrand, cardLast4 }: Transaction): Scenario | undefined {
  if (cardBrand !== 'visa' || cardLast4 === null) return undefined;
  return SCENARIOS[`400000000000${cardLast4}`];
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
