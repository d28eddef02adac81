/** While D1 is silent, requests are answered at once and not sent, so that it has nothing to work off for nobody when it is back. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askForPermit, type CircuitBreaker, recordCall } from '../../src/core/circuit-breaker.ts';
import type { D1Database, D1PreparedStatement } from '../../src/core/ledger/d1.ts';
import {
  type Database,
  LedgerNotAsked,
  LedgerUnavailable,
  newDatabaseBreaker,
  newPatience,
  RETRY_OUTCOME_FOR_MS,
  runBatch,
} from '../../src/core/ledger/database.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { openWorld } from './world.ts';

const ATTEMPT_MS = 2_000;
const REQUEST_MAX_MS = 7_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A database that answers, is silent, or breaks the connection, as the test says; and how many batches have come to it. */
function scripted() {
  const script = { does: 'silence' as 'answer' | 'break' | 'overloaded' | 'silence', batches: 0 };
  const statement: D1PreparedStatement = { bind: () => statement };
  const d1: D1Database = {
    prepare: () => statement,
    async batch(statements) {
      script.batches += 1;
      if (script.does === 'silence') return new Promise(() => {});
      if (script.does === 'overloaded') throw new Error('D1_ERROR: D1 DB is overloaded. Too many requests queued.');
      if (script.does === 'break') throw new Error('D1_ERROR: Network connection lost.');
      return statements.map(() => ({ results: [], meta: { changes: 0 } }));
    },
  };
  return { script, d1 };
}

const request = (d1: D1Database, breaker: CircuitBreaker): Database => ({
  ...{ d1, breaker, log: () => {}, cipher: PLAIN_CIPHER, author: NOBODY },
  patience: newPatience(Date.now),
});

/** How a batch ends, once its time has passed. */
async function ending(db: Database, retryForMs?: number): Promise<unknown> {
  const ended = runBatch(db, { one: db.d1.prepare('SELECT 1') }, retryForMs).then(
    () => 'answered',
    (error: unknown) => error,
  );
  await vi.advanceTimersByTimeAsync(REQUEST_MAX_MS);
  return ended;
}

/** Requests that D1 has not answered, until the breaker opens. */
async function silent(d1: D1Database): Promise<CircuitBreaker> {
  const breaker = newDatabaseBreaker();
  const requests = Array.from({ length: 5 }, () => ending(request(d1, breaker)));
  expect(await Promise.all(requests)).toEqual(Array(5).fill(expect.any(LedgerUnavailable)));
  return breaker;
}

it('after five attempts without an answer a request fails at once, and only one a second is sent', async () => {
  const { script, d1 } = scripted();
  const breaker = await silent(d1);
  await vi.advanceTimersByTimeAsync(1_000);
  script.batches = 0;
  const startedAtMs = Date.now();
  const endings = Array.from({ length: 20 }, () =>
    runBatch(request(d1, breaker), { one: d1.prepare('SELECT 1') }).catch((error: unknown) => ({
      error,
      afterMs: Date.now() - startedAtMs,
    })),
  );
  await vi.advanceTimersByTimeAsync(500);
  expect(script.batches).toBe(1);
  await vi.advanceTimersByTimeAsync(REQUEST_MAX_MS);
  const ended = await Promise.all(endings);
  expect(ended.filter((one) => 'afterMs' in one && one.afterMs === 0)).toHaveLength(19);
});

it('an answer ends it', async () => {
  const { script, d1 } = scripted();
  const breaker = await silent(d1);
  await vi.advanceTimersByTimeAsync(1_000);
  script.does = 'answer';
  expect(await ending(request(d1, breaker))).toBe('answered');
  const endings = Array.from({ length: 20 }, () => ending(request(d1, breaker)));
  expect(await Promise.all(endings)).toEqual(Array(20).fill('answered'));
});

it('what a request has begun goes on: the outcome of money that moved is sent', async () => {
  const { script, d1 } = scripted();
  script.does = 'answer';
  const begun = request(d1, newDatabaseBreaker());
  await ending(begun);
  script.does = 'silence';
  const breaker = await silent(d1);
  // This second's request has been sent: another one is refused.
  askForPermit(breaker, Date.now());
  expect(askForPermit(breaker, Date.now())).toMatchObject({ kind: 'refused' });
  script.batches = 0;
  await ending({ ...begun, breaker }, RETRY_OUTCOME_FOR_MS);
  expect(script.batches).toBeGreaterThan(1);
});

it('a connection that breaks is an answer', async () => {
  const { script, d1 } = scripted();
  script.does = 'break';
  const breaker = newDatabaseBreaker();
  for (let n = 0; n < 5; n += 1) await ending(request(d1, breaker));
  expect(breaker.failuresInARow).toBe(0);
});

it('an overloaded D1 is as good as silent', async () => {
  const { script, d1 } = scripted();
  script.does = 'overloaded';
  const breaker = newDatabaseBreaker();
  await ending(request(d1, breaker));
  expect(breaker.failuresInARow).toBeGreaterThan(0);
});

it('a refund that was not sent is no pending refund', async () => {
  const world = openWorld();
  const breaker = newDatabaseBreaker();
  for (let n = 0; n < 5; n += 1) recordCall(breaker, false, Date.now());
  const refund = {
    booking_id: 'BOOK-1',
    original_transaction_id: 'TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV',
    refund_amount: 10,
    reason: 'Customer cancellation',
    user_id: 'user_123',
  };
  const db = { ...world.context.db, breaker, patience: newPatience(Date.now) };
  await expect(refundPayment({ ...world.context, db }, refund, '10.00')).rejects.toThrow(LedgerNotAsked);
});

it('an attempt that the caller had no time for says nothing of D1', async () => {
  const { d1 } = scripted();
  const breaker = newDatabaseBreaker();
  for (let n = 0; n < 10; n += 1) {
    const db = request(d1, breaker);
    db.patience = { ...newPatience(Date.now), leftMs: ATTEMPT_MS / 2 };
    await ending(db);
  }
  expect(breaker.failuresInARow).toBe(0);
});
