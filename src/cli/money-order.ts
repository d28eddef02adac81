/** What `payctl refund`, `capture` and `void` have in common: find the payment, ask, order it from the service, and say what came of it. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { decimalText } from '../core/domain/money.ts';
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isAuthorized, isIdentifier, refundableMinor, type Transaction } from '../core/domain/transaction.ts';
import { auditOrder, type Order } from '../core/ledger/by-hand/audit-order.ts';
import { findPayment } from '../core/ledger/by-hand/find-by-id.ts';
import type { Database } from '../core/ledger/database.ts';
import { DEFAULT_TENANT, type Scope } from '../core/security/credential.ts';
import { shardOfId } from '../core/shards.ts';
import { type Documentation, EXIT_FAILED } from '../local/command.ts';
import { addJsonOption, addPlaceOptions, type LedgerPlace, type PlaceOptions } from './arguments.ts';
import type { Ledger } from './ledger-access.ts';
import { type Answer, followOutcome, orderAtService, type Refusal } from './order-at-service.ts';
import { printFacts, printJson, showFacts } from './output.ts';
import { requireConfirmation } from './prompt.ts';
import { type Call, type Service, serviceOf } from './service-access.ts';

export const EXIT_REFUSED = 1;
export const EXIT_UNKNOWN = 3;
export const MONEY_EXIT_CODES: Documentation['exitCodes'] = [
  [0, 'done'],
  [EXIT_REFUSED, 'refused by the service or the gateway, which is said with the reason; nothing was done'],
  [EXIT_FAILED, 'nothing was ordered: an argument or the answer to the question, no such payment, no service, no key'],
  [EXIT_UNKNOWN, 'ordered, and the outcome is not known yet'],
];

const WAIT_SECONDS = 60;
const WAIT_MAX_SECONDS = 3_600;

export interface MoneyOptions extends PlaceOptions {
  url?: string;
  wait: number;
  yes?: true;
  json?: true;
}

export function addMoneyOptions(command: Command): Command {
  command
    .addOption(
      new Option('--url <url>', 'where the service is; remotely else PAYMENT_SERVICE_URL, locally `npm run dev`'),
    )
    .addOption(
      new Option('--wait <seconds>', 'how long to wait for the outcome').argParser(readSeconds).default(WAIT_SECONDS),
    )
    .option('--yes', 'does not ask');
  return addPlaceOptions(addJsonOption(command));
}

function readSeconds(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > WAIT_MAX_SECONDS) {
    throw new InvalidArgumentError(`It must be a number of seconds from 0 to ${WAIT_MAX_SECONDS}.`);
  }
  return Number(text);
}

export function readPaymentId(text: string): string {
  if (!isIdentifier(text, 'TXN-')) throw new InvalidArgumentError('It must be the id of a payment, TXN-….');
  return text;
}

export interface Found {
  db: Database;
  transaction: Transaction;
}

/** @throws Error where there is no such payment */
export async function paymentOf({ databases }: Ledger, transactionId: string): Promise<Found> {
  const db = databases[shardOfId(transactionId, databases.length)] ?? databases[0];
  const found = await findPayment(db, transactionId);
  if (found !== null) return { db, transaction: found.transaction };
  throw new Error(
    `There is no payment ${transactionId} in this database. An old one may be in the archive: \`payctl archive\``,
  );
}

/** How an order has ended, by the rows. */
export interface Ended {
  isDone: boolean;
  /** `Refunded 5.00 USD`, or why it was not. */
  sentence: string;
  facts: (readonly [name: string, value: string])[];
  /** For programs, beside the payment. */
  json: Record<string, unknown>;
}

export interface MoneyOrder {
  found: Found;
  service: Service;
  action: Order['action'] & `${'refund' | 'capture' | 'void'}.ordered`;
  scope: Scope;
  call: Omit<Call, 'requestId'>;
  detail: Order['detail'];
  question: string;
  facts: (readonly [name: string, value: string])[];
  /** Null as long as the rows have no outcome. @param refundId where the service has named it */
  readEnded: (refundId: string | null) => Promise<Ended | null>;
  /** A command that goes on with this order, and is no second one. */
  goOn: string;
}

