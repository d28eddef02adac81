/** What must hold of payments that wait: for their payers to authenticate or approve, or to be captured. */
import type { MoneyRequest } from './money-mover.ts';
import { type Ledger, type Row, readLedger } from './read-ledger.ts';
import type { World, WorldDatabase } from './world.ts';

/** In every address at which a shop wants its payers back. */
export const SHOPS_ADDRESS = 'https://shop.test/payers-come-back/';

/** As an authorization ends before the provider's does. */
const PROVIDER_MARGIN_MS = 60 * 60_000;

/** Follows what the rows wait for and what is begun of them, and holds the end of each against the gateway when it is written. */
export function watchWaiting(world: World): void {
  const judges = world.databases.map((database) => watchWaitingIn(world, database));
  world.onBatch = () => {
    for (const judge of judges) judge();
  };
}

/** Returns what is to be called after each batch. */
function watchWaitingIn(world: World, { sqlite }: WorldDatabase): () => void {
  const { violations } = world;
  sqlite.exec(`CREATE TABLE sim_waits (id TEXT, what TEXT, outcome TEXT);
    CREATE TRIGGER sim_waits AFTER UPDATE OF substate ON transactions WHEN NEW.substate IS NOT OLD.substate
    BEGIN INSERT INTO sim_waits VALUES (NEW.transaction_id, NEW.substate, 'pending'); END;
    CREATE TRIGGER sim_steps AFTER UPDATE OF step ON transactions WHEN NEW.step IS NOT NULL AND NEW.step IS NOT OLD.step
    BEGIN INSERT INTO sim_waits VALUES (NEW.transaction_id, NEW.step, 'begun'); END;
    CREATE TABLE sim_early_events (id TEXT, type TEXT);
    CREATE TRIGGER sim_early_events AFTER INSERT ON events
    WHEN (SELECT status FROM transactions WHERE transaction_id = NEW.transaction_id) = 'pending'
    BEGIN INSERT INTO sim_early_events VALUES (NEW.transaction_id, NEW.event_type); END`);
  const ended = sqlite.prepare(`SELECT sim.rowid AS number, id, became, substate, step FROM sim_transitions sim
    JOIN transactions ON transaction_id = id WHERE was = 'pending' AND sim.rowid > ? ORDER BY sim.rowid`);
  let seen = 0;
  return () => {
    for (const row of ended.all(seen) as Row[]) {
      seen = Number(row.number);
      const wrong = row.became === 'failed' ? wronglyFailed(world, row) : null;
      if (wrong !== null) violations.push(`invariant 3: ${row.id} was failed by step ${row.step}, and ${wrong}`);
    }
  };
}

/** What fails must not be able to take money any more, nor hold it, unless it is certain that its capture was refused. */
function wronglyFailed({ gateway }: World, { id, step }: Row): string | null {
  const charge = gateway.charges.get(String(id));
  if (charge === undefined || charge.brokePromise || gateway.isMischarged(String(id))) return null;
  if (charge.state.kind === 'authorized' && step !== 'capture') return 'its money was held';
  if (charge.state.kind === 'challenged' && gateway.endsChallenges) return 'its payer could still pay';
  return null;
}

/** State before money: the row says what has been begun, before the gateway is asked for it. */
export function checkStep(world: World, request: MoneyRequest, id: string): void {
  if (request === 'charge' || request === 'refund') return;
  const row = world.get('SELECT status, step FROM transactions WHERE transaction_id = ?', id);
  const begun = world.all(`SELECT what FROM sim_waits WHERE id = ? AND outcome = 'begun'`, id);
  const has = (...steps: string[]) => begun.some(({ what }) => steps.includes(String(what)));
  const isRight = {
    complete: has('authorize', 'capture'),
    capture: row?.step === 'capture',
    release: row?.step === 'void' || row?.step === 'expire' || row?.status === 'failed',
  }[request];
  if (!isRight)
    world.violations.push(`invariant 3: a ${request} of ${id} arrived, which is ${row?.status}, step ${row?.step}`);
}

/** How often payments waited, and for what, and how often each step was begun. */
export function countWaits(world: World): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { what } of world.all('SELECT DISTINCT id, what FROM sim_waits')) {
    counts[String(what)] = (counts[String(what)] ?? 0) + 1;
  }
  return counts;
}

