/**
 * Compares what the gateway moved with the ledger and its events, of all tenants and in all databases, and reports every difference. It only
 * reads. A payment under way is not a difference: the gateway's list is read before the ledger, which has every row before the gateway
 * is called (invariant 3), and rows that are not in the list are looked up.
 */

import type { Context } from '../context.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import type { ExternalRefund, LookUp, Movement, RefundListing } from '../gateways/gateway.ts';
import { BACKGROUND_DEADLINE_MS, LOOK_UPS_AT_ONCE } from '../invocation-limits.ts';
import { transactionsLeftUntilMs } from '../ledger/archive/archive-transactions.ts';
import { CLOCK_SLACK_MS, type TimeRange } from '../ledger/id-range.ts';
import {
  eventsLeftUntilMs,
  findRefunds,
  type PaymentRecord,
  paymentsCreated,
  type RefundOf,
  readPaymentRecords,
  refundsCreated,
} from '../ledger/read-payment-records.ts';
import { lookUp } from '../outcomes/ask-gateway.ts';
import { allContexts, type Shards, shardOfId } from '../shards.ts';
import { type Difference, differencesBetween, isInRange } from './differences.ts';

/** After so many look-ups in a row without an answer, the gateway is not asked any more. */
const UNREACHABLE_TO_STOP = 12;
/** Ids are short, and so many of them a page. */
const IDS_PER_PAGE = 1_000;
/** Payments, with their refunds and events, that one batch reads well within its deadline. */
const RECORDS_PER_BATCH = 200;

export interface Reconciliation {
  /** How many were compared: those of the time, and those that its refunds and movements belong to. */
  payments: number;
  refunds: number;
  /** Those of the time alone. */
  made: { payments: number; refunds: number };
  /** How many of the time the gateway listed; null where it can't list them, or did not. */
  movements: number | null;
  differences: Difference[];
  /** Events that were made until then may have left the database, and are not missed; null where none of the time has. */
  eventsLeftUntilMs: number | null;
  /** Transactions that were made until then may have left: what the gateway lists of them is not compared. */
  transactionsLeftUntilMs: number | null;
  /** The payment of each id that was compared: of a payment, a refund or an event. */
  paymentOf: ReadonlyMap<string, string>;
}

export interface ReconcileOptions {
  /** Called after each look-up at a gateway, which are what takes long. */
  onLookedUp?: (done: number, total: number) => void;
  /** Of all gateways, as many as memory is to hold. */
  movementsMax?: number;
}

/** The gateways have moved more in this time than is to be held: compare a shorter one. */
export class TooManyMovements extends Error {
  override name = 'TooManyMovements';
}

/**
 * Reconciles what was created or moved in this time. Memory holds all of it: some kilobytes for each payment. A time in parts, one behind the other,
 * has the same differences: a row belongs to the part in which it was made, and a movement to that in which the gateway made it.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated, TooManyMovements; a gateway that can't be reached is a difference, `not_compared`
 */
export async function reconcile(
  shards: Shards,
  range: TimeRange,
  { onLookedUp = () => {}, movementsMax = Number.POSITIVE_INFINITY }: ReconcileOptions = {},
): Promise<Reconciliation> {
  const context = shards.at(0);
  const found = await listMovements(context, range, movementsMax);
  const made = await readMade(shards, range);
  const isOfTime = ({ movedAtMs }: Movement) => movedAtMs >= range.fromMs && movedAtMs < range.toMs;
  // Clocks differ: a little outside of the time, the list is read for what was made in it.
  const movements = found.movements.filter((movement) => isOfTime(movement) || made.ids.has(movement.id));
  const listing = { ...found, movements };
  const records = await readRecords(shards, made, movements);
  const lookUps = await lookUpUnlisted(context, range, records, listing, onLookedUp);
  const refunds = await listRefunds(context, records, lookUps);
  const evidence = { range, records, movements: [...movements, ...refunds.movements], lookUps };
  const left = await Promise.all(
    allContexts(shards).map(async ({ db }) => ({
      eventsMs: await eventsLeftUntilMs(db),
      transactionsMs: await transactionsLeftUntilMs(db),
    })),
  );
  const eventsLeftMs = (id: string) => left[shardOfId(id, shards.count)]?.eventsMs ?? 0;
  const transactionsLeftMs = (id: string) => left[shardOfId(id, shards.count)]?.transactionsMs ?? 0;
  const differences = differencesBetween({ ...evidence, eventsLeftMs, transactionsLeftMs, nowMs: context.nowMs() });
  const inTime = (untilMs: number[]) => (Math.max(...untilMs) >= range.fromMs ? Math.max(...untilMs) : null);
  return {
    payments: records.length,
    refunds: records.reduce((sum, { refunds }) => sum + refunds.length, 0),
    made: { payments: made.payments, refunds: made.refunds },
    movements: listing.listed.size === 0 ? null : movements.filter(isOfTime).length,
    differences: [...listing.problems, ...refunds.problems, ...differences],
    eventsLeftUntilMs: inTime(left.map(({ eventsMs }) => eventsMs)),
    transactionsLeftUntilMs: inTime(left.map(({ transactionsMs }) => transactionsMs)),
    paymentOf: paymentsOf(records),
  };
}

