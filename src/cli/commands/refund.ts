/** `payctl refund`: pays a payment back, in part or in full, through the service's API. */
import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { currencyExponent, decimalText, minorUnits } from '../../core/domain/money.ts';
import {
  isAuthorized,
  isWaiting,
  type Refund,
  refundableMinor,
  type Transaction,
} from '../../core/domain/transaction.ts';
import { findPayment, findRefundWithPayment } from '../../core/ledger/by-hand/find-by-id.ts';
import { findRefundOfKey } from '../../core/ledger/by-hand/find-refund-of-key.ts';
import { disputesOf } from '../../core/ledger/payments/list-disputes.ts';
import { documented } from '../../local/command.ts';
import { type LedgerPlace, placeOf, readPaymentId } from '../arguments.ts';
import { disputeFacts, whyRefundRefused } from '../dispute-facts.ts';
import { type Ledger, withLedger } from '../ledger-access.ts';
import {
  addMoneyOptions,
  carryOut,
  type Ended,
  type Found,
  howToLearnOutcome,
  inShell,
  MONEY_EXIT_CODES,
  type MoneyOptions,
  orderedService,
  paymentOf,
  placeWords,
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
    .option('--amount <amount>', 'such as 5.00; without it, all that is left to refund', readAmount)
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

/** Of all currencies, one of those with the most decimals: what is no amount in it is none in any. */
const FINEST_CURRENCY = 'KWD';

function readAmount(text: string): string {
  if (minorUnits(text, FINEST_CURRENCY) !== null) return text;
  throw new InvalidArgumentError(
    'It must be more than 0, with a decimal point and at most as many decimals as the currency has, such as 5.00.',
  );
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
  const amountMinor = amountOf(transaction, place, options);
  const amount = decimalText(amountMinor, currency);
  const key = options.idempotencyKey ?? `payctl-${randomUUID()}`;
  const goOn = ['npx payctl refund', transactionId, '--amount', amount];
  if (options.reason !== '') goOn.push('--reason', inShell(options.reason));
  goOn.push('--idempotency-key', inShell(key));
  const left = refundableMinor(transaction) - amountMinor;
  const disputes = await disputesOf(found.db, transactionId);
  const whyRefused = whyRefundRefused(disputes, transaction, amountMinor);
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
        ...disputeFacts(disputes),
        ...(options.reason === '' ? [] : [['reason', options.reason] as const]),
        ['to refund', `${moneyText(amountMinor, currency)}${left > 0 ? `, leaves ${moneyText(left, currency)}` : ''}`],
        ...(whyRefused === null ? [] : [['warning', `expect a refusal: ${whyRefused}`] as const]),
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
function amountOf(transaction: Transaction, place: LedgerPlace, options: Options): number {
  const { amount, idempotencyKey } = options;
  const { currency } = transaction;
  const leftMinor = refundableMinor(transaction);
  if (idempotencyKey === undefined) refuseEarly(transaction, place, options);
  else if (amount === undefined) throw new Error('--idempotency-key requires the --amount of the refund to go on with');
  if (amount === undefined) return leftMinor;
  const minor = minorUnits(amount, currency);
  if (minor === null)
    throw new Error(`${amount} is not an amount in ${currency}: it must have ${decimalsOf(currency)}`);
  if (minor > leftMinor && idempotencyKey === undefined) {
    throw new Error(`Only ${moneyText(leftMinor, currency)} is left to refund`);
  }
  return minor;
}

function decimalsOf(currency: string): string {
  const exponent = currencyExponent(currency) ?? 0;
  return exponent === 0
    ? 'no decimals, such as 500'
    : `at most ${exponent} decimals, such as ${decimalText(5 * 10 ** exponent, currency)}`;
}

/** @throws Error where nothing of the payment can be refunded, with what to do instead */
function refuseEarly(transaction: Transaction, place: LedgerPlace, options: Options): void {
  const { transactionId, status, currency, reservedMinor } = transaction;
  const voidIt = `npx payctl void ${transactionId}${placeWords(place, options)}`;
  switch (status) {
    case 'completed':
      if (refundableMinor(transaction) > 0) return;
      throw new Error(`Nothing is left to refund: ${moneyText(reservedMinor, currency)} is in pending refunds`);
    case 'refunded':
      throw new Error('The payment has already been refunded in full');
    case 'failed':
      throw new Error('The payment has failed, so there is nothing to refund');
    case 'pending':
      if (isAuthorized(transaction)) {
        throw new Error(
          `The payment is authorized: its money is held, not taken, so there is nothing to refund. Release it with ${voidIt}`,
        );
      }
      if (isWaiting(transaction)) {
        throw new Error(`The payment waits for its payer, so there is nothing to refund. End it with ${voidIt}`);
      }
      throw new Error(`The payment is pending, so there is nothing to refund yet.
${howToLearnOutcome(transactionId, place)}`);
  }
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
      : `${amount} was not refunded: ${made.failureReason ?? made.errorCode ?? made.status}`,
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
