/** A ledger and a gateway that remembers what it moved, on a clock that only the test moves. */

import { monotonicFactory } from 'ulid';
import { newBreakersOf } from '../../src/core/circuit-breaker.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { ExternalRefund, Gateway, LookUp, Movement } from '../../src/core/gateways/gateway.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { type Reconciliation, reconcile } from '../../src/core/recovery/reconcile.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { readSettings, type Settings } from '../../src/core/settings/settings.ts';
import { redactedDetails, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { oneDatabase } from '../data/one-database.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { UNUSED_PARTS } from '../data/unused-parts.ts';
import { applyMigrations, openSqliteD1 } from '../simulation/sqlite-d1.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const NOON_MS = Date.UTC(2026, 10, 22, 12);
const LOOK_UP_DEADLINE_MS = 1_000;

export interface TestGateway {
  movements: Movement[];
  /** What it says of an id in place of what it remembers. */
  says: Map<string, LookUp>;
  /** The next request for money is lost on its way. */
  losesNext: boolean;
  /** How long it takes to charge or to refund. */
  tookMs: number;
  refusesRefunds: boolean;
  /** How many look-ups it has answered. */
  lookUps: number;
  listingBreaks: boolean;
  /** Of whichever charge. */
  refundsOfCharge: ExternalRefund[] | 'unreachable';
  /** The charges whose refunds it was asked to list. */
  listedChargesOf: string[];
}

export function openWorld({ canList = true, cipher = PLAIN_CIPHER } = {}) {
  const { d1, sqlite } = openSqliteD1();
  applyMigrations(sqlite);
  const clock = { nowMs: NOON_MS };
  const gateway: TestGateway = {
    ...{
      movements: [],
      says: new Map(),
      losesNext: false,
      tookMs: 0,
      refusesRefunds: false,
      lookUps: 0,
      listingBreaks: false,
    },
    ...{ refundsOfCharge: [], listedChargesOf: [] },
  };
  const asGateway = gatewayOf(gateway, clock, canList);
  const log = () => {};
  /** In the order of their making, also within a millisecond. */
  const nextUlid = monotonicFactory();
  const context = oneDatabase({
    ...UNUSED_PARTS,
    db: { d1, log, cipher, author: NOBODY },
    gateways: oneGateway(asGateway, (name) => (name === asGateway.name ? asGateway : null)),
    breakersOf: newBreakersOf(),
    settings: settings(),
    log,
    tenant: 'default',
    network: null,
    nowMs: () => clock.nowMs,
    newId: (prefix) => `${prefix}${nextUlid(clock.nowMs)}`,
    fingerprint: async (text) => (typeof text === 'string' ? text : text.reveal()),
    velocityHash: async (text) => String(text),
  });

  return {
    context,
    gateway,
    clock,
    /** Writes a row as nothing in the service does: without the guards that the tables have against it. */
    tamper(sql: string, ...parameters: (string | number)[]): void {
      sqlite.exec('PRAGMA ignore_check_constraints = ON');
      const guards = sqlite.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`).all();
      for (const { name } of guards) sqlite.exec(`DROP TRIGGER ${name}`);
      sqlite.prepare(sql).run(...parameters);
      for (const guard of guards) sqlite.exec(String(guard.sql));
      sqlite.exec('PRAGMA ignore_check_constraints = OFF');
    },
    rows: (sql: string, ...parameters: (string | number)[]) => sqlite.prepare(sql).all(...parameters),
    /** So many payments that have been paid, with their events. */
    insertPayments(count: number): void {
      const numbers = 'WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)';
      const id = (prefix: string) => `'${prefix}01ARZ3NDEKTSV4RRFF0' || printf('%07d', n)`;
      sqlite
        .prepare(
          `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
             gateway, gateway_reference, created_at_ms, processed_at_ms, ended_by)
           ${numbers} SELECT ${id('TXN-')}, 'default', 'MANY-' || n, 'u', 'completed', 'USD', 2550, 'credit_card', 'test', 'r', ?2, ?2,
             ${id('evt_')} FROM numbers`,
        )
        .run(count, clock.nowMs);
      sqlite
        .prepare(
          `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
           ${numbers} SELECT ${id('evt_')}, 'default', 'MANY-' || n, 'payment.success', ${id('TXN-')}, ?2 FROM numbers`,
        )
        .run(count, clock.nowMs);
    },
    /** As RabbitMQ's confirms would. */
    deliverAll(): void {
      sqlite.prepare('UPDATE events SET delivered_at_ms = ?, attempts = attempts + 1').run(clock.nowMs);
    },
    async pay(card: string = TEST_CARDS.visa, bookingId = `BOOK-${context.newId('TXN-')}`): Promise<Transaction> {
      clock.nowMs += 1_000;
      const answer = await processPayment(
        context,
        {
          user_id: 'user_123',
          booking_id: bookingId,
          amount: 25.5,
          payment_method: 'credit_card',
          card_details: redactedDetails({
            card_number: card,
            expiry_month: '12',
            expiry_year: TEST_EXPIRY_YEAR,
            cvv: TEST_CVV,
            cardholder_name: 'John Doe',
          }),
        },
        '25.50',
      );
      if (!('transaction' in answer)) throw new Error(`the payment was ${answer.kind}`);
      return answer.transaction;
    },
    async refund({ transactionId, bookingId, userId }: Transaction, amount: string): Promise<string> {
      clock.nowMs += 1_000;
      const answer = await refundPayment(
        context,
        {
          booking_id: bookingId,
          original_transaction_id: transactionId,
          refund_amount: Number(amount),
          reason: 'Customer cancellation',
          user_id: userId,
        },
        amount,
      );
      if (!('refund' in answer)) throw new Error(`the refund was ${answer.kind}`);
      return answer.refund.refundId;
    },
    /** A look-up of what is due by then. */
    async resolveAfter(ms: number, id: string) {
      clock.nowMs += ms;
      return resolveOutcome(context, id, LOOK_UP_DEADLINE_MS);
    },
    /** Of all that was made since the first day. */
    reconcile: (): Promise<Reconciliation> => reconcile(context, { fromMs: NOON_MS - DAY_MS, toMs: clock.nowMs + 1 }),
  };
}

export type World = ReturnType<typeof openWorld>;

export function gatewayOf(state: TestGateway, clock: { nowMs: number }, canList: boolean): Gateway {
  const move = (kind: Movement['kind'], id: string, amountMinor: number, currency: string) => {
    const reference = `ref_${id}`;
    const moved: Movement = { kind, id, reference, amountMinor, currency, status: 'succeeded', movedAtMs: clock.nowMs };
    const isLost = state.losesNext;
    clock.nowMs += state.tookMs;
    state.losesNext = false;
    if (isLost) return { kind: 'unknown' as const, reason: 'lost' };
    state.movements.push(moved);
    return { kind: 'approved' as const, reference };
  };
  const lookUp = async (id: string): Promise<LookUp> => {
    state.lookUps += 1;
    const said = state.says.get(id);
    if (said !== undefined) return said;
    const found = state.movements.find((movement) => movement.id === id);
    if (found === undefined) return { kind: 'not_found' };
    return found.status === 'succeeded'
      ? { kind: 'approved', reference: found.reference }
      : { kind: 'declined', code: 'PAYMENT_FAILED' };
  };
  return {
    name: 'test',
    canBeDown: true,
    methods: ['credit_card'],
    knownWithinMs: 0,
    keysKeptForMs: DAY_MS,
    charge: async ({ transaction, instrument }) =>
      instrument.kind === 'card' && instrument.card.number.reveal() === TEST_CARDS.visaDeclined
        ? { kind: 'declined', code: 'CARD_DECLINED' }
        : move('charge', transaction.transactionId, transaction.amountMinor, transaction.currency),
    refund: async ({ refund, transaction }) =>
      state.refusesRefunds
        ? { kind: 'declined', code: 'REFUND_NOT_ALLOWED' }
        : move('refund', refund.refundId, refund.amountMinor, transaction.currency),
    lookUpCharge: ({ transactionId }) => lookUp(transactionId),
    lookUpRefund: ({ refundId }) => lookUp(refundId),
    async listRefundsOfCharge({ transactionId }) {
      state.listedChargesOf.push(transactionId);
      return state.refundsOfCharge === 'unreachable'
        ? { kind: 'unreachable', reason: 'a 503' }
        : { kind: 'listed', refunds: state.refundsOfCharge };
    },
    ...(canList && {
      async *listMovements(fromMs: number, toMs: number) {
        for (const movement of state.movements) {
          if (movement.movedAtMs >= fromMs && movement.movedAtMs < toMs) yield movement;
        }
        if (state.listingBreaks) throw new Error('the list broke off');
      },
    }),
  };
}

function settings(): Settings {
  const read = readSettings({
    ...LOCAL_VARIABLES,
    BRIDGE_URL: 'http://bridge.test',
  });
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return read.settings;
}
