/**
 * Days that have passed, written by the service itself: each payment, refund, capture and dispute of the plan goes through the core at its time,
 * with gateways that do as planned, and the cron runs. So the database is as these days leave it.
 */
import { ulid } from 'ulid';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { runCron } from '../../src/core/background/every-minute.ts';
import { newBreakersOf } from '../../src/core/circuit-breaker.ts';
import type { Context } from '../../src/core/context.ts';
import { decimalText } from '../../src/core/domain/money.ts';
import type { Gateways } from '../../src/core/gateways/registry.ts';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { checkKey } from '../../src/core/ledger/database.ts';
import { deliverEvents } from '../../src/core/outbox/deliver.ts';
import { capturePayment } from '../../src/core/payments/capture-payment.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { resolveNotified } from '../../src/core/recovery/resolve.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import type { Scope } from '../../src/core/security/credential.ts';
import { fingerprinter } from '../../src/core/security/fingerprint.ts';
import { readSettings } from '../../src/core/settings/settings.ts';
import type { Shards } from '../../src/core/shards.ts';
import { emulatorUrl, settingsFor } from '../../src/emulator/service-settings.ts';
import { redactedDetails } from '../../test/data/cards.ts';
import { LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { oneDatabase } from '../../test/data/one-database.ts';
import { UNUSED_PARTS } from '../../test/data/unused-parts.ts';
import { seeded } from '../../test/simulation/random.ts';
import { openSqliteD1 } from '../../test/simulation/sqlite-d1.ts';
import { PLAIN_CIPHER } from '../../test/support/plain-cipher.ts';
import { DAY_MS, DAYS, HOUR_MS, MINUTE_MS, type PlannedPayment, planDays } from './plan-days.ts';
import { type Clock, createStage, type Stage } from './staged-gateways.ts';

const CURRENCY = 'USD';
const EARLIER_CRON_MS = 10 * MINUTE_MS;
const DELIVERY_MS = 70;
const SENT_BACK_AFTER_MS = 3 * HOUR_MS;
/** Who has which key, the booking service first: since how many days, in how many it expires, and how many hours ago it was used. */
const KEYS: readonly {
  name: string;
  scopes: readonly Scope[];
  daysOld: number;
  expiresInDays?: number;
  usedAgo: number;
}[] = [
  { name: 'booking-service', scopes: ['payments:write', 'refunds:write', 'payments:read'], daysOld: 64, usedAgo: 0 },
  { name: 'booking-service 2025', scopes: ['payments:write', 'payments:read'], daysOld: 190, usedAgo: 62 * 24 },
  { name: 'finance export', scopes: ['payments:read'], daysOld: 48, expiresInDays: 42, usedAgo: 19 },
  { name: 'prometheus', scopes: ['metrics:read'], daysOld: 12, usedAgo: 0 },
  { name: 'support desk', scopes: ['admin'], daysOld: 12, expiresInDays: 78, usedAgo: 3 },
];
const REVOKED = { name: 'booking-service 2025', daysAgo: 60 };

interface Step {
  atMs: number;
  /** Answers with the event that is to be sent, if there is one. */
  take(): Promise<object | null>;
}

/** @param file of a database that has all migrations and no rows; nothing else has it open */
export async function writePastDays(file: string, endMs: number): Promise<void> {
  const { d1, sqlite, close } = openSqliteD1(file);
  // Nothing is lost if the machine fails meanwhile: it is made again.
  sqlite.exec('PRAGMA synchronous = OFF');
  const beginMs = endMs - DAYS * DAY_MS;
  const clock = { nowMs: beginMs };
  const stage = createStage(clock);
  const context = contextOf(d1, clock, stage.gateways);
  await makeKeys(context, endMs);
  const steps: Step[] = planDays().map((payment) => ({
    atMs: endMs - payment.beforeEndMs,
    take: () => pay(context, stage, payment, steps),
  }));
  // Of the days before the last, nobody looks at minutes.
  for (let atMs = beginMs; atMs < endMs; atMs += atMs < endMs - DAY_MS ? EARLIER_CRON_MS : MINUTE_MS) {
    for (;;) {
      const next = steps.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > atMs) break;
      steps.splice(steps.indexOf(next), 1);
      clock.nowMs = Math.max(clock.nowMs, next.atMs);
      await deliver(context, clock, await next.take());
    }
    clock.nowMs = Math.max(clock.nowMs, atMs);
    await runCron(context);
  }
  close();
}

/** The first one is the author's of what follows. */
async function makeKeys({ db }: Context, nowMs: number): Promise<void> {
  for (const { name, scopes, daysOld, expiresInDays, usedAgo } of KEYS) {
    const expiresAtMs = expiresInDays === undefined ? null : nowMs + expiresInDays * DAY_MS;
    const key = { tenant: 'default', scopes, expiresAtMs };
    const { keyId, keyHash } = await makeApiKey(LOCAL_VARIABLES.API_KEY_SECRET, 'test', key);
    await insertApiKey(db, { ...key, name, keyId, keyHash, createdAtMs: nowMs - daysOld * DAY_MS });
    await checkKey({ ...db, keyCheck: { keyHash, nowMs: nowMs - usedAgo * HOUR_MS, state: 'open' } });
    if (name === REVOKED.name) await revokeApiKey(db, keyId, nowMs - REVOKED.daysAgo * DAY_MS);
    if (name === KEYS[0]?.name) db.author.actor = `key:${keyId}`;
  }
}

