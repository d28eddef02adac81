/** `payctl capture` and `payctl void`: how a payment ends whose money is held, or that waits for its payer, through the service's API. */
import type { Command } from 'commander';
import { isWaiting, type Transaction } from '../../core/domain/transaction.ts';
import { findPayment } from '../../core/ledger/by-hand/find-by-id.ts';
import { documented } from '../../local/command.ts';
import { type LedgerPlace, placeOf, readPaymentId } from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import {
  addMoneyOptions,
  carryOut,
  type Ended,
  howToLearnOutcome,
  MONEY_EXIT_CODES,
  type MoneyOptions,
  orderedService,
  paymentOf,
  placeWords,
  printDoneBefore,
} from '../money-order.ts';
import { moneyText } from '../output-of-payments.ts';

const REQUIRES =
  'Shows the payment, asks, and waits for the outcome. In the audit log, the entries of the order and of what came of it have the same request id. Requires PAYMENT_API_KEY, a key of the organisation with the scope payments:write, where the service requires keys.';

type Step = 'capture' | 'void';

export function addCapture(program: Command): void {
  addStep(
    program,
    'capture',
    `Takes the money that is held for a payment, through the API of the service. ${REQUIRES}`,
  );
}

export function addVoid(program: Command): void {
  const what =
    'Releases the money that is held for a payment, or stops waiting for its payer, through the API of the service.';
  addStep(program, 'void', `${what} ${REQUIRES}`);
}

function addStep(program: Command, step: Step, description: string): void {
  const command = program
    .command(step)
    .summary(`${description.split(', through')[0]}.`)
    .description(description)
    .argument('<payment>', 'the id of the payment, TXN-…', readPaymentId)
    .action(async (transactionId: string, options: MoneyOptions) => {
      const place = placeOf(options, command);
      await withLedger(place, (ledger) => endHold(ledger, place, step, transactionId, options));
    });
  addMoneyOptions(command);
  documented(command, {
    examples: [
      [`${step} TXN-01M8J9C0XSF3V1B4DZ9PWCRACA`, 'a payment of the local database'],
      [`${step} TXN-01M8J9C0XSF3V1B4DZ9PWCRACA --remote --url https://payments.example.com`, 'one on Cloudflare'],
    ],
    exitCodes: MONEY_EXIT_CODES,
  });
}

async function endHold(
  ledger: Ledger,
  place: LedgerPlace,
  step: Step,
  transactionId: string,
  options: MoneyOptions,
): Promise<void> {
  const found = await paymentOf(ledger, transactionId);
  const { transaction, db } = found;
  const { bookingId, userId, amountMinor, currency } = transaction;
  const before = doneBefore(transaction, step);
  if (before !== null) return printDoneBefore(found, before, options);
  refuseEarly(transaction, step, place, options);
  const isHeld = transaction.substate === 'authorized';
  const amount = moneyText(amountMinor, currency);
  await carryOut(
    {
      found,
      service: orderedService(place, ledger, options),
      action: `${step}.ordered`,
      scope: 'payments:write',
      call: {
        path: `/payment/${step}`,
        body: { booking_id: bookingId, transaction_id: transactionId, user_id: userId },
        idempotencyKey: null,
      },
      detail: { amount_minor: amountMinor, currency },
      question: step === 'capture' ? `Capture ${amount}?` : isHeld ? `Release ${amount}?` : 'End the payment?',
      facts: [
        step === 'capture'
          ? ['to capture', `all of it: ${amount}`]
          : [
              'to void',
              isHeld ? `${amount} is released, and the payment fails` : 'the payment fails, and nothing is charged',
            ],
      ],
      readEnded: async () => {
        const now = (await findPayment(db, transactionId))?.transaction ?? null;
        return now === null || now.status === 'pending' ? null : ended(now, step);
      },
      goOn: `npx payctl ${step} ${transactionId}${placeWords(place, options)}`,
    },
    options,
  );
}

/** Null unless the payment is as the command would leave it: it can be repeated. */
function doneBefore(transaction: Transaction, step: Step): Ended | null {
  const { status, substate, errorCode, amountMinor, currency } = transaction;
  const isCaptured = substate === 'authorized' && status !== 'pending' && errorCode === null;
  if (step === 'capture' ? !isCaptured : errorCode !== 'PAYMENT_VOIDED') return null;
  const sentence =
    step === 'capture' ? `Already captured: ${moneyText(amountMinor, currency)}` : 'Already voided: nothing is charged';
  return { ...ended(transaction, step), sentence };
}

/** What certainly cannot be done is not asked for. All else the service decides. */
function refuseEarly(transaction: Transaction, step: Step, place: LedgerPlace, options: MoneyOptions): void {
  const { transactionId, substate, status, errorCode } = transaction;
  if (status === 'pending' && (substate === 'authorized' || (substate === 'challenged' && step === 'void'))) return;
  const instead = (command: string) => `npx payctl ${command} ${transactionId}${placeWords(place, options)}`;
  if (status !== 'pending') {
    const refund = step === 'void' && status === 'completed' ? `\nTo pay it back: ${instead('refund')}` : '';
    throw new Error(
      `The payment is ${status}${errorCode === null ? '' : ` (${errorCode})`}. Nothing was done${refund}`,
    );
  }
  if (isWaiting(transaction)) {
    throw new Error(`The payer has not authenticated or approved the payment yet. Nothing was done
Wait for the payer, or end the payment: ${instead('void')}`);
  }
  throw new Error(`The payment is pending, and its money is not held. Nothing was done
${howToLearnOutcome(transactionId, place)}`);
}

function ended(now: Transaction, step: Step): Ended {
  const { transactionId, bookingId, status, errorCode, failureReason, amountMinor, currency } = now;
  const isDone = step === 'capture' ? errorCode === null : errorCode === 'PAYMENT_VOIDED';
  const amount = moneyText(amountMinor, currency);
  const done = step === 'capture' ? `Captured ${amount}` : 'Voided: nothing is charged';
  const notDone =
    errorCode === null ? `Not voided: ${amount} had been captured before` : `Not done: ${failureReason ?? errorCode}`;
  return {
    isDone,
    sentence: isDone ? done : notDone,
    facts: [
      ['payment', `${transactionId}, ${status}`],
      ['booking', bookingId],
    ],
    json: {
      status,
      amount_minor: amountMinor,
      ...(errorCode !== null && { error_code: errorCode, reason: failureReason }),
    },
  };
}
