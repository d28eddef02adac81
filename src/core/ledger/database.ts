/** How the ledger talks to D1: one batch is one transaction, and every batch of the ledger is safe to repeat. */

import pRetry from 'p-retry';
import { askForPermit, type CircuitBreaker, newCircuitBreaker, recordCall } from '../circuit-breaker.ts';
import { DeadlineExceeded, within } from '../deadline.ts';
import { errorFields, type Log } from '../log.ts';
import type { Cipher } from '../security/cipher.ts';
import type { D1Database, D1PreparedStatement, D1Result } from './d1.ts';
import type { FillLevel } from './fill-level.ts';

/** D1, and on whose behalf it is used. */
export interface Database {
  d1: D1Database;
  /** A copy near the reader that lags behind `d1`, by an unknown time. Absent where there is none, or none is wanted. */
  replica?: D1Database;
  /** Failed attempts are logged here. */
  log: Log;
  /** Encrypts personal data. */
  cipher: Cipher;
  /** Who works with it, for the audit log. */
  author: Author;
  /** The key with which the author has come, where it is still to be checked. */
  keyCheck?: KeyCheck;
  /** Which of how many databases it is to be; absent if the place was checked when the database was opened. */
  place?: DatabasePlace;
  /** Of the invocation that works with it; absent where nothing limits the number of statements, as in scripts. */
  budget?: StatementBudget;
  /** Absent where nothing is claimed. */
  fillLevel?: FillLevel;
  /** For how long a batch is begun again, where its caller does not say. */
  retryForMs?: number;
  /** Of the caller who waits for an answer; absent where nobody does. */
  patience?: Patience;
  /** Of this database, in this isolate; absent where nothing else uses it meanwhile. */
  breaker?: CircuitBreaker;
}

/** How much longer a caller waits for D1, over all batches of a request. */
export interface Patience {
  leftMs: number;
  /** Whether D1 has been asked for something: what has begun goes on, however D1 fares. */
  hasBegun: boolean;
  nowMs: () => number;
}

/** A request is answered within seven seconds, and the gateway's own time. Its last batches may begin when this is over. */
const PATIENCE_MS = 6_000;
/** For a batch that begins then: as long as D1 takes when all is well, so that an outcome is recorded after a claim that took long. */
const WITHOUT_PATIENCE_MS = 250;

export function newPatience(nowMs: () => number): Patience {
  return { leftMs: PATIENCE_MS, hasBegun: false, nowMs };
}

/** While D1 is silent, one request a second finds out whether it is back. The others are not sent: D1 would process them after their callers have left. */
const PROBE_INTERVAL_MS = 1_000;

export function newDatabaseBreaker(): CircuitBreaker {
  return newCircuitBreaker(PROBE_INTERVAL_MS);
}

/**
 * The replica as a database to read from, with a single try, or null where the primary has to be asked in any case: its place or the
 * caller's key is still to be checked there, or the read itself is audited. Its size is not `d1`'s, so it has no fill level.
 */
export function replicaOf(db: Database): Database | null {
  const { replica, log, cipher, author, place, keyCheck, budget, patience } = db;
  const isInPlace = place === undefined || place.isConfirmed;
  const isChecked = keyCheck === undefined || keyCheck.state === 'passed';
  if (replica === undefined || !isInPlace || !isChecked || author.isAdmin) return null;
  return { d1: replica, log, cipher, author, retryForMs: 0, ...(budget && { budget }), ...(patience && { patience }) };
}

/** Statements that an invocation sends to D1. D1 allows 1,000 (Workers Paid): https://developers.cloudflare.com/d1/platform/limits/ */
export const STATEMENTS_PER_INVOCATION = 900;

/** Counted down with each statement that is sent, whatever becomes of it. */
export interface StatementBudget {
  left: number;
}

/** How many statements may still be sent. Whoever works through a list takes no more of it than they are enough for. */
export function statementsLeft({ budget }: Database): number {
  return budget?.left ?? Number.POSITIVE_INFINITY;
}

/** D1 would refuse the batch, and so it is not sent. */
class BudgetSpent extends Error {
  override name = 'BudgetSpent';
}

function spend(budget: StatementBudget | undefined, statements: number): void {
  if (budget === undefined) return;
  if (budget.left < statements) throw new BudgetSpent('this invocation has sent as many statements as D1 allows');
  budget.left -= statements;
}

/** Who does something, and on whose request. */
export interface Author {
  /** `key:…`, `jwt:…`, `access:…`, `console:desk`, `anonymous`, `cron`, `queue`, `webhook:…` or `operator:…`. */
  actor: string;
  requestId: string | null;
  /** Where the request came from. */
  address: string | null;
  /** Reads of an admin are in the audit log too. */
  isAdmin: boolean;
}

/**
 * An API key that says by itself whose it is: the database knows whether it has been revoked. It is asked in the first batch of
 * the request, which does nothing where the key is refused.
 */
export interface KeyCheck {
  keyHash: string;
  nowMs: number;
  /** `unanswered`: the database could not be reached. That answer is final for `checkKey`; a later batch asks again. */
  state: 'open' | 'unanswered' | 'passed' | 'refused';
}

