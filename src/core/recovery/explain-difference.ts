/** Explains each difference in plain words, and what to do about it. */
import { currencyExponent, decimalAmount } from '../domain/money.ts';
import { isoSeconds } from '../domain/timestamp.ts';
import type { LookUp } from '../gateways/gateway.ts';
import type { Difference, Money } from './differences.ts';

export interface Explanation {
  what: string;
  todo: string;
}

export function explainDifference(difference: Difference): Explanation {
  switch (difference.kind) {
    case 'unknown_charge': {
      const { id, reference, money, movedAtMs } = difference;
      return {
        what: `The gateway charged ${shown(money)} as ${id} (${reference}) at ${isoSeconds(movedAtMs)}, and the ledger has no such payment.`,
        todo: 'Unless another service charges under this account, refund it at the gateway and find out how its row was lost.',
      };
    }
    case 'unknown_refund': {
      const { id, reference, money, movedAtMs } = difference;
      return {
        what: `The gateway paid back ${shown(money)} as ${id} (${reference}) at ${isoSeconds(movedAtMs)}, and the ledger has no such refund.`,
        todo: "If it is an external refund, made in the provider's dashboard, have the provider send its webhook again: it is booked then. Until that, the payment's balance does not know of it. If its payment is old, both may have left for the archive.",
      };
    }
    case 'moved_twice':
      return {
        what: `The gateway moved the money of ${difference.id} ${difference.references.length} times: ${difference.references.join(', ')}.`,
        todo: 'Have the gateway reverse all but one of them, and ask it why it accepted the same idempotency key twice.',
      };
    case 'amount_differs':
      return {
        what: `${difference.id} is ${shown(difference.ledger)} in the ledger and ${shown(difference.gateway)} at the gateway.`,
        todo: 'Ask the gateway, then refund the excess to the payer, or collect what is missing.',
      };
    case 'charge_of_failed_payment':
      return {
        what: `The payment ${difference.transactionId} failed, and the gateway has charged ${shown(difference.money)} for it (${difference.reference}).`,
        todo: 'The service asks an hour and a day after the failure, and pays it back. If it is older, refund it at the gateway.',
      };
    case 'refund_of_failed_row':
      return {
        what: `The refund ${difference.refundId} is ${difference.status} in the ledger, and the gateway has paid ${shown(difference.money)} (${difference.reference}).`,
        todo: "The payer has the money, and the payment's balance allows it once more: refuse another refund of it.",
      };
    case 'unresolved':
      return {
        what: `${difference.id} has been pending since ${isoSeconds(difference.createdAtMs)}${difference.moved ? ', and the gateway has moved the money' : ''}.`,
        todo: 'The service asks the gateway about it, at least every six hours: `gateway.answered` in the log says why there is no outcome yet.',
      };
    case 'refund_taken_back':
      return {
        what: `The refund ${difference.refundId} of ${difference.transactionId} was paid back, and the gateway has taken it back since.`,
        todo: 'The service books it within a week; pay the payer back in another way.',
      };
    case 'charge_missing':
    case 'refund_missing':
      return {
        what: `${difference.id} is ${difference.kind === 'charge_missing' ? 'paid' : 'paid back'} in the ledger, and the gateway ${GATEWAY_SAYS[difference.gatewaySays ?? 'not_found']}.`,
        todo: 'Ask the gateway with the reference that the row has.',
      };
    case 'not_compared': {
      const { id, gateway, reason } = difference;
      return {
        what: `The gateway ${gateway} did not ${id === null ? 'list what it moved' : `say what it knows of ${id}`}: ${reason}.`,
        todo: 'Run this again when it answers.',
      };
    }
    case 'balance_differs': {
      const { transactionId, balance, refunds, currency } = difference;
      const inCurrency = (amountMinor: number) => shown({ amountMinor, currency });
      return {
        what: `The payment ${transactionId} has ${inCurrency(balance.refundedMinor)} as refunded and ${inCurrency(balance.reservedMinor)} as reserved, and its refunds add up to ${inCurrency(refunds.refundedMinor)} and ${inCurrency(refunds.reservedMinor)}.`,
        todo: 'Nothing in the service writes this: find out what changed the row, and correct the balance.',
      };
    }
    case 'event_missing':
      return {
        what: `${difference.id} has ended, and its ${difference.eventType} event is missing.`,
        todo: 'Inform the services that subscribe to these events; nothing in the service writes the one without the other.',
      };
    case 'event_unfounded':
      return {
        what: `The event ${difference.eventId} (${difference.eventType}) is about ${difference.id}, whose outcome has no such event.`,
        todo: 'Inform the services that subscribe to these events; nothing in the service writes the one without the other.',
      };
    case 'event_waiting': {
      const { eventId, eventType, waitingSinceMs, attempts, lastError } = difference;
      return {
        what: `The event ${eventId} (${eventType}) has been waiting since ${isoSeconds(waitingSinceMs)}, after ${attempts} attempts${lastError === null ? '' : `: ${lastError}`}.`,
        todo: 'See whether the cron runs, and whether the bridge is ready.',
      };
    }
  }
}

const GATEWAY_SAYS: Readonly<Record<LookUp['kind'], string>> = {
  approved: 'has it',
  mischarged: 'has captured another amount for it',
  declined: 'declined it',
  failed: 'failed at it',
  authorized: 'holds the money, and has not taken it',
  challenged: 'waits for the payer',
  payer_approved: "has the payer's approval, and has not taken the money",
  cancelled: 'has cancelled it',
  in_progress: 'is still working on it',
  not_found: 'does not know it',
  unreachable: 'does not answer',
  undetermined: 'answers, and cannot say',
};

/** A gateway can name an unknown currency. */
function shown({ amountMinor, currency }: Money): string {
  if (currencyExponent(currency) === null) return `${amountMinor} minor units of ${currency}`;
  return `${decimalAmount(amountMinor, currency)} ${currency}`;
}
