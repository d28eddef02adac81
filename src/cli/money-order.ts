/** What `payctl refund`, `capture` and `void` have in common: find the payment, ask, order it from the service, and say what came of it. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Transaction } from '../core/domain/transaction.ts';
import { auditOrder, type Order } from '../core/ledger/by-hand/audit-order.ts';
import { findPayment } from '../core/ledger/by-hand/find-by-id.ts';
import type { Database } from '../core/ledger/database.ts';
import { DEFAULT_TENANT, type Scope } from '../core/security/credential.ts';
import { type Documentation, EXIT_FAILED } from '../local/command.ts';
import { addJsonOption, addPlaceOptions, type LedgerPlace, type PlaceOptions } from './arguments.ts';
import { exitAsOrdered } from './exit-as-ordered.ts';
import { databaseOfId, type Ledger } from './ledger-access.ts';
import { type Answer, followOutcome, orderAtService, type Refusal } from './order-at-service.ts';
import { printFacts, printJson, showFacts } from './output.ts';
import { paymentFacts } from './payment-facts.ts';
import { requireConfirmation } from './prompt.ts';
import { type Call, type Service, serviceOf } from './service-access.ts';

export const EXIT_REFUSED = 1;
export const EXIT_UNKNOWN = 3;
export const MONEY_EXIT_CODES: Documentation['exitCodes'] = [
  [0, 'done, now or before'],
  [EXIT_REFUSED, 'refused by the service or the gateway; the reason is printed, and nothing was done'],
  [
    EXIT_FAILED,
    'nothing was ordered: an argument or the answer to the question, a payment that is not there or does not allow it, no service, no key',
  ],
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

export interface Found {
  db: Database;
  transaction: Transaction;
}

/** @throws Error where there is no such payment */
export async function paymentOf({ databases }: Ledger, transactionId: string): Promise<Found> {
  const db = databaseOfId(databases, transactionId);
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
  const { idempotencyKey } = order.call;
  showFacts([...paymentFacts(transaction), ...order.facts, ['service', order.service.url]]);
  await requireConfirmation(order.question, yes === true);
  if (yes === true) console.error();
  await auditOrder(db, transaction.tenant, {
    ...{ atMs: Date.now(), action: order.action, subject: transaction.transactionId },
    // With the key, so that the same refund can be gone on with after a crash.
    detail: {
      ...order.detail,
      request_id: requestId,
      ...(idempotencyKey !== null && { idempotency_key: idempotencyKey }),
    },
  });
  const ending = { exitCode: EXIT_UNKNOWN, sentence: `It may have been carried out.\n${howToGoOn(order)}` };
  const nothingWasOrdered = exitAsOrdered(ending);
  // Even a bug must not hide how to go on.
  const followed = await orderAndFollow(order, requestId, wait).catch((error: unknown): Followed => {
    const reason = error instanceof Error ? error.message : String(error);
    return { answer: { kind: 'unknown', reason }, refundId: null, ended: null, readProblem: null };
  });
  if (followed.answer.kind === 'not_ordered') {
    nothingWasOrdered();
    throw new Error(`${followed.answer.reason}\nNothing was done`);
  }
  const outcome = outcomeOf(followed);
  ending.exitCode = { done: 0, refused: EXIT_REFUSED, unknown: EXIT_UNKNOWN }[outcome];
  ending.sentence = sentenceOf(order, followed);
  if (json) printJson(forPrograms(order, followed, outcome, requestId));
  else if (followed.ended === null) console.error(ending.sentence);
  else {
    console.log(ending.sentence);
    printFacts([...followed.ended.facts, ['request', requestId]]);
  }
}

/** Prints that what was to be ordered has been done before, so that it is not ordered again. */
export function printDoneBefore({ transaction }: Found, ended: Ended, { json }: Pick<MoneyOptions, 'json'>): void {
  if (json) printJson({ outcome: 'done', done_before: true, ...paymentForPrograms(transaction), ...ended.json });
  else {
    console.log(ended.sentence);
    printFacts(ended.facts);
  }
}

/** What came of an order, as far as it is known. */
interface Followed {
  answer: Answer;
  /** Where the service has named it. */
  refundId: string | null;
  ended: Ended | null;
  /** Why the rows could not be read in the end. */
  readProblem: string | null;
}

async function orderAndFollow(order: MoneyOrder, requestId: string, wait: number): Promise<Followed> {
  const answer = await orderAtService(order.service, { ...order.call, requestId }, { waitMs: wait * 1_000 });
  const refundId = answer.kind === 'pending' ? answer.refundId : null;
  if (answer.kind === 'refused' || answer.kind === 'not_ordered') {
    return { answer, refundId, ended: null, readProblem: null };
  }
  const { outcome, problem } = await followOutcome(() => order.readEnded(refundId), wait);
  return { answer, refundId, ended: outcome, readProblem: problem };
}

type Outcome = 'done' | 'refused' | 'unknown';

function outcomeOf({ answer, ended }: Followed): Outcome {
  if (ended === null) return answer.kind === 'refused' ? 'refused' : 'unknown';
  return ended.isDone ? 'done' : 'refused';
}

function sentenceOf(order: MoneyOrder, followed: Followed): string {
  const { answer, ended, refundId } = followed;
  if (answer.kind === 'refused') return explain(answer.refusal, order);
  if (ended !== null) return ended.sentence;
  return `The outcome is not known yet. ${whyUnknown(followed)}\n${howToGoOn(order, refundId)}`;
}

function forPrograms(order: MoneyOrder, followed: Followed, outcome: Outcome, requestId: string) {
  const { transaction } = order.found;
  const { answer, refundId, ended } = followed;
  return {
    outcome,
    ...paymentForPrograms(transaction),
    request_id: requestId,
    ...(order.call.idempotencyKey !== null && { idempotency_key: order.call.idempotencyKey }),
    ...(refundId !== null && { refund_id: refundId }),
    ...ended?.json,
    ...(answer.kind === 'refused' && refusedForPrograms(answer.refusal)),
    ...(outcome === 'unknown' && { reason: whyUnknown(followed), go_on: order.goOn }),
  };
}

function paymentForPrograms({ transactionId, bookingId, tenant, currency }: Transaction) {
  return { transaction_id: transactionId, booking_id: bookingId, tenant, currency };
}

function whyUnknown({ answer, readProblem }: Followed): string {
  const said = 'reason' in answer ? answer.reason : 'The service has done it, and the database does not show it yet';
  return readProblem === null ? said : `${said}. The database could not be read: ${readProblem}`;
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

export function orderedService(place: LedgerPlace, ledger: Ledger, { url }: MoneyOptions): Service {
  return serviceOf(place, ledger.servicePort, url);
}

/** Of a pending payment that waits for nobody but the gateway. */
export function howToLearnOutcome(transactionId: string, place: LedgerPlace): string {
  return `Wait for the gateway's answer, or have the service ask for it within a minute: npx payctl resolve ${transactionId} --retry${placeWords(place)}`;
}

/** The options of a command that are needed to repeat it elsewhere. */
export function placeWords(
  { remote, persistTo, secretsFile }: LedgerPlace,
  { url }: Pick<MoneyOptions, 'url'> = {},
): string {
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