/** Asks, orders, and prints what came of it; sets the exit code. */
export async function carryOut(order: MoneyOrder, { yes, json, wait }: MoneyOptions): Promise<void> {
  const { db, transaction } = order.found;
  const requestId = db.author.requestId ?? '';
  const { service, call } = order;
  showFacts([...paymentFacts(transaction), ...order.facts, ['service', service.url]]);
  await requireConfirmation(order.question, yes === true);
  if (yes === true) console.error();
  await auditOrder(db, transaction.tenant, {
    ...{ atMs: Date.now(), action: order.action, subject: transaction.transactionId },
    detail: { ...order.detail, request_id: requestId },
  });
  const interrupted = () => {
    console.error(`\nInterrupted: it may have been carried out.\n${howToGoOn(order)}`);
    process.exit(EXIT_UNKNOWN);
  };
  process.once('SIGINT', interrupted);
  try {
    const answer = await orderAtService(service, { ...call, requestId });
    const refundId = answer.kind === 'pending' ? answer.refundId : null;
    const isOpen = answer.kind === 'pending' || answer.kind === 'unknown';
    const ended =
      answer.kind === 'done'
        ? await order.readEnded(null)
        : isOpen
          ? await followOutcome(() => order.readEnded(refundId), wait)
          : null;
    report(order, answer, ended, { requestId, refundId, json: json === true });
  } finally {
    process.off('SIGINT', interrupted);
  }
}

interface Reported {
  requestId: string;
  refundId: string | null;
  json: boolean;
}

function report(order: MoneyOrder, answer: Answer, ended: Ended | null, { requestId, refundId, json }: Reported): void {
  const { transaction } = order.found;
  if (answer.kind === 'not_ordered') throw new Error(`${answer.reason}\nNothing was done`);
  const state =
    ended === null ? (answer.kind === 'refused' ? 'refused' : 'unknown') : ended.isDone ? 'done' : 'refused';
  process.exitCode = { done: 0, refused: EXIT_REFUSED, unknown: EXIT_UNKNOWN }[state];
  if (json) {
    printJson({
      ...{ outcome: state, transaction_id: transaction.transactionId, booking_id: transaction.bookingId },
      ...{ tenant: transaction.tenant, currency: transaction.currency, request_id: requestId },
      ...(order.call.idempotencyKey !== null && { idempotency_key: order.call.idempotencyKey }),
      ...(refundId !== null && { refund_id: refundId }),
      ...ended?.json,
      ...(answer.kind === 'refused' && refusedForPrograms(answer.refusal)),
      ...(state === 'unknown' && { reason: whyUnknown(answer), go_on: order.goOn }),
    });
  } else if (answer.kind === 'refused') {
    console.error(explain(answer.refusal, order));
  } else if (ended === null) {
    console.error(`The outcome is not known yet. ${whyUnknown(answer)}\n${howToGoOn(order, refundId)}`);
  } else {
    console.log(ended.sentence);
    printFacts([...ended.facts, ['request', requestId]]);
  }
}

function whyUnknown(answer: Answer): string {
  return 'reason' in answer ? answer.reason : 'The service has done it, and the database does not show it yet';
}

function refusedForPrograms({ status, code, message, reason, nextStep }: Refusal) {
  return { http_status: status, error_code: code, message, reason, next_step: nextStep };
}

function howToGoOn({ found, goOn }: MoneyOrder, refundId: string | null = null): string {
  const what =
    refundId === null
      ? 'If the order has arrived, the service goes on with it.'
      : 'The service goes on asking the gateway.';
  return `${what} To look: npx payctl show ${refundId ?? found.transaction.transactionId}
To go on waiting, without ordering it twice: ${goOn}`;
}