/** The audit log's entries of what a payment has waited for, and of what was begun of it. */
export function waitsInAudit({ sqlite }: WorldDatabase, id: string): string[] {
  const rows = sqlite.prepare('SELECT what, outcome FROM sim_waits WHERE id = ? ORDER BY rowid').all(id);
  return rows.map(({ what, outcome }) => `payment.${what} ${outcome}`);
}

/** At the very end. */
export function checkWaiting(world: World, ledger: Ledger): void {
  const { violations } = world;
  for (const { id, type } of world.all('SELECT * FROM sim_early_events')) {
    violations.push(`invariant 4: ${id} had an event ${type} while it was pending`);
  }
  const finals = `SELECT id, group_concat(what, ' and ') AS steps FROM sim_waits
    WHERE what IN ('capture', 'void', 'expire') GROUP BY id HAVING count(*) > 1`;
  for (const { id, steps } of world.all(finals)) violations.push(`waiting: ${id} got ${steps}`);
  for (const [id, row] of ledger.transactions) {
    for (const wrong of [wrongClock(row), wrongHold(world, id, row), wrongEnd(world, id, row)]) {
      if (wrong !== null) violations.push(`waiting: ${id} ${wrong}`);
    }
  }
  checkAddresses(world);
}

function wrongClock({ step, substate, step_at_ms: stepAtMs, expires_at_ms: expiresAtMs }: Row): string | null {
  if (step === 'expire' && Number(stepAtMs) < Number(expiresAtMs)) return 'expired before its time';
  const isLate = step === 'capture' && substate === 'authorized' && Number(stepAtMs) >= Number(expiresAtMs);
  return isLate ? 'was captured after capture_before' : null;
}

function wrongHold({ gateway }: World, id: string, { substate, expires_at_ms: expiresAtMs }: Row): string | null {
  const untilMs = substate === 'authorized' ? gateway.charges.get(id)?.heldUntilMs : null;
  const isTooLong = untilMs != null && Number(expiresAtMs) > untilMs - PROVIDER_MARGIN_MS;
  return isTooLong ? 'could be captured when its provider no longer held the money' : null;
}

/** Why it ended is what its row says, and that is what became of it at the gateway. */
function wrongEnd({ gateway }: World, id: string, row: Row): string | null {
  const { substate, step, status, error_code: code, failure_cause: cause } = row;
  if (substate === null) return null;
  const charge = gateway.charges.get(id);
  if (status !== 'failed') {
    const isTaken = step === 'capture' || (substate === 'challenged' && gateway.endsChallenges);
    return isTaken ? null : `is ${substate} and ${status} by step ${step}`;
  }
  const why = `is ${substate}, and failed by step ${step} with ${code} (${cause})`;
  if (cause === 'never_happened') return why;
  if (step === 'void') return code === 'PAYMENT_VOIDED' ? null : why;
  if (step === 'expire') {
    if (substate === 'authorized' && charge?.ended === null) return 'expired, and nobody has told the gateway';
    return code === (substate === 'authorized' ? 'AUTHORIZATION_EXPIRED' : 'AUTHENTICATION_EXPIRED') ? null : why;
  }
  if (code === 'PAYMENT_VOIDED' || cause === 'authorization_expired') return why;
  const isOver = cause === 'authorization_ended' || cause === 'authentication_expired';
  return isOver && charge?.ended !== 'by_itself' ? why : null;
}

/** Where a payer is sent, and comes back to, is in the answer to the payment, and sealed in its row until it ends. */
function checkAddresses(world: World): void {
  const { violations, log, queue, work, broker, gateway } = world;
  const { transactions, refunds, events, keys } = readLedger(world);
  const places: [string, string][] = [
    ['the ledger', JSON.stringify([[...transactions.values()], [...refunds.values()], events, keys])],
    ['the audit log', JSON.stringify(world.all('SELECT * FROM audit_entries'))],
    ['the log', log.join('\n')],
    ['the queue', [...queue.sent, ...work.sent].join('\n')],
    ['the exchange', broker.published.join('\n')],
  ];
  for (const [place, text] of places) {
    for (const address of [...gateway.payersAddresses, SHOPS_ADDRESS]) {
      if (text.includes(address)) violations.push(`waiting: ${place} has an address ${address}`);
    }
  }
}
