/** `payctl find`: finds payments by booking, user, status, method, gateway, provider's reference and time. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PAYMENT_METHODS, type PaymentMethod } from '../../contract/requests.ts';
import { SHOWN_STATUSES, type ShownStatus } from '../../contract/search.ts';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { isIdentifier, shownStatus, type Transaction } from '../../core/domain/transaction.ts';
import { unpack } from '../../core/ledger/audit/packed-lines.ts';
import type { PaymentFilters } from '../../core/ledger/payments/search-page.ts';
import { readStory } from '../../core/payments/payment-story.ts';
import { searchPayments } from '../../core/payments/search-payments.ts';
import { DEFAULT_TENANT } from '../../core/security/credential.ts';
import { documented } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  type PlaceOptions,
  placeOf,
  readTenant,
  readTimeMs,
  refuseEmptyRange,
} from '../arguments.ts';
import { type Databases, databaseOfId, withLedger } from '../ledger-access.ts';
import { printJson, printTable } from '../output.ts';
import { forPrograms, shownAmount } from '../output-of-payments.ts';
import { readUserId } from '../prompt.ts';

const PAYMENTS = 20;
const PAYMENTS_MAX = 10_000;
/** That a step reads at most in each database. */
const ROWS_PER_STEP = 5_000;
const PAYMENTS_PER_STEP = 500;

interface Options extends PlaceOptions {
  user?: string | true;
  status?: ShownStatus;
  method?: PaymentMethod;
  gateway?: string;
  /** Times in milliseconds. */
  from?: number;
  to?: number;
  tenant: string;
  limit: number;
  json?: true;
}

interface Found {
  payments: Transaction[];
  /** Whether there are older ones that match. */
  hasMore: boolean;
}

export function addFind(program: Command): void {
  const command: Command = program
    .command('find')
    .summary('Finds payments by booking, user, status, reference, time, …')
    .description(
      'Finds payments, newest first. The text is the id of a booking, a payment or a refund, or the name that the provider has for a charge, an order or a refund. All filters have to match; the id of a payment or a refund takes none. Times without a zone are in UTC.',
    )
    .argument('[text]', 'a booking, a payment, a refund, or a reference of the provider')
    .option(
      '--user [-]',
      'payments of a user: asks for the id, which is personal data, or reads it from standard input with -',
    )
    .addOption(new Option('--status <status>', 'in this status').choices(SHOWN_STATUSES))
    .addOption(new Option('--method <method>', 'by this method').choices(PAYMENT_METHODS))
    .option('--gateway <gateway>', 'of this gateway, such as stripe')
    .option('--from <time>', 'made since this time: 2026-11-22, 2026-11-22T18:30:00Z, today or yesterday', readTimeMs)
    .option('--to <time>', 'made before this time', readTimeMs)
    .option('--tenant <tenant>', 'of this organisation', readTenant, DEFAULT_TENANT)
    .option('--limit <number>', `how many to list, up to ${PAYMENTS_MAX}`, readLimit, PAYMENTS)
    .action(async (text: string | undefined, options: Options) => {
      const place = placeOf(options, command);
      const { user } = options;
      refuseEmptyRange(options, command);
      if (isPaymentOrRefund(text)) refuseFilters(command);
      const userId = user === undefined ? undefined : await readUser(user, command);
      await withLedger(place, async ({ databases }) => print(await find(databases, text, userId, options), options));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['find BOOK-789012', 'the payments of a booking'],
      ['find --user', 'those of a user; asks for the id'],
      ['find --status failed --from yesterday --to today', 'yesterday’s failures'],
      ['find pi_3Q7x --remote', 'the payment with this Stripe id, on Cloudflare'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > PAYMENTS_MAX) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${PAYMENTS_MAX}.`);
  }
  return limit;
}

/** Whether the text names one payment: by its own id, or by that of a refund of it. */
function isPaymentOrRefund(text: string | undefined): text is string {
  return isIdentifier(text, 'TXN-') || isIdentifier(text, 'REF-');
}

const FILTERS = ['user', 'status', 'method', 'gateway', 'from', 'to', 'tenant'];

function refuseFilters(command: Command): void {
  const given = FILTERS.filter((name) => command.getOptionValueSource(name) === 'cli');
  if (given.length === 0) return;
  const options = given.map((name) => `--${name}`).join(', ');
  command.error(`error: the id of a payment or a refund names one payment: leave out ${options}`);
}

async function readUser(given: string | true, command: Command): Promise<string> {
  const read = await readUserId(given === true ? [] : [given]);
  return read.kind === 'read' ? read.userId : command.error(`error: ${read.reason}`);
}

function find(
  databases: Databases,
  text: string | undefined,
  userId: string | undefined,
  options: Options,
): Promise<Found> {
  const { status, method: paymentMethod, gateway, from: createdFromMs, to: createdToMs } = options;
  const filters = { userId, status, paymentMethod, gateway, createdFromMs, createdToMs };
  if (isPaymentOrRefund(text)) return findById(databases, text);
  return withProgress('Searching', async (progress) => {
    const searches: PaymentFilters[] =
      text === undefined
        ? [filters]
        : [
            { ...filters, bookingId: text },
            { ...filters, reference: text },
          ];
    const found: Found[] = [];
    for (const search of searches) found.push(await findAll(databases, search, options, (done) => progress.at(done)));
    const payments = new Map(found.flatMap((one) => one.payments).map((payment) => [payment.transactionId, payment]));
    const all = [...payments.values()].toSorted(newestFirst);
    return {
      payments: all.slice(0, options.limit),
      hasMore: all.length > options.limit || found.some(({ hasMore }) => hasMore),
    };
  });
}

function newestFirst(a: Transaction, b: Transaction): number {
  return b.createdAtMs - a.createdAtMs || (a.transactionId < b.transactionId ? 1 : -1);
}

async function findById(databases: Databases, id: string): Promise<Found> {
  const story = await readStory(databaseOfId(databases, id), id, { tenant: null, nowMs: Date.now(), unpack });
  return { payments: story === null ? [] : [story.payment], hasMore: false };
}

async function findAll(
  databases: Databases,
  filters: PaymentFilters,
  { tenant, limit }: Options,
  onFound: (count: number) => void,
): Promise<Found> {
  const payments: Transaction[] = [];
  let before: string | null = null;
  do {
    const wanted = Math.min(limit - payments.length, PAYMENTS_PER_STEP);
    const search = { tenant, filters, before, limit: wanted, rowsMax: ROWS_PER_STEP };
    const page: Awaited<ReturnType<typeof searchPayments>> = await searchPayments(databases, search, Date.now());
    payments.push(...page.payments);
    before = page.nextBefore;
    onFound(payments.length);
  } while (before !== null && payments.length < limit);
  return { payments, hasMore: before !== null };
}

function print({ payments, hasMore }: Found, { json, limit }: Options): void {
  if (json) printJson(payments.map(forPrograms));
  else printPayments(payments);
  if (hasMore) console.error(`There may be more than ${limit}: see --limit, or narrow the search`);
}

function printPayments(payments: readonly Transaction[]): void {
  if (payments.length === 0) {
    console.log('No payments were found');
    return;
  }
  printTable(
    ['MADE', 'PAYMENT', 'BOOKING', 'STATUS', 'AMOUNT', 'METHOD', 'GATEWAY', 'WHY'],
    payments.map((payment) => [
      isoSeconds(payment.createdAtMs),
      payment.transactionId,
      payment.bookingId,
      shownStatus(payment),
      shownAmount(payment),
      payment.paymentMethod,
      payment.gateway,
      payment.failureReason ?? '',
    ]),
  );
}