/** What the HTTP layer leaves to the queue. */
async function deliver(context: Context, clock: Clock, answer: object | null): Promise<void> {
  if (answer === null || !('event' in answer) || answer.event === null) return;
  const event = answer.event as PaymentEvent;
  clock.nowMs += DELIVERY_MS;
  await deliverEvents(context, new Map([[event.event_id, event]]));
}

/** Pays, and plans what follows. */
async function pay(context: Context & Shards, stage: Stage, payment: PlannedPayment, steps: Step[]): Promise<object> {
  const { ending, userId, bookingId, amountMinor, method } = payment;
  stage.current = payment;
  const answer = await processPayment(
    context,
    {
      user_id: userId,
      user_email: payment.email,
      booking_id: bookingId,
      amount: amountMinor / 100,
      payment_method: method,
      ...(method === 'paypal'
        ? { paypal_details: { email: payment.email, payment_id: `5O${bookingId.slice(5)}190127TN36471` } }
        : { card_details: cardDetails(payment.cardNumber) }),
      ...(ending.kind === 'challenged' && { return_url: 'https://tickets.example/checkout' }),
      ...(ending.kind === 'held' && { capture_method: 'manual' as const }),
    },
    decimalText(amountMinor, CURRENCY),
    null,
  );
  if (!('transaction' in answer)) throw new Error(`${bookingId}: ${answer.kind}`);
  const { transactionId } = answer.transaction;
  const later = (afterMs: number, take: Step['take']) => {
    steps.push({ atMs: context.nowMs() + afterMs, take });
  };
  if (ending.kind === 'challenged' && ending.answer !== null) {
    const payersAnswer = ending.answer;
    later(ending.afterMs, () => {
      stage.answered.set(transactionId, payersAnswer);
      return resolveNotified(context, transactionId);
    });
  }
  if (ending.kind === 'held' && ending.capturedAfterMs !== null) {
    const request = { booking_id: bookingId, transaction_id: transactionId, user_id: userId };
    later(ending.capturedAfterMs, () => capturePayment(context, request));
  }
  if (payment.refund !== null) {
    const { afterMs, amountMinor: refundMinor, reason } = payment.refund;
    const request = {
      booking_id: bookingId,
      original_transaction_id: transactionId,
      refund_amount: refundMinor / 100,
      reason,
      user_id: userId,
    };
    later(afterMs, async () => {
      const refunded = await refundPayment(context, request, decimalText(refundMinor, CURRENCY));
      if (payment.refund?.isSentBack && 'refund' in refunded) {
        const { refundId } = refunded.refund;
        later(SENT_BACK_AFTER_MS, () => {
          stage.reversed.add(refundId);
          return resolveNotified(context, refundId);
        });
      }
      return refunded;
    });
  }
  if (payment.disputed !== null && answer.kind === 'completed') {
    const { afterMs, reason } = payment.disputed;
    const { gatewayReference } = answer.transaction;
    later(afterMs, () =>
      handleWebhook(context, stage.stripe, {
        provider: 'stripe',
        eventId: `evt_dispute_${bookingId}`,
        type: 'charge.dispute.created',
        notice: {
          about: 'dispute',
          dispute: {
            disputeId: `du_1Q${bookingId.slice(5)}Kd3nVx`,
            chargeReference: gatewayReference ?? '',
            transactionId,
            status: 'needs_response',
            reason,
            amountMinor,
            currency: CURRENCY,
            openedAtMs: context.nowMs(),
            reportedAtMs: context.nowMs(),
          },
        },
      }),
    );
  }
  return answer;
}

function cardDetails(number: string) {
  return redactedDetails({
    card_number: number,
    expiry_month: '12',
    expiry_year: '2034',
    cvv: number.length === 15 ? '1234' : '123',
    cardholder_name: 'Alex Doe',
  });
}

function contextOf(d1: Context['db']['d1'], clock: Clock, gateways: Gateways) {
  const read = readSettings({
    ...LOCAL_VARIABLES,
    ...settingsFor(emulatorUrl(8005)),
    BRIDGE_URL: 'http://127.0.0.1:8004',
  });
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  const log = () => {};
  const random = seeded(7);
  const author = { actor: 'payctl', requestId: null, address: null, isAdmin: false };
  const context = oneDatabase({
    ...UNUSED_PARTS,
    blockCodec: { blockHash, pack, unpack, sha256 },
    db: { d1, log, cipher: PLAIN_CIPHER, author },
    gateways,
    breakersOf: newBreakersOf(),
    settings: read.settings,
    log,
    tenant: 'default',
    network: null,
    nowMs: () => clock.nowMs,
    newId: (prefix) => `${prefix}${ulid(clock.nowMs, random.next)}`,
    fingerprint: fingerprinter(read.settings.fingerprintKey),
    velocityHash: fingerprinter(read.settings.velocity.cardKey),
    bridgeState: async () => 'ready',
    postAlert: null,
    relay: async (events) => ({
      kind: 'results',
      results: events.map(({ event_id }) => ({ event_id, delivered: true })),
    }),
  });
  context.shards = context;
  return context;
}