/** The API key is not there, or not any more: nothing of what was asked for has happened. */
export class KeyRefused extends Error {
  override name = 'KeyRefused';
}

/** Which of how many databases this one is to be. The first batch of an isolate does nothing where the database says otherwise. */
export interface DatabasePlace {
  shard: number;
  shards: number;
  isConfirmed: boolean;
}

/** D1 did not answer, or not in time. What was asked for may have happened all the same. */
export class LedgerUnavailable extends Error {
  override name = 'LedgerUnavailable';
}

/** Nothing was sent to D1, which has been silent for some time: what was asked for has not happened. */
export class LedgerNotAsked extends LedgerUnavailable {
  override name = 'LedgerNotAsked';
}

/** The schema is not the one that this version needs: a table, a column, an index or a trigger is missing. */
export class LedgerNotMigrated extends Error {
  override name = 'LedgerNotMigrated';
  /** The event under which an operator is alerted to it. */
  readonly alarm: string = 'ledger.not_migrated';
}

/** The database is another one than its binding says, or has no place yet: whatever is in it, it must not be worked with. */
export class LedgerMisplaced extends LedgerNotMigrated {
  override name = 'LedgerMisplaced';
  override readonly alarm = 'ledger.misplaced';
}

const ATTEMPT_DEADLINE_MS = 2_000;
/** Doubled from try to try, and varied by chance, so that many callers do not come back at the same moment. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** For how long a batch is begun again. */
const RETRY_FOR_MS = 2_000;
/** Behind it, money has moved: there is nothing better to do than to go on trying. */
export const RETRY_OUTCOME_FOR_MS = 4_500;

/** The longest that a batch can take, begun at the last moment and never answered: other deadlines are reckoned with it. */
export const BATCH_DEADLINE_MS = RETRY_FOR_MS + ATTEMPT_DEADLINE_MS;
export const OUTCOME_BATCH_DEADLINE_MS = RETRY_OUTCOME_FOR_MS + ATTEMPT_DEADLINE_MS;

/** The statements of a batch, by names of their own. */
export type Statements = Readonly<Record<string, D1PreparedStatement>>;

/** The results of a batch, under the names that its statements have. */
export type Results<Name extends string> = Record<Name, D1Result>;

/**
 * Runs the statements in order, without those that are null, as one transaction. When the connection breaks, it is unknown whether they
 * ran, so they are sent again: each batch in this folder does nothing the second time. In a batch that writes, the row that it is about
 * comes first; every other statement is guarded by what that row says, never by how many rows a statement changed, so that they may be
 * moved. What is read comes last.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated, or D1's own error where the statement itself is wrong
 */