interface Listing {
  movements: Movement[];
  /** The names of the gateways whose movements these are. */
  listed: ReadonlySet<string>;
  problems: Difference[];
}

/** What the gateways have moved, as far as they can list it; of any other one's rows, each is asked about. */
async function listMovements(
  { gateways }: Context,
  { fromMs, toMs }: TimeRange,
  movementsMax: number,
): Promise<Listing> {
  const movements: Movement[] = [];
  const listed = new Set<string>();
  const problems: Difference[] = [];
  for (const gateway of gateways.all) {
    if (gateway.listMovements === undefined) continue;
    const named = await gateways.nameInLedger(gateway);
    if (named.kind === 'unreachable') {
      problems.push({ kind: 'not_compared', id: null, gateway: gateway.name, reason: named.reason });
      continue;
    }
    try {
      const own: Movement[] = [];
      const listing = gateway.listMovements(fromMs - CLOCK_SLACK_MS, toMs + CLOCK_SLACK_MS);
      for await (const movement of listing) {
        if (movements.length + own.length >= movementsMax) throw new TooManyMovements(`more than ${movementsMax}`);
        own.push(movement);
      }
      movements.push(...own);
      listed.add(named.name);
    } catch (error) {
      if (error instanceof TooManyMovements) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({ kind: 'not_compared', id: null, gateway: gateway.name, reason });
    }
  }
  return { movements, listed, problems };
}

/** What was made in a time. */
interface Made {
  payments: number;
  refunds: number;
  /** Of both. */
  ids: ReadonlySet<string>;
  /** The payments, and those of the refunds. */
  transactionIds: ReadonlySet<string>;
}

async function readMade(shards: Shards, range: TimeRange): Promise<Made> {
  const payments: string[] = [];
  const refunds: RefundOf[] = [];
  for (const { db } of allContexts(shards)) {
    for await (const page of pages(
      (after) => paymentsCreated(db, range, after, IDS_PER_PAGE),
      (id) => id,
    )) {
      payments.push(...page);
    }
    for await (const page of pages(
      (after) => refundsCreated(db, range, after, IDS_PER_PAGE),
      ({ refundId }) => refundId,
    )) {
      refunds.push(...page);
    }
  }
  return {
    payments: payments.length,
    refunds: refunds.length,
    ids: new Set([...payments, ...refunds.map(({ refundId }) => refundId)]),
    transactionIds: new Set([...payments, ...refunds.map(({ transactionId }) => transactionId)]),
  };
}

/** Up to the first page that is not full. */
async function* pages<Row>(
  read: (after: string | null) => Promise<Row[]>,
  idOf: (row: Row) => string,
): AsyncGenerator<Row[]> {
  let page: Row[] = [];
  do {
    const last = page.at(-1);
    page = await read(last === undefined ? null : idOf(last));
    yield page;
  } while (page.length === IDS_PER_PAGE);
}

/** The payments of what was made, and those that movements are of, wherever they are. */
async function readRecords(shards: Shards, made: Made, movements: readonly Movement[]): Promise<PaymentRecord[]> {
  const charged = movements.filter(({ kind }) => kind === 'charge').map(({ id }) => id);
  const wanted = new Set([
    ...made.transactionIds,
    ...charged,
    ...movements.flatMap(({ transactionId }) => transactionId ?? []),
  ]);
  const refunded = movements.filter(({ kind, id }) => kind === 'refund' && !made.ids.has(id)).map(({ id }) => id);
  const records: PaymentRecord[] = [];
  for (const { db, shard } of allContexts(shards)) {
    const isHere = (id: string) => shardOfId(id, shards.count) === shard;
    const transactionIds = new Set([...wanted].filter(isHere));
    for (const refundIds of chunksOf(refunded.filter(isHere), IDS_PER_PAGE)) {
      for (const { transactionId } of await findRefunds(db, refundIds)) transactionIds.add(transactionId);
    }
    for (const ids of chunksOf([...transactionIds].toSorted(), RECORDS_PER_BATCH)) {
      records.push(...(await readPaymentRecords(db, ids)));
    }
  }
  return records;
}

function paymentsOf(records: readonly PaymentRecord[]): Map<string, string> {
  return new Map(
    records.flatMap(({ transaction: { transactionId }, refunds, events }) =>
      [transactionId, ...refunds.map(({ refundId }) => refundId), ...events.map(({ eventId }) => eventId)].map(
        (id) => [id, transactionId] as const,
      ),
    ),
  );
}

type Question =
  | { id: string; transaction: Transaction; refund: null }
  | { id: string; transaction: Transaction; refund: Refund };

