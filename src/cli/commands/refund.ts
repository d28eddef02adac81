/** `payctl refund`: pays a payment back, in part or in full, through the service's API. */
import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { decimalText, minorUnits } from '../../core/domain/money.ts';
import { type Refund, refundableMinor, type Transaction } from '../../core/domain/transaction.ts';
import { findPayment, findRefundWithPayment } from '../../core/ledger/by-hand/find-by-id.ts';
import { findRefundOfKey } from '../../core/ledger/by-hand/find-refund-of-key.ts';
import { documented } from '../../local/command.ts';
import { type LedgerPlace, placeOf } from '../arguments.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import {
  addMoneyOptions,
  carryOut,
  type Ended,
  type Found,
  inShell,
  MONEY_EXIT_CODES,
  type MoneyOptions,
  orderedService,
  paymentOf,
  placeWords,
  readPaymentId,
} from '../money-order.ts';
import { moneyText } from '../output-of-payments.ts';

interface Options extends MoneyOptions {
  amount?: string;
  reason: string;
  idempotencyKey?: string;
}

export function addRefund(program: Command): void {
  const command = program
    .command('refund')
    .summary('Refunds a payment, in part or in full.')
    .description(
      'Refunds a payment through the API of the service, in part or in full: shows the payment, asks, and waits for the outcome. In the audit log, the entries of the order and of the refund have the same request id. Requires PAYMENT_API_KEY, a key of the organisation with the scope refunds:write, where the service requires keys.',
    )
    .argument('<payment>', 'the id of the payment, TXN-…', readPaymentId)
    .option('--amount <amount>', 'such as 5.00; without it, all that is left to refund')
    .option('--reason <reason>', 'for the shop: it is in the event', '')
    .option(
      '--idempotency-key <key>',
      'goes on with a refund whose outcome was not known, as that command printed it',
      readKey,
    )
    .action(async (transactionId: string, options: Options) => {
      const place = placeOf(options, command);
      await withLedger(place, (ledger) => refund(ledger, place, transactionId, options));
    });
  addMoneyOptions(command);
  documented(command, {
    examples: [
      ['refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'all that is left of it'],
      [
        'refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --amount 5.00 --reason "Screen broken" --remote --url https://payments.example.com',
        'a part, on Cloudflare',
      ],
    ],
    exitCodes: MONEY_EXIT_CODES,
  });
}

function readKey(text: string): string {
  if (!/^[\x21\x23-\x2b\x2d-\x7e]{1,255}$/.test(text)) {
    throw new InvalidArgumentError('It must be a key as this command prints it, payctl-….');
  }
  return text;
}

async function refund(ledger: Ledger, place: LedgerPlace, transactionId: string, options: Options): Promise<void> {
  const found = await paymentOf(ledger, transactionId);
  const { transaction } = found;
  const { currency, tenant, bookingId, userId } = transaction;
  const amountMinor = amountOf(transaction, options);
  const amount = decimalText(amountMinor, currency);
  const key = options.idempotencyKey ?? `payctl-${randomUUID()}`;
  const goOn = ['npx payctl refund', transactionId, '--amount', amount];
  if (options.reason !== '') goOn.push('--reason', inShell(options.reason));
  goOn.push('--idempotency-key', inShell(key));
  const left = refundableMinor(transaction) - amountMinor;
  await carryOut(
    {
      found,
      service: orderedService(place, ledger, options),
      action: 'refund.ordered',
      scope: 'refunds:write',
      call: {
        path: '/payment/refund',
        body: {
          ...{ booking_id: bookingId, original_transaction_id: transactionId, user_id: userId },
          ...{ refund_amount: amount, reason: options.reason },
        },
        idempotencyKey: key,
      },
      detail: { amount_minor: amountMinor, currency },
      question: `Refund ${moneyText(amountMinor, currency)}?`,
      facts: [
        ...(options.reason === '' ? [] : [['reason', options.reason] as const]),
        [
          'to refund',
          `${moneyText(amountMinor, currency)}${left > 0 ? `; ${moneyText(left, currency)} are left then` : ''}`,
        ],
      ],
      readEnded: async (refundId) => {
        const made = refundId === null ? await findRefundOfKey(found.db, tenant, key) : await refundOf(found, refundId);
        // A key that was mistyped may be that of another payment's refund.
        if (made === null || made.transactionId !== transactionId) return null;
        return made.status === 'pending' ? null : ended(found, made);
      },
      goOn: `${goOn.join(' ')}${placeWords(place, options)}`,
    },
    options,
  );
}

/** @throws Error where nothing, or not so much, is left; not of a refund that is gone on with, which may be what took it */
function amountOf(transaction: Transaction, { amount, idempotencyKey }: Options): number {
  const { currency, status, reservedMinor } = transaction;
  const leftMinor = refundableMinor(transaction);
  if (idempotencyKey !== undefined) {
    if (amount === undefined) throw new Error('--idempotency-key requires the --amount of the refund to go on with');
  } else if (status !== 'completed') {
    const hint = status === 'pending' && transaction.substate === 'authorized' ? ': void it instead' : '';
    throw new Error(`The payment is ${status}: nothing of it can be refunded${hint}`);
  } else if (leftMinor === 0) {
    throw new Error(`Nothing is left to refund: ${moneyText(reservedMinor, currency)} are in pending refunds`);
  }
  if (amount === undefined) return leftMinor;
  const minor = minorUnits(amount, currency);
  if (minor === null) throw new Error(`${amount} is not an amount in ${currency}`);
  if (minor > leftMinor && idempotencyKey === undefined) {
    throw new Error(`Only ${moneyText(leftMinor, currency)} are left to refund`);
  }
  return minor;
}

async function refundOf({ db }: Found, refundId: string): Promise<Refund | null> {
  return (await findRefundWithPayment(db, refundId))?.refund ?? null;
}

async function ended({ db, transaction }: Found, made: Refund): Promise<Ended> {
  const { transactionId, currency } = transaction;
  const now = (await findPayment(db, transactionId))?.transaction ?? transaction;
  const isDone = made.status === 'completed';
  const amount = moneyText(made.amountMinor, currency);
  const leftMinor = refundableMinor(now);
  return {
    isDone,
    sentence: isDone
      ? `Refunded ${amount}`
      : `${amount} were not refunded: ${made.failureReason ?? made.errorCode ?? made.status}`,
    facts: [
      ['refund', made.refundId],
      ['payment', `${transactionId}, ${now.status}`],
      ['left to refund', moneyText(leftMinor, currency)],
    ],
    json: {
      ...{ refund_id: made.refundId, refund_status: made.status, amount_minor: made.amountMinor },
      ...{ status: now.status, refunded_minor: now.refundedMinor, refundable_minor: leftMinor },
      ...(!isDone && { error_code: made.errorCode, reason: made.failureReason }),
    },
  };
}