export async function runBatch<Name extends string>(
  db: Database,
  statements: Readonly<Record<Name, D1PreparedStatement | null>>,
  retryForMs = db.retryForMs ?? RETRY_FOR_MS,
): Promise<Results<Name>> {
  const { d1, log, place, keyCheck, budget, fillLevel, patience, breaker } = db;
  const wanted = Object.entries<D1PreparedStatement | null>(statements).filter(([, statement]) => statement !== null);
  refuseWhileSilent(db);
  const isChecked = keyCheck === undefined || keyCheck.state === 'passed';
  const isInPlace = place === undefined || place.isConfirmed;
  const checks = [...(isInPlace ? [] : [presentPlace(d1, place)]), ...(isChecked ? [] : [presentKey(d1, keyCheck)])];
  const batch = [...checks, ...wanted.map(([, statement]) => statement as D1PreparedStatement)];
  const untilMs = patience && patience.nowMs() + Math.max(patience.leftMs, WITHOUT_PATIENCE_MS);
  const leftMs = () =>
    patience === undefined || untilMs === undefined ? Number.POSITIVE_INFINITY : untilMs - patience.nowMs();
  const send = async () => {
    spend(budget, batch.length);
    const deadlineMs = Math.min(ATTEMPT_DEADLINE_MS, Math.max(leftMs(), 0));
    const sent = within(deadlineMs, 'D1', d1.batch(batch));
    return breaker === undefined ? sent : recorded(breaker, sent, deadlineMs);
  };
  let results: D1Result[];
  /** Whether an earlier try may have been carried out. */
  let isUncertain = false;
  try {
    const startedAtMs = performance.now();
    // The library comes in where the first try has failed.
    results = await send().catch((failed: unknown) =>
      pRetry((attempt) => (attempt === 1 ? Promise.reject(failed) : send()), {
        retries: Number.POSITIVE_INFINITY,
        maxRetryTime: Math.max(0, Math.min(retryForMs - (performance.now() - startedAtMs), leftMs())),
        minTimeout: FIRST_PAUSE_MS,
        maxTimeout: LONGEST_PAUSE_MS,
        randomize: true,
        shouldRetry: ({ error }) => !isStatementError(error) && !(error instanceof BudgetSpent),
        onFailedAttempt: ({ error, attemptNumber }) => {
          isUncertain ||= !isStatementError(error);
          log('warn', 'ledger.attempt_failed', { attempt: attemptNumber, ...errorFields(error) });
        },
      }),
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (SCHEMA_MISMATCH.test(message)) throw new LedgerNotMigrated(message, { cause: error });
    if (place !== undefined && message.includes(OUT_OF_PLACE)) throw misplaced(place, error);
    // A key that was revoked between two tries: what the first one did is unknown, so the answer is not that it did nothing.
    if (keyCheck !== undefined && message.includes(KEY_REFUSED) && !isUncertain) {
      keyCheck.state = 'refused';
      throw new KeyRefused(message, { cause: error });
    }
    if (isStatementError(error) && !message.includes(KEY_REFUSED)) throw error;
    if (keyCheck?.state === 'open') keyCheck.state = 'unanswered';
    throw new LedgerUnavailable(message, { cause: error });
  } finally {
    if (patience !== undefined && untilMs !== undefined) patience.leftMs = untilMs - patience.nowMs();
  }
  if (place !== undefined) place.isConfirmed = true;
  if (keyCheck !== undefined) keyCheck.state = 'passed';
  const sizeAfter = results.at(-1)?.meta.size_after;
  if (fillLevel !== undefined && sizeAfter !== undefined) fillLevel.size.bytes = sizeAfter;
  const own = results.slice(checks.length);
  return Object.fromEntries(wanted.map(([name], index) => [name, own[index]])) as Results<Name>;
}

/** A request that has asked for nothing yet is answered at once while D1 is silent. @throws LedgerUnavailable */
function refuseWhileSilent({ patience, breaker, keyCheck }: Database): void {
  // A replica has no breaker: its read comes before what the primary is asked.
  if (patience === undefined || patience.hasBegun || breaker === undefined) return;
  patience.hasBegun = true;
  if (askForPermit(breaker, patience.nowMs()).kind !== 'refused') return;
  if (keyCheck?.state === 'open') keyCheck.state = 'unanswered';
  throw new LedgerNotAsked('D1 has been silent for some time, and nothing was sent to it');
}

/** D1 has more to do than it can: it refuses what waits for too long. */
const OVERLOADED = /overloaded|queued for too long/i;

/** An error is an answer, other than that of an overloaded D1. So is a deadline that was cut short by the caller's patience: it says nothing of D1. */
async function recorded<Answer>(breaker: CircuitBreaker, sent: Promise<Answer>, deadlineMs: number): Promise<Answer> {
  try {
    const answer = await sent;
    recordCall(breaker, true, Date.now());
    return answer;
  } catch (error) {
    const isSilent = error instanceof DeadlineExceeded;
    const isDown = isSilent || (error instanceof Error && OVERLOADED.test(error.message));
    if (!isSilent || deadlineMs === ATTEMPT_DEADLINE_MS) recordCall(breaker, !isDown, Date.now());
    throw error;
  }
}

/** The message of the trigger of `presented_places`. */
const OUT_OF_PLACE = 'database out of place';

function presentPlace(d1: D1Database, { shard, shards }: DatabasePlace): D1PreparedStatement {
  return d1.prepare('INSERT INTO presented_places (shard, shards) VALUES (?1, ?2)').bind(shard, shards);
}

function misplaced({ shard, shards }: DatabasePlace, cause: unknown): LedgerMisplaced {
  return new LedgerMisplaced(`the database bound as number ${shard} of ${shards} is not that one`, { cause });
}

/** The message of the trigger of `presented_keys`. */
const KEY_REFUSED = 'api key refused';

function presentKey(d1: D1Database, { keyHash, nowMs }: KeyCheck): D1PreparedStatement {
  return d1.prepare('INSERT INTO presented_keys (key_hash, presented_at_ms) VALUES (?1, ?2)').bind(keyHash, nowMs);
}

/** Asks about the key alone, where the request has had nothing else to ask the database. @throws KeyRefused */
export async function checkKey(db: Database): Promise<void> {
  if (db.keyCheck?.state === 'open') await runBatch(db, {});
}

/**
 * SQLite's messages for a statement that was written for another schema: it lacks a table, a column, an index, or the trigger that
 * makes a view writable. SQLite reports them before the statement runs, so nothing of the batch has happened.
 */
const SCHEMA_MISMATCH =
  /no such (table|column|index)|has no column named|ON CONFLICT clause does not match|cannot modify \S+ because it is a view/;

const STATEMENT_REFUSED = /SQLITE_(CONSTRAINT|ERROR|MISMATCH|RANGE|TOOBIG)|parameter bindings/;

/** Whether SQLite itself refused the statement, so that asking again would change nothing. */
function isStatementError(error: unknown): boolean {
  return error instanceof Error && (STATEMENT_REFUSED.test(error.message) || SCHEMA_MISMATCH.test(error.message));
}

/** The rows that a statement gave, of the type that its columns are named for. */
export function rowsOf<Row>(result: D1Result): Row[] {
  return result.results as Row[];
}

/** The one row that a statement gave, or null where it gave none. */
export function rowOf<Row>(result: D1Result): Row | null {
  return rowsOf<Row>(result)[0] ?? null;
}