/** Asks about each row that the gateway should know and did not list, before anybody calls it missing. */
async function lookUpUnlisted(
  context: Context,
  range: TimeRange,
  records: readonly PaymentRecord[],
  listing: Listing,
  onLookedUp: (done: number, total: number) => void,
): Promise<Map<string, LookUp>> {
  const moved = new Set(listing.movements.flatMap(({ id, reference }) => [id, reference]));
  const questions = records
    .flatMap(({ transaction, refunds }): Question[] => [
      { id: transaction.transactionId, transaction, refund: null },
      ...refunds.map((refund) => ({ id: refund.refundId, transaction, refund })),
    ])
    .filter(({ id, transaction, refund }) => {
      const isListed = moved.has(id) || (refund?.gatewayReference != null && moved.has(refund.gatewayReference));
      if (isListed || !isInRange(refund ?? transaction, range)) return false;
      return isToBeAskedAbout(refund ?? transaction, listing.listed.has(transaction.gateway));
    });

  const answers = new Map<string, LookUp>();
  /** By gateway. */
  const unreachableInARow = new Map<string, number>();
  const waiting = questions.values();
  const askOneByOne = async () => {
    for (const question of waiting) {
      const { gateway } = question.transaction;
      const inVain = () => unreachableInARow.get(gateway) ?? 0;
      const answer = inVain() < UNREACHABLE_TO_STOP ? await ask(context, question) : NOT_ASKED;
      unreachableInARow.set(gateway, answer.kind === 'unreachable' ? inVain() + 1 : 0);
      answers.set(question.id, answer);
      onLookedUp(answers.size, questions.length);
    }
  };
  await Promise.all(Array.from({ length: LOOK_UPS_AT_ONCE }, askOneByOne));
  return answers;
}

/**
 * Of a gateway that can't list what it moved: the refunds of each charge of which it says that it has some. Among them are external
 * ones, which no webhook has reported yet.
 */
async function listRefunds(
  context: Context,
  records: readonly PaymentRecord[],
  lookUps: ReadonlyMap<string, LookUp>,
): Promise<{ movements: Movement[]; problems: Difference[] }> {
  const movements: Movement[] = [];
  const problems: Difference[] = [];
  const waiting = records
    .map(({ transaction }) => transaction)
    .filter(({ transactionId: id }) => {
      const answer = lookUps.get(id);
      return answer?.kind === 'approved' && answer.hasRefunds === true;
    })
    .values();
  const askOneByOne = async () => {
    for (const transaction of waiting) {
      const { transactionId: id, gateway: name } = transaction;
      const named = await context.gateways.named(name);
      if (named.kind !== 'configured' || named.gateway.listRefundsOfCharge === undefined) continue;
      const { gateway } = named;
      const list = named.gateway.listRefundsOfCharge.bind(gateway);
      const question = { gateway, id, call: 'listRefundsOfCharge', deadlineMs: BACKGROUND_DEADLINE_MS } as const;
      const found = await lookUp<RefundListing>(context, question, (signal) => list(transaction, signal));
      if (found.kind === 'listed') movements.push(...found.refunds.flatMap((one) => movementOf(one, id)));
      else
        problems.push({ kind: 'not_compared', id, gateway: name, reason: 'it did not list the refunds of the charge' });
    }
  };
  await Promise.all(Array.from({ length: LOOK_UPS_AT_ONCE }, askOneByOne));
  return { movements, problems };
}

function movementOf(
  { reference, refundId, amountMinor, currency, state, movedAtMs }: ExternalRefund,
  transactionId: string,
): Movement[] {
  if (state !== 'moved') return [];
  const id = refundId ?? reference;
  return [{ kind: 'refund', id, reference, amountMinor, currency, status: 'succeeded', movedAtMs, transactionId }];
}

const NOT_ASKED: LookUp = {
  kind: 'unreachable',
  reason: 'not asked any more, after too many look-ups without an answer',
};

/**
 * What has moved by the ledger; and, where no list shows what else has, what the gateway broke at: such a failure is the
 * one behind which money can have moved.
 */
function isToBeAskedAbout({ status, errorCode }: Transaction | Refund, canList: boolean): boolean {
  if (status === 'completed' || status === 'refunded') return true;
  return !canList && status === 'failed' && errorCode === 'PAYMENT_GATEWAY_ERROR';
}

async function ask(context: Context, { id, transaction, refund }: Question): Promise<LookUp> {
  const named = await context.gateways.named(transaction.gateway);
  if (named.kind === 'not_configured') {
    return { kind: 'unreachable', reason: 'it is not configured, or with a key of another account' };
  }
  if (named.kind === 'unreachable') return { kind: 'unreachable', reason: named.reason };
  const { gateway } = named;
  const question = { gateway, id, deadlineMs: BACKGROUND_DEADLINE_MS };
  return refund === null
    ? lookUp<LookUp>(context, { ...question, call: 'lookUpCharge' }, (signal) =>
        gateway.lookUpCharge(transaction, signal),
      )
    : lookUp<LookUp>(context, { ...question, call: 'lookUpRefund' }, (signal) =>
        gateway.lookUpRefund(refund, transaction, signal),
      );
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
