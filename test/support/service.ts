/**
 * The service without HTTP, over a database and a gateway that the caller brings. `scripts/bundle-former-version.ts` builds this file
 * against the source of a released version, so it imports only what that version and this one both have.
 */

import type { PaymentEvent } from '../../src/contract/events.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import { newBreakersOf } from '../../src/core/circuit-breaker.ts';
import type { Context } from '../../src/core/context.ts';
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import { blockHash } from '../../src/core/ledger/audit/hash-chain.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import { eventsStatus } from '../../src/core/ledger/outbox/events-status.ts';
import { leaseEvents } from '../../src/core/ledger/outbox/lease-events.ts';
import { deliverLeased } from '../../src/core/outbox/deliver.ts';
import { newLease } from '../../src/core/outbox/lease.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { type Reconciliation, reconcile } from '../../src/core/recovery/reconcile.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { createCipher } from '../../src/core/security/cipher.ts';
import { readSettings } from '../../src/core/settings/settings.ts';
import { redactedDetails, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { oneDatabase } from '../data/one-database.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { UNUSED_PARTS } from '../data/unused-parts.ts';

const LOOK_UP_DEADLINE_MS = 1_000;

export interface Surroundings {
  d1: D1Database;
  gateway: Gateway;
  nowMs: () => number;
  nextUlid: () => string;
}

export function openService({ d1, gateway, nowMs, nextUlid }: Surroundings) {
  const read = readSettings({ ...LOCAL_VARIABLES, BRIDGE_URL: 'http://bridge.test' });
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  const { settings } = read;
  /** The names of the lines that were logged, and their fields. */
  const logged: { event: string; fields: unknown }[] = [];
  const log: Context['log'] = (_level, event, fields) => logged.push({ event, fields });
  const author = { actor: 'test', requestId: null, address: null, isAdmin: false };
  const db = { d1, log, cipher: createCipher(settings.encryption), author };
  const posted: PaymentEvent[] = [];
  const context = oneDatabase({
    ...UNUSED_PARTS,
    db,
    gateways: oneGateway(gateway, (name) => (name === gateway.name ? gateway : null)),
    breakersOf: newBreakersOf(),
    settings,
    log,
    tenant: 'default',
    network: null,
    nowMs,
    newId: (prefix) => `${prefix}${nextUlid()}`,
    fingerprint: async (text) => (typeof text === 'string' ? text : text.reveal()),
    velocityHash: async (text) => (typeof text === 'string' ? text : text.reveal()),
    relay: async (events) => {
      posted.push(...events);
      return { kind: 'results', results: events.map(({ event_id }) => ({ event_id, delivered: true })) };
    },
  });

  return {
    db,
    logged,
    /** Pays 25.50; answers with the payment as it stands, whoever's it is. */
    async pay(card: string, bookingId: string, idempotencyKey: string | null = null): Promise<Transaction | null> {
      const request = {
        user_id: 'user_123',
        user_email: 'payer@example.com',
        booking_id: bookingId,
        amount: 25.5,
        payment_method: 'credit_card' as const,
        card_details: redactedDetails({
          card_number: card,
          expiry_month: '12',
          expiry_year: TEST_EXPIRY_YEAR,
          cvv: TEST_CVV,
          cardholder_name: 'John Doe',
        }),
      };
      const answer = await processPayment(context, request, '25.50', idempotencyKey);
      if ('transaction' in answer) return answer.transaction;
      return 'standing' in answer ? answer.standing : null;
    },
    async refund({ transactionId, bookingId, userId }: Transaction, amount: string): Promise<Refund | null> {
      const request = {
        booking_id: bookingId,
        original_transaction_id: transactionId,
        refund_amount: Number(amount),
        reason: 'Customer cancellation',
        user_id: userId,
      };
      const answer = await refundPayment(context, request, amount);
      return 'refund' in answer ? answer.refund : null;
    },
    /** Asks the gateway about a payment or refund that is due. */
    lookUp: (id: string) => resolveOutcome(context, id, LOOK_UP_DEADLINE_MS),
    /** Asks about all that is due, as the cron does. */
    lookUpDue: async (): Promise<void> => void (await resolveDue(context)),
    status: (id: string) => readStatus(context, id),
    /** Leases, renders and posts these events; answers with what the bridge got. */
    async deliver(eventIds: readonly string[]): Promise<PaymentEvent[]> {
      const leased = await leaseEvents(db, newLease(context), [...eventIds]);
      await deliverLeased(context, { leased, known: new Map(), takeNext: false });
      return posted.splice(0);
    },
    eventsStatus: () => eventsStatus(db, nowMs()),
    sealAudit: () => sealAudit({ db, nowMs }, blockHash),
    reconcile: (fromMs: number): Promise<Reconciliation> => reconcile(context, { fromMs, toMs: nowMs() }),
  };
}