/** What the service has said, and what the person at the desk can do about it. */
function explain(refusal: Refusal, { found, scope, service }: MoneyOrder): string {
  const { tenant, transactionId } = found.transaction;
  const { status, code, message, reason, nextStep } = refusal;
  const said = `${reason === null || reason === message ? message : `${message}: ${reason}`} (${status} ${code})`;
  const newKey = `npx payctl keys create desk --scopes ${scope}${tenant === DEFAULT_TENANT ? '' : ` --tenant ${tenant}`}`;
  switch (status) {
    case 401:
    case 403:
      if (code === 'HTTPS_REQUIRED') return `Refused: ${said}. Give its https address with --url`;
      return `Refused: ${said}
PAYMENT_API_KEY must be a key of the organisation ${tenant} with the scope ${scope}. To make one, for the same database as here:
  ${newKey}`;
    case 404:
      if (code !== 'TRANSACTION_NOT_FOUND') return `Refused: ${said}. Is ${service.url} the payment service?`;
      return `Refused: ${said}
The database has ${transactionId}, of the organisation ${tenant}: the key is of another organisation, or ${service.url} is
another installation. To make a key:
  ${newKey}`;
    default:
      return `Refused: ${said}${nextStep === null ? '' : `\n${nextStep}`}`;
  }
}

/** What a person should see before money moves. */
function paymentFacts(transaction: Transaction): (readonly [string, string])[] {
  const { transactionId, bookingId, tenant, paymentMethod, cardBrand, cardLast4, gateway } = transaction;
  const card = cardLast4 === null ? '' : `, ${[cardBrand, cardLast4].filter(Boolean).join(' ')}`;
  return [
    ['payment', transactionId],
    ['booking', bookingId],
    ...(tenant === DEFAULT_TENANT ? [] : [['organisation', tenant] as const]),
    ['amount', amountText(transaction)],
    ['method', `${paymentMethod}${card}`],
    ['gateway', gateway],
    ['status', statusText(transaction)],
  ];
}

export function moneyText(amountMinor: number, currency: string): string {
  return `${decimalText(amountMinor, currency)} ${currency}`;
}

function amountText(transaction: Transaction): string {
  const { amountMinor, currency, refundedMinor, reservedMinor } = transaction;
  const amount = moneyText(amountMinor, currency);
  if (refundedMinor + reservedMinor === 0) return amount;
  const reserved = reservedMinor > 0 ? `, ${moneyText(reservedMinor, currency)} in pending refunds` : '';
  return `${amount}: ${moneyText(refundedMinor, currency)} refunded${reserved}, ${moneyText(refundableMinor(transaction), currency)} left`;
}

function statusText(transaction: Transaction): string {
  const { status, substate, expiresAtMs, processedAtMs, errorCode, step } = transaction;
  if (status !== 'pending') {
    const when = processedAtMs === null ? '' : ` at ${isoSeconds(processedAtMs)}`;
    return `${status}${when}${errorCode === null ? '' : ` (${errorCode})`}`;
  }
  const until = expiresAtMs === null ? '' : ` until ${isoSeconds(expiresAtMs)}`;
  if (isAuthorized(transaction)) return `held${until}, and not captured`;
  if (step !== null) return `pending: ${STEPS[step]}`;
  return substate === 'challenged' ? `waits for its payer${until}` : 'pending';
}

const STEPS = {
  authorize: 'its money is being held',
  capture: 'it is being captured',
  void: 'it is being voided',
  expire: 'its time is over, and it is being ended',
} as const;

export function orderedService(place: LedgerPlace, ledger: Ledger, { url }: MoneyOptions): Service {
  return serviceOf(place, ledger.servicePort, url);
}

/** The options of a command that are needed to repeat it elsewhere. */
export function placeWords({ remote, persistTo, secretsFile }: LedgerPlace, { url }: MoneyOptions): string {
  const words = [
    ...(remote ? ['--remote'] : []),
    ...(secretsFile === null ? [] : ['--secrets-file', secretsFile]),
    ...(persistTo === null ? [] : ['--persist-to', persistTo]),
    ...(url === undefined ? [] : ['--url', url]),
  ];
  return words.map((word) => ` ${inShell(word)}`).join('');
}

/** As a shell takes it for one word. */
export function inShell(word: string): string {
  return /^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
